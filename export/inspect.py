"""What a model, a netlist or an export folder holds, as a JSON-able description and as text."""

from dataclasses import asdict
from typing import Any

import numpy as np

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.mapping.counts import Counts, TableCosts
from bitlogic.export.mapping.operations import to_operations
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.table import table
from bitlogic.export.targets.c_sizes import flash_bytes, ram_bytes


def describe_netlist(netlist: Netlist) -> dict[str, Any]:
    """Sizes before and after the passes, level by level, with the encoder and the head.

    ``passes`` holds a row for the netlist as it is, one for each pass that changes it, and one for each size of
    operations that the LUTs are mapped to, 3 and 2 inputs: only there the operations are counted as they are shared.
    """
    encoder = netlist.encoder
    rows, after = _rows_of_passes(netlist)
    return {
        "digest": netlist.digest(),
        "inputs": netlist.num_inputs,
        "encoder": None
        if encoder is None
        else {
            "shape": list(encoder.input_shape),
            "input_bits": encoder.input_bits,
            "bits": len(encoder.features),
            "distinct_comparators": len(
                np.unique(np.stack([encoder.features, encoder.thresholds.view(np.int32)]), axis=1).T
            ),
        },
        "head": _head(netlist),
        "passes": rows,
        "before_passes": _sizes(netlist),
        "after_passes": _sizes(after),
    }


def describe_export(artifacts: Artifacts) -> dict[str, Any]:
    """The manifest without its long lists, the files with their sizes, and those that were edited.

    Of C code also the flash for each core whose compiler is there, and the RAM of a call.
    """
    manifest = dict(artifacts.manifest)
    given = dict(manifest["input"])
    if "encoder" in given:
        given["encoder"] = {key: value for key, value in given["encoder"].items() if not isinstance(value, list | dict)}
    manifest["input"] = given
    files = {name: len(content) for name, content in sorted(artifacts.files.items())}
    sizes = {"flash_bytes": flash_bytes(artifacts), "ram_bytes": ram_bytes(artifacts)} if _is_c(artifacts) else {}
    return {**manifest, **sizes, "file_bytes": files, "changed": list(artifacts.changed)}


def _is_c(artifacts: Artifacts) -> bool:
    return bool(artifacts.manifest["target"] == "c")


def text_of(description: dict[str, Any]) -> str:
    """The description as indented lines; the levels of a netlist as a table."""
    return "\n".join(_lines(description, ""))


def _head(netlist: Netlist) -> dict[str, Any]:
    head, (low, high) = netlist.head, netlist.score_range
    described: dict[str, Any] = {
        "num_classes": head.num_classes,
        "group_size": netlist.group_size,
        "scores": f"{low} to {high}",
        "tau": head.tau,
        "beta": head.beta,
    }
    if head.weights is not None:
        described["scale"] = head.scale
        described["weights"] = [
            {"group": group, **{f"class_{c}": weight for c, weight in enumerate(row)}}
            for group, row in enumerate(head.weights.tolist())
        ]
    return described


def _rows_of_passes(netlist: Netlist) -> tuple[list[dict[str, Any]], Netlist]:
    """A row for each change on the way to the optimised netlist and to its operations, and the optimised netlist."""
    costs = TableCosts()
    rows = [{"pass": "as given", **asdict(costs.counts(netlist))}]

    def note(name: str, before: Netlist, after: Netlist) -> None:
        if after.digest() != before.digest():
            rows.append({"pass": name, **asdict(costs.counts(after))})

    optimized = optimize(netlist, on_pass=note)
    for size, others in ((3, {"binary_operations": None}), (2, {"ternary_operations": None})):
        mapped = to_operations(optimized, size)
        counted = Counts(mapped.num_luts, mapped.num_luts, mapped.num_luts, mapped.depth)
        rows.append({"pass": f"operations of {size} inputs", **asdict(counted), **others})
    return rows, optimized


def _sizes(netlist: Netlist) -> dict[str, Any]:
    used = (netlist.pins > 0).sum(axis=1)
    levels = netlist.levels[netlist.first_lut :]
    return {
        "luts": netlist.num_luts,
        "rank": netlist.rank,
        "depth": netlist.depth,
        "distinct_tables": len(np.unique(netlist.tables)),
        "input_bits_read": len(np.unique(_input_reads(netlist))),
        "levels": [
            {
                "level": level,
                "luts": int((levels == level).sum()),
                **{f"fan_in_{pins}": int((used[levels == level] == pins).sum()) for pins in range(netlist.rank + 1)},
            }
            for level in range(1, netlist.depth + 1)
        ],
    }


def _input_reads(netlist: Netlist) -> np.ndarray[Any, Any]:
    reads = np.concatenate([netlist.pins.ravel(), netlist.outputs])
    return reads[(reads >= 2) & (reads < netlist.first_lut)]


def _lines(value: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for key, item in value.items():
        name = key if "." in key else key.replace("_", " ")  # the name of a file stays as it is
        if isinstance(item, dict):
            lines += [f"{indent}{name}:", *_lines(item, indent + "  ")]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            header = [column.replace("_", " ") for column in item[0]]
            rows = table(header, [list(row.values()) for row in item])
            lines += [f"{indent}{name}:", *(f"{indent}  {row}" for row in rows.splitlines())]
        else:
            lines.append(f"{indent}{name}: {'none' if item is None else item}")
    return lines
