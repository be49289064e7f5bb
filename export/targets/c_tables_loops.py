"""The loops of the table style: the records that each one reads, and the calls that run it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.render import wrap
from bitlogic.export.targets.c_tables_plan import Plan, Run
from bitlogic.export.targets.c_tables_records import Record, mirrored

Array = npt.NDArray[Any]
_PER_LINE = 8
_UNROLL_FROM = 128  # LUTs: below, the shorter code is worth more than the instructions that it costs
_SECTION = 256  # lists of tests that a record can number
_CALL_BYTES = 24  # of code, for the call of another section


@dataclass(frozen=True)
class Bits:
    """What the input bits are read from: bit j from thing ``ids[j]`` by ``tests[j]``; int64 ``(num_inputs,)``."""

    ids: Array
    tests: Array
    test_bits: int
    thing: str  # the C expression of a thing, with a hole for its id
    lane: str  # the macro that says where an input bit is 0
    lanes: str  # the function that says it of four bytes


@dataclass(frozen=True)
class Loop:
    """A C function and the constants that it reads, as text.

    ``sink`` says where the values go: ``store`` to neighbouring cells, ``put`` to the cells of a list, ``sum`` to the
    scores.
    """

    name: str
    sink: str
    record: Record
    address: str  # of the table, an expression over a record
    offsets: tuple[int, ...]  # in words, of the records of a round; what does not fill a round goes one by one
    words: str
    tests: str | None  # the lists of tests that records number
    places: str | None  # the cells of a ``put``, the LUTs of each class of a ``sum``
    place_type: str

    @property
    def value(self) -> str:
        """The C expression of a LUT's value, over the words of its record and ``address``."""
        if self.record.rank == 6:
            return f"{self.record.table} << (address & 31u) >> 31"
        return f"({self.record.table}) << address >> 31"

    @property
    def round_words(self) -> int:
        return len(self.offsets) * self.record.num_words

    @property
    def place_name(self) -> str:
        return "cells" if self.sink == "put" else "counts"

    def index_of(self, offset: int) -> int:
        """The number within a round of the record at that offset."""
        return self.offsets.index(offset)


@dataclass(frozen=True)
class Unit:
    """The loops of one C file and the calls that run them, in order."""

    loops: tuple[Loop, ...]
    calls: tuple[tuple[str, str], ...]  # the loop's name and the arguments behind the first

    @property
    def packed_lanes(self) -> bool:
        """Whether some loop tests four bytes at a time."""
        return any(loop.record.rank >= 4 and loop.record.test_bits == 8 for loop in self.loops)


def make_unit(plan: Plan, bits: Bits | None, prefix: str) -> Unit:
    """The plan's runs over input bits, which stand as ``bits`` says; or without ``bits`` those over cells."""
    runs = [run for run in plan.runs if run.from_inputs == (bits is not None)]
    loops, calls = [], {}
    for rank, sink in dict.fromkeys((run.rank, _sink(run)) for run in runs):
        own = [index for index, run in enumerate(runs) if (run.rank, _sink(run)) == (rank, sink)]
        name = f"{prefix}_{sink}{rank}"
        loop, arguments = _loop(plan, bits, [runs[index] for index in own], name)
        loops.append(loop)
        calls.update({index: [(name, text) for text in texts] for index, texts in zip(own, arguments, strict=True)})
    return Unit(tuple(loops), tuple(call for index in range(len(runs)) for call in calls[index]))


def _sink(run: Run) -> str:
    if run.cells is None:
        return "sum"
    return "store" if run.in_order else "put"


def _loop(plan: Plan, bits: Bits | None, runs: list[Run], name: str) -> tuple[Loop, list[list[str]]]:
    """The loop of runs that share rank and sink, and for each run the arguments of its calls."""
    rank, sink = runs[0].rank, _sink(runs[0])
    luts = np.concatenate([run.luts for run in runs])
    pins, tables = padded(plan.netlist, luts, rank)
    sections, tests_text = [[(0, 0, len(run.luts))] for run in runs], None
    if bits is None:
        record = Record(rank, 12 if plan.num_cells <= 1 << 12 else 16)
        words = record.pack(plan.cell_of[pins], np.zeros((0, 0), np.int64), tables)
    else:
        ids, tests = bits.ids[pins - FIRST_INPUT], bits.tests[pins - FIRST_INPUT]
        record = Record(rank, _input_width(rank, bits), bits.test_bits)
        tables = mirrored(tables, 1 << rank)  # for a loop over input bits finds each bit's complement
        if rank == 4 and bits.test_bits == 8:
            ids, tests, tables = _sorted_lanes(ids, tests, tables)
            listed, numbers = np.unique(tests @ (1 << np.arange(0, 32, 8)), return_inverse=True)
            parts = _sections(numbers)
            saved = 4 * (len(tests) - len(listed)) - _CALL_BYTES * (len(parts) - 1)
            if saved > 0 and ids.max() < 1 << 10 and (sink == "store" or len(parts) == 1) and len(runs) == 1:
                record, sections = replace(record, id_width=10, dictionary=True), [parts]
                base = np.repeat([first for first, _, _ in parts], [end - start for _, start, end in parts])
                tests, tests_text = (numbers - base)[:, None], _hex(listed)
        words = record.pack(ids, tests, tables)
    arguments, start = [], 0
    for run, parts in zip(runs, sections, strict=True):
        arguments.append([_arguments(record, name, run, start, part) for part in parts])
        start += len(run.luts)
    counts = np.concatenate([run.counts if run.counts is not None else np.zeros(0, np.int64) for run in runs])
    cells = np.concatenate([run.cells if run.cells is not None else np.zeros(0, np.int64) for run in runs])
    places = {"store": None, "put": cells, "sum": counts}[sink]
    loop = Loop(
        name=name,
        sink=sink,
        record=record,
        address=_cell_address(record) if bits is None else _input_address(record, bits),
        offsets=tuple(step * record.num_words for step in range(8 if len(luts) >= _UNROLL_FROM else 1)),
        words=_hex(words.ravel()),
        tests=tests_text,
        places=None if places is None else wrap([str(place) for place in places.tolist()], per_line=2 * _PER_LINE),
        place_type="uint16_t" if places is None or places.max(initial=0) < 1 << 16 else "uint32_t",
    )
    return loop, arguments


def padded(netlist: Netlist, luts: Array, rank: int) -> tuple[Array, Array]:
    """int32 ``(n, rank)`` pins and uint64 tables of LUTs with at most ``rank`` real pins: the first pin fills up."""
    tables, pins = netlist.tables[luts], netlist.pins[luts]
    for wider in range(netlist.rank, rank):
        tables = tables | tables << np.uint64(1 << wider)
    if rank < 6:
        tables = tables & np.uint64((1 << (1 << rank)) - 1)
    filled = np.repeat(pins[:, :1], rank, axis=1)
    given = pins[:, :rank]
    filled[:, : given.shape[1]] = np.where(given >= FIRST_INPUT, given, pins[:, :1])
    return filled, tables


def _cell_address(record: Record) -> str:
    return _joined([f"v[{cell}]" for cell in record.ids])


def _input_address(record: Record, bits: Bits) -> str:
    """The complement of the address: a lane is 1 where the bit is 0."""
    things, tests = [bits.thing.format(thing) for thing in record.ids], record.tests
    lanes = [f"{bits.lane}({thing}, {test})" for thing, test in zip(things, tests, strict=True)]
    if record.rank < 4 or record.test_bits != 8:
        return _joined(lanes)
    first = ",\n        ".join([*things[:4], record.test_word])
    return " | ".join([f"{bits.lanes}({first})", *(f"{lane} << {pin}" for pin, lane in enumerate(lanes[4:], 4))])


def _joined(values: list[str]) -> str:
    return "\n        | ".join(f"(uint32_t){value} << {pin}" if pin else value for pin, value in enumerate(values))


def _input_width(rank: int, bits: Bits) -> int:
    """Records of other ranks have room for 16 bits as it is."""
    return 12 if rank == 4 and bits.ids.max() < 1 << 12 else 16


def _sorted_lanes(ids: Array, tests: Array, tables: Array) -> tuple[Array, Array, Array]:
    """The same LUTs with their pins in the order of the tests."""
    order = np.argsort(tests, axis=1, kind="stable")
    exchanged = np.zeros_like(tables)
    for address in range(16):
        source = ((address >> np.arange(4) & 1) << order).sum(axis=1).astype(np.uint64)
        exchanged |= (tables >> source & np.uint64(1)) << np.uint64(address)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(tests, order, axis=1), exchanged


def _sections(numbers: Array) -> list[tuple[int, int, int]]:
    """``(first number, start, end)`` of stretches of LUTs whose numbers a record can hold, counted from the first."""
    parts, start = [], 0
    while start < len(numbers):
        ahead = numbers[start:]
        low = np.minimum.accumulate(ahead)
        wide = np.flatnonzero(np.maximum.accumulate(ahead) - low >= _SECTION)
        end = start + (int(wide[0]) if len(wide) else len(ahead))
        parts.append((int(numbers[start:end].min()), start, end))
        start = end
    return parts


def _arguments(record: Record, name: str, run: Run, before: int, part: tuple[int, int, int]) -> str:
    """The arguments of a call for LUTs ``part[1]`` to ``part[2]`` of a run that ``before`` LUTs stand before."""
    first_test, start, end = part
    texts = [_offset(f"{name}_records", (before + start) * record.num_words)]
    if record.dictionary:
        texts.append(_offset(f"{name}_tests", first_test))
    if run.counts is not None:
        texts += [f"{name}_counts", "scores"]
    elif run.in_order and run.cells is not None:
        texts += [_offset("v", int(run.cells[start])), str(end - start)]
    else:
        texts += [_offset(f"{name}_cells", before + start), str(end - start)]
    return ", ".join(texts)


def _offset(array: str, index: int) -> str:
    return f"{array} + {index}" if index else array


def _hex(words: Array) -> str:
    return wrap([f"{word:#010x}" for word in words.tolist()], per_line=_PER_LINE)
