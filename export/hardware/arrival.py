"""Encoding on arrival: bytes come in one at a time, and only the bits that some LUT reads are kept.

Comparators are shared by all features. A lane is one comparator and one shift chain behind it: a memory says for every
feature which lanes keep its bit, so a chain has exactly as many flip-flops as it keeps bits, wired one to the next.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.lookup import Lookup, block_lookup, index_width, lut_lookup
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Instance,
    Module,
    Port,
    Register,
    Slice,
    Wire,
    add,
    both,
    either,
    equal,
    invert,
    join,
    less,
    mux,
    whole,
)
from bitlogic.export.netlist import FIRST_INPUT, Netlist

Array = npt.NDArray[Any]
_STAGES = 3  # clock edges from a value and its word in registers to a bit in its chain
_CONSTANTS_PER_LANE = 3  # comparing with a constant costs about a third of comparing with a word of the memory


@dataclass(frozen=True, eq=False)
class Arrival:
    """Which bit is kept where. Values arrive in order, ``value_width`` bits each.

    A lane's bit is ``value > threshold``, its threshold a constant or one of the memory's words; where ``thresholds``
    is None, lane ``k`` keeps bit ``k`` of the value itself.
    """

    num_values: int
    value_width: int
    keeps: Array  # bool (num_values, lanes): whether the lane keeps the value's bit
    thresholds: Array | None  # int32 (lanes,) constants, or (num_values, lanes)
    positions: Array  # int32 (num_inputs,): where in ``bits`` the netlist's input bit stands; -1: nothing reads it
    num_stored: int

    @property
    def bytes_a_value(self) -> int:
        return -(-self.value_width // 8)

    @property
    def frame_bytes(self) -> int:
        return self.num_values * self.bytes_a_value


@dataclass(frozen=True)
class Receiver:
    """``byte_in`` and ``accept`` in; ``bits``, ``complete`` (for one cycle, with ``bits``) and ``last`` out.

    With ``restart``, which is never 1 together with ``accept``, the next byte is the first of a sample: what came of
    one that is not complete is forgotten.
    """

    module: Module
    latency_cycles: int  # clock edges from the one that takes the last byte to the one behind which ``complete`` is 1


def byte_lanes(netlist: Netlist) -> Arrival:
    """The lanes for the input bits that a LUT or an output of ``netlist`` reads."""
    used = np.unique(np.concatenate([netlist.pins.ravel(), netlist.outputs]))
    read = used[(used >= FIRST_INPUT) & (used < netlist.first_lut)] - FIRST_INPUT
    encoder = netlist.encoder
    if encoder is None or encoder.integer_thresholds is None:
        num_values = -(-netlist.num_inputs // 8)
        return _stored(netlist.num_inputs, num_values, 8, read, read // 8, read % 8, None, 8)
    features, thresholds = encoder.features[read], encoder.integer_thresholds[read]
    distinct, which = np.unique(thresholds, return_inverse=True)
    pairs = np.unique(np.stack([features, thresholds], axis=1), axis=0) if len(read) else np.zeros((0, 2), np.int32)
    most = int(np.bincount(pairs[:, 0], minlength=1).max()) if len(pairs) else 0
    common = (netlist.num_inputs, encoder.num_features, encoder.input_bits, read, features)
    if len(distinct) <= _CONSTANTS_PER_LANE * most:
        return _stored(*common, which, distinct.astype(np.int32), len(distinct))
    starts = np.searchsorted(pairs[:, 0], pairs[:, 0])  # pairs are sorted: a feature's lowest threshold is in lane 0
    lanes_of_pairs = np.arange(len(pairs)) - starts
    table = np.zeros((encoder.num_features, most), dtype=np.int32)
    table[pairs[:, 0], lanes_of_pairs] = pairs[:, 1]
    base = encoder.max_input + 1
    keys = pairs[:, 0].astype(np.int64) * base + pairs[:, 1]
    lanes = lanes_of_pairs[np.searchsorted(keys, features.astype(np.int64) * base + thresholds)]
    return _stored(*common, lanes, table, most)


def _stored(
    num_inputs: int,
    num_values: int,
    value_width: int,
    read: Array,
    values: Array,
    lanes: Array,
    thresholds: Array | None,
    num_lanes: int,
) -> Arrival:
    """The arrival that keeps, of ``values[i]`` in ``lanes[i]``, the bit that is input ``read[i]``."""
    keeps = np.zeros((num_values, num_lanes), dtype=bool)
    keeps[values, lanes] = True
    lengths = keeps.sum(axis=0)
    offsets = np.cumsum(lengths) - lengths
    later = lengths - np.cumsum(keeps, axis=0)  # of a kept bit: how many bits its chain takes in after it
    positions = np.full(num_inputs, -1, dtype=np.int32)
    positions[read] = offsets[lanes] + later[values, lanes]
    return Arrival(num_values, value_width, keeps, thresholds, positions, int(lengths.sum()))


def arrival_module(arrival: Arrival, name: str, lut_memory_bits: int = 0, *, has_restart: bool = False) -> Receiver:
    """The module of an arrival; a memory of up to ``lut_memory_bits`` bits is made of LUTs, a larger one a block."""
    lanes = np.flatnonzero(arrival.keeps.any(axis=0)).tolist()
    lengths = {lane: int(arrival.keeps[:, lane].sum()) for lane in lanes}
    memory = _memory(arrival, lanes, f"{name}_memory", lut_memory_bits) if lanes else None
    edges = 1 if memory is None else memory.latency_cycles
    wires = [Wire("accept", 1, both(_bit("byte_valid"), _bit("byte_ready"))), Wire("step", 1, _step(arrival))]
    restart = _bit("restart") if has_restart else None
    registers = [*_counters(arrival, edges, restart), *_value(arrival, edges)]
    instances: tuple[Instance, ...] = ()
    if memory is not None:
        index, word = memory.module.ports
        instances = (Instance("u_memory", memory.module, (("i", whole("index", index.width)),), (("o", "word"),)),)
        wires.append(Wire("word", word.width))
        registers += _lanes(arrival, lengths, word.width, edges)
    bits = join([whole(f"lane{lane}", length) for lane, length in lengths.items()]) if lanes else Constant(0, 1)
    ports = (
        Port("byte_in", 8, True, "a byte of a sample"),
        Port("byte_valid", 1, True, "byte_in is there"),
        Port("byte_ready", 1, True, "byte_in is taken at the next edge if it is there"),
        *[Port("restart", 1, True, "the next byte is the first of a sample")] * has_restart,
        Port("bits", bits.width, False, "the bits that are read"),
        Port("complete", 1, False, "bits holds a sample"),
        Port("last", 1, False, "the next byte is the last of a sample"),
    )
    latency = edges + _STAGES - 1
    outputs: tuple[tuple[str, Expression], ...] = (
        ("bits", bits),
        ("complete", Slice("ending", latency, 1, latency + 1)),
        ("last", _last(arrival)),
    )
    what = f" by {len(lanes)} comparators" if arrival.thresholds is not None else ""
    comment = f"{arrival.frame_bytes} bytes a sample, {arrival.num_stored} of its bits kept{what}."
    return Receiver(Module(name, comment, ports, tuple(wires), tuple(registers), instances, outputs), latency)


def _counters(arrival: Arrival, edges: int, restart: Expression | None) -> list[Register]:
    """Which value comes, whether it is the last, and what has come, on its way to the chains.

    A restart leaves the chains alone: a whole sample moves every older bit out of them.
    """
    count = arrival.num_values
    width = index_width(count)
    index, step = whole("index", width), _bit("step")
    is_last = equal(index, Constant(count - 2, width)) if count > 1 else Constant(1, 1)
    onwards = mux(_bit("is_last"), Constant(0, width), add(index, Constant(1, width), width=width))
    registers = [
        _position("index", onwards, step, restart, 0),
        _position("is_last", is_last, step, restart, int(count == 1)),
        _delay("taken", step, edges),
        _delay("ending", both(_bit("accept"), _last(arrival)), edges + _STAGES),
    ]
    if arrival.bytes_a_value == 2:
        registers.append(_position("is_high", invert(_bit("is_high")), _bit("accept"), restart, 0))
    return registers


def _position(name: str, value: Expression, when: Expression, restart: Expression | None, first: int) -> Register:
    """Where in a sample the next byte stands: ``first`` after a reset and after a restart."""
    if restart is None:
        return Register(name, value.width, value, when, reset=first)
    restarted = mux(restart, Constant(first, value.width), value)
    return Register(name, value.width, restarted, either(when, restart), reset=first)


def _delay(name: str, value: Expression, edges: int) -> Register:
    """A bit on its way: bit ``k`` is the value of ``k + 1`` edges ago."""
    on_the_way = [Slice(name, 0, edges - 1, edges)] if edges > 1 else []
    return Register(name, edges, join([value, *on_the_way]), reset=0)


def _value(arrival: Arrival, edges: int) -> list[Register]:
    """The value, and copies of it until its word is there."""
    width = arrival.value_width
    registers = []
    value: Expression = Slice("byte_in", 0, width, 8) if width <= 8 else Constant(0, 1)
    if arrival.bytes_a_value == 2:
        registers.append(Register("low", 8, whole("byte_in", 8), _bit("accept")))
        value = join([whole("low", 8), Slice("byte_in", 0, width - 8, 8)])
    for edge in range(edges):
        registers.append(Register(f"value{edge}", width, value))
        value = whole(f"value{edge}", width)
    return registers


def _lanes(arrival: Arrival, lengths: dict[int, int], word_width: int, edges: int) -> list[Register]:
    """What is compared, whether it is kept, and the chains that keep it."""
    num, width = len(lengths), arrival.value_width
    taken = join([Slice("taken", edges - 1, 1, edges)] * num)
    registers = [
        Register("compared", width, whole(f"value{edges - 1}", width)),
        Register("wanted", num, both(Slice("word", 0, num, word_width), taken)),
        Register("keep", num, whole("wanted", num)),
    ]
    if word_width > num:
        registers.append(Register("against", word_width - num, Slice("word", num, word_width - num, word_width)))
    for place, (lane, length) in enumerate(lengths.items()):
        registers.append(Register(f"bit{lane}", 1, _lane_bit(arrival, lane, place, word_width - num)))
        older = [Slice(f"lane{lane}", 0, length - 1, length)] if length > 1 else []
        registers.append(
            Register(f"lane{lane}", length, join([_bit(f"bit{lane}"), *older]), Slice("keep", place, 1, num))
        )
    return registers


def _lane_bit(arrival: Arrival, lane: int, place: int, memory_width: int) -> Expression:
    width = arrival.value_width
    value = whole("compared", width)
    if arrival.thresholds is None:
        return Slice("compared", lane, 1, width)
    if arrival.thresholds.ndim == 1:
        return less(Constant(int(arrival.thresholds[lane]), width), value)
    return less(Slice("against", place * width, width, memory_width), value)


def _memory(arrival: Arrival, lanes: list[int], name: str, lut_memory_bits: int) -> Lookup:
    """A word a value: bit ``k`` says whether lane ``lanes[k]`` keeps it; above, the lanes' thresholds."""
    columns = [(arrival.keeps[:, lanes].astype(np.int64), 1)]
    if arrival.thresholds is not None and arrival.thresholds.ndim == 2:
        columns.append((arrival.thresholds[:, lanes], arrival.value_width))
    words, word_width = [0] * arrival.num_values, 0
    for values, width in columns:
        for row, numbers in enumerate(values.tolist()):
            words[row] |= sum(number << word_width + place * width for place, number in enumerate(numbers))
        word_width += width * len(lanes)
    build = lut_lookup if word_width * len(words) <= lut_memory_bits else block_lookup
    return build(words, word_width, name)


def _step(arrival: Arrival) -> Expression:
    """A value is whole."""
    return _bit("accept") if arrival.bytes_a_value == 1 else both(_bit("accept"), _bit("is_high"))


def _last(arrival: Arrival) -> Expression:
    return _bit("is_last") if arrival.bytes_a_value == 1 else both(_bit("is_last"), _bit("is_high"))


def _bit(name: str) -> Slice:
    return Slice(name, 0, 1, 1)
