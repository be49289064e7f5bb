"""From a netlist to the engine's program: what is computed when, by which kernel, and where it is kept.

The LUTs that others read come level by level. Those that only feed the head come last, in portions of outputs that lie
side by side, each counted as soon as it is computed, so that its signals never leave the nearest caches. Within a step
LUTs stand by kernel and inverted inputs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.engine.kernels import NO_KERNEL, kernels
from bitlogic.export.engine.luts import Luts, simplified
from bitlogic.export.engine.model import COUNT, OWN_NEGATIONS, Program
from bitlogic.export.engine.slots import Slots
from bitlogic.export.netlist import FIRST_INPUT, Netlist

Array = npt.NDArray[Any]
# LUTs of a kernel with the same inverted inputs that are worth a run of their own; fewer bring their masks along.
_SHARED_FROM = 16
# A portion of outputs: enough LUTs for this many of each kernel, between these limits.
_PORTION_PER_KERNEL, _PORTION_LIMITS = 32, (1024, 8192)


def plan(netlist: Netlist) -> Program:
    """The program of a netlist. It is not optimised first, but what reaches no output is left out."""
    luts = simplified(netlist)
    schedule = _scheduled(luts)
    slots, pieces = Slots(), _Pieces()
    inputs = FIRST_INPUT + np.flatnonzero(luts.live[FIRST_INPUT : luts.netlist.first_lut])
    slot_of = np.zeros(luts.netlist.num_nets, dtype=np.int32)
    ends: dict[int, list[tuple[int, int]]] = {}

    def place(signals: Array) -> None:
        """Gives consecutive slots to signals that end together, until they do."""
        last = schedule.last_use[signals]
        for end in np.unique(last).tolist():
            members = signals[last == end]
            start = slots.take(len(members))
            slot_of[members] = np.arange(start, start + len(members))
            ends.setdefault(end, []).append((start, len(members)))

    place(inputs)
    for step, members in enumerate(schedule.steps):
        ordered, shared = _in_runs(luts, members, schedule.last_use)
        place(luts.netlist.first_lut + ordered)
        pieces.add_luts(luts, ordered, shared, slot_of)
        if step >= schedule.first_portion:
            pieces.add_counts(schedule.portions[step - schedule.first_portion], slot_of)
        for interval in ends.pop(step, []):
            slots.give(*interval)
    bits = (inputs - FIRST_INPUT).astype(np.int32)
    if luts.netlist.encoder is not None:
        bits = bits[np.argsort(luts.netlist.encoder.features[bits], kind="stable")]
    return Program(slots.num, bits, slot_of[FIRST_INPUT + bits], *pieces.joined())


@dataclass(frozen=True)
class _Schedule:
    steps: list[Array]  # the LUTs of each step: the levels, then the portions of outputs
    first_portion: int  # the number of the first step that is a portion
    portions: list[Array]  # int64 (num, 3) of each portion: group, whether inverted, signal
    last_use: Array  # int32 (num_nets,): the last step that reads the signal


def _scheduled(luts: Luts) -> _Schedule:
    netlist, first_lut = luts.netlist, luts.netlist.first_lut
    kept = luts.live[first_lut:] & (luts.kernel != NO_KERNEL)
    read_by_luts = np.zeros(netlist.num_nets, dtype=np.bool_)
    read_by_luts[luts.reads[kept]] = True
    inner = kept & read_by_luts[first_lut:]
    steps = [members for level in netlist.luts_by_level() if len(members := level[inner[level]])]
    first_portion = len(steps)
    last_use = np.full(netlist.num_nets, first_portion - 1, dtype=np.int32)
    for step, members in enumerate(steps):
        last_use[luts.reads[members]] = step
    last_use[0] = -1

    outer = np.flatnonzero(kept & ~inner)
    signals = luts.signal[netlist.outputs]
    groups = np.arange(netlist.num_outputs) // netlist.group_size
    inverted = luts.inverted[netlist.outputs]
    counted = np.stack([groups, inverted, signals], axis=1).astype(np.int64)
    size = _portion_size(luts, outer)
    # A LUT is computed for the first portion that counts it and kept to the last one.
    portion = np.arange(netlist.num_outputs) // size
    computed_in = np.full(netlist.num_nets, -1, dtype=np.int32)
    computed_in[signals[::-1]] = portion[::-1]
    num_portions = int(portion[-1]) + 1
    by_portion = outer[np.argsort(computed_in[first_lut + outer], kind="stable")]
    bounds = np.searchsorted(computed_in[first_lut + by_portion], np.arange(num_portions + 1))
    portions = []
    for number in range(num_portions):
        members = by_portion[bounds[number] : bounds[number + 1]]
        steps.append(members)
        last_use[luts.reads[members]] = first_portion + number
        rows = counted[number * size : (number + 1) * size]
        last_use[rows[:, 2]] = first_portion + number
        portions.append(rows[np.lexsort((rows[:, 1], rows[:, 0]))])
    return _Schedule(steps, first_portion, portions, last_use)


def _portion_size(luts: Luts, outer: Array) -> int:
    """Outputs of a portion: few for the caches' sake, enough for long runs."""
    low, high = _PORTION_LIMITS
    num_kernels = len(np.unique(luts.kernel[outer]))
    return int(np.clip(_PORTION_PER_KERNEL * num_kernels, low, high))


def _in_runs(luts: Luts, members: Array, last_use: Array) -> tuple[Array, Array]:
    """The LUTs of a step as they are computed, and for each whether its run shares its inverted inputs."""
    kernel, negations = luts.kernel[members].astype(np.int64), luts.negations[members].astype(np.int64)
    end = last_use[luts.netlist.first_lut + members].astype(np.int64)
    key = (end << 24) + (kernel << 8) + (negations << 1)
    _, group, sizes = np.unique(key, return_inverse=True, return_counts=True)
    shared = sizes[group] >= _SHARED_FROM
    order = np.argsort(np.where(shared, key, key | 0b11111), kind="stable")  # the others behind them
    return members[order], shared[order]


class _Pieces:
    """The program's runs and ids as they come."""

    def __init__(self) -> None:
        self._runs: list[Array] = []
        self._ids: list[Array] = []

    def add_luts(self, luts: Luts, ordered: Array, shared: Array, slot_of: Array) -> None:
        """The runs of a step: a new one where kernel, form, inverted inputs or the next slot is another one."""
        if not len(ordered):
            return
        table = kernels()
        kernel, places = luts.kernel[ordered], slot_of[luts.netlist.first_lut + ordered]
        said = np.where(shared, luts.negations[ordered].astype(np.int64), OWN_NEGATIONS)
        new = np.ones(len(ordered), dtype=np.bool_)
        new[1:] = (kernel[1:] != kernel[:-1]) | (said[1:] != said[:-1]) | (places[1:] != places[:-1] + 1)
        starts = np.flatnonzero(new)
        counts = np.diff(starts, append=len(ordered))
        functions = table.functions[kernel[starts]].astype(np.int64)
        self._runs.append(np.stack([functions, counts, places[starts], said[starts]], axis=1))
        rows = np.column_stack([slot_of[luts.reads[ordered]], luts.negations[ordered]])
        there = np.arange(rows.shape[1]) < table.arities[kernel][:, None]
        there[:, -1] = ~shared
        self._ids.append(rows[there])

    def add_counts(self, counted: Array, slot_of: Array) -> None:
        """A run for each group and polarity of a portion, which is sorted by them."""
        new = np.ones(len(counted), dtype=np.bool_)
        new[1:] = (counted[1:, :2] != counted[:-1, :2]).any(axis=1)
        starts = np.flatnonzero(new)
        counts = np.diff(starts, append=len(counted))
        groups, inverted = counted[starts, 0], counted[starts, 1]
        self._runs.append(np.stack([np.full(len(starts), COUNT), counts, groups, inverted], axis=1))
        self._ids.append(slot_of[counted[:, 2]])

    def joined(self) -> tuple[Array, Array]:
        """Runs int32 ``(num_runs, 4)`` and ids int32 ``(num_ids,)``."""
        return np.concatenate(self._runs).astype(np.int32), np.concatenate(self._ids).astype(np.int32)
