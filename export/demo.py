"""The main job in one command: train on digits, export to every target, run each for real, compare every integer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bitlogic.checkpoint import load, save
from bitlogic.datasets import Dataset, digits
from bitlogic.encoders import DistributiveThermometer
from bitlogic.errors import MissingToolError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.equivalence import Proof, prove_equal
from bitlogic.export.extract import extract
from bitlogic.export.folder import NETLIST, export
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.progress import step
from bitlogic.export.reference import packed_reference
from bitlogic.export.samples import InputKind
from bitlogic.export.targets import TARGETS
from bitlogic.export.vectors import inputs_from_numbers
from bitlogic.export.verify import Check, compare
from bitlogic.heads import GroupSum
from bitlogic.layers import LogicDense

LAYER_WIDTH = 1000
EPOCHS = 20
BATCH = 128


@dataclass(frozen=True)
class Row:
    """One target's line of the table."""

    check: Check
    accuracy: float  # of the classes read back from the target
    luts_before: int
    luts_after: int
    seconds: float  # emit, write, read and run


@dataclass(frozen=True)
class Outcome:
    """All targets, and what the solver says of the netlist before and after the passes (None: no solver here)."""

    rows: tuple[Row, ...]
    proof: Proof | None

    @property
    def holds(self) -> bool:
        return all(row.check.holds for row in self.rows) and (self.proof is None or self.proof.holds is True)


def run_demo(folder: Path, seed: int, say: Callable[[str], None]) -> Outcome:
    """Trains, saves ``model.pt`` and one export a target in ``folder``, and runs the held-out images through each."""
    data = digits()
    started = time.monotonic()
    model = train(data, seed, say).eval()
    with torch.no_grad():
        accuracy = float((model(data.test_x).argmax(dim=1) == data.test_y).float().mean())
    spent = time.monotonic() - started
    say(f"trained 2 x {LAYER_WIDTH} rank-4 LUTs in {spent:.0f} s: {100 * accuracy:.1f} % of the held-out images")
    save(model, folder / "model.pt")
    loaded = load(folder / "model.pt").eval()
    extracted = extract(loaded)
    images = inputs_from_numbers(extracted, InputKind.X, data.test_x.numpy())
    reference = packed_reference(loaded)
    expected = reference(images)
    rows = []
    for name, target in TARGETS.items():
        started = time.monotonic()
        with step(f"{name}: export and run {len(images)} images"):
            export(extracted, name, seed=seed, reference=reference).write(folder / name, force=True)
            artifacts = Artifacts.read(folder / name)
            try:
                result = target.run(artifacts, images.samples)
            except MissingToolError as error:  # of an optional target: those of the main job were looked for before
                say(f"{name}: exported and not run, so nothing is known of it: {error}")
                continue
        check = compare(name, expected, result)
        right = float((torch.from_numpy(result.class_ids) == data.test_y).float().mean())
        emitted = Netlist.from_bytes(artifacts.files[NETLIST])
        rows.append(Row(check, right, extracted.num_luts, emitted.num_luts, time.monotonic() - started))
    return Outcome(tuple(rows), _prove(extracted))


def _prove(extracted: Netlist) -> Proof | None:
    try:
        with step("proving that the passes changed nothing"):
            return prove_equal(extracted, optimize(extracted))
    except MissingToolError:
        return None


def train(data: Dataset, seed: int, say: Callable[[str], None]) -> nn.Sequential:
    """Two layers of rank-4 LUTs behind a thermometer of 8 bits, by Adam and cross-entropy."""
    torch.manual_seed(seed)
    encoder = DistributiveThermometer(8, distinct=True)
    bits = data.train_x[0].numel() * 8
    model = nn.Sequential(
        encoder,
        nn.Flatten(),
        _layer(bits),
        _layer(LAYER_WIDTH),
        GroupSum(10, tau=0.55 * (LAYER_WIDTH / 10) ** 0.5),
    )
    encoder.fit(data.train_x)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    told = time.monotonic()
    for epoch in range(1, EPOCHS + 1):
        model.train()
        for batch in torch.randperm(len(data.train_x)).split(BATCH):  # type: ignore[no-untyped-call]
            loss = cross_entropy(model(data.train_x[batch]), data.train_y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        scheduler.step()
        if time.monotonic() - told > 2 or epoch == EPOCHS:
            told = time.monotonic()
            say(f"epoch {epoch} of {EPOCHS}: loss {float(loss.detach()):.3f}")
    return model


def _layer(in_dim: int) -> LogicDense:
    return LogicDense(in_dim, LAYER_WIDTH, lut_rank=4, connections="learnable", num_candidates=8)
