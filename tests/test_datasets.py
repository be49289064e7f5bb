"""Datasets: shapes and ranges, the IDX reader, and what a wrong file says."""

import gzip
import io
import os
import pickle
import struct
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitlogic.datasets import (
    breast_cancer,
    cifar10,
    csv_table,
    digits,
    fashion_mnist,
    list_datasets,
    load_dataset,
    mnist,
    npz_table,
    spread_over_classes,
)
from bitlogic.datasets.cifar_pickle import read_batch
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


def write_idx(folder: Path, seed: int) -> None:
    for name, num in (("train", 4), ("t10k", 2)):
        pixels = bytes((seed * 7 + number) % 256 for number in range(num * 6))
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx((num, 2, 3), pixels))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx((num,), bytes(range(num))))


def test_fashion_mnist_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path, 1)
    monkeypatch.setenv("BITLOGIC_FASHION_MNIST", str(tmp_path))
    assert fashion_mnist().train_x.shape == (4, 1, 2, 3)
    monkeypatch.delenv("BITLOGIC_FASHION_MNIST")
    with pytest.raises(ValueError, match="Fashion-MNIST: give root or set BITLOGIC_FASHION_MNIST"):
        fashion_mnist()
    with pytest.raises(FileNotFoundError, match="Fashion-MNIST: neither"):
        fashion_mnist(tmp_path / "nowhere")


@pytest.mark.data
def test_breast_cancer_holds_out_114_of_569() -> None:
    data = breast_cancer()
    assert (data.train_x.shape, data.test_x.shape) == ((455, 30), (114, 30))
    assert data.test_y.bincount().tolist() == [42, 72]
    assert load_dataset("breast_cancer", test_size=50).test_y.shape == (50,)


CIFAR_NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def cifar_batch(number: int, num: int = 2) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[int]]:
    """Images (num, 3072), each with its batch, image and colour in its pixels, and their labels."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (num, 3072), dtype=np.uint8), [(number + image) % 10 for image in range(num)]


def as_binary(number: int) -> bytes:
    return b"".join(bytes([label]) + row.tobytes() for row, label in zip(*cifar_batch(number), strict=True))


def as_pickle(number: int) -> bytes:
    pixels, labels = cifar_batch(number)
    content = {b"batch_label": b"testing", b"labels": labels, b"data": pixels, b"filenames": [b"a.png", b"b.png"]}
    return pickle.dumps(content, protocol=2)


def pack(path: Path, files: dict[str, bytes], folder: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("version", ["binary", "python"])
@pytest.mark.parametrize("form", ["archive", "folder with archive", "folder", "folder of folder"])
def test_cifar10_reads_both_versions_packed_and_unpacked(version: str, form: str, tmp_path: Path) -> None:
    make, ending = (as_binary, ".bin") if version == "binary" else (as_pickle, "")
    folder = "cifar-10-batches-bin" if version == "binary" else "cifar-10-batches-py"
    files = {name + ending: make(number) for number, name in enumerate(CIFAR_NAMES)}
    place = tmp_path
    if "archive" in form:
        place = pack(tmp_path / f"cifar-10-{version}.tar.gz", files, folder)
        place = tmp_path if form.startswith("folder") else place
    else:
        inside = tmp_path if form == "folder" else tmp_path / folder
        inside.mkdir(exist_ok=True)
        for name, content in files.items():
            (inside / name).write_bytes(content)
    data = cifar10(place)
    assert (data.train_x.shape, data.test_x.shape) == ((10, 3, 32, 32), (2, 3, 32, 32))
    assert data.train_y.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    pixels, labels = cifar_batch(5)
    assert torch.equal(torch.round(data.test_x * 255).to(torch.uint8).flatten(1), torch.from_numpy(pixels))
    assert data.test_y.tolist() == labels


def test_cifar10_by_an_unpickler_of_python_2_arrays(tmp_path: Path) -> None:
    """Python 2 wrote array bytes and keys as strings without an encoding: opcode U, not an encode() of text."""
    pixels, labels = cifar_batch(0)
    raw = pixels.tobytes()
    text = b"\x80\x02}(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R("
    text += b"K\x01M\x02\x00M\x00\x0c\x86cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
    text += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
    text += b"K\x00tb\x89T" + struct.pack("<I", len(raw)) + raw + b"tbU\x06labels](K\x00K\x01eu."
    found, classes = read_batch(text, "batch")
    assert np.array_equal(found, pixels)
    assert classes.tolist() == labels


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps(_Evil()), r"names (posix|nt)\.system, which no batch of CIFAR-10 needs"),
        (pickle.dumps({"data": _Evil(), "labels": []}, protocol=2), r"names posix\.system"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({"labels": [1]}), "lacks an array 'data'"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.float32), "labels": [1]}, protocol=2), "no array .* of bytes"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [1, 2]}, protocol=2), "do not belong together"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": ["cat"]}, protocol=2), "no small whole number"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, protocol=2), "label 10 of image 0"),
        (as_pickle(1)[:900], "truncated"),
        (b"", "cut off or no batch"),
        (b"nothing", "data_batch_1: "),
    ],
)
def test_a_wrong_python_batch_is_refused_and_never_run(
    content: bytes, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(CIFAR_NAMES):
        (tmp_path / name).write_bytes(as_pickle(number))
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(FormatError, match=reason):
        cifar10(tmp_path)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "0 bytes"), (b"\0" * 3072, "3072 bytes, no whole"), (b"\x0a" * 3073, "label 10")]
)
def test_a_wrong_binary_batch_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    for number, name in enumerate(CIFAR_NAMES):
        (tmp_path / f"{name}.bin").write_bytes(as_binary(number))
    (tmp_path / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(FormatError, match=rf"data_batch_3\.bin: {reason}"):
        cifar10(tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"data_batch_3\.bin is not in"):
        cifar10(tmp_path)


def test_a_damaged_or_missing_cifar_archive_is_refused(tmp_path: Path) -> None:
    files = {f"{name}.bin": as_binary(number) for number, name in enumerate(CIFAR_NAMES)}
    path = pack(tmp_path / "cifar-10-binary.tar.gz", files, "cifar-10-batches-bin")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(FormatError, match="cannot be unpacked"):
        cifar10(path)
    path.write_text("no archive")
    with pytest.raises(FormatError, match="cannot be unpacked"):
        cifar10(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"is or holds none of cifar-10-binary\.tar\.gz"):
        cifar10(tmp_path / "nowhere")


def test_csv_rows_become_samples_and_labels_sorted_classes(tmp_path: Path) -> None:
    path, test = tmp_path / "train.csv", tmp_path / "test.csv"
    path.write_text('kind, width, "height, cm"\nred, 1, 2.5\nblue, -3, 4e2\n\ngreen, 0, 1\n')
    test.write_text("kind,width,height\ngreen,7,8\nblue,9,10\n")
    for label in ("kind", 0, -3):
        data = csv_table(path, test, label=label)
        assert data.train_x.tolist() == [[1, 2.5], [-3, 400], [0, 1]]
        assert data.train_y.tolist() == [2, 0, 1]
        assert (data.test_x.tolist(), data.test_y.tolist()) == ([[7, 8], [9, 10]], [1, 0])
    path.write_text("1;10\n2;9.0\n3;9\n4;-1\n")
    data = csv_table(path, path, header=False, delimiter=";")
    assert data.train_y.tolist() == [2, 1, 1, 0], "numbers in order of value"


@pytest.mark.parametrize(
    ("text", "options", "error", "reason"),
    [
        ("", {}, FormatError, "holds no rows"),
        ("a,b\n", {}, FormatError, "holds no rows"),
        ("a,b\n1,2\n3\n", {}, FormatError, "line 3 has 1 values instead of 2"),
        ("a,b\n1,2\nx,4\n", {}, FormatError, "line 3, column 'a': 'x' is no finite number"),
        ("a,b\n1,2\nnan,4\n", {}, FormatError, "line 3, column 'a': 'nan' is no finite number"),
        ("a,b\n1,2\n,4\n", {}, FormatError, "line 3, column 'a': '' is no finite number"),
        ("a,b\n1,2\n3, \n", {}, FormatError, "line 3 has no label"),
        ('a,b\n1,"2\n', {}, FormatError, "no table of text"),
        ("a,b\n1,2\n", {"label": "c"}, ValueError, "no column 'c'; columns: a, b"),
        ("a,b\n1,2\n", {"label": 2}, ValueError, "no column 2"),
        ("a,b\n1,2\n3,4\n", {"test_size": 2}, ValueError, "2 of 2 samples cannot be held out"),
    ],
)
def test_a_wrong_csv_table_is_refused_by_its_place(
    text: str, options: dict[str, Any], error: type[Exception], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(error, match=reason):
        csv_table(path, **options)


def test_a_csv_of_other_columns_or_bytes_or_nowhere_is_refused(tmp_path: Path) -> None:
    path, test = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("a,b\n1,2\n")
    test.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(FormatError, match=r"b\.csv: 2 columns of numbers, but .*a\.csv has 1"):
        csv_table(path, test)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="no table of text"):
        csv_table(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        csv_table(tmp_path / "c.csv")


def test_npz_tables_whole_and_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    x, y = np.arange(40, dtype=np.uint8).reshape(10, 2, 2), np.array([0, 1] * 5, dtype=np.uint8)
    np.savez(path, x_train=x, y_train=y, x_test=x[:3], y_test=y[:3, None])
    data = npz_table(path)
    assert (data.train_x.dtype, data.train_x.shape, data.test_y.tolist()) == (torch.float32, (10, 2, 2), [0, 1, 0])
    np.savez_compressed(path, x=x, y=y)
    data = load_dataset("npz", path=path, test_size=0.4)
    assert (len(data.train_y), data.test_y.bincount().tolist()) == (6, [2, 2])
    rows = sorted(torch.cat([data.train_x, data.test_x]).flatten(1).tolist())
    assert rows == x.reshape(10, 4).tolist()
    assert torch.equal(npz_table(path, test_size=4).test_x, data.test_x)
    assert not torch.equal(npz_table(path, test_size=4, seed=1).test_x, data.test_x)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"a": np.zeros(3)}, "holds a; it needs train_x"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(2, int)}, "3 samples in x, but 2 labels in y"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(3)}, "y is float64"),
        ({"x": np.zeros((3, 2)), "y": np.array([0, -1, 0])}, "y holds -1"),
        ({"x": np.zeros(3), "y": np.zeros(3, int)}, "x is float64"),
        ({"x": np.zeros((3, 2), complex), "y": np.zeros(3, int)}, "x is complex128"),
        ({"x": np.array([[None]]), "y": np.zeros(1, int)}, "no .npz file of plain arrays"),
    ],
)
def test_a_wrong_npz_table_is_refused(arrays: dict[str, Any], reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", **arrays)
    with pytest.raises(FormatError, match=reason):
        npz_table(tmp_path / "table.npz")


@pytest.mark.parametrize("damage", ["cut off", "text", "npy", "empty"])
def test_a_file_that_is_no_npz_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    np.savez(path, x=np.zeros((300, 2)), y=np.zeros(300, int))
    whole = path.read_bytes()
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    path.write_bytes({"cut off": whole[:700], "text": b"text", "npy": buffer.getvalue(), "empty": b""}[damage])
    with pytest.raises(FormatError, match=r"table\.npz: cut off or no \.npz file"):
        npz_table(path)
    with pytest.raises(FileNotFoundError):
        npz_table(tmp_path / "nowhere.npz")


def test_load_dataset_lists_names_and_options() -> None:
    with pytest.raises(ValueError, match="unknown data set 'imagenet'; choices: digits, breast_cancer, mnist"):
        load_dataset("imagenet")
    with pytest.raises(ValueError, match="'mnist' has no option 'path'; choices: root"):
        load_dataset("mnist", path="x")
    with pytest.raises(ValueError, match="'csv' needs the option 'path'"):
        load_dataset("csv")
    assert set(list_datasets()) == {"digits", "breast_cancer", "mnist", "fashion-mnist", "cifar10", "csv", "npz"}


@pytest.mark.parametrize("seed", range(3))
def test_a_drawn_part_has_every_class_in_its_share(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.multinomial(torch.tensor([0.6, 0.3, 0.1]), 500, replacement=True, generator=generator)
    for num in (1, 37, 250, 499):
        mask = spread_over_classes(labels, num, seed)
        assert int(mask.sum()) == num
        drawn = labels[mask].bincount(minlength=3)
        fair = labels.bincount(minlength=3) * num / 500
        assert float((drawn - fair).abs().max()) <= 1.5
