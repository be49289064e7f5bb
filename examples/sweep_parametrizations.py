"""Train every parametrization with every forward sampling and both connections on scikit-learn's digits.

    python examples/sweep_parametrizations.py --output build/sweep

prints a row for each as it is done and writes ``sweep.md`` and ``sweep.json`` into the folder. The discrete accuracy is
that of ``eval()`` on the 360 held-out digits, the relaxed one that of the training forward, noise included. Every
network is also run as PackedLogicNet and as compiled C, whose scores must be the same integers for every held-out
digit. The exit code is 1 when a run ends below ``--least`` percent, in NaN or with unequal scores.

The recipes below were chosen on 287 of the training digits, held out for that.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from bitlogic import DistributiveThermometer, GroupSum, LogicDense, PackedLogicNet
from bitlogic.datasets import Dataset, digits
from bitlogic.export.extract import extract
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.c import emit, run
from bitlogic.parametrizations import PARAMETRIZATIONS
from bitlogic.sampling import FORWARD_SAMPLINGS

BATCH = 128
CONNECTIONS = ("fixed", "learnable")
NUM_CANDIDATES = 8  # of learnable connections
ANY = "any"  # dwn and hybrid look the table up in training, whatever the sampling


@dataclass(frozen=True)
class Recipe:
    """What a parametrization wants for itself.

    Every table starts as a wire of its slot 0. Entries of large logits (light, hybrid, difflogic) need large steps to
    become anything else in few steps; fourier's and dwn's weights live between -1 and 1. LUTs of two inputs see half as
    much, so there are twice as many.
    """

    learning_rate: float  # Adam's first; a cosine leads it to 0
    temperature: float = 1.0
    lut_rank: int = 4
    layer_width: int = 500


RECIPES = {
    "light": Recipe(0.2),
    "warp": Recipe(0.1),
    "difflogic": Recipe(0.4, lut_rank=2, layer_width=1000),
    "linear": Recipe(0.4),
    "polylut": Recipe(0.2),
    "neurallut": Recipe(0.05),
    "dwn": Recipe(0.1),
    "hybrid": Recipe(0.2),
    "fourier": Recipe(0.02, temperature=0.25),
}


@dataclass(frozen=True)
class Row:
    """One trained network; the fields are the table's columns."""

    parametrization: str
    sampling: str
    connections: str
    discrete: float  # per cent
    relaxed: float
    finite: bool  # every loss and every weight
    equal: bool  # scores of eval(), PackedLogicNet and C
    seconds: float  # of training
    curve: list[float]  # discrete accuracy after each epoch


def main() -> None:
    parser = argparse.ArgumentParser(description="every parametrization, sampling and connections on digits")
    parser.add_argument("--only", nargs="*", default=list(PARAMETRIZATIONS), choices=list(PARAMETRIZATIONS))
    parser.add_argument("--samplings", nargs="*", default=list(FORWARD_SAMPLINGS), choices=list(FORWARD_SAMPLINGS))
    parser.add_argument("--connections", nargs="*", default=list(CONNECTIONS), choices=CONNECTIONS)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--least", type=float, default=85.0, help="discrete accuracy that every run must reach, per cent"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for sweep.md and sweep.json")
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    data = digits()
    rows, lines = [], [header()]
    print(lines[0], flush=True)
    for name, sampling, connections in combinations(options):
        row = train(name, sampling, connections, data, options.epochs, options.seed)
        rows.append(row)
        lines.append(line(row))
        print(lines[-1], flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "sweep.md").write_text("\n".join(lines) + "\n")
    content = {
        "data": "digits", "epochs": options.epochs, "seed": options.seed, "batch": BATCH,
        "recipes": {name: asdict(RECIPES[name]) for name in options.only}, "rows": [asdict(row) for row in rows],
    }  # fmt: skip
    (options.output / "sweep.json").write_text(json.dumps(content, indent=1) + "\n")
    failed = [row for row in rows if not (row.finite and row.equal and row.discrete >= options.least)]
    for row in failed:
        print(f"failed: {row.parametrization}, {row.sampling}, {row.connections}: {row.curve}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def combinations(options: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    for name in options.only:
        for sampling in [ANY] if name in ("dwn", "hybrid") else options.samplings:
            for connections in options.connections:
                yield name, sampling, connections


def build(name: str, sampling: str, connections: str, samples: Tensor) -> nn.Sequential:
    recipe = RECIPES[name]

    def layer(in_dim: int) -> LogicDense:
        return LogicDense(
            in_dim,
            recipe.layer_width,
            parametrization=name,
            connections=connections,
            num_candidates=NUM_CANDIDATES,
            lut_rank=recipe.lut_rank,
            temperature=recipe.temperature,
            forward_sampling="soft" if sampling == ANY else sampling,
        )

    encoder = DistributiveThermometer(num_bits=8, fit_axes=(1,), distinct=True).fit(samples)
    head = GroupSum(10, tau=0.55 * math.sqrt(recipe.layer_width / 10))
    return nn.Sequential(encoder, nn.Flatten(), layer(encoder.num_outputs), layer(recipe.layer_width), head)


def train(name: str, sampling: str, connections: str, data: Dataset, epochs: int, seed: int) -> Row:
    torch.manual_seed(seed)
    model = build(name, sampling, connections, data.train_x)
    optimizer = torch.optim.Adam(model.parameters(), lr=RECIPES[name].learning_rate)
    steps = len(data.train_x) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    finite, curve, started = True, [], time.monotonic()
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train_x))[: steps * BATCH].view(steps, BATCH):
            loss = nn.functional.cross_entropy(model(data.train_x[batch]), data.train_y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            finite &= bool(loss.isfinite())
        curve.append(accuracy(model.eval(), data))
    seconds = time.monotonic() - started
    finite &= all(bool(parameter.isfinite().all()) for parameter in model.parameters())
    relaxed = accuracy(model.train(), data)
    equal = scores_agree(model.eval(), data.test_x)
    return Row(name, sampling, connections, curve[-1], relaxed, finite, equal, round(seconds, 1), curve)


@torch.no_grad()
def accuracy(model: nn.Module, data: Dataset) -> float:
    correct = model(data.test_x).argmax(1) == data.test_y
    percent: float = 100 * correct.double().mean().item()
    return round(percent, 2)


def scores_agree(model: nn.Sequential, images: Tensor) -> bool:
    """Whether ``eval()``, PackedLogicNet and the compiled C give the same integers."""
    head = model[-1]
    assert isinstance(head, GroupSum)
    expected = head.scores(model[:-1](images))
    packed = PackedLogicNet(model).scores(images)
    samples = Samples(InputKind.X, images.flatten(1).numpy())
    compiled = torch.from_numpy(run(emit(optimize(extract(model))), samples).scores)
    return torch.equal(expected, packed) and torch.equal(expected, compiled)


def header() -> str:
    names = [field.name for field in fields(Row)][:-1]
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def line(row: Row) -> str:
    values = [
        row.parametrization, row.sampling, row.connections, f"{row.discrete:.2f}", f"{row.relaxed:.2f}",
        "yes" if row.finite else "NO", "yes" if row.equal else "NO", f"{row.seconds:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(values)} |"


if __name__ == "__main__":
    main()
