"""Which rows of a table of columns are equal."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def first_equal(columns: Sequence[Array]) -> Array:
    """int64 ``(n,)``: for each row of the columns, each ``(n,)``, the first row that equals it; itself if none does."""
    order = np.lexsort(columns)  # stable: the first of equal rows stands first
    starts = np.ones(len(order), dtype=np.bool_)
    starts[1:] = np.logical_or.reduce([column[order[1:]] != column[order[:-1]] for column in columns])
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[starts][np.cumsum(starts) - 1]
    return first
