"""Two processes on gloo, started by torchrun, train as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bitlogic.errors import FormatError
from bitlogic.training import train
from tests.patterns import SMALL_MODEL, patterns, write_patterns

FAST: dict[str, Any] = {"epochs": 2, "batch_size": 32, "lr": 0.05, "threads": 1, "show": False, "device": "cpu"}
SETTINGS = {**FAST, "shift": 1, "regularization": "entropy", "regularization_factor": 0.01}
NOISY = {**SMALL_MODEL, "forward_sampling": "gumbel_soft", "connection_sampling": "gumbel_soft"}
ROOT = Path(__file__).resolve().parent.parent

HEAD = """
import os
from pathlib import Path
import torch
import torch.distributed as dist
from bitlogic.training import Recipe, loop, open_training, train
from tests.patterns import patterns
from tests.test_training_distributed import FAST, NOISY, SETTINGS, SMALL_MODEL

rank = int(os.environ["RANK"])
dist.init_process_group("gloo")
"""

TRAINS = (
    HEAD
    + """
seen = []
result = train(SMALL_MODEL, patterns(), output="run", on_epoch=seen.append, **SETTINGS)
assert (len(seen), result.test is None) == ((2, False) if rank == 0 else (0, True))
torch.save(result.model.state_dict(), f"rank{rank}.pt")

train(NOISY, patterns(), output="whole", **FAST)
asked = []

def stops():  # on one process alone
    asked.append(1)
    return rank == 1 and len(asked) == 5

recipe = Recipe.of({"data": {"name": "given"}, "model": NOISY, "train": {k: v for k, v in FAST.items() if k != "show"}})
with open_training(recipe, Path("parts"), show=False, data=patterns()) as training:
    assert not training.run(should_stop=stops).complete
assert len(asked) == 5
assert train(NOISY, patterns(), output="parts", resume=True, **FAST).complete
dist.destroy_process_group()
"""
)

BREAKS = (
    HEAD
    + """
whole = loop._batch

def broken(run, order, position):
    x, y = whole(run, order, position)
    return x, torch.full_like(y, -100) if rank == 1 and run.progress.step == 4 else y

loop._batch = broken
train(SMALL_MODEL, patterns(), output="run", checkpoint_steps=2, **FAST)
"""
)


def torchrun(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return content


@pytest.mark.slow
def test_two_processes_have_the_same_weights_and_those_of_one_process(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(TRAINS)
    done = torchrun("script.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())

    single = train(SMALL_MODEL, patterns(), output=tmp_path / "single", **SETTINGS)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == [line["event"] for line in single.history]
    twice, once = checkpoint(tmp_path / "run"), checkpoint(tmp_path / "single")
    assert (twice["world_size"], len(twice["random"])) == (2, 2)
    for name, value in once["model"].items():
        if value.is_floating_point():
            assert torch.allclose(twice["model"][name], value, atol=2e-4), name
        else:
            assert torch.equal(twice["model"][name], value), name

    whole, parts = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "parts")
    assert not torch.equal(*(state["torch"] for state in whole["random"])), "each process has noise of its own"
    assert all(torch.equal(value, parts["model"][name]) for name, value in whole["model"].items())


@pytest.mark.slow
def test_all_processes_end_on_the_error_of_one(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(BREAKS)
    done = torchrun("script.py", folder=tmp_path)
    assert done.returncode != 0
    ends = [line for line in done.stderr.splitlines() if "DivergenceError: step 5: the loss is nan" in line]
    assert len([line for line in ends if "checkpoint.pt holds the state after step 4" in line]) >= 1, done.stderr
    assert checkpoint(tmp_path / "run")["progress"]["step"] == 4


@pytest.mark.slow
def test_the_command_runs_under_torchrun_and_one_process_speaks(tmp_path: Path) -> None:
    data = write_patterns(tmp_path / "data.npz")
    words = ["-m", "bitlogic", "train", "-o", "run", "--data", "npz", "--path", data, "--device", "cpu", "--epochs", 1]
    words += ["--set", "model.layer_width=60", "--set", "model.num_bits=2", "--set", "model.num_candidates=4"]
    done = torchrun(*words, "--batch-size", 32, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 1
    assert done.stderr.count("epoch 1/1") == 1
    refused = torchrun(*words, "--batch-size", 33, "--force", folder=tmp_path)
    assert refused.returncode != 0
    assert refused.stderr.count("bitlogic: train.batch_size 33 does not split over 2 processes") == 1
    assert "exitcode  : 2" in refused.stderr
    assert (tmp_path / "run" / "model.pt").exists()


def test_a_checkpoint_of_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    train(SMALL_MODEL, patterns(), output=tmp_path, **FAST)
    torch.save({**checkpoint(tmp_path), "world_size": 2}, tmp_path / "checkpoint.pt")
    with pytest.raises(FormatError, match="2 processes began this training, not 1"):
        train(SMALL_MODEL, patterns(), output=tmp_path, resume=True, **FAST)
