"""The order of the LUTs for an interpreter: runs of LUTs of one kind, and the cells that their values take."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.passes.constants import fold_constants
from bitlogic.export.passes.dead import remove_dead
from bitlogic.export.passes.pins import drop_unused_pins
from bitlogic.export.targets.c_layout import assign_cells
from bitlogic.export.targets.c_order import reordered

Array = npt.NDArray[Any]
_INPUT_RANKS = (1, 1, 2, 4, 4, 5, 6)  # the loop that serves a LUT of so many real pins, all on input bits
_CELL_RANKS = (2, 2, 2, 3, 4, 5, 6)  # the same with all pins on cells


@dataclass(frozen=True)
class Run:
    """LUTs that one loop computes, one after the other.

    Stored LUTs have ``cells``; LUTs that are only added up have ``counts`` instead, and stand in the order of classes.
    """

    from_inputs: bool
    rank: int  # of the loop; its LUTs have as many real pins or fewer
    luts: Array  # int64 (n,): LUTs of the plan's netlist
    cells: Array | None  # int64 (n,): where the values go
    counts: Array | None  # int64 (num_classes,): LUTs of each class

    @property
    def in_order(self) -> bool:
        """Whether the values go to neighbouring cells, so that the place of none need be written down."""
        return self.cells is not None and bool((np.diff(self.cells) == 1).all())


@dataclass(frozen=True)
class Plan:
    """What the interpreter runs, in order: all runs over input bits, then those over cells.

    ``netlist`` computes what the given one does, in the form that ``separated`` describes. The cell of a net is taken
    over by another one after its last reader has run, so ``num_cells`` is the largest number of nets alive at a time.
    """

    netlist: Netlist
    runs: tuple[Run, ...]
    cell_of: Array  # int64 (num_nets,): -1 for nets without a cell
    num_cells: int
    offsets: Array  # int64 (num_classes,): outputs that are the constant 1


def plan_tables(netlist: Netlist, input_key: Array | None = None) -> Plan:
    """The plan of a netlist; LUTs that no output depends on are not in it.

    LUTs over input bits whose pins have the same ``input_key``, of 16 bits ``(num_inputs,)``, stand side by side.
    """
    netlist = separated(netlist, input_key)
    outputs, groups = netlist.outputs, netlist.head.num_classes
    class_of = np.full(netlist.num_nets, -1, dtype=np.int64)
    class_of[outputs] = np.repeat(np.arange(groups), netlist.group_size)
    summed = class_of[netlist.first_lut :] >= 0
    stored = np.concatenate([np.zeros(netlist.first_lut, dtype=np.bool_), ~summed])
    cell_of, num_cells = assign_cells(netlist, np.ones(netlist.num_nets, dtype=np.bool_), stored)
    inputs, ranks = _kinds(netlist)
    runs = []
    for start, end in _segments(summed, inputs, ranks, np.where(summed, 0, netlist.levels[netlist.first_lut :])):
        luts = np.arange(start, end)
        nets = luts + netlist.first_lut
        counts = np.bincount(class_of[nets], minlength=groups) if summed[start] else None
        cells = None if summed[start] else cell_of[nets]
        runs.append(Run(bool(inputs[start]), int(ranks[start]), luts, cells, counts))
    runs.sort(key=lambda run: not run.from_inputs)  # stable: the cells were assigned in this order
    offsets = (outputs.reshape(groups, -1) == 1).sum(axis=1)
    return Plan(netlist, tuple(runs), cell_of, num_cells, offsets)


def separated(netlist: Netlist, input_key: Array | None = None) -> Netlist:
    """The netlist in which a LUT reads either input bits or other LUTs, and an output is a LUT of its own.

    No LUT is dead, constant or has a pin that does not matter; where one would read both, the input bits come through a
    LUT of one pin. An output is a constant net or a LUT that nothing else reads. The LUTs stand in the order they run:
    stored ones over input bits, stored ones by level, then the outputs; each group by the loop that serves it.
    """
    return _ordered(_own_outputs(_own_inputs(_reduced(netlist))), input_key)


def _reduced(netlist: Netlist) -> Netlist:
    """Without constants, repeated pins, pins that do not matter and dead LUTs."""
    netlist = drop_unused_pins(fold_constants(netlist))
    while (netlist.pins < FIRST_INPUT).all(axis=1).any():  # a constant that only shows when repeated pins join
        folded = remove_dead(drop_unused_pins(fold_constants(netlist)))
        if folded.num_luts == netlist.num_luts:
            break
        netlist = folded
    return remove_dead(netlist)


def _own_inputs(netlist: Netlist) -> Netlist:
    """A LUT that read input bits and LUTs reads LUTs only, of which the first ones are new: they are the input bits."""
    pins, first = netlist.pins, netlist.first_lut
    from_input = (pins >= FIRST_INPUT) & (pins < first)
    from_lut = (pins >= first).any(axis=1)
    held = np.unique(pins[from_lut][from_input[from_lut]])
    if not len(held):
        return netlist
    is_held = np.zeros(first, dtype=np.bool_)
    is_held[held] = True
    all_held = (is_held[np.minimum(pins, first - 1)] == from_input).all(axis=1)  # nor need these read the inputs again
    moved = np.where(pins >= first, pins + len(held), pins)
    through_wire = from_input & (from_lut | all_held)[:, None]
    moved[through_wire] = first + np.searchsorted(held, pins[through_wire])
    outputs = netlist.outputs
    return replace(
        netlist,
        tables=np.concatenate([_wires(len(held), netlist.rank), netlist.tables]),
        pins=np.concatenate([_wire_pins(held, netlist.rank), moved]).astype(np.int32),
        outputs=np.where(outputs >= first, outputs + len(held), outputs).astype(np.int32),
        origins=None,
    )


def _own_outputs(netlist: Netlist) -> Netlist:
    """An output that is an input bit, or that somebody else uses too, becomes a new LUT that reads it."""
    outputs, first = netlist.outputs, netlist.first_lut
    uses = np.bincount(netlist.pins.ravel(), minlength=netlist.num_nets)
    uses += np.bincount(outputs, minlength=netlist.num_nets)
    shared = np.flatnonzero((outputs >= FIRST_INPUT) & ((outputs < first) | (uses[outputs] > 1)))
    own = outputs.copy()
    own[shared] = netlist.num_nets + np.arange(len(shared))
    return replace(
        netlist,
        tables=np.concatenate([netlist.tables, _wires(len(shared), netlist.rank)]),
        pins=np.concatenate([netlist.pins, _wire_pins(outputs[shared], netlist.rank)]).astype(np.int32),
        outputs=own.astype(np.int32),
        origins=None,
    )


def _ordered(netlist: Netlist, input_key: Array | None) -> Netlist:
    """The LUTs in the order they run."""
    position = np.full(netlist.num_nets, -1, dtype=np.int64)
    position[netlist.outputs] = np.arange(netlist.num_outputs)  # by classes, for a class is a group of neighbours
    position = position[netlist.first_lut :]
    inputs, ranks = _kinds(netlist)
    levels = np.where(inputs | (position >= 0), 0, netlist.levels[netlist.first_lut :])
    alike = np.zeros(netlist.num_luts, dtype=np.uint64)
    if input_key is not None:
        rows = np.flatnonzero(inputs & (ranks == 4) & (position < 0))
        pins = netlist.pins[rows, :4]
        keys = np.sort(input_key[np.where(pins >= FIRST_INPUT, pins, pins[:, :1]) - FIRST_INPUT], axis=1)
        alike[rows] = (keys.astype(np.uint64) << np.arange(0, 16 * keys.shape[1], 16, dtype=np.uint64)).sum(axis=1)
    order = np.lexsort((position, alike, ranks, levels, ~inputs, position >= 0))
    return reordered(netlist, order)


def _kinds(netlist: Netlist) -> tuple[Array, Array]:
    """Whether each LUT reads input bits, bool ``(num_luts,)``, and the rank of the loop that serves it, int64."""
    inputs = np.asarray((netlist.pins < netlist.first_lut).all(axis=1))
    real = (netlist.pins >= FIRST_INPUT).sum(axis=1)
    return inputs, np.where(inputs, np.array(_INPUT_RANKS)[real], np.array(_CELL_RANKS)[real])


def _wires(count: int, rank: int) -> Array:
    """uint64 ``(count,)``: tables that give pin 0."""
    return np.full(count, sum(1 << address for address in range(1, 1 << rank, 2)), dtype=np.uint64)


def _wire_pins(nets: Array, rank: int) -> Array:
    pins = np.zeros((len(nets), rank), dtype=np.int32)
    pins[:, 0] = nets
    return pins


def _segments(*keys: Array) -> list[tuple[int, int]]:
    """The bounds of the longest stretches over which every key stays the same."""
    changes = np.zeros(max(len(keys[0]) - 1, 0), dtype=np.bool_)
    for key in keys:
        changes |= key[1:] != key[:-1]
    bounds = [0, *(np.flatnonzero(changes) + 1).tolist(), len(keys[0])]
    return [(start, end) for start, end in pairwise(bounds) if end > start]
