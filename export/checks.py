"""Checks of a netlist's fields when it is made: exact dtypes, read-only arrays, one sentence for what is wrong."""

from operator import index
from typing import Any

import numpy as np

from bitlogic.errors import NetlistError


def freeze_field(owner: Any, name: str, dtype: type[np.generic]) -> None:
    """Replaces a field by a read-only copy; a value that the dtype cannot hold is refused, never wrapped."""
    given = np.asarray(getattr(owner, name))
    with np.errstate(invalid="ignore", over="ignore"):
        array = np.array(given, dtype=dtype)
    kinds = "f" if dtype is np.float32 else "iu"
    require(given.dtype.kind in kinds or given.size == 0, f"{name} has dtype {given.dtype}, not {np.dtype(dtype)}")
    if kinds == "iu" and given.size and given.dtype != array.dtype:
        require(
            int(given.min()) >= np.iinfo(np.dtype(dtype)).min and int(given.max()) <= np.iinfo(np.dtype(dtype)).max,
            f"{name} overflows",
        )
    if kinds == "f" and given.size:
        require(np.array_equal(np.isinf(given), np.isinf(array)), f"{name} overflows")
    array.setflags(write=False)
    object.__setattr__(owner, name, array)


def freeze_integer(owner: Any, name: str, low: int, high: int) -> None:
    """Replaces a field by a plain int, so that it saves and digests alike wherever it came from."""
    given = getattr(owner, name)
    try:
        value = index(given)
    except TypeError as error:
        raise NetlistError(f"{name} is an integer, not {given!r}") from error
    require(low <= value <= high, f"{name} is {low} to {high}, not {value}")
    object.__setattr__(owner, name, value)


def require(holds: bool, message: str) -> None:
    if not holds:
        raise NetlistError(message)
