"""README's hardware tables: what every tool makes of exported Verilog, and trained networks on real parts.

    python examples/hardware_results.py --root FOLDER --folder build/hardware --readme README.md

runs ``bitlogic bench hardware`` on the random networks and one trained one, then ``bitlogic train``, ``bitlogic synth``
and ``bitlogic verify`` of the synthesised cells for each of `ROUTED`, as a user would. What the folder holds already is
not measured again; ``--force`` does it anew.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from results import bitlogic, put_between_marks, table, trained

from bitlogic.export.bench_refutation import EDITS

# Recipe: the device that it is routed for, and the seed of its placement.
ROUTED = {"mnist_500": ("ecp5-85k", 1), "mnist_200": ("ice40-hx8k", 2)}
WORKLOADS = {
    "1k": "2 x 1000 LUT-4",
    "W2": "2 x 2000 LUT-4",
    "W1": "2 x 8000 LUT-2",
    "8k": "2 x 8000 LUT-4",
    "M": "2 x 16,000 LUT-4",
    "W3": "2 x 64,000 LUT-4",
    "mnist_500": "MNIST, trained",
}
IMAGES = 1000  # of the test set, through the synthesised cells
TOOLS = (
    "| network | LUTs | export | Verilog | Verilator lint | Icarus | its run | Verilator | its run | Yosys | proof "
    "| refuted edits |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
PARTS = (
    "| recipe | device | test accuracy | LUTs: core, encoder, shell | flip-flops | Fmax | latency | samples/s "
    "| routing | bitstream | images equal |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="README's hardware tables")
    parser.add_argument("--root", help="folder with the original MNIST files, default $BITLOGIC_MNIST")
    parser.add_argument("--folder", type=Path, required=True, help="where models and syntheses go")
    parser.add_argument("--workloads", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--recipes", nargs="*", default=list(ROUTED), choices=list(ROUTED))
    parser.add_argument("--set", dest="changes", nargs="*", default=[], help="changes to every recipe, KEY=VALUE")
    parser.add_argument("--force", action="store_true", help="measure anew what the folder holds already")
    parser.add_argument("--readme", type=Path, help="put the tables between the marks of this file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tools = table(TOOLS, (tools_row(name, options) for name in options.workloads))
    parts = table(PARTS, (parts_row(name, options) for name in options.recipes))
    if options.readme is not None:
        put_between_marks(options.readme, {"hardware": tools, "routed": parts})


def tools_row(name: str, options: argparse.Namespace) -> str:
    path = options.folder / f"{name}.json"
    if not path.is_file() or options.force:
        model = [f"--model={name}={trained(name, 0, options) / 'model.pt'}"] if name in ROUTED else []
        bitlogic("bench", "hardware", *(model or ["--workload", name]), "--json", path)
    rows = {row["metric"]: row for row in json.loads(path.read_text())}
    steps = ("lint", "icarus", "icarus run", "verilator", "verilator run", "yosys", "proof")
    cells = [f"{rows['LUTs']['value']:.0f}", _cell(rows, "export"), f"{rows['text']['value']:.1f} MB"]
    cells += [*(_cell(rows, step) for step in steps), _refuted(rows)]
    return f"| {WORKLOADS[name]} | " + " | ".join(cells) + " |"


def _cell(rows: dict[str, dict[str, Any]], metric: str) -> str:
    """Seconds and memory, or why there is neither."""
    if metric not in rows:
        return "-"  # an earlier step did not end well and says why
    row = rows[metric]
    if row["value"] is None:
        return str(row["reason"])
    return f"{row['value']:.3g} s, {rows[metric + ' memory']['value']:.0f} MB"


def _refuted(rows: dict[str, dict[str, Any]]) -> str:
    """How many of the edits were refuted and in how much time, or why one was not."""
    found = [rows[f"refutation of a {edit}"] for edit in EDITS if f"refutation of a {edit}" in rows]
    for row in found:
        if row["value"] is None:
            return str(row["reason"])
    total = sum(row["value"] for row in found)
    return f"{len(found)} of {len(EDITS)}, {float(f'{total:.3g}'):g} s" if found else "-"


def parts_row(name: str, options: argparse.Namespace) -> str:
    device, seed = ROUTED[name]
    folder = options.folder / f"{name}_{device}"
    model = trained(name, 0, options) / "model.pt"
    if options.force:
        shutil.rmtree(folder, ignore_errors=True)
    if not (folder / "report.json").is_file():
        bitlogic("synth", model, "--device", device, "--seed", seed, "-o", folder)
    data = ["--data", "mnist", "--limit", IMAGES, *(["--root", options.root] if options.root else [])]
    bitlogic("verify", folder, "--model", model, *data)  # which ends with 1 where one class or score differs
    checks = json.loads((folder / "verify.json").read_text())["checks"]
    (cells,) = [check for check in checks if check["name"] == "the synthesised cells"]
    report = json.loads((folder / "report.json").read_text())
    end = json.loads((model.parent / "metrics.jsonl").read_text().splitlines()[-1])
    luts = ", ".join(str(report["resources"][part]["luts"]) for part in ("core", "encoder", "shell"))
    size = (folder / report["bitstream"]).stat().st_size
    return (
        f"| {name} | {device} | {100 * end['test_discrete']:.2f} % | {luts} "
        f"| {report['resources']['total']['flipflops']} | {report['fmax_mhz']:.1f} MHz "
        f"| {report['design']['latency_cycles']} cycles behind the last byte | {report['samples_per_second']} "
        f"| {report['routing_seconds']:.0f} s | {size / 1e6:.2f} MB "
        f"| {cells['vectors'] - cells['mismatches']} of {cells['vectors']} |"
    )


if __name__ == "__main__":
    main()
