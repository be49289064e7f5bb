"""MNIST and Fashion-MNIST from their original IDX files."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitlogic.datasets.dataset import Dataset, integer_labels, scaled_pixels
from bitlogic.errors import FormatError

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


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
    return _read_folder("MNIST", "BITLOGIC_MNIST", root)


def fashion_mnist(root: str | os.PathLike[str] | None = None) -> Dataset:
    """The 60,000 + 10,000 pictures of clothes, in MNIST's own format; arguments and errors as for `mnist`.

    Without `root` the folder is $BITLOGIC_FASHION_MNIST. The files have the same names as MNIST's.
    """
    return _read_folder("Fashion-MNIST", "BITLOGIC_FASHION_MNIST", root)


def _read_folder(name: str, variable: str, root: str | os.PathLike[str] | None) -> Dataset:
    folder = root if root is not None else os.environ.get(variable)
    if not folder:
        raise ValueError(f"no folder for {name}: give root or set {variable}")
    train_x, train_y, test_x, test_y = (_read_idx(name, Path(folder), file) for file in _FILES)
    for part, images, labels in (("train", train_x, train_y), ("t10k", test_x, test_y)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise FormatError(
                f"{folder}: {part} images {images.shape} and labels {labels.shape} do not belong together"
            )
    return Dataset(
        scaled_pixels(train_x[:, None]), integer_labels(train_y), scaled_pixels(test_x[:, None]), integer_labels(test_y)
    )


def _read_idx(data_set: str, folder: Path, name: str) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes: 0, 0, type 8, number of axes, the sizes as big-endian uint32, the bytes."""
    path = folder / name
    if not path.is_file():
        path = folder / f"{name}.gz"
    if not path.is_file():
        raise FileNotFoundError(f"{data_set}: neither {name} nor {name}.gz is in {folder}")
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
