"""The smallest networks of operations of two and of three inputs, and what functions cost with them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.beginnings import ternary_library
from bitlogic.export.mapping.networks import Library, Networks
from bitlogic.export.mapping.npn import NUM_FUNCTIONS, NUM_INPUTS
from bitlogic.export.mapping.three_input import ternary_networks
from bitlogic.export.mapping.two_input import binary_library, binary_networks
from bitlogic.export.words import variables

Array = npt.NDArray[Any]
_NETWORKS: dict[int, Callable[[], Networks]] = {2: binary_networks, 3: ternary_networks}
_LIBRARIES: dict[int, Callable[[], Library]] = {2: binary_library, 3: ternary_library}


def smallest_networks(size: int) -> Networks:
    """Row ``f``: the function ``f`` of four inputs in operations of at most ``size`` inputs, 2 or 3."""
    return _NETWORKS[size]()


def library(size: int) -> Library:
    """Several smallest networks of each class; the first of a class is that of ``smallest_networks``."""
    return _LIBRARIES[size]()


@cache
def part_costs(size: int) -> Array:
    """int64 ``(65536,)``: operations for a function that a LUT reads: none for a constant, a wire or an inverter."""
    costs = smallest_networks(size).num_steps.astype(np.int64)
    wires = np.array([0, *variables(NUM_INPUTS)])
    costs[wires] = costs[NUM_FUNCTIONS - 1 - wires] = 0
    costs.setflags(write=False)
    return costs


def widened_tables(tables: Array, rank: int, to_rank: int) -> Array:
    """The tables as those of a higher rank that ignore the further pins."""
    for pin in range(rank, to_rank):
        tables = tables | tables << np.uint64(1 << pin)
    return tables
