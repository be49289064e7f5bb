"""A training that was killed goes on as if it had not been, and a checkpoint is there as a whole or not at all."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitlogic.errors import FormatError
from bitlogic.training import record, state, train
from tests.patterns import SMALL_MODEL, patterns, write_patterns

FAST: dict[str, Any] = {"epochs": 4, "batch_size": 32, "lr": 0.05, "threads": 1, "show": False, "device": "cpu"}
NOISY = {**SMALL_MODEL, "forward_sampling": "gumbel_soft", "connection_sampling": "gumbel_soft"}


class KilledError(Exception):
    """Stands in for the end of the process."""


def same(ours: Any, theirs: Any) -> bool:
    """Whether two trees of plain values and tensors are equal, bit for bit."""
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def content(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Checkpoint, model and metrics of a finished training, without the seconds."""
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    checkpoint["progress"].pop("seconds")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("seconds")
    return checkpoint, torch.load(folder / "model.pt", weights_only=True), lines


def kill_at(folder: Path, command: list[str], step: int) -> None:
    """Runs a training and ends it with SIGKILL as soon as its metrics show a step."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    metrics = folder / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        lines = metrics.read_text().splitlines() if metrics.is_file() else []
        if (lines and f'"step": {step},' in lines[-1]) or len(lines) > step + 20:
            break
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    assert process.returncode == -signal.SIGKILL, process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_killed_three_times_in_mid_epoch_and_resumed_gives_the_same_bits(seed: int, tmp_path: Path) -> None:
    data = write_patterns(tmp_path / "data.npz")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f"""
        [data]
        name = "npz"
        path = {json.dumps(str(data))}
        [model]
        layer_width = 60
        num_bits = 2
        num_candidates = 4
        forward_sampling = "gumbel_hard"
        connection_sampling = "gumbel_soft"
        [train]
        epochs = 20
        batch_size = 16
        threads = 1
        shift = 1
        device = "cpu"
        temperature = [1.0, 0.5]
        log_steps = 1
        checkpoint_steps = 7
        """
    )
    steps_per_epoch = 288 // 16
    rng = random.Random(seed)
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "bitlogic", "train", str(recipe), "-o", str(killed), "--resume"]
    at = 0
    for _ in range(3):
        at += steps_per_epoch * rng.randint(1, 3) + rng.randint(1, steps_per_epoch - 1)
        at += at % steps_per_epoch == 0
        kill_at(killed, command, at)
    assert torch.load(killed / "checkpoint.pt", weights_only=True)["progress"]["step"] < 20 * steps_per_epoch
    for folder in (killed, tmp_path / "whole"):
        command[command.index("-o") + 1] = str(folder)
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert same(content(killed), content(tmp_path / "whole"))
    assert [line["step"] for line in content(killed)[2] if line["event"] == "step"] == list(range(1, 361))


@pytest.mark.parametrize("step", [1, 9, 10, 17, 36])
def test_stopped_at_any_step_and_resumed_gives_the_same_bits(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**FAST, "checkpoint_steps": 4, "log_steps": 2, "optimizer": "adamw", "seed": 3}
    train(NOISY, patterns(), output=tmp_path / "whole", **settings)
    whole_step = record.Record.step

    def stop(self: record.Record, loss: float) -> None:
        if self.run.progress.step == step:
            raise KilledError
        whole_step(self, loss)

    monkeypatch.setattr(record.Record, "step", stop)
    with pytest.raises(KilledError):
        train(NOISY, patterns(), output=tmp_path / "stopped", **settings)
    monkeypatch.undo()
    result = train(NOISY, patterns(), output=tmp_path / "stopped", resume=True, **settings)
    assert same(content(tmp_path / "stopped"), content(tmp_path / "whole"))
    assert [line["event"] for line in result.history] == [line["event"] for line in content(tmp_path / "whole")[2]]


def test_resuming_a_finished_training_changes_nothing(tmp_path: Path) -> None:
    settings = {**FAST, "epochs": 2}
    first = train(SMALL_MODEL, patterns(), output=tmp_path, **settings)
    before = content(tmp_path)
    again = train(SMALL_MODEL, patterns(), output=tmp_path, resume=True, **settings)
    assert same(content(tmp_path), before)
    assert again.test == first.test


def test_resume_in_an_empty_folder_begins(tmp_path: Path) -> None:
    assert train(SMALL_MODEL, patterns(), output=tmp_path / "new", resume=True, **FAST).complete


def test_another_recipe_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    train(SMALL_MODEL, patterns(), output=tmp_path, **FAST)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    changed = {**FAST, "lr": 0.1, "epochs": 5}
    with pytest.raises(
        ValueError, match=r"another recipe; different: model.num_bits \(there 2, here 3\), train.epochs"
    ):
        train({**SMALL_MODEL, "num_bits": 3}, patterns(), output=tmp_path, resume=True, **changed)
    with pytest.raises(FormatError, match="the data are not those"):
        train(SMALL_MODEL, patterns(seed=1), output=tmp_path, resume=True, **FAST)
    with pytest.raises(ValueError, match="give one of them"):
        train(SMALL_MODEL, patterns(), output=tmp_path, resume=True, force=True, **FAST)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("damage", ["cut off", "text", "model", "newer", "fewer lines", "gone"])
def test_a_damaged_checkpoint_is_one_clear_error(damage: str, tmp_path: Path) -> None:
    train(SMALL_MODEL, patterns(), output=tmp_path, **FAST)
    path = tmp_path / "checkpoint.pt"
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:-1000])
    elif damage == "text":
        path.write_text("nothing")
    elif damage == "model":
        path.write_bytes((tmp_path / "model.pt").read_bytes())
    elif damage == "newer":
        torch.save({**torch.load(path, weights_only=True), "version": 9}, path)
    elif damage == "fewer lines":
        (tmp_path / "metrics.jsonl").write_text("")
    else:
        path.unlink()
    reason = {
        "cut off": "cut off, damaged or no checkpoint",
        "text": "cut off, damaged or no checkpoint",
        "model": "no checkpoint of a training",
        "newer": "checkpoint version 9",
        "fewer lines": "has 0 lines, but the checkpoint was taken after 4",
        "gone": "holds no training that could be resumed",
    }[damage]
    with pytest.raises(FormatError, match=reason):
        train(SMALL_MODEL, patterns(), output=tmp_path, resume=True, **FAST)


def test_a_crash_while_a_checkpoint_is_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def crash(source: Path, target: Path) -> None:
        if target.name == "checkpoint.pt":
            assert source.stat().st_size > 1000, "the new one was written beside"
            raise KilledError
        replace(source, target)

    before = []

    def arm(line: dict[str, Any]) -> None:
        before.append((tmp_path / "checkpoint.pt").read_bytes())
        monkeypatch.setattr(os, "replace", crash)

    with pytest.raises(KilledError):
        train(SMALL_MODEL, patterns(), output=tmp_path, on_epoch=arm, **FAST)
    monkeypatch.undo()
    assert [(tmp_path / "checkpoint.pt").read_bytes()] == before
    assert not list(tmp_path.glob(".checkpoint*"))
    assert train(SMALL_MODEL, patterns(), output=tmp_path, resume=True, **FAST).complete


def test_the_numbers_of_python_and_numpy_are_in_the_checkpoint() -> None:
    device = torch.device("cpu")
    kept = state.random_state(device)
    drawn = random.random(), float(np.random.randn()), float(torch.rand(1))
    random.gauss(0, 1)
    state.set_random_state(kept, device)
    assert (random.random(), float(np.random.randn()), float(torch.rand(1))) == drawn
