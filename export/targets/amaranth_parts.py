"""What a design in Amaranth is put together from; an emitted file carries a copy of it, so it imports amaranth alone.

A vector of up to 64 bits is a Value, a wider one is ``Words``. Words suit Amaranth's simulator: one bit of a word is a
shift of a short integer, where one wide signal would be shifted whole for each bit that is read. For its sake, too,
tables are not looked up one by one: ``LANES`` of them are computed side by side, in as many bits of a few operators.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Any

from amaranth.hdl import Cat, Const, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

WORD = 64
LANES = 256


class Words:
    """A vector of more than 64 bits in pieces of at most 64, the lowest first."""

    def __init__(self, pieces: list[Any]) -> None:
        self.pieces = pieces
        self.starts = [0, *accumulate(len(piece) for piece in pieces)]

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, key: Any) -> Any:
        start, stop, _ = key.indices(len(self)) if isinstance(key, slice) else (key, key + 1, 1)
        parts = []
        number = bisect_right(self.starts, start) - 1
        while start < stop:
            piece, low = self.pieces[number], self.starts[number]
            last = min(stop - low, len(piece))
            parts.append(piece if last - (start - low) == len(piece) else piece[start - low : last])
            start, number = low + last, number + 1
        return join(*parts)

    def __invert__(self) -> "Words":
        return Words([~piece for piece in self.pieces])

    def __and__(self, other: "Words") -> "Words":
        return Words([one & two for one, two in zip(*_aligned(self, other), strict=True)])

    def __or__(self, other: "Words") -> "Words":
        return Words([one | two for one, two in zip(*_aligned(self, other), strict=True)])

    def __xor__(self, other: "Words") -> "Words":
        return Words([one ^ two for one, two in zip(*_aligned(self, other), strict=True)])

    def eq(self, value: Any) -> list[Any]:
        """The statements that assign the pieces, which are signals then."""
        return [target.eq(piece) for target, piece in zip(*_aligned(self, value), strict=True)]


def vector(width: int, name: str, **kind: Any) -> Any:
    """A signal, or words of them; ``kind`` goes to each, but for ``init``, which is all of the vector's."""
    if width <= WORD:
        return Signal(width, name=name, **kind)
    init = kind.pop("init", 0)
    pieces = []
    for low in range(0, width, WORD):
        size = min(WORD, width - low)
        pieces.append(Signal(size, name=f"{name}_{low // WORD}", init=init >> low & (1 << size) - 1, **kind))
    return Words(pieces)


def join(*parts: Any) -> Any:
    """The parts side by side, the lowest first."""
    pieces = [piece for part in parts for piece in (part.pieces if isinstance(part, Words) else [part])]
    if len(pieces) == 1:
        return pieces[0]
    return Cat(pieces) if sum(len(piece) for piece in pieces) <= WORD else Words(pieces)


def flat(value: Any) -> Any:
    """The vector as one Value, however wide."""
    return Cat(value.pieces) if isinstance(value, Words) else value


def bits(value: Any) -> list[Any]:
    """The bits of a vector as a list."""
    return [
        piece[bit] for piece in (value.pieces if isinstance(value, Words) else [value]) for bit in range(len(piece))
    ]


def constant(value: int, width: int) -> Any:
    if width <= WORD:
        return Const(value, width)
    return Words([Const(value >> low, min(WORD, width - low)) for low in range(0, width, WORD)])


def mux(select: Any, if_one: Any, if_zero: Any) -> Any:
    """One of two vectors of one width."""
    if not isinstance(if_one, Words) and not isinstance(if_zero, Words):
        return Mux(select, if_one, if_zero)
    return Words([Mux(select, one, zero) for one, zero in zip(*_aligned(if_one, if_zero), strict=True)])


def _aligned(one: Any, two: Any) -> list[list[Any]]:
    """The pieces of two vectors, cut at every 64th bit."""
    return [_cut(one), _cut(two)]


def _cut(value: Any) -> list[Any]:
    pieces: list[list[Any]] = [[]]
    room = WORD
    for piece in value.pieces if isinstance(value, Words) else [value]:
        low = 0
        while low < len(piece):
            size = min(room, len(piece) - low)
            pieces[-1].append(piece if size == len(piece) else piece[low : low + size])
            low, room = low + size, room - size
            if not room:
                pieces.append([])
                room = WORD
    return [parts[0] if len(parts) == 1 else Cat(parts) for parts in pieces if parts]


class Port(Elaboratable):  # type: ignore[misc]  # amaranth is untyped
    """A wide port cut into words, once, in a place of its own: the simulator does it only where the port changes."""

    def __init__(self, port: Any, name: str) -> None:
        self.port = Value.cast(port)
        self.words = vector(len(self.port), name)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += [piece.eq(self.port[low * WORD : (low + 1) * WORD]) for low, piece in enumerate(self.words.pieces)]
        return m


def look_up(m: Module, o: Any, i: Any, luts: list[tuple[int, ...]]) -> None:
    """Drives bit ``k`` of ``o`` with LUT ``k``, (table, pin 0, pin 1, …).

    Bit ``a`` of the table is the output where the pins read the address ``a``, pin 0 its lowest bit. A pin is 0 or 1
    for that constant, else 2 + the bit of ``i``.
    """
    nets = [Const(0, 1), Const(1, 1), *(bits(i) if i is not None else [])]
    o = o.pieces if isinstance(o, Words) else [o]
    for number, low in enumerate(range(0, len(luts), LANES)):
        rows = [(table, *[nets[pin] for pin in pins]) for table, *pins in luts[low : low + LANES]]
        m.submodules[f"lanes{number}"] = Lanes(rows, o[low // WORD : (low + LANES) // WORD])


class Lanes(Elaboratable):  # type: ignore[misc]  # amaranth is untyped
    """Up to 256 LUTs, each with the Values of its pins, side by side: lane ``k`` is bit ``k`` of every word here."""

    def __init__(self, rows: list[tuple[Any, ...]], o: list[Signal]) -> None:
        self.rows = rows
        self.o = o

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        num = len(self.rows)
        zeros = [Signal(num, name=f"pin{pin}_is_0") for pin in range(len(self.rows[0]) - 1)]
        m.submodules.gather = Gather([row[1:] for row in self.rows], zeros)
        values: list[Any] = []
        for address in range(1 << len(zeros)):
            values.append(sum((row[0] >> address & 1) << lane for lane, row in enumerate(self.rows)))
        for zero in zeros:
            values = [self._choose(zero, *pair, num) for pair in zip(values[0::2], values[1::2], strict=True)]
        m.d.comb += Cat(self.o).eq(values[0])
        return m

    def _choose(self, zero: Signal, low: Any, high: Any, num: int) -> Any:
        """In every lane ``low`` where the pin is 0, else ``high``; what is the same for any input is still an int."""
        if isinstance(low, int) and isinstance(high, int):
            if low == high:
                return low
            moved = zero if low ^ high == (1 << num) - 1 else zero & Const(low ^ high, num)
            return moved ^ Const(high, num) if high else moved
        low, high = (Const(value, num) if isinstance(value, int) else value for value in (low, high))
        return (low & zero) | (high & ~zero)


class Gather(Elaboratable):  # type: ignore[misc]  # amaranth is untyped
    """Each pin of all lanes as one vector, inverted: as it stands Amaranth would print it bit by bit at every use."""

    def __init__(self, rows: list[tuple[Any, ...]], zeros: list[Signal]) -> None:
        self.rows = rows
        self.zeros = zeros

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += [zero.eq(~Cat(pins)) for zero, pins in zip(self.zeros, zip(*self.rows, strict=True), strict=True)]
        return m


class Luts(Elaboratable):  # type: ignore[misc]  # amaranth is untyped
    """Small LUTs from many places of a module, put side by side."""

    def __init__(self) -> None:
        self.groups: dict[int, list[Any]] = {}  # by number of pins: (rows of Lanes, the words that they drive)
        self.num = 0

    def add(self, table: int, *pins: Any) -> Any:
        """The LUT's output; ``pins`` are Values of one bit."""
        groups = self.groups.setdefault(len(pins), [])
        if not groups or len(groups[-1][0]) == LANES:
            groups.append(([], []))
        rows, words = groups[-1]
        if len(rows) % WORD == 0:
            words.append(Signal(WORD, name=f"lut{self.num}"))
            self.num += 1
        rows.append((table, *pins))
        return words[-1][(len(rows) - 1) % WORD]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for groups in self.groups.values():
            for rows, words in groups:
                m.submodules += Lanes(rows, words)
        return m


def compare(m: Module, o: Any, i: Any, value_width: int, comparators: list[tuple[int, int]]) -> None:
    """Drives bit ``k`` of ``o`` with ``i[low : low + value_width] > threshold`` of the pair number ``k``.

    The inversion makes one cell of a word: as single bits, each would be a port of its own of all that reads it.
    """
    o = o.pieces if isinstance(o, Words) else [o]
    for number, word in enumerate(o):
        pairs = comparators[number * WORD : (number + 1) * WORD]
        m.d.comb += word.eq(~Cat(i[low : low + value_width] <= threshold for low, threshold in pairs))


def read_only(m: Module, o: Any, i: Any, words: list[int], enable: Any) -> None:
    """Makes ``o`` take ``words[i]`` at a clock edge with ``enable``, 0 beyond the last word."""
    m.submodules.rom = rom = Memory(shape=len(o), depth=1 << len(i), init=words)
    port = rom.read_port()
    m.d.comb += [port.addr.eq(i), port.en.eq(enable), o.eq(port.data)]
