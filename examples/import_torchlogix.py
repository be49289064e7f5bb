"""Train a torchlogix model, import it, export it: python examples/import_torchlogix.py --root FOLDER --folder OUT.

FOLDER holds the four original MNIST files, gzipped or not; without --root it is $BITLOGIC_MNIST, and where that is not
set either, scikit-learn's digits are taken. The imported model must give torchlogix' class on every test image, and the
exported Verilog and C must give the imported model's scores. Needs torchlogix (extra interop), a C compiler and a
simulator.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import bitlogic
from bitlogic.datasets import Dataset, digits, mnist
from bitlogic.errors import BitlogicError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.extract import extract
from bitlogic.export.folder import export
from bitlogic.export.reference import packed_reference
from bitlogic.export.samples import InputKind
from bitlogic.export.vectors import inputs_from_numbers
from bitlogic.export.verify import verify
from bitlogic.interop import InputGrid, from_torchlogix
from bitlogic.interop.peer import load_torchlogix


def main() -> int:
    parser = argparse.ArgumentParser(description="Import a torchlogix model and export it.")
    parser.add_argument("--root", help="folder of the MNIST files; default: $BITLOGIC_MNIST, else the digits")
    parser.add_argument("--folder", type=Path, default=Path("build/torchlogix"), help="where model.pt and exports go")
    parser.add_argument("--steps", type=int, default=400, help="training steps of the peer")
    parser.add_argument("--width", type=int, default=1000, help="LUTs of a layer")
    parser.add_argument("--simulated", type=int, default=200, help="test images that the Verilog is simulated on")
    options = parser.parse_args()
    try:
        return run(options)
    except (BitlogicError, FileNotFoundError) as error:
        print(f"import_torchlogix: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    on_mnist = bool(options.root or os.environ.get("BITLOGIC_MNIST"))
    data = mnist(options.root) if on_mnist else digits()
    high = 1.0 if on_mnist else 16.0
    torch.manual_seed(0)
    theirs = train(peer_model(options.width, data, high), data, options.steps)

    # Digits are sixteenths of an 8-bit range, so the grid is told what values there are; pixels are its very steps.
    inputs = InputGrid(0.0, high, samples=None if on_mnist else data.train_x, shape=tuple(data.train_x.shape[1:]))
    model = from_torchlogix(theirs, inputs=inputs)
    wanted, got = classes(theirs, data.test_x), classes(model, data.test_x)
    differing = int((wanted != got).sum())
    accuracy = 100 * float((wanted == data.test_y).float().mean())
    print(f"torchlogix: {accuracy:.2f} % of {len(wanted)} test images; the imported model differs on {differing}")
    options.folder.mkdir(parents=True, exist_ok=True)
    bitlogic.save(model, options.folder / "model.pt")

    holds = differing == 0
    netlist, reference = extract(model), packed_reference(model)
    for target, limit in (("verilog", options.simulated), ("c", len(data.test_x))):
        export(netlist, target, reference=reference).write(options.folder / target, force=True)
        images = inputs_from_numbers(netlist, InputKind.X, data.test_x[:limit].numpy())
        report = verify(Artifacts.read(options.folder / target), data=images, references={"the model": reference})
        print(f"{target}: {len(images)} test images {'agree' if report.holds else 'differ'}; {options.folder / target}")
        holds = holds and report.holds
    return 0 if holds else 1


def peer_model(width: int, data: Dataset, high: float) -> nn.Sequential:
    """Three trained thresholds a pixel, a layer that learns its connections, one with fixed ones, beta and tau."""
    layers: Any = load_torchlogix()
    bits = 3 * data.train_x[0].numel()
    learnable = {"connections": "learnable", "connections_kwargs": {"num_candidates": 8}}
    return nn.Sequential(
        layers.LearnableBinarization(high * torch.tensor([0.2, 0.4, 0.6]), feature_dim=1),
        nn.Flatten(),
        layers.LogicDense(bits, width, lut_rank=4, parametrization="light", **learnable),
        layers.LogicDense(width, width, lut_rank=2, parametrization="raw"),
        layers.GroupSum(10, tau=0.55 * (width / 10) ** 0.5, beta=3.0),
    )


def train(model: nn.Sequential, data: Dataset, steps: int, lr: float = 0.03) -> nn.Sequential:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for batch in torch.randint(len(data.train_x), (steps, 128)):
        loss = nn.functional.cross_entropy(model(data.train_x[batch]), data.train_y[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


@torch.no_grad()
def classes(model: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([model(part).argmax(1) for part in images.split(500)])  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main())
