"""LUTs of five and six pins as LUTs of four.

A table is first split in two, ``f = top(inner(bound pins), rest)``, where pins may be shared: bound and read by ``top``
too (Ashenhurst's decomposition, not disjoint). It exists where, for each value of the shared pins, the other bound pins
select at most two different functions of the rest. Where no split leaves a ``top`` of fewer pins, LUTs choose among the
table's parts: two parts need one such LUT, four need two, since the first one passes the second select pin on when
the first is 1 and so leaves that choice to the next.
"""

from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.exchange.expansions import cofactors
from bitlogic.export.exchange.support import function_of
from bitlogic.export.mapping.splits import Split, best_splits
from bitlogic.export.netlist import Netlist
from bitlogic.export.words import widened

Array = npt.NDArray[Any]
SIZE = 4  # pins of the LUTs that are left
Piece = tuple[int, tuple[int, ...]]  # a table and what it reads: pins of the whole, or from there on earlier pieces
_CHOOSE = 0b1100_1010  # pins low, high, select
_CHOOSE_OR_PASS = 0b1111_0000_1100_1010  # pins low, high, select, pass: select itself where pass is 1
_CHOOSE_LAST = 0b1110_1100_0110_0100  # pins select, first choice, low, high: the first choice where select is 0


def decompose(netlist: Netlist) -> Netlist:
    """The netlist in LUTs of at most four pins; the pieces of a LUT have its origin. Deeper where a LUT was split."""
    if netlist.rank <= SIZE:
        return netlist
    functions = [
        function_of(table, row) for table, row in zip(netlist.tables.tolist(), netlist.pins.tolist(), strict=True)
    ]
    plans = _plans({(table, len(nets)) for table, nets in functions if len(nets) > SIZE})
    new_net = list(range(netlist.first_lut))
    tables: list[int] = []
    pins: list[list[int]] = []
    origins: list[int] = []
    for lut, (table, nets) in enumerate(functions):
        pieces = plans.get((table, len(nets)), ((table, tuple(range(len(nets)))),))
        reads = [new_net[net] for net in nets]
        for piece, places in pieces:
            reads.append(netlist.first_lut + len(tables))
            tables.append(widened(piece, len(places), SIZE))
            pins.append([reads[place] for place in places] + [0] * (SIZE - len(places)))
            origins.append(lut)
        new_net.append(reads[-1])
    return replace(
        netlist,
        tables=np.array(tables, dtype=np.uint64),
        pins=np.array(pins, dtype=np.int32).reshape(len(tables), SIZE),
        outputs=np.array([new_net[net] for net in netlist.outputs.tolist()], dtype=np.int32),
        origins=None if netlist.origins is None else netlist.origins[origins],
    )


def _plans(functions: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[Piece, ...]]:
    """The pieces of each (table, number of pins) above four pins; the last one is the whole."""
    splits: dict[tuple[int, int], Split | None] = {}
    found = set(functions)
    while found:  # the top of a split six-pin table can have five pins
        for num_pins in {num for _, num in found}:
            tables = sorted(table for table, num in found if num == num_pins)
            splits |= zip(((table, num_pins) for table in tables), best_splits(tables, num_pins, SIZE), strict=True)
        tops = (split.top_function for key in found if (split := splits[key]) is not None)
        found = {(table, len(pins)) for table, pins in tops if len(pins) > SIZE} - splits.keys()
    return {key: tuple(_pieces(*key, splits)) for key in functions}


def _pieces(table: int, num_pins: int, splits: dict[tuple[int, int], Split | None]) -> list[Piece]:
    split = splits.get((table, num_pins))
    if num_pins <= SIZE:
        return [(table, tuple(range(num_pins)))]
    if split is None:
        return _parts(table, num_pins)
    top, reads = split.top_function
    moved = [(num_pins if place == 0 else split.rest[place - 1]) for place in reads]
    behind = []
    for piece, places in _pieces(top, len(reads), splits):
        behind.append((piece, tuple(moved[p] if p < len(reads) else p - len(reads) + num_pins + 1 for p in places)))
    return [(split.inner, split.bound), *behind]


def _parts(table: int, num_pins: int) -> list[Piece]:
    """The parts for each value of one or two pins, and the choice between them."""
    selects = min(
        combinations(range(num_pins), num_pins - SIZE), key=lambda pins: len({*_select(table, num_pins, pins)})
    )
    others = tuple(pin for pin in range(num_pins) if pin not in selects)
    parts = _select(table, num_pins, selects)
    pieces: list[Piece] = [(part, others) for part in parts]
    first = num_pins
    if len(selects) == 1:
        return [*pieces, (_CHOOSE, (first, first + 1, selects[0]))]
    low, high = selects
    pieces.append((_CHOOSE_OR_PASS, (first, first + 1, low, high)))
    return [*pieces, (_CHOOSE_LAST, (high, first + 4, first + 2, first + 3))]


@cache
def _select(table: int, num_pins: int, pins: tuple[int, ...]) -> tuple[int, ...]:
    """The parts of a table for each value of the pins, the first one being the lowest bit of the value."""
    parts = [table]
    for gone, pin in enumerate(pins):
        parts = [*(cofactors(part, pin - gone, num_pins - gone)[value] for value in (0, 1) for part in parts)]
    return tuple(parts)
