"""How many operations of three and of two inputs the LUTs of a netlist take."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.divide import costs_of, inner_sizes, pieces_of
from bitlogic.export.mapping.npn import NUM_INPUTS
from bitlogic.export.mapping.smallest import smallest_networks, widened_tables
from bitlogic.export.netlist import MAX_RANK, Netlist
from bitlogic.export.passes.tables import all_ones, ignores_pin, swapped_pins

Array = npt.NDArray[Any]
_BLOCK = 1 << 14


@dataclass(frozen=True)
class Counts:
    """LUTs, what they take one by one in operations of three and of two inputs, and the levels of LUTs."""

    luts: int
    ternary_operations: int
    binary_operations: int
    depth: int


def operation_counts(netlist: Netlist) -> Counts:
    """The counts of a netlist of any rank, each LUT by itself: what LUTs share with each other is not taken off.

    A LUT of up to four pins takes the fewest operations there are, at least one; a larger one those of the pieces it is
    divided into, of which mapping may save some. Half a minute for 100,000 different tables of rank 6, all others at
    once.
    """
    return TableCosts().counts(netlist)


class TableCosts:
    """Operations for tables, remembered from netlist to netlist: a pass changes few of them."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Array, Array]] = {}  # by size: tables, ascending, and their costs

    def counts(self, netlist: Netlist) -> Counts:
        """As ``operation_counts``."""
        ternary, binary = (int(self._costs(netlist, size).sum()) for size in (3, 2))
        return Counts(netlist.num_luts, ternary, binary, netlist.depth)

    def _costs(self, netlist: Netlist, size: int) -> Array:
        tables = netlist.tables
        if netlist.rank <= NUM_INPUTS:
            functions = widened_tables(tables, netlist.rank, NUM_INPUTS).astype(np.int64)
            costs: Array = smallest_networks(size).num_steps[functions]
            return costs
        tables = widened_tables(tables, netlist.rank, MAX_RANK)
        empty = np.zeros(0, dtype=np.uint64)
        known, known_costs = self._known.get(size, (empty, empty.astype(np.int64)))
        new = np.setdiff1d(tables, known)
        every = np.concatenate([known, new])
        order = np.argsort(every)
        found = every[order], np.concatenate([known_costs, _costs_of(new, size)])[order]
        self._known[size] = found
        result: Array = found[1][np.searchsorted(found[0], tables)]
        return result


def _costs_of(tables: Array, size: int) -> Array:
    """int64 ``(n,)`` for uint64 ``(n,)`` tables of rank 6."""
    moved, num_pins = _without_ignored_pins(tables)
    functions = (moved & all_ones(NUM_INPUTS)).astype(np.int64)
    costs: Array = smallest_networks(size).num_steps[functions].astype(np.int64)
    for pins in range(NUM_INPUTS + 1, MAX_RANK + 1):
        rows = np.flatnonzero(num_pins == pins)
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            pieces = pieces_of(moved[some] & all_ones(pins), pins, size, inner_sizes(len(rows), size))
            costs[some] = costs_of(pieces, size)
    return costs


def _without_ignored_pins(tables: Array) -> tuple[Array, Array]:
    """The tables of rank 6 with the pins that matter first, and how many these are."""
    moved, num_pins = tables, np.zeros(len(tables), dtype=np.int64)
    for pin in range(MAX_RANK):  # what matters comes down to the place that is free
        rows = np.flatnonzero(~ignores_pin(tables, pin, MAX_RANK))
        for free in range(pin):
            some = rows[num_pins[rows] == free]
            moved = moved.copy()
            moved[some] = swapped_pins(moved[some], free, pin, MAX_RANK)
        num_pins[rows] += 1
    return moved, num_pins
