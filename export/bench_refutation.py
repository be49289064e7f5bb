"""A proof that must fail, in a process of its own: ``python -m bitlogic.export.bench_refutation FOLDER EDIT``.

The folder is an export to Verilog. Its text is made anew from its netlist with one edit, and the proof that it computes
the netlist without the edit has to refute it.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST, options_from_manifest
from bitlogic.export.formal.artifacts import prove_artifacts
from bitlogic.export.formal.log import PROOF
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import ignores_pin, swapped_pins
from bitlogic.export.targets.verilog import emit


def flip_table_bit(netlist: Netlist) -> Netlist:
    """The lowest bit of the middle LUT's table inverted."""
    tables = netlist.tables.copy()
    tables[len(tables) // 2] ^= np.uint64(1)
    return replace(netlist, tables=tables)


def swap_pins(netlist: Netlist) -> Netlist:
    """Two pins of a LUT exchanged under the same table, which is another function of the two."""
    swapped = swapped_pins(netlist.tables, 0, 1, netlist.rank)
    (candidates,) = np.nonzero((swapped != netlist.tables) & (netlist.pins[:, 0] != netlist.pins[:, 1]))
    pins = netlist.pins.copy()
    lut = candidates[len(candidates) // 2]
    pins[lut, :2] = pins[lut, 1::-1]
    return replace(netlist, pins=pins)


def swap_layer_wire(netlist: Netlist) -> Netlist:
    """A pin of the last LUT that reads another LUT and matters reads a neighbour of that one in its place."""
    ignored = np.stack([ignores_pin(netlist.tables, pin, netlist.rank) for pin in range(netlist.rank)], axis=1)
    lut, pin = np.argwhere((netlist.pins >= netlist.first_lut) & ~ignored)[-1]
    read = netlist.pins[lut] - netlist.first_lut
    (level,) = [luts for luts in netlist.luts_by_level() if read[pin] in luts]
    pins = netlist.pins.copy()
    pins[lut, pin] = netlist.first_lut + np.setdiff1d(level, read)[0]
    return replace(netlist, pins=pins)


def wrong_head(netlist: Netlist) -> Netlist:
    """The first class counts the first output of the second one, and that one what was the first's."""
    groups = netlist.outputs.reshape(netlist.head.num_classes, -1).copy()
    groups[[0, 1], 0] = groups[[1, 0], 0]
    return replace(netlist, outputs=groups.ravel())


EDITS: dict[str, Callable[[Netlist], Netlist]] = {
    "table bit": flip_table_bit,
    "pin": swap_pins,
    "layer wire": swap_layer_wire,
    "head": wrong_head,
}


def main(folder: Path, edit: str) -> int:
    """0 if the edit is refuted, which ``proof.json`` then holds; 1 if it is proven or undecided."""
    artifacts = Artifacts.read(folder)
    options = options_from_manifest(artifacts.manifest)
    netlist = EDITS[edit](Netlist.from_bytes(artifacts.files[NETLIST]))
    text = emit(netlist, options).files[f"{options.module_name}.v"]
    log = prove_artifacts(Artifacts(artifacts.manifest, {**artifacts.files, f"{options.module_name}.v": text}))
    (folder / PROOF).write_text(json.dumps([log.to_json()], indent=2) + "\n")
    print(log.text())
    return 0 if any(item["outcome"] == "refuted" for item in log.to_json()["obligations"]) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
