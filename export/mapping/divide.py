"""LUTs of five and six pins as LUTs of four or less, so that few operations are needed in the end.

A table splits by one input ``x`` into its parts ``f0`` and ``f1``, and any two of ``f0``, ``f1`` and ``f0 ^ f1`` give
it back: ``x ? f1 : f0``, ``f0 ^ (x & (f0 ^ f1))`` or ``f1 ^ (~x & (f0 ^ f1))``. Each input and each of the three ways
is tried, six pins down to four, and the one with the fewest operations for both parts together is taken; unless the
table splits into an inner table and a smaller one behind it (``splits.py``) with fewer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.networks import Networks, appended, replaced, rewired, shifted, taken
from bitlogic.export.mapping.npn import NUM_INPUTS
from bitlogic.export.mapping.pairs import pair_costs, pair_networks
from bitlogic.export.mapping.pieces import in_pieces
from bitlogic.export.mapping.smallest import part_costs
from bitlogic.export.mapping.splits import best_splits
from bitlogic.export.netlist import MAX_RANK, Netlist
from bitlogic.export.passes.constants import fold_constants
from bitlogic.export.passes.dead import remove_dead
from bitlogic.export.passes.pins import drop_unused_pins
from bitlogic.export.passes.tables import all_ones, ignores_pin, swapped_pins
from bitlogic.export.passes.wires import absorb_wires
from bitlogic.export.words import widened

Array = npt.NDArray[Any]
# Of two parts and the input: the choice; the first part, changed by the other where the input is 1, or where it is 0.
_TOPS = np.array([0b1100_1010, 0b0110_1010, 0b1010_0110], dtype=np.uint16)
_PAIRS = ((0, 1), (0, 2), (1, 2))  # which of f0, f1 and f0 ^ f1 these are
_TOP_COSTS = {2: (3, 2, 2), 3: (1, 1, 1)}
MOST_PIECES = 11  # of a LUT: two of five inputs with five each, and the one that joins them
_INNER_SIZES = {2: (2, 4), 3: (3, 4)}
MAX_SPLIT = 20_000  # tables up to which splits are looked for, which takes six times as long as dividing
_BLOCK = 1 << 14  # tables at a time


@dataclass(frozen=True)
class Division:
    """For each table of five or six inputs how it splits with the fewest operations, and how many these are."""

    costs: Array  # int64 (n,)
    selects: Array  # int64 (n,)
    ways: Array  # int64 (n,): the index in _TOPS
    orders: Array  # int64 (n,): of the parts, as in pair_costs; 0 for parts of five inputs
    parts: tuple[Array, Array]  # uint64 (n,): tables of one input less, of the inputs but the select in their order


def divide(netlist: Netlist, size: int) -> Netlist:
    """The netlist in LUTs of at most four pins, chosen for operations of ``size`` inputs; the pieces have its origin.

    ``netlist`` is as ``drop_unused_pins`` leaves it.
    """
    if netlist.rank <= NUM_INPUTS:
        return netlist
    num_pins = np.full(netlist.num_luts, NUM_INPUTS)
    for pin in range(NUM_INPUTS, netlist.rank):
        num_pins[~ignores_pin(netlist.tables, pin, netlist.rank)] = pin + 1
    num_steps = np.ones(netlist.num_luts, dtype=np.int64)
    tables = np.zeros((netlist.num_luts, MOST_PIECES), dtype=np.uint16)
    operands = np.zeros((netlist.num_luts, MOST_PIECES, NUM_INPUTS), dtype=np.uint8)
    for pins in range(NUM_INPUTS, MAX_RANK + 1):
        rows = np.flatnonzero(num_pins == pins)
        inner = inner_sizes(len(rows), size)
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            found = pieces_of(netlist.tables[some] & all_ones(pins), pins, size, inner)
            num_steps[some], most = found.num_steps, found.tables.shape[1]
            tables[some, :most], operands[some, :most] = found.tables, found.operands
    divided = in_pieces(netlist, Networks(num_steps, tables, operands), MAX_RANK)
    for clean in (fold_constants, drop_unused_pins, absorb_wires, remove_dead):  # parts may be constants or wires
        divided = clean(divided)
    return divided


def inner_sizes(num_tables: int, size: int) -> tuple[int, ...]:
    """The pins of the inner tables of the splits that are looked for: none for more than 20,000 tables."""
    return _INNER_SIZES[size] if num_tables <= MAX_SPLIT else ()


def pieces_of(tables: Array, num_pins: int, size: int, inner: tuple[int, ...]) -> Networks:
    """LUTs of at most four pins for uint64 ``(n,)`` tables of ``num_pins`` inputs, four to six.

    Operands from 6 on are earlier pieces. Of the division and the splits that exist, with inner tables of the sizes
    ``inner``, the cheapest one.
    """
    if num_pins == NUM_INPUTS:
        every = np.broadcast_to(np.arange(NUM_INPUTS, dtype=np.uint8), (len(tables), 1, NUM_INPUTS))
        return Networks(np.ones(len(tables), dtype=np.int64), tables.astype(np.uint16)[:, None], every)
    networks = _expanded(tables, num_pins, size, inner)
    for inner_size in inner:
        rows, split = _split(tables, num_pins, size, inner_size)
        better = costs_of(split, size) < costs_of(networks, size)[rows]
        networks = replaced(networks, rows[better], taken(split, better))
    return networks


def costs_of(networks: Networks, size: int) -> Array:
    """int64 ``(n,)``: operations for pieces of at most four pins, each by itself."""
    steps = np.arange(networks.tables.shape[1]) < networks.num_steps[:, None]
    costs: Array = np.where(steps, part_costs(size)[networks.tables.astype(np.int64)], 0).sum(axis=1)
    return costs


def division_of(tables: Array, num_pins: int, size: int) -> Division:
    """How uint64 ``(n,)`` tables of ``num_pins`` inputs, five or six, split for operations of ``size`` inputs."""
    num = len(tables)
    parts = (np.zeros(num, dtype=np.uint64), np.zeros(num, dtype=np.uint64))
    selects, ways, chosen = np.zeros((3, num), dtype=np.int64)
    found = Division(np.full(num, np.iinfo(np.int64).max), selects, ways, chosen, parts)
    for select in range(num_pins):
        low, high = _parts(tables, num_pins, select)
        candidates = (low, high, low ^ high)
        if num_pins - 1 > NUM_INPUTS:
            singles = np.split(division_of(np.concatenate(candidates), num_pins - 1, size).costs, 3)
        for way, pair in enumerate(_PAIRS):
            one, other = (candidates[place] for place in pair)
            if num_pins - 1 > NUM_INPUTS:
                costs, orders = singles[pair[0]] + singles[pair[1]], np.zeros(num, dtype=np.int64)
                costs = np.where(low == high, singles[0], costs + _TOP_COSTS[size][way])
            else:
                costs, orders = pair_costs(one.astype(np.int64), other.astype(np.int64), size)
                costs = costs + np.where(low == high, 0, _TOP_COSTS[size][way])
            better = costs < found.costs
            for array, values in zip(
                (found.costs, found.selects, found.ways, found.orders, *parts),
                (costs, np.full(num, select), np.full(num, way), orders, one, other),
                strict=True,
            ):
                array[better] = values[better]
    return found


def _parts(tables: Array, num_pins: int, select: int) -> tuple[Array, Array]:
    """The tables with one input at 0 and at 1, over the others."""
    for pin in range(select, num_pins - 1):
        tables = swapped_pins(tables, pin, pin + 1, num_pins)
    return tables & all_ones(num_pins - 1), tables >> np.uint64(1 << num_pins - 1)


def _expanded(tables: Array, num_pins: int, size: int, inner: tuple[int, ...]) -> Networks:
    """The pieces of each table as its division has them."""
    division = division_of(tables, num_pins, size)
    if num_pins - 1 == NUM_INPUTS:
        one, other = (part.astype(np.int64) for part in division.parts)
        networks, results = pair_networks(one, other, division.orders)
    else:
        first, second = (pieces_of(part, num_pins - 1, size, inner) for part in division.parts)
        networks = appended(first, shifted(second, MAX_RANK, first.num_steps))
        results = (first.num_steps + MAX_RANK - 1, networks.num_steps + MAX_RANK - 1)
    others = np.array([[pin for pin in range(num_pins) if pin != select] for select in range(num_pins)], dtype=np.uint8)
    tops = _TOPS[division.ways]
    reads = np.stack([*results, division.selects, results[0]], axis=1)[:, None]
    top = Networks(np.ones(len(tables), dtype=np.int64), (tops | tops << np.uint16(8))[:, None], reads)
    return appended(rewired(networks, MAX_RANK, others[division.selects]), top)


def _split(tables: Array, num_pins: int, size: int, inner_size: int) -> tuple[Array, Networks]:
    """The rows of the tables that split in two, and the pieces of these tables."""
    splits = best_splits(tables.tolist(), num_pins, inner_size)
    found = [(row, split) for row, split in enumerate(splits) if split is not None]
    rows = np.array([row for row, _ in found], dtype=np.int64)
    inners = np.array([widened(split.inner, len(split.bound), NUM_INPUTS) for _, split in found], dtype=np.uint16)
    bound = np.zeros((len(found), 1, NUM_INPUTS), dtype=np.uint8)
    top_inputs = np.zeros((len(found), MAX_RANK), dtype=np.uint8)
    top_tables = np.zeros(len(found), dtype=np.uint64)
    top_pins = np.full(len(found), NUM_INPUTS)
    for place, (_, split) in enumerate(found):
        table, reads = split.top_function
        bound[place, 0] = [*split.bound, *[split.bound[0]] * (NUM_INPUTS - len(split.bound))]
        top_inputs[place, : len(reads)] = [split.rest[read - 1] if read else MAX_RANK for read in reads]
        top_pins[place] = max(len(reads), NUM_INPUTS)
        top_tables[place] = widened(table, len(reads), NUM_INPUTS)
    networks = Networks(np.ones(len(found), dtype=np.int64), inners[:, None], bound)
    for pins in np.unique(top_pins).tolist():
        some = np.flatnonzero(top_pins == pins)
        tops = pieces_of(top_tables[some], pins, size, (inner_size,))
        behind = shifted(tops, MAX_RANK, np.ones(len(some), dtype=np.int64))
        whole = appended(taken(networks, some), rewired(behind, MAX_RANK, top_inputs[some]))
        networks = replaced(networks, some, whole)
    return rows, networks
