"""Tables with entries that do not matter, because their addresses never occur."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.passes.tables import all_ones, low_half

Array = npt.NDArray[Any]


def fewest_pins(tables: Array, care: Array, rank: int) -> Array:
    """The tables that agree with ``tables`` where ``care`` is 1 and depend on as few pins as that leaves possible.

    ``tables`` and ``care`` are uint64 ``(n,)`` and no care is 0. Of several choices the one that drops the lowest pins
    is taken; entries that are still free get the value at the lowest address that occurs. So tables that agree, or are
    complements, where both matter are equal, or complements, afterwards.
    """
    chosen, open_rows = tables.copy(), np.flatnonzero(care != all_ones(rank))
    lowest = tables & care & (~care + np.uint64(1)) != 0  # the table's bit at the lowest bit of care
    for num_dropped in range(rank, -1, -1):
        for dropped in combinations(range(rank), num_dropped):
            ones = _over(tables[open_rows] & care[open_rows], dropped, rank)
            zeros = _over(~tables[open_rows] & care[open_rows], dropped, rank)
            fits = ones & zeros == 0
            filled = np.where(lowest[open_rows], zeros ^ all_ones(rank), ones)
            chosen[open_rows[fits]] = filled[fits]
            open_rows = open_rows[~fits]
    return chosen


def _over(tables: Array, pins: tuple[int, ...], rank: int) -> Array:
    """1 where the table is 1 for some value of the pins."""
    for pin in pins:
        step, low = np.uint64(1 << pin), low_half(pin, rank)
        either = (tables | tables >> step) & low
        tables = either | either << step
    return tables
