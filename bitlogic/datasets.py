"""Digits to train on: scikit-learn's small ones, and MNIST from its original files."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.errors import FormatError, MissingToolError

_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class Dataset(NamedTuple):
    """Images float32 (n, 1, height, width) and labels int64 (n,), to train on and held out."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


def digits(test_size: int = 360, seed: int = 0) -> Dataset:
    """scikit-learn's 1797 digits, 8 x 8 pixels of 0.0 to 16.0; `test_size` of them are held out, every class alike.

    Raises:
        MissingToolError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise MissingToolError("the digits need scikit-learn: pip install 'bitlogic[data]'") from error
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=test_size, random_state=seed, stratify=labels)
    train_x, test_x = (torch.tensor(part, dtype=torch.float32).reshape(-1, 1, 8, 8) for part in split[:2])
    train_y, test_y = (torch.tensor(part, dtype=torch.int64) for part in split[2:])
    return Dataset(train_x, train_y, test_x, test_y)


def mnist(root: str | os.PathLike[str] | None = None) -> Dataset:
    """The 60,000 + 10,000 MNIST digits from the original IDX files, gzipped or not; 28 x 28 pixels of 0.0 to 1.0.

    A pixel p of the file is p / 255 in float32, so that an encoder's 8-bit grid gives p back.

    Args:
        root: the folder that holds the four files; $BITLOGIC_MNIST where it is not given.

    Raises:
        ValueError: neither `root` nor $BITLOGIC_MNIST is given.
        FileNotFoundError: a file is missing, plain as well as gzipped.
        FormatError: a file is no IDX file of bytes, or its length is not what its header says.
    """
    folder = root if root is not None else os.environ.get("BITLOGIC_MNIST")
    if not folder:
        raise ValueError("no folder for MNIST: give root or set BITLOGIC_MNIST")
    train_x, train_y, test_x, test_y = (_read_idx(Path(folder), name) for name in _MNIST_FILES)
    for name, images, labels in (("train", train_x, train_y), ("t10k", test_x, test_y)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise FormatError(
                f"{folder}: {name} images {images.shape} and labels {labels.shape} do not belong together"
            )
    return Dataset(_pixels(train_x), _labels(train_y), _pixels(test_x), _labels(test_y))


def _pixels(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).unsqueeze(1).to(torch.float32).div_(255.0)


def _labels(labels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(labels).to(torch.int64)


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes: 0, 0, type 8, number of axes, the sizes as big-endian uint32, the bytes."""
    path = folder / name
    if not path.is_file():
        path = folder / f"{name}.gz"
    if not path.is_file():
        raise FileNotFoundError(f"MNIST: neither {name} nor {name}.gz is in {folder}")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: cannot be unpacked: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise FormatError(f"{path}: no IDX file of bytes")
    num_axes = content[3]
    start = 4 + 4 * num_axes
    if len(content) < start:
        raise FormatError(f"{path}: the IDX header is cut off")
    shape = struct.unpack(f">{num_axes}I", content[4:start])
    if len(content) != start + math.prod(shape):
        raise FormatError(f"{path}: {len(content) - start} bytes of data, but the header says {math.prod(shape)}")
    return np.frombuffer(bytearray(content), dtype=np.uint8, offset=start).reshape(shape)
