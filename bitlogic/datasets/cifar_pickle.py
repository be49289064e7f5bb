"""A batch file of CIFAR-10's Python version, read without running anything that stands in it.

Such a file is a pickle of a dict with a numpy array. Unpickling calls what the file names; here these names lead to
stand-ins that only keep what they are given, and every other name is refused.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitlogic.errors import FormatError


def read_batch(content: bytes, where: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The pixels uint8 (n, 3072) and labels uint8 (n,) of a batch; FormatError, naming `where`, for anything else."""
    try:
        batch = _Reader(io.BytesIO(content), encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise FormatError(f"{where}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        raise FormatError(f"{where}: cut off or no batch of CIFAR-10 ({type(error).__name__}: {error})") from error
    if not isinstance(batch, dict):
        raise FormatError(f"{where}: holds a {type(batch).__name__}, no batch of CIFAR-10")
    entries = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
    pixels, labels = entries.get("data"), entries.get("labels")
    if not isinstance(pixels, _Array) or not isinstance(labels, list):
        raise FormatError(f"{where}: lacks an array 'data' or a list 'labels'")
    if not all(type(label) is int and 0 <= label < 256 for label in labels):
        raise FormatError(f"{where}: a label is no small whole number")
    return pixels.bytes(where), np.array(labels, dtype=np.uint8)


class _DataType:
    """Stands in for numpy.dtype; keeps its code."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code = code.decode() if isinstance(code, bytes) else code

    def __setstate__(self, state: Any) -> None:
        """The byte order and fields, which bytes have none of."""


class _Array:
    """Stands in for numpy.ndarray; keeps the state that a pickle sets: (version, shape, dtype, Fortran order, data)."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def bytes(self, where: str) -> NDArray[np.uint8]:
        match self.state:
            case (_, (int(rows), int(columns)), _DataType(code="u1"), fortran, bytes(data)):
                if len(data) == rows * columns >= 0:
                    return np.frombuffer(data, dtype=np.uint8).reshape((rows, columns), order="F" if fortran else "C")
                raise FormatError(f"{where}: {len(data)} bytes of data for {rows} x {columns} pixels")
        raise FormatError(f"{where}: 'data' is no array (n, 3072) of bytes")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _encode(text: str, *_: Any) -> bytes:
    """What Python 3 writes for bytes in old pickle protocols."""
    return text.encode("latin1")


_STAND_INS = {
    ("numpy", "dtype"): _DataType,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"names {module}.{name}, which no batch of CIFAR-10 needs; it is not read")
        return _STAND_INS[module, name]
