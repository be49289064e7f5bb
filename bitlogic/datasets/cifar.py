"""CIFAR-10 from its original files, the binary version and the Python version."""

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from bitlogic.datasets.cifar_pickle import read_batch
from bitlogic.datasets.dataset import Dataset, integer_labels, scaled_pixels
from bitlogic.errors import FormatError

_PIXELS = 3 * 32 * 32
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
# Archive, folder within it and ending of the file names; the binary version first, since it needs no unpickling.
_VERSIONS = (
    ("cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin"),
    ("cifar-10-python.tar.gz", "cifar-10-batches-py", ""),
)

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (n, 3, 32, 32), labels (n,)


def cifar10(root: str | os.PathLike[str] | None = None) -> Dataset:
    """The 50,000 + 10,000 CIFAR-10 images, (3, 32, 32) of 0.0 to 1.0, red, green and blue.

    Nothing is unpacked to disk, and no code of a Python batch file is run.

    Args:
        root: `cifar-10-binary.tar.gz` or `cifar-10-python.tar.gz`, the folder one of them unpacks to, or a folder that
            holds one of these; $BITLOGIC_CIFAR10 where it is not given.

    Raises:
        ValueError: neither `root` nor $BITLOGIC_CIFAR10 is given.
        FileNotFoundError: none of these is there, or a batch is missing.
        FormatError: an archive or a batch is cut off or not what it should be.
    """
    place = root if root is not None else os.environ.get("BITLOGIC_CIFAR10")
    if not place:
        raise ValueError("no folder for CIFAR-10: give root or set BITLOGIC_CIFAR10")
    contents, where, ending = _contents(Path(place))
    batches = {}
    for name in (*_TRAIN, "test_batch"):
        if name + ending not in contents:
            raise FileNotFoundError(f"CIFAR-10: {name}{ending} is not in {where}")
        batches[name] = _parse(contents[name + ending], f"{where}/{name}{ending}", binary=ending == ".bin")
    images, labels = (np.concatenate([batches[name][part] for name in _TRAIN]) for part in (0, 1))
    test_images, test_labels = batches["test_batch"]
    return Dataset(
        scaled_pixels(images), integer_labels(labels), scaled_pixels(test_images), integer_labels(test_labels)
    )


def _contents(place: Path) -> tuple[dict[str, Callable[[], bytes]], Path, str]:
    """Readers of the files by name, where they are, and the ending of their names."""
    if place.is_file():
        archive = _read_archive(place)
        return archive, place, ".bin" if "data_batch_1.bin" in archive else ""
    for packed, folder, ending in _VERSIONS:
        for inside in (place, place / folder):
            if (inside / f"data_batch_1{ending}").is_file():
                return {path.name: path.read_bytes for path in inside.iterdir() if path.is_file()}, inside, ending
        if (place / packed).is_file():
            return _read_archive(place / packed), place / packed, ending
    names = " or ".join(name for version in _VERSIONS for name in version[:2])
    raise FileNotFoundError(f"CIFAR-10: {place} is or holds none of {names}")


def _read_archive(path: Path) -> dict[str, Callable[[], bytes]]:
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                wanted = name.startswith(("data_batch_", "test_batch")) and member.isfile()
                stream = archive.extractfile(member) if wanted else None
                if stream is not None:
                    contents[name] = stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: cannot be unpacked: {error}") from error
    return {name: lambda content=content: content for name, content in contents.items()}  # type: ignore[misc]


def _parse(read: Callable[[], bytes], where: str, *, binary: bool) -> Batch:
    content = read()
    if not binary:
        pixels, labels = read_batch(content, where)
    else:
        if not content or len(content) % (1 + _PIXELS):
            raise FormatError(f"{where}: {len(content)} bytes, no whole number of images of {1 + _PIXELS}")
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + _PIXELS)
        pixels, labels = rows[:, 1:], rows[:, 0].copy()
    if pixels.ndim != 2 or pixels.shape[1] != _PIXELS or labels.shape != (len(pixels),):
        raise FormatError(f"{where}: images {pixels.shape} and labels {labels.shape} do not belong together")
    if labels.size and labels.max() > 9:
        raise FormatError(f"{where}: label {labels.max()} of image {labels.argmax()}; CIFAR-10 has 0 to 9")
    return np.array(pixels).reshape(-1, 3, 32, 32), labels
