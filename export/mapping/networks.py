"""Small networks of operations for every function of four inputs, made from those of its NPN class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.npn import NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.passes.tables import all_ones, inverted_pin, swapped_pins

Array = npt.NDArray[Any]
_LAST = np.int16(1 << 8)  # above every operand


class Step(NamedTuple):
    """One operation: bit ``i`` of ``table`` is its result when operand ``k`` reads bit ``k`` of ``i``.

    So operand 0 is the LOWEST bit of the index. The immediate of x86's vpternlog and of NVIDIA's lop3 has the first
    operand as the HIGHEST bit: hand them the operands in reverse order with this table.
    """

    table: int
    operands: tuple[int, ...]  # ascending; below 4: that input, 4 + s: the result of step s; unused: the first again


@dataclass(frozen=True)
class Networks:
    """Networks as arrays, one a row; what lies behind the steps that ``num_steps`` counts is 0."""

    num_steps: Array  # integer (rows,)
    tables: Array  # unsigned (rows, most steps), wide enough for the operands of a step
    operands: Array  # uint8 (rows, most steps, operands of a step); numbered as in Step

    def __post_init__(self) -> None:
        for array in (self.num_steps, self.tables, self.operands):
            array.setflags(write=False)

    def steps(self, row: int) -> tuple[Step, ...]:
        """The steps of one row, the last one being the result. ValueError for a row that there is not."""
        if not 0 <= row < len(self.num_steps):
            raise ValueError(f"a function of four inputs is 0 to {len(self.num_steps) - 1}, not {row}")
        num_steps: int = self.num_steps[row].item()
        rows = zip(self.tables[row, :num_steps].tolist(), self.operands[row, :num_steps].tolist(), strict=True)
        return tuple(Step(table, tuple(operands)) for table, operands in rows)


@dataclass(frozen=True)
class Library:
    """The smallest networks of the representatives: of each class one or several, whose rows stand together."""

    networks: Networks
    first: Array  # int64 (222,): row of each class's first network
    count: Array  # int64 (222,): how many it has

    def placed(self, rows: Array, functions: Array) -> Networks:
        """The networks ``rows`` for ``functions``, int64 ``(n,)`` of the same classes: pins moved, inversions taken in.

        An inverted input is taken into the tables of the steps that read it, an inverted output into the last step's. A
        step that is not the last one gives 0 for zeros: what could be equal is.
        """
        npn, found = classes(), self.networks
        num_steps, operands = found.num_steps[rows], found.operands[rows]
        tables = found.tables[rows].astype(np.uint64)
        most, width = operands.shape[1:]
        for operand in range(width):
            reads = operands[:, :, operand]
            inverted = (reads < NUM_INPUTS) & (npn.negated[functions][:, None] >> np.minimum(reads, 7) & 1 == 1)
            tables = np.where(inverted, inverted_pin(tables, operand, width), tables)
        every = np.arange(len(rows))
        tables[every, num_steps - 1] ^= np.where(npn.output_negated[functions], all_ones(width), np.uint64(0))
        for pin in range(NUM_INPUTS):
            moved = npn.pins[functions, pin]
            operands = np.where(found.operands[rows] == pin, moved[:, None, None], operands)
        tables = _normal_before_last(tables, operands, num_steps)
        tables, operands = ascending(tables, operands, _is_needed(operands))
        absent = np.arange(most) >= num_steps[:, None]
        tables[absent], operands[absent] = 0, 0
        return Networks(num_steps, tables.astype(np.uint8), operands)

    def smallest(self) -> Networks:
        """The first network of every function's class, placed: row ``f`` is for the function ``f``."""
        return self.placed(self.first[classes().class_of], np.arange(NUM_FUNCTIONS))


def appended(first: Networks, second: Networks) -> Networks:
    """The steps of ``first`` and behind them those of ``second``, row by row; the operands stay as they are."""
    most = int((first.num_steps + second.num_steps.astype(np.int64)).max(initial=0))
    rows, width = len(first.num_steps), max(first.operands.shape[2], second.operands.shape[2])
    tables = np.zeros((rows, most), dtype=np.result_type(first.tables, second.tables))
    operands = np.zeros((rows, most, width), dtype=np.uint8)
    starts = np.zeros(rows, dtype=np.int64)
    for networks in (first, second):
        row, step = np.nonzero(np.arange(networks.tables.shape[1]) < networks.num_steps[:, None])
        place = starts[row] + step
        tables[row, place], operands[row, place] = networks.tables[row, step], networks.operands[row, step, :1]
        operands[row, place, : networks.operands.shape[2]] = networks.operands[row, step]
        starts = starts + networks.num_steps
    return Networks(starts, tables, operands)


def taken(networks: Networks, rows: Array | slice) -> Networks:
    """Some rows of the networks."""
    return Networks(networks.num_steps[rows], networks.tables[rows], networks.operands[rows])


def replaced(networks: Networks, rows: Array, others: Networks) -> Networks:
    """The networks with ``others`` in the place of some rows."""
    most = max(networks.tables.shape[1], others.tables.shape[1])
    num_steps = networks.num_steps.astype(np.int64)
    tables = np.zeros((len(num_steps), most), dtype=np.result_type(networks.tables, others.tables))
    operands = np.zeros((len(num_steps), most, networks.operands.shape[2]), dtype=np.uint8)
    for some, where in ((networks, np.arange(len(num_steps))), (others, rows)):
        steps = some.tables.shape[1]
        num_steps[where] = some.num_steps
        tables[where, :steps], operands[where, :steps] = some.tables, some.operands
    return Networks(num_steps, tables, operands)


def rewired(networks: Networks, num_inputs: int, inputs: Array) -> Networks:
    """The networks with ``inputs[row, k]``, uint8, for each operand ``k`` of those below ``num_inputs``."""
    reads = networks.operands.reshape(len(inputs), -1)
    moved = np.take_along_axis(inputs, np.minimum(reads, inputs.shape[1] - 1).astype(np.int64), axis=1)
    operands = np.where(reads < num_inputs, moved, reads).reshape(networks.operands.shape)
    return Networks(networks.num_steps, networks.tables, operands)


def shifted(networks: Networks, num_inputs: int, offsets: Array) -> Networks:
    """The networks with ``offsets``, int64 ``(rows,)``, added to each operand from ``num_inputs`` on."""
    operands = networks.operands + np.where(networks.operands < num_inputs, 0, offsets[:, None, None])
    return Networks(networks.num_steps, networks.tables, operands.astype(np.uint8))


def library_of(choices: Sequence[Sequence[Sequence[Step]]]) -> Library:
    """The library of the networks for each class, in the order of the classes; the first of a class is the default.

    The operands of a step are in any order, but those that it does not need stand last and repeat its first one.
    """
    every = [steps for some in choices for steps in some]
    width, most = len(every[0][0].operands), max(map(len, every))
    tables = np.zeros((len(every), most), dtype=np.uint8)
    operands = np.zeros((len(every), most, width), dtype=np.uint8)
    for row, steps in enumerate(every):
        tables[row, : len(steps)] = [step.table for step in steps]
        operands[row, : len(steps)] = [step.operands for step in steps]
    num_steps = np.array([len(steps) for steps in every], dtype=np.uint8)
    count = np.array([len(some) for some in choices])
    return Library(Networks(num_steps, tables, operands), np.cumsum(count) - count, count)


def _normal_before_last(tables: Array, operands: Array, num_steps: Array) -> Array:
    """The tables of the same networks whose steps but the last are 0 at index 0; readers take the inversion in."""
    tables = tables.copy()
    most, width = operands.shape[1:]
    for step in range(most - 1):
        rows = np.flatnonzero((step < num_steps - 1) & (tables[:, step] & np.uint64(1) == 1))
        tables[rows, step] ^= all_ones(width)
        for operand in range(width):
            reader = rows[:, None], np.arange(step + 1, most)
            reads = operands[reader][:, :, operand] == NUM_INPUTS + step
            tables[reader] = np.where(reads, inverted_pin(tables[reader], operand, width), tables[reader])
    return tables


def _is_needed(operands: Array) -> npt.NDArray[np.bool_]:
    """False for each copy of an operation's first operand."""
    needed = np.ones(operands.shape, dtype=np.bool_)
    needed[..., 1:] = operands[..., 1:] != operands[..., :1]
    return needed


def ascending(tables: Array, operands: Array, needed: Array) -> tuple[Array, Array]:
    """The same operations with the operands that are needed first and ascending; the others are the first one again.

    uint64 ``(...)`` tables that ignore what is not needed, ``(..., width)`` operands, and bool of the same shape.
    """
    width = operands.shape[-1]
    keys = operands.astype(np.int16) + np.where(needed, np.int16(0), _LAST)
    for last in range(width - 1, 0, -1):
        for place in range(last):
            swap = keys[..., place] > keys[..., place + 1]
            tables = np.where(swap, swapped_pins(tables, place, place + 1, width), tables)
            low, high = keys[..., place].copy(), keys[..., place + 1].copy()
            keys[..., place], keys[..., place + 1] = np.where(swap, high, low), np.where(swap, low, high)
    keys = np.where(keys >= _LAST, keys[..., :1], keys)
    return tables, (keys & _LAST - 1).astype(np.uint8)
