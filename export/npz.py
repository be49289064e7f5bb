"""``.npz`` archives of plain arrays, without pickles and byte for byte reproducible."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import FormatError

Array = npt.NDArray[Any]
# What zipfile, zlib and numpy raise at damaged bytes, by where the damage is.
_DAMAGE = (OSError, ValueError, TypeError, AttributeError, EOFError, KeyError, RuntimeError)
_DAMAGE_INSIDE = (OverflowError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error)


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An ``.npz`` with these arrays: compressed, without pickles or times, so that equal arrays give equal bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(
                    member, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False
                )
    return buffer.getvalue()


def npz_arrays(data: bytes, where: str) -> dict[str, Array]:
    """The arrays of an ``.npz``; FormatError for anything else, pickled arrays included."""
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (*_DAMAGE, *_DAMAGE_INSIDE) as error:
        raise FormatError(f"{where}: not an .npz of plain arrays: {error}") from error
