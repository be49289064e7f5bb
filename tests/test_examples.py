"""The examples run as they stand."""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bitlogic

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "BITLOGIC_MNIST"}
    environment["OMP_NUM_THREADS"] = "1"  # small tensors, and other tests may be running
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def write_digits(folder: Path, name: str, num: int) -> None:
    """Images 28 x 28 in MNIST's format, dark with specks, each with two bright rows at the height of its label."""
    generator = torch.Generator().manual_seed(num)
    labels = torch.arange(num, dtype=torch.uint8) % 10
    images = torch.randint(0, 256, (num, 28, 28), generator=generator, dtype=torch.uint8)
    images[torch.rand(num, 28, 28, generator=generator) < 0.9] = 0
    for row in (0, 1):
        images[torch.arange(num), 2 * labels.long() + row] = 255
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.numpy().tobytes()))


@pytest.mark.data
def test_the_quickstart_learns_and_saves(tmp_path: Path) -> None:
    done = run("quickstart.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "64 samples a word give the same scores: True" in done.stdout
    accuracies = [float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("epoch")]
    assert accuracies[-1] >= 90
    assert bitlogic.load(tmp_path / "model.pt")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.cc
@pytest.mark.slow
def test_results_makes_the_tables_and_puts_them_into_a_readme(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    (tmp_path / "README.md").write_text(
        "before\n<!-- results -->\nold\n<!-- /results -->\n<!-- exports -->\nold\n<!-- /exports -->\nafter\n"
    )
    options = "--root . --folder out --recipes mnist --targets c packed --readme README.md --set train.epochs=1"
    options += " train.validation=60 train.batch_size=20 model.layers.2.out_dim=100 model.layers.3.out_dim=100"
    done = run("results.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n<!-- results -->\n| recipe |") and text.endswith("<!-- /exports -->\nafter\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:7] == "| mnist"]
    assert [row[1] for row in rows] == ["0", "1", "2", "c", "packed"]
    assert [row[2] for row in rows] == ["200"] * 5
    assert [row[-1] for row in rows[3:]] == ["0", "0"]
    assert "old" not in text


def test_large_netlist_prints_every_step(tmp_path: Path) -> None:
    done = run("large_netlist.py", tmp_path, "--width", "200")
    assert done.returncode == 0, done.stderr
    steps = [line.split("  ")[0] for line in done.stdout.splitlines()[2:]]
    assert steps[:3] == ["build", "extract", "optimize"] and "emit verilog" in steps


@pytest.mark.interop
@pytest.mark.data
@pytest.mark.cc
@pytest.mark.sim
def test_import_torchlogix_gives_the_same_classes_and_exports(tmp_path: Path) -> None:
    options = "--steps 20 --width 100 --simulated 20 --folder out"
    done = run("import_torchlogix.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("of 360 test images; the imported model differs on 0")
    assert lines[1].startswith("verilog: 20 test images agree") and lines[2].startswith("c: 360 test images agree")
    assert bitlogic.load(tmp_path / "out" / "model.pt")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.data
@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
def test_a_recipe_trains_as_it_stands(name: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bitlogic", "train", str(EXAMPLES / "recipes" / f"{name}.toml"), "-o", "run"]
    words += ["--epochs", "3", "--threads", "1", "--set", "model.layer_width=200"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert bitlogic.load(tmp_path / "run" / "model.pt") is not None


def test_the_mnist_recipe_trains_as_it_stands(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    words = [sys.executable, "-m", "bitlogic", "train", str(EXAMPLES / "recipes" / "mnist.toml"), "-o", "run"]
    words += ["--root", ".", "--epochs", "1", "--batch-size", "20", "--threads", "1", "--set", "train.validation=60"]
    words += ["--set", "model.layers.2.out_dim=200", "--set", "model.layers.3.out_dim=200"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert bitlogic.load(tmp_path / "run" / "model.pt")(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "recipes").glob("mnist*.toml")), ids=lambda path: path.stem)
def test_every_mnist_recipe_builds_its_model(path: Path) -> None:
    from bitlogic.training import Recipe, read_tables
    from bitlogic.training.build import build_model, check_model

    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    model, _ = build_model(Recipe.of(read_tables(path)).model, images, 10)
    check_model(model, images, 10)


@pytest.mark.data
def test_the_sweep_finds_and_writes_a_recipe(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    recipe = str(EXAMPLES / "recipes" / "digits.toml")
    options = f"{recipe} --trials 2 --output best.toml --set train.epochs=2 --set model.layer_width=100"
    done = run("sweep_optuna.py", tmp_path, *options.split(), "--set", "train.threads=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("best of 2 trials: {") and "test accuracy" in done.stdout
    from bitlogic.training import Recipe, read_tables

    assert Recipe.of(read_tables(tmp_path / "best.toml")).train.epochs == 2


@pytest.mark.cc
@pytest.mark.data
def test_the_sweep_of_parametrizations_writes_a_table_and_fails_below_the_least_accuracy(tmp_path: Path) -> None:
    options = "--only dwn --connections learnable --epochs 3 --least 101 --output out"
    done = run("sweep_parametrizations.py", tmp_path, *options.split())
    assert done.returncode == 1
    assert "failed: dwn, any, learnable" in done.stderr and "Traceback" not in done.stderr
    table = (tmp_path / "out" / "sweep.md").read_text()
    assert table == done.stdout
    cells = [cell.strip() for cell in table.splitlines()[-1].split("|")[1:-1]]
    (row,) = json.loads((tmp_path / "out" / "sweep.json").read_text())["rows"]
    assert cells[:4] == ["dwn", "any", "learnable", f"{row['discrete']:.2f}"]
    assert row["equal"] and row["finite"] and len(row["curve"]) == 3
    assert row["discrete"] >= 50
