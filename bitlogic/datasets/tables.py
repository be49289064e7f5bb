"""Samples from one's own tables: CSV text and numpy's .npz."""

import csv
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.datasets.dataset import Dataset, hold_out
from bitlogic.errors import FormatError

_PARTS = (("train_x", "train_y", "test_x", "test_y"), ("x_train", "y_train", "x_test", "y_test"))
_WHOLE = ("x", "y")


def csv_table(
    path: str | os.PathLike[str],
    test_path: str | os.PathLike[str] | None = None,
    label: str | int = -1,
    header: bool = True,
    delimiter: str = ",",
    test_size: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """A text table, a sample a row: one column holds the label, all others are numbers; samples float32 (n, columns).

    The distinct labels in sorted order, numbers by value and anything else as text, become the classes 0, 1, ….

    Args:
        path: the table.
        test_path: a second table of the same columns, held out.
        label: the label's column: its name in the header, or its index; -1 is the last.
        header: whether the first line names the columns.
        delimiter: what stands between two values.
        test_size: without `test_path`, how many rows are held out, every class alike: a share in (0, 1) or a number.
        seed: of that division.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such column, or a `test_size` that leaves nothing.
        FormatError: a row has another length than the others, or a value is no finite number; line and column are
            named.
    """
    train_x, train_labels = _read_csv(Path(path), label, header, delimiter)
    if test_path is None:
        y, _ = _classes(train_labels, [])
        return hold_out(train_x, y, test_size, seed)
    test_x, test_labels = _read_csv(Path(test_path), label, header, delimiter)
    if test_x.shape[1] != train_x.shape[1]:
        raise FormatError(f"{test_path}: {test_x.shape[1]} columns of numbers, but {path} has {train_x.shape[1]}")
    train_y, test_y = _classes(train_labels, test_labels)
    return Dataset(train_x, train_y, test_x, test_y)


def npz_table(path: str | os.PathLike[str], test_size: float = 0.2, seed: int = 0) -> Dataset:
    """Arrays of a .npz file: `train_x, train_y, test_x, test_y` (or `x_train, …`), or `x, y` to be divided.

    Samples of any shape (n, ...) become float32 with their values as they are, so that images belong in
    (n, channels, height, width); labels are whole numbers (n,) from 0.

    Args:
        path: the file; pickled objects in it are refused.
        test_size: of `x, y`, how many samples are held out, every class alike: a share in (0, 1) or a number.
        seed: of that division.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a `test_size` that leaves nothing.
        FormatError: no .npz file, arrays missing, of a wrong type, or not as long as their labels.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, AttributeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise FormatError(f"{path}: cut off or no .npz file of plain arrays ({error})") from error
    for names in _PARTS:
        if set(names) <= set(arrays):
            pairs = [_pair(path, arrays, *names[start : start + 2]) for start in (0, 2)]
            return Dataset(*pairs[0], *pairs[1])
    if set(_WHOLE) <= set(arrays):
        return hold_out(*_pair(path, arrays, *_WHOLE), test_size, seed)
    known = " or ".join(", ".join(names) for names in (*_PARTS, _WHOLE))
    raise FormatError(f"{path}: holds {', '.join(arrays) or 'nothing'}; it needs {known}")


def _read_csv(path: Path, label: str | int, header: bool, delimiter: str) -> tuple[Tensor, list[str]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
            rows = [(reader.line_num, row) for row in reader if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: no table of text ({error})") from error
    if len(rows) <= header:
        raise FormatError(f"{path}: holds no rows")
    names = rows[0][1] if header else [str(column) for column in range(len(rows[0][1]))]
    place = _label_column(path, names, label, header)
    rows = rows[header:]
    values = np.empty((len(rows), len(names) - 1), dtype=np.float32)
    labels = []
    for number, (line, row) in enumerate(rows):
        if len(row) != len(names):
            raise FormatError(f"{path}: line {line} has {len(row)} values instead of {len(names)}")
        labels.append(row[place].strip())
        try:
            values[number] = [*row[:place], *row[place + 1 :]]
        except ValueError:
            raise FormatError(f"{path}: {_first_bad(row, names, place, line)}") from None
        if not np.isfinite(values[number]).all() or not labels[-1]:
            raise FormatError(f"{path}: {_first_bad(row, names, place, line)}")
    return torch.from_numpy(values), labels


def _label_column(path: Path, names: list[str], label: str | int, header: bool) -> int:
    if isinstance(label, str):
        stripped = [name.strip() for name in names]
        if not header or label not in stripped:
            raise ValueError(f"{path}: no column {label!r}; columns: {', '.join(stripped)}")
        return stripped.index(label)
    if not -len(names) <= label < len(names) or len(names) < 2:
        raise ValueError(f"{path}: no column {label} for the label beside numbers; there are {len(names)} columns")
    return label % len(names)


def _first_bad(row: list[str], names: list[str], place: int, line: int) -> str:
    for column, text in enumerate(row):
        if column == place and not text.strip():
            return f"line {line} has no label"
        if column != place:
            try:
                good = bool(np.isfinite(np.float32(text)))
            except ValueError:
                good = False
            if not good:
                return f"line {line}, column {names[column].strip()!r}: {text!r} is no finite number"
    raise RuntimeError(f"line {line} was refused without a reason")


def _classes(train: list[str], test: list[str]) -> tuple[Tensor, Tensor]:
    found = set(train) | set(test)
    try:
        ordered = sorted(found, key=float)
        numbers = {name: number for number, name in enumerate(ordered)}
        if len({float(name) for name in found}) != len(found):  # "1" and "1.0" are one class
            values = sorted({float(name) for name in found})
            numbers = {name: values.index(float(name)) for name in found}
    except ValueError:
        numbers = {name: number for number, name in enumerate(sorted(found))}
    train_y, test_y = (torch.tensor([numbers[name] for name in part], dtype=torch.int64) for part in (train, test))
    return train_y, test_y


def _pair(path: Path, arrays: dict[str, NDArray[Any]], samples: str, labels: str) -> tuple[Tensor, Tensor]:
    x, y = arrays[samples], arrays[labels]
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not len(x):
        raise FormatError(f"{path}: {samples} is {x.dtype} {x.shape}; samples are numbers (n, ...)")
    if y.dtype.kind not in "iu" or y.size != len(y):
        raise FormatError(f"{path}: {labels} is {y.dtype} {y.shape}; labels are whole numbers (n,)")
    if len(x) != len(y):
        raise FormatError(f"{path}: {len(x)} samples in {samples}, but {len(y)} labels in {labels}")
    if y.min() < 0:
        raise FormatError(f"{path}: {labels} holds {y.min()}; labels count from 0")
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y.astype(np.int64).reshape(-1))
