"""Datasets: shapes and ranges, the IDX reader, and what a wrong file says."""

import gzip
import struct
import sys
from pathlib import Path

import pytest
import torch

from bitlogic.datasets import digits, mnist
from bitlogic.encoders import DistributiveThermometer
from bitlogic.errors import FormatError, MissingToolError


def idx(shape: tuple[int, ...], data: bytes) -> bytes:
    return b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two training images and one test image of 2 x 3 pixels."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(
        idx((2, 2, 3), bytes([0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]))
    )
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((2,), bytes([7, 3])))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx((1, 2, 3), bytes([9, 8, 7, 6, 5, 4])))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx((1,), bytes([9])))
    return tmp_path


@pytest.mark.data
def test_digits_hold_out_360_images_of_all_classes() -> None:
    data = digits()
    assert data.train_x.shape == (1437, 1, 8, 8)
    assert data.test_x.shape == (360, 1, 8, 8)
    assert data.train_x.dtype == data.test_x.dtype == torch.float32
    assert data.train_y.dtype == data.test_y.dtype == torch.int64
    assert (float(data.train_x.min()), float(data.train_x.max())) == (0.0, 16.0)
    assert int(data.test_y.bincount().min()) >= 34
    again, other = digits(), digits(test_size=100, seed=1)
    assert torch.equal(again.test_x, data.test_x)
    assert torch.equal(again.test_y, data.test_y)
    assert len(other.test_x) == 100
    assert not torch.equal(other.test_x, data.test_x[:100])


def test_digits_without_scikit_learn_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingToolError, match=r"bitlogic\[data\]"):
        digits()


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_reads_idx_files_plain_and_gzipped(folder: Path, packed: bool) -> None:
    if packed:
        for path in list(folder.iterdir()):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    data = mnist(folder)
    assert data.train_x.shape == (2, 1, 2, 3)
    assert torch.equal(data.train_x[1, 0], torch.tensor([[250, 251, 252], [253, 254, 255]]) / 255)
    assert torch.equal(data.test_x[0, 0], torch.tensor([[9, 8, 7], [6, 5, 4]]) / 255)
    assert data.train_y.tolist() == [7, 3]
    assert data.test_y.tolist() == [9]
    assert data.train_y.dtype == torch.int64


def test_mnist_takes_its_folder_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITLOGIC_MNIST", str(folder))
    assert mnist().test_y.tolist() == [9]
    monkeypatch.delenv("BITLOGIC_MNIST")
    with pytest.raises(ValueError, match="BITLOGIC_MNIST"):
        mnist()


def test_pixels_come_back_from_an_eight_bit_grid(folder: Path) -> None:
    x = mnist(folder).train_x
    pixels = DistributiveThermometer(2).fit(x).quantize(x)
    assert pixels.flatten().tolist() == [0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte\.gz"):
        mnist(folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no IDX file"),
        (b"\x89PNG....", "no IDX file"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "no IDX file"),
        (b"\0\0\x08\x03\0\0", "header is cut off"),
        (idx((2, 2, 3), bytes(11)), "11 bytes of data, but the header says 12"),
        (idx((2, 2, 3), bytes(13)), "13 bytes of data, but the header says 12"),
        (idx((3, 2, 2), bytes(12)), "do not belong together"),
        (idx((12,), bytes(12)), "do not belong together"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(folder: Path, content: bytes, reason: str) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(FormatError, match=reason):
        mnist(folder)


@pytest.mark.parametrize("damage", ["cut off", "overwritten"])
def test_a_damaged_gzip_is_refused(folder: Path, damage: str) -> None:
    path = folder / "train-labels-idx1-ubyte"
    packed = gzip.compress(path.read_bytes())
    packed = packed[:-6] if damage == "cut off" else packed[:10] + b"\xff" * 9 + packed[19:]
    path.with_name(path.name + ".gz").write_bytes(packed)
    path.unlink()
    with pytest.raises(FormatError, match="cannot be unpacked"):
        mnist(folder)


@pytest.mark.mnist
def test_the_original_mnist_is_whole() -> None:
    data = mnist()
    assert data.train_x.shape == (60000, 1, 28, 28)
    assert data.test_x.shape == (10000, 1, 28, 28)
    assert data.train_y.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.test_y.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    pixels = DistributiveThermometer(8, distinct=True).fit(data.train_x).quantize(data.test_x)
    assert torch.equal(pixels, torch.round(data.test_x * 255).to(torch.int32))
