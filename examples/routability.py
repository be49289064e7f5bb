"""How well trained MNIST networks route on an FPGA, by their wiring and size; each case trained, all measured here.

    python examples/routability.py --root FOLDER --folder build/routability --cases random:500 bands:2000

A case is a wiring and a width, LUTs in each of two layers: `random` draws a LUT's candidates from all inputs, `bands`
from its own band of image rows in both layers, `biased` from its own band with probability 0.8. The recipe is
recipes/mnist_bands.toml with that wiring. The design is the byte-wide shell with a register behind every LUT level.

nextpnr runs once for each case under a limit of CPU seconds, which a loaded machine does not use up any faster;
`cpu_seconds` is all of nextpnr, `routing_seconds` its own clock on the wall for the router alone. A case whose row
stands in the folder is not run again; --force does it anew.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import bitlogic
from bitlogic.datasets import mnist
from bitlogic.errors import BitlogicError, ToolError
from bitlogic.export.synthesis.nextpnr import REPORT as NEXTPNR_REPORT
from bitlogic.export.synthesis.nextpnr import read_report
from bitlogic.export.synthesis.process import Finished, run_tool
from bitlogic.export.synthesis.synthesize import part_and_flow
from bitlogic.export.synthesis.toolbox import find_tool
from bitlogic.export.table import table

RECIPE = Path(__file__).with_name("recipes") / "mnist_bands.toml"
FIRST, SECOND, HEAD = 2, 3, 4  # the recipe's layers
BIAS = 0.8
WIRINGS = {"random": "random-unique", "bands": "grouped", "biased": "grouped-biased"}
# GroupSum's tau that trains well at a width; elsewhere about 0.45 * sqrt(LUTs a class).
TAUS = {500: 4.0, 1000: 5.0, 2000: 6.5, 4000: 9.0}
COLUMNS = (
    "wiring",
    "width",
    "accuracy_percent",
    "core_luts",
    "total_luts",
    "flipflops",
    "arcs",
    "wirelength",
    "rip_ups",
    "unrouted_arcs",
    "cpu_seconds",
    "routing_seconds",
    "fmax_mhz",
)
# Limits the processor time of the program that takes this one's place.
_LIMITED = (
    "import os, resource, sys; n = int(sys.argv[1]); "
    "resource.setrlimit(resource.RLIMIT_CPU, (n, n)); os.execv(sys.argv[2], sys.argv[2:])"
)
_WALL_FACTOR = 20  # a machine so loaded that it gives nextpnr less than this part of a core is given up on


def main() -> int:
    parser = argparse.ArgumentParser(description="Routing of trained networks by wiring and size.")
    parser.add_argument("--root", help="folder of the MNIST files; default: $BITLOGIC_MNIST")
    parser.add_argument("--folder", type=Path, required=True, help="where models, designs and rows go")
    parser.add_argument("--cases", nargs="+", default=["random:500", "bands:500", "biased:500", "bands:2000"])
    parser.add_argument("--device", default="ecp5-85k", help="a device that nextpnr routes by its first router")
    parser.add_argument("--cpu-limit", type=int, default=900, help="of nextpnr, in seconds of processor time")
    parser.add_argument("--pipeline", type=int, default=1, help="LUT levels between registers; 0: none in the core")
    parser.add_argument("--nextpnr", nargs="*", default=[], help="more options of nextpnr, without their two dashes")
    parser.add_argument("--set", dest="changes", nargs="*", default=[], help="more changes to the recipe, KEY=VALUE")
    parser.add_argument("--force", action="store_true", help="run anew what the folder holds already")
    parser.add_argument("--json", type=Path, help="where the rows go together")
    options = parser.parse_args()
    try:
        cases = [case_of(text) for text in options.cases]
        rows = [row_of(wiring, width, options) for wiring, width in cases]
    except (BitlogicError, ValueError, FileNotFoundError) as error:
        print(f"routability: {error}", file=sys.stderr)
        return 1 if isinstance(error, ToolError) else 2
    print(table([name.replace("_", " ") for name in COLUMNS], [[row[name] for name in COLUMNS] for row in rows]))
    if options.json is not None:
        options.json.write_text(json.dumps({"device": options.device, "rows": rows}, indent=2) + "\n")
    return 0


def case_of(text: str) -> tuple[str, int]:
    """The wiring and width of ``bands:2000``; ValueError for anything else."""
    wiring, _, width = text.partition(":")
    if wiring not in WIRINGS or not width.isdecimal() or int(width) < 10 or int(width) % 10:
        raise ValueError(f"--cases {text!r}: a wiring ({', '.join(WIRINGS)}), a colon and a multiple of ten LUTs")
    return wiring, int(width)


def changes_of(wiring: str, width: int) -> list[str]:
    """What the recipe becomes for a case."""
    changes = [f"model.layers.{layer}.out_dim={width}" for layer in (FIRST, SECOND)]
    changes += [f"model.layers.{layer}.init_method={WIRINGS[wiring]}" for layer in (FIRST, SECOND)]
    if wiring == "biased":
        changes += [f"model.layers.{layer}.group_bias={BIAS}" for layer in (FIRST, SECOND)]
    return [*changes, f"model.layers.{HEAD}.tau={TAUS.get(width, round(0.45 * (width / 10) ** 0.5, 1))}"]


def row_of(wiring: str, width: int, options: argparse.Namespace) -> dict[str, Any]:
    name = f"{wiring}_{width}"
    path: Path = options.folder / f"{name}.json"
    if path.exists() and not options.force:
        row: dict[str, Any] = json.loads(path.read_text())
        return row
    model, design = options.folder / name, options.folder / f"{name}_{options.device}"
    if not (model / "model.pt").is_file() or options.force:
        root = ["--root", options.root] if options.root else []
        settings = [word for change in [*changes_of(wiring, width), *options.changes] for word in ("--set", change)]
        run("train", RECIPE, "-o", model, *root, *settings, *(["--force"] if options.force else ["--resume"]))
    words = ["--device", options.device, "--shell", "byte", "--pipeline", options.pipeline, "--stage", "synthesised"]
    run("synth", model / "model.pt", *words, "-o", design, "--force")
    report = json.loads((design / "report.json").read_text())
    row = {"wiring": wiring, "width": width, "accuracy_percent": accuracy_of(model / "model.pt", options.root)}
    row |= {
        "core_luts": report["resources"]["core"]["luts"],
        "total_luts": report["resources"]["total"]["luts"],
        "flipflops": report["resources"]["total"]["flipflops"],
    }
    row |= routed(design, report["design"]["top"], report["target_mhz"], options)
    beside = path.with_suffix(".partial")  # a row that stands there is whole: hours may lie in it
    beside.write_text(json.dumps(row, indent=2) + "\n")
    beside.replace(path)
    return row


def accuracy_of(model: Path, root: str | None) -> float:
    """Of the 10,000 test images, by `PackedLogicNet`."""
    data = mnist(root)
    packed = bitlogic.PackedLogicNet(bitlogic.load(model).eval())
    classes = torch.cat([packed.class_ids(part) for part in torch.split(data.test_x, 2000)])
    return round(100 * float((classes == data.test_y).double().mean()), 2)


def routed(design: Path, top: str, target_mhz: float, options: argparse.Namespace) -> dict[str, Any]:
    """Places and routes what was synthesised; without an Fmax where the limit came first."""
    part, flow = part_and_flow(options.device)
    if flow.router is None:
        raise ValueError(f"nothing open routes {options.device}")
    router = flow.router
    tool = find_tool(router.tool)
    command = (sys.executable, "-c", _LIMITED, str(options.cpu_limit), *tool.command)
    arguments = [word.replace("{top}", top) for word in (*part.arguments, *router.arguments)]
    arguments += ["--report", NEXTPNR_REPORT, "--freq", f"{target_mhz:g}", "--seed", "1", "--timing-allow-fail"]
    arguments += [f"--{word}" for word in options.nextpnr]
    before = cpu_seconds_of_children()
    limited = replace(tool, command=command)
    finished = run_tool(limited, arguments, design, options.cpu_limit * _WALL_FACTOR, f"placing and routing {design}")
    row = {"cpu_seconds": round(cpu_seconds_of_children() - before, 1), **congestion(finished.text)}
    if finished.code < 0:  # killed by the limit
        return {**row, "routing_seconds": None, "fmax_mhz": None, "reason": f"not routed in {options.cpu_limit} CPU s"}
    return {**row, **timing(design, finished, options.device)}


def timing(design: Path, finished: Finished, device: str) -> dict[str, Any]:
    finished.check()
    router = part_and_flow(device)[1].router
    if router is None:
        raise ValueError(f"nothing open routes {device}")
    found = read_report((design / NEXTPNR_REPORT).read_text(), router, finished)
    fmax = None if found.fmax_mhz is None else round(found.fmax_mhz, 2)
    return {"routing_seconds": found.routing_seconds, "fmax_mhz": fmax, "reason": None}


def congestion(log: str) -> dict[str, int | None]:
    """How hard a design is to route, from nextpnr's log; None for what it does not say.

    ``wirelength`` is the placer's last estimate in tiles, ``arcs`` the connections to route, ``rip_ups`` how often the
    router put a connection where it had to take another one's wires away.
    """
    progress = re.findall(r"^Info:\s+\d+ \|\s+(\d+)\s+(\d+) \|\s+\d+\s+\d+ \|\s+(\d+)\|", log, re.MULTILINE)
    return {
        "wirelength": last_number(r"timing cost = \d+, wirelen = (\d+)", log),
        "arcs": last_number(r"Routing (\d+) arcs", log),
        "rip_ups": int(progress[-1][0]) if progress else None,
        "unrouted_arcs": int(progress[-1][2]) if progress else None,
    }


def last_number(pattern: str, log: str) -> int | None:
    found: Sequence[str] = re.findall(pattern, log)
    return int(found[-1]) if found else None


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(*words: object) -> None:
    """A command of bitlogic, whose progress is shown; ToolError where it fails."""
    command = [sys.executable, "-m", "bitlogic", *map(str, words)]
    print("$ bitlogic " + " ".join(command[3:]), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise ToolError(f"exit code {done.returncode}: bitlogic {' '.join(command[3:])}")


if __name__ == "__main__":
    sys.exit(main())
