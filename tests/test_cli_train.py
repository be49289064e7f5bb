"""`bitlogic train` as users run it: a folder with a model that the other commands take, one line for a mistake."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from bitlogic.export.cli import cli, main
from tests.patterns import patterns, write_patterns

SMALL = """
[model]
layer_width = 60
num_bits = 2
num_candidates = 4
[train]
epochs = 2
batch_size = 32
lr = 0.05
threads = 1
device = "cpu"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    data = write_patterns(tmp_path / "data.npz")
    path.write_text(f'[data]\nname = "npz"\npath = {json.dumps(str(data))}\n{SMALL}')
    return path


def run(*words: object) -> Result:
    """The command in this process; its errors come out as exceptions and its code as the return value."""
    return CliRunner().invoke(cli, ["train", *map(str, words)], standalone_mode=False)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line that a mistake prints."""
    with pytest.raises(SystemExit) as ended:
        main(["train", *map(str, words)])
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if "warning" not in line]
    assert len(lines) == 1, printed.err
    return lines[0]


def test_train_export_verify(recipe: Path, tmp_path: Path) -> None:
    done = run(recipe, "-o", tmp_path / "run")
    assert (done.exception, done.return_value) == (None, 0)
    assert done.stdout.startswith(f"{tmp_path / 'run' / 'model.pt'}: test accuracy relaxed ")
    assert "discrete" in done.stdout and "gap" in done.stdout and "120 LUTs" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("epoch")] == [
        "epoch 1/2",
        "epoch 2/2",
    ]
    words = ["export", tmp_path / "run" / "model.pt", "--target", "packed", "-o", tmp_path / "build"]
    assert CliRunner().invoke(cli, list(map(str, words)), standalone_mode=False).exception is None
    checked = CliRunner().invoke(cli, ["verify", str(tmp_path / "build")], standalone_mode=False)
    assert checked.return_value == 0


def test_options_win_over_the_recipe_and_stand_in_config_toml(recipe: Path, tmp_path: Path) -> None:
    words = ["--epochs", 1, "--seed", 7, "--lr", 0.5, "--set", "train.lr=0.25", "--set", "model.lut_rank=2", "--json"]
    done = run(recipe, "-o", tmp_path / "run", *words)
    assert json.loads(done.stdout)["event"] == "end"
    text = (tmp_path / "run" / "config.toml").read_text()
    for line in ("epochs = 1", "seed = 7", "lr = 0.25", "lut_rank = 2", "layer_width = 60"):
        assert line in text.splitlines()


def test_resume_needs_only_the_folder(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = run(recipe, "-o", folder, "--json")
    again = run("-o", folder, "--resume", "--json")
    ours, theirs = (json.loads(done.stdout) for done in (first, again))
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_checkpoint_of_that_step(number: int, recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    changes = ["--epochs", "2000", "--set", "train.log_steps=1", "--set", "train.checkpoint_seconds=0"]
    command = [sys.executable, "-m", "bitlogic", "train", str(recipe), "-o", str(folder), *changes]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (folder / "metrics.jsonl").is_file() and '"epoch": 2' in (folder / "metrics.jsonl").read_text():
            break
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert out == ""
    assert "stopped in epoch" in err.splitlines()[-1] and "continue with --resume" in err
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["progress"]["step"] == lines[-1]["step"]


def test_a_loss_that_diverges_exits_1_and_names_the_step(recipe: Path, tmp_path: Path) -> None:
    words = ["--set", "train.optimizer=sgd", "--lr", 1e30, "--set", "train.schedule=constant", "--epochs", 20]
    words += ["--set", "train.regularization=l2", "--set", "train.regularization_factor=1e30"]
    done = run(recipe, "-o", tmp_path / "run", *words)
    assert (done.exception, done.return_value) == (None, 1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("bitlogic: step ") and "checkpoint.pt holds the state after step" in last
    assert done.stdout == ""


MISTAKES: dict[str, tuple[list[object], list[str]]] = {
    "unknown data": (["--data", "imagenet"], ["imagenet", "digits", "cifar10"]),
    "unknown model": (["--model", "ResNet18"], ["ResNet18"]),
    "unknown key": (["--set", "train.epoch=3"], ["train.epoch", "epochs"]),
    "unknown table": (["--set", "trian.epochs=3"], ["trian.epochs=3", "train"]),
    "unknown data option": (["--set", "data.header=true"], ["header", "test_size"]),
    "wrong type": (["--set", "train.epochs=many"], ["train.epochs", "whole number", "many"]),
    "no device": (["--device", "cuda:77"], ["cuda:77"]),
    "no file": (["--path", "nowhere.npz"], ["nowhere.npz", "no such file"]),
    "no mnist": (["--data", "mnist", "--root", "nowhere"], ["train-images-idx3-ubyte", "nowhere"]),
    "resume and force": (["--resume", "--force"], ["force"]),
    "odd batch": (["--batch-size", "0"], ["train.batch_size", "at least 1"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_written(
    case: str, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, said = MISTAKES[case]
    line = refused(capsys, recipe, "-o", tmp_path / "run", *words)
    for word in said:
        assert word in line
    assert not (tmp_path / "run").exists()


def test_a_folder_with_files_a_missing_recipe_and_nothing_to_resume_are_one_line(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is not empty" in refused(capsys, recipe, "-o", tmp_path)
    assert "none.toml" in refused(capsys, tmp_path / "none.toml", "-o", tmp_path / "run")
    assert "no training" in refused(capsys, "-o", tmp_path / "run", "--resume")
    recipe.write_text("[train")
    assert "no TOML file" in refused(capsys, recipe, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_with_nan_is_refused_by_place(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = patterns()
    data.train_x[3, 0, 1, 2] = float("nan")
    x, y = data.train_x.numpy(), data.train_y.numpy()
    np.savez(tmp_path / "data.npz", train_x=x, train_y=y, test_x=x[:2], test_y=y[:2])
    assert "train_x[3, 0, 1, 2] is nan" in refused(capsys, recipe, "-o", tmp_path / "run")
