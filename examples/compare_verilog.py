"""LUTs of torchlogix' own Verilog and of ours, for one trained network through the same synthesis.

    python examples/compare_verilog.py --root FOLDER --width 1000 --layers 4 --json compare.json

trains a torchlogix network of rank 2 on MNIST behind one threshold a pixel (without --root or $BITLOGIC_MNIST on
scikit-learn's digits), prints it with torchlogix' `Circuit`, simplified, and with ours after `from_torchlogix`, and
synthesises both with Yosys for each --device. torchlogix' module takes the binarised pixels and gives the group sums:
it has neither encoder nor argmax. So its line is compared with our core, LUTs and group sums from the same bits; our
argmax and, in a second design that takes the pixels, our encoder stand on lines of their own.

Both sides are simulated on the first --simulated test images against the scores of torchlogix' own model. Exit code 1:
ours differs from the model somewhere, or has more LUTs than theirs for the same function. Needs torchlogix (extra
interop), Yosys (extra synth) and Icarus.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from import_torchlogix import classes, train
from torch import Tensor, nn

from bitlogic.datasets import Dataset, digits, mnist
from bitlogic.errors import BitlogicError, MissingToolError, ToolError
from bitlogic.export.bench_cpu_peers import load_circuit
from bitlogic.export.extract import extract
from bitlogic.export.folder import optimize_for
from bitlogic.export.hardware.architecture import Architecture
from bitlogic.export.mapping import LutMapping
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.simulators import BRINGS, icarus
from bitlogic.export.synthesis.project import Project, bare_project
from bitlogic.export.synthesis.synthesize import part_and_flow
from bitlogic.export.synthesis.yosys import synthesise
from bitlogic.export.table import table
from bitlogic.interop import InputGrid, from_torchlogix
from bitlogic.interop.peer import load_torchlogix

Array = npt.NDArray[Any]
_YOSYS_SECONDS = 3600.0


@dataclass(frozen=True)
class Rival:
    """torchlogix' Verilog of the network behind the threshold."""

    verilog: str  # module circuit: input inp, output scores_flat
    gates: tuple[int, int]  # before and after its simplify
    score_bits: int  # of each class in scores_flat


def main() -> int:
    parser = argparse.ArgumentParser(description="LUTs of torchlogix' Verilog and of ours.")
    parser.add_argument("--root", help="folder of the MNIST files; default: $BITLOGIC_MNIST, else the digits")
    parser.add_argument("--width", type=int, default=1000, help="LUTs of a layer")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1500, help="training steps, of 128 images each")
    parser.add_argument("--device", nargs="+", default=["ice40-hx8k", "ecp5-85k"])
    parser.add_argument("--map", type=LutMapping, nargs="+", default=[LutMapping.NONE, LutMapping.LUT4])
    parser.add_argument("--simulated", type=int, default=500, help="test images that both are simulated on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where the rows go")
    options = parser.parse_args()
    try:
        return run(options)
    except (BitlogicError, FileNotFoundError) as error:
        print(f"compare_verilog: {error}", file=sys.stderr)
        return 1 if isinstance(error, ToolError) else 2


def run(options: argparse.Namespace) -> int:
    on_mnist = bool(options.root or os.environ.get("BITLOGIC_MNIST"))
    data = mnist(options.root) if on_mnist else digits()
    high = 1.0 if on_mnist else 16.0
    theirs = trained(data, high, options)
    netlist = extract(from_torchlogix(theirs, inputs=InputGrid(0.0, high, shape=tuple(data.train_x.shape[1:]))))
    rival = their_verilog(theirs, netlist.num_inputs)

    images = data.test_x[: options.simulated]
    bits, scores = bits_and_scores(theirs, images)
    accuracy = 100 * accuracy_of(theirs, data)
    wrong = {"torchlogix": disagreeing(simulated_theirs(rival, bits, scores.shape[1]), scores)}
    rows: list[dict[str, Any]] = []
    for device in options.device:
        row = {"device": device, "design": "torchlogix", **counted(their_project(netlist, rival), device)}
        rows.append(row)
        for mapping in options.map:
            for kind in (InputKind.BITS, InputKind.X):
                project, mapped = our_project(netlist, kind, mapping, device)
                label = f"ours, map {mapping}, {'pixels' if kind is InputKind.X else 'bits'} in"
                if kind is InputKind.BITS and label not in wrong:
                    wrong[label] = disagreeing(simulated_ours(project, mapped, bits), scores)
                rows.append({"device": device, "design": label, **counted(project, device)})
    result = {
        "network": f"{options.layers} x {options.width}, rank 2, {netlist.num_inputs} bits",
        "test_images": len(data.test_x),
        "torchlogix": version("torchlogix"),
        "accuracy_percent": round(accuracy, 2),
        "gates": {"trained": rival.gates[0], "simplified": rival.gates[1]},
        "simulated_images": len(images),
        "images_that_differ_from_the_model": wrong,
        "rows": rows,
    }
    print(text_of(result))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return verdict(result)


def verdict(result: dict[str, Any]) -> int:
    """1 where ours is wrong or larger than theirs, each said on standard error."""
    faults = [
        f"{name} differs from the model on {num} images"
        for name, num in result["images_that_differ_from_the_model"].items()
        if num and name != "torchlogix"
    ]
    for row in result["rows"]:
        (theirs,) = [r["luts"] for r in result["rows"] if r["device"] == row["device"] and r["design"] == "torchlogix"]
        if row["luts"] > theirs:
            faults.append(f"{row['design']} on {row['device']}: {row['luts']} LUTs, torchlogix {theirs}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def trained(data: Dataset, high: float, options: argparse.Namespace) -> nn.Sequential:
    """One threshold a pixel, layers of rank 2 with fixed connections, group sums."""
    layers: Any = load_torchlogix()
    torch.manual_seed(options.seed)
    widths = [data.train_x[0].numel(), *[options.width] * options.layers]
    model = nn.Sequential(
        layers.FixedBinarization(torch.tensor([high / 2]), feature_dim=1),
        nn.Flatten(),
        *(layers.LogicDense(num, options.width, lut_rank=2, parametrization="raw") for num in widths[:-1]),
        layers.GroupSum(10, tau=0.55 * (options.width / 10) ** 0.5),
    )
    return train(model, data, options.steps, lr=0.02)


@torch.no_grad()
def accuracy_of(model: nn.Module, data: Dataset) -> float:
    return float((classes(model, data.test_x) == data.test_y).float().mean())


@torch.no_grad()
def bits_and_scores(model: nn.Sequential, images: Tensor, num_classes: int = 10) -> tuple[Array, Array]:
    """The binarised pixels, and how many LUTs of each class torchlogix' own model sets, both as integers."""
    encode, layers = nn.Sequential(*list(model)[:2]), nn.Sequential(*list(model)[2:-1])
    encoded = encode(images)
    hidden = torch.cat([layers(part) for part in torch.split(encoded, 500)])
    bits = encoded.numpy().astype(np.uint8)
    return bits, hidden.view(len(hidden), num_classes, -1).sum(2).round().long().numpy()


def their_verilog(model: nn.Sequential, num_bits: int) -> Rival:
    """What torchlogix prints of the layers behind the threshold, simplified by it."""
    circuit = load_circuit().Circuit.from_model(nn.Sequential(*list(model)[2:]), [num_bits])
    before = len(circuit.gates)
    circuit.simplify()
    for module in model.modules():
        if hasattr(module, "set_export_mode"):
            module.set_export_mode(False)  # type: ignore[operator] # from_model leaves the model in it
    verilog: str = circuit.get_verilog_code()
    found = verilog.split("-bit values")[0].rsplit(" ", 1)[-1]
    return Rival(verilog, (before, len(circuit.gates)), int(found))


def their_project(netlist: Netlist, rival: Rival) -> Project:
    """torchlogix' module as a design that is counted as one part."""
    project = bare_project(netlist.without_encoder(), Architecture(input=InputKind.BITS))
    return replace(project, top="circuit", files={"circuit.v": rival.verilog.encode()}, parts={}, rest="core")


def our_project(netlist: Netlist, kind: InputKind, mapping: LutMapping, device: str) -> tuple[Project, Netlist]:
    """Our combinational design and the netlist it prints; argmax and comparators are parts of their own."""
    mapped = optimize_for(netlist, kind, mapping)
    given = mapped if kind is InputKind.X else mapped.without_encoder()
    project = bare_project(given, Architecture(input=kind, device=device))
    argmax = (f"{project.top}_argmax",)
    return replace(project, parts={**project.parts, "argmax": argmax}), given


def counted(project: Project, device: str) -> dict[str, Any]:
    """The LUTs of a design: ``luts`` of LUT logic and group sums, and what stands beside them."""
    with TemporaryDirectory(prefix="bitlogic-compare-") as name:
        folder = Path(name)
        for file, content in project.files.items():
            (folder / file).write_bytes(content)
        counts = synthesise(project, part_and_flow(device)[1], folder, _YOSYS_SECONDS).counts
    return {
        "luts": counts["core"]["luts"],
        "argmax_luts": counts["argmax"]["luts"] if "argmax" in counts else None,
        "encoder_luts": counts["encoder"]["luts"] if "encoder" in counts else None,
    }


def simulated_theirs(rival: Rival, bits: Array, num_classes: int) -> Array:
    files = {"design.v": rival.verilog}
    return simulated(files, "circuit", ("inp", "scores_flat"), bits, (num_classes, rival.score_bits))


def simulated_ours(project: Project, netlist: Netlist, bits: Array) -> Array:
    files = {name: text.decode() for name, text in project.files.items()}
    shape = (netlist.head.num_classes, netlist.score_width)
    return simulated(files, project.top, ("bits", "scores"), bits, shape)


def simulated(files: dict[str, str], top: str, ports: tuple[str, str], bits: Array, shape: tuple[int, int]) -> Array:
    """The scores that the combinational module ``top`` gives for ``bits``, int64 ``(n, classes)``, run by Icarus.

    ``ports`` are its input and the output, which holds ``shape`` = (classes, bits of each) scores.
    """
    compiler = icarus()
    if compiler is None:
        raise MissingToolError(f"the comparison simulates both designs with Icarus: {BRINGS['icarus']}")
    num, width = bits.shape
    num_classes, score_bits = shape
    bench = f"""module bench;
  reg [{width - 1}:0] samples [0:{num - 1}];
  reg [{width - 1}:0] sample;
  wire [{num_classes * score_bits - 1}:0] scores;
  integer i;
  {top} dut (.{ports[0]}(sample), .{ports[1]}(scores));
  initial begin
    $readmemb("bits.txt", samples);
    for (i = 0; i < {num}; i = i + 1) begin
      sample = samples[i];
      #1 $display("%b", scores);
    end
  end
endmodule
"""
    with TemporaryDirectory(prefix="bitlogic-compare-") as name:
        folder = Path(name)
        for file, text in {**files, "bench.v": bench}.items():
            (folder / file).write_text(text)
        rows = bits[:, ::-1].astype(np.uint8) + ord("0")  # the first bit is the rightmost digit
        (folder / "bits.txt").write_text("\n".join(row.tobytes().decode() for row in rows) + "\n")
        ran([compiler, "-g2005-sv", "-o", "bench.vvp", "bench.v", *files], folder)
        lines = ran(["vvp", "-N", "bench.vvp"], folder).split()
    if len(lines) != num or any(set(line) - {"0", "1"} for line in lines):
        raise ToolError(f"the simulation of {top} gave {len(lines)} defined results for {num} samples")
    return np.array(
        [
            [int(line[len(line) - (c + 1) * score_bits : len(line) - c * score_bits], 2) for c in range(num_classes)]
            for line in lines
        ],
        dtype=np.int64,
    )


def ran(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{Path(command[0]).name} ended with code {done.returncode}: {done.stderr[:300]}")
    return done.stdout


def disagreeing(got: Array, wanted: Array) -> int:
    """On how many samples any score differs."""
    return int((got != wanted).any(axis=1).sum())


def text_of(result: dict[str, Any]) -> str:
    gates = result["gates"]
    lines = [
        f"{result['network']}: {result['accuracy_percent']} % of {result['test_images']} test images with torchlogix "
        f"{result['torchlogix']}, whose simplify leaves {gates['simplified']} of {gates['trained']} gates",
        "",
        table(
            ["device", "design", "LUTs of layers and sums", "argmax", "encoder"],
            [
                [row[key] for key in ("device", "design", "luts", "argmax_luts", "encoder_luts")]
                for row in result["rows"]
            ],
        ),
        "",
    ]
    for name, num in result["images_that_differ_from_the_model"].items():
        lines.append(f"{name}: scores differ from torchlogix' model on {num} of {result['simulated_images']} images")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
