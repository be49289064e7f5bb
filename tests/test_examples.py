"""The examples run as they stand."""

import gzip
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


def test_train_mnist_learns_and_saves(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    options = "--root . --epochs 2 --batch-size 20 --width 200 --candidates 4 --threads 1 --output digits.safetensors"
    done = run("train_mnist.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2", "saved digits.safetensors"]
    assert float(lines[-1].split()[5]) >= 50
    assert bitlogic.load(tmp_path / "digits.safetensors")(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "BITLOGIC_MNIST"),
        (["--root", "nowhere"], "neither train-images-idx3-ubyte nor"),
        (["--width", "15"], "multiple of 10"),
        (["--epochs", "0"], "at least 1"),
    ],
)
def test_train_mnist_refuses_in_one_line(tmp_path: Path, arguments: list[str], reason: str) -> None:
    done = run("train_mnist.py", tmp_path, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.cc
@pytest.mark.slow
def test_mnist_results_makes_the_table_and_puts_it_into_a_readme(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    (tmp_path / "README.md").write_text("before\n<!-- results -->\noutdated\n<!-- /results -->\nafter\n")
    options = "--root . --folder out --epochs 1 --width 100 --targets c packed --readme README.md"
    done = run("mnist_results.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n<!-- results -->\n| thresholds |") and text.endswith("<!-- /results -->\nafter\n")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith(("| distinct", "| plain"))]
    assert [row[3].strip() for row in rows] == ["c", "packed"] * 2
    assert {row[-1].strip() for row in rows} == {"0"}
    assert "outdated" not in text


def test_large_netlist_prints_every_step(tmp_path: Path) -> None:
    done = run("large_netlist.py", tmp_path, "--width", "200")
    assert done.returncode == 0, done.stderr
    steps = [line.split("  ")[0] for line in done.stdout.splitlines()[2:]]
    assert steps[:3] == ["build", "extract", "optimize"] and "emit verilog" in steps
