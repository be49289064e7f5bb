"""Levels of a netlist: how many LUTs stand behind each other on the longest path up to a net."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def net_levels(pins: Array, first_lut: int) -> Array:
    """int32 ``(first_lut + num_luts,)``: 0 for constants and input bits, else one more than the deepest pin."""
    levels = np.zeros(first_lut + len(pins), dtype=np.int32)
    rows = np.arange(len(pins))
    while len(rows):  # a LUT can rise only when a LUT that it reads rose: as many rounds as the netlist is deep
        new = levels[pins[rows]].max(axis=1) + 1
        risen = new != levels[first_lut + rows]
        if not risen.any():
            break
        levels[first_lut + rows] = new
    return levels


def group_by_level(levels: Array) -> list[Array]:
    """The LUTs of each level from 1 up, ascending, for the ``levels`` ``(num_luts,)`` of the LUTs."""
    order = np.argsort(levels, kind="stable")
    ends = np.cumsum(np.bincount(levels, minlength=1))
    return [order[start:end] for start, end in pairwise(ends) if end > start]
