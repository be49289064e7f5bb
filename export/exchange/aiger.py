"""And-inverter graphs and their binary AIGER files (Biere, Heljanko, Wieringa, "AIGER 1.9 and beyond", 2011).

A literal is twice a variable's number, plus 1 where it is inverted; 0 is the constant 0 and 1 the constant 1. The
inputs are the variables 1 to I, the ands follow, each behind what it reads. A file is the line ``aig M I L O A``, a
line for each output, then for each and the differences ``own literal - larger`` and ``larger - smaller`` in bytes of
seven bits, the lowest first, the top bit saying that more follow; then symbols (``i0 name``, ``o0 name``) and after a
line ``c`` a comment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bitlogic.errors import FormatError
from bitlogic.export.exchange.expansions import cheapest, cofactors


@dataclass
class Graph:
    """A graph that grows by ``conjunction``, or one that was read; equal ands are one."""

    num_inputs: int
    ands: list[tuple[int, int]] = field(default_factory=list)  # literals, the larger first
    outputs: list[int] = field(default_factory=list)
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    comment: str = ""
    _known: dict[tuple[int, int], int] = field(default_factory=dict)

    def input(self, place: int) -> int:
        """The literal of an input."""
        return 2 * (place + 1)

    def conjunction(self, a: int, b: int) -> int:
        """The literal of ``a and b``."""
        small, large = sorted((a, b))
        if small == 0 or small ^ large == 1:
            return 0
        if small in (1, large):
            return large
        if (large, small) not in self._known:
            self.ands.append((large, small))
            self._known[large, small] = 2 * (self.num_inputs + len(self.ands))
        return self._known[large, small]

    def choice(self, select: int, high: int, low: int) -> int:
        """The literal of ``high`` where ``select`` is 1, else of ``low``."""
        if high == low:
            return high
        if low == high ^ 1 and select == high:
            return 1
        high_part, low_part = self.conjunction(select, high), self.conjunction(select ^ 1, low)
        return self.conjunction(high_part ^ 1, low_part ^ 1) ^ 1

    def lut(self, table: int, pins: Sequence[int]) -> int:
        """The literal of a LUT over literals, pin 0 first, expanded pin after pin."""
        return self._expand(table, tuple(pins), {})

    def _expand(self, table: int, pins: tuple[int, ...], done: dict[tuple[int, tuple[int, ...]], int]) -> int:
        ones = (1 << (1 << len(pins))) - 1
        for known, flip in ((table, 0), (table ^ ones, 1)):
            if (known, pins) in done:
                return done[known, pins] ^ flip
        if table in (0, ones):
            return int(table != 0)
        pin = cheapest(table, len(pins))[1]
        rest = pins[:pin] + pins[pin + 1 :]
        low, high = (self._expand(part, rest, done) for part in cofactors(table, pin, len(pins)))
        literal = self.choice(pins[pin], high, low)
        done[table, pins] = literal
        return literal

    def evaluate(self, values: Sequence[int], ones: int) -> list[int]:
        """The outputs for inputs that are integers of bits, one for each place of ``ones``, the integer of all 1."""
        known = [0, ones]
        for value in values:
            known += [value, value ^ ones]
        for large, small in self.ands:
            value = known[large] & known[small]
            known += [value, value ^ ones]
        return [known[literal] for literal in self.outputs]

    def to_bytes(self) -> bytes:
        """The binary file."""
        top = self.num_inputs + len(self.ands)
        lines = [f"aig {top} {self.num_inputs} 0 {len(self.outputs)} {len(self.ands)}", *map(str, self.outputs)]
        body = bytearray()
        for place, (large, small) in enumerate(self.ands):
            body += _number(2 * (self.num_inputs + 1 + place) - large) + _number(large - small)
        symbols = [f"i{place} {name}" for place, name in enumerate(self.input_names)]
        symbols += [f"o{place} {name}" for place, name in enumerate(self.output_names)]
        tail = [*symbols, "c", self.comment]
        return "\n".join([*lines, ""]).encode() + bytes(body) + "\n".join([*tail, ""]).encode()


def _number(value: int) -> bytes:
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def parse_aiger(data: bytes, where: str) -> Graph:
    """The graph of a binary AIGER file, with the names that its symbols give; FormatError for anything else."""
    reader = _Reader(data, where)
    header = reader.line().split()
    if len(header) != 6 or header[0] != "aig" or not all(word.isdecimal() for word in header[1:]):
        raise FormatError(f"{where}: {' '.join(header)!r} is no header of binary AIGER")
    top, num_inputs, num_latches, num_outputs, num_ands = map(int, header[1:])
    if num_latches:
        raise FormatError(f"{where}: {num_latches} latches; only combinational graphs can be read")
    if top != num_inputs + num_ands:
        raise FormatError(f"{where}: {top} variables, but {num_inputs} inputs and {num_ands} ands")
    graph = Graph(num_inputs)
    for _ in range(num_outputs):
        word = reader.line()
        if not word.isdecimal() or int(word) > 2 * top + 1:
            raise FormatError(f"{where}: output {word!r} is no literal")
        graph.outputs.append(int(word))
    for place in range(num_ands):
        own = 2 * (num_inputs + 1 + place)
        large = own - reader.number()
        small = large - reader.number()
        if not 0 <= small <= large < own:
            raise FormatError(f"{where}: and {place} does not read two literals below its own")
        graph.ands.append((large, small))
    names = {"i": dict[int, str](), "o": dict[int, str]()}
    while (line := reader.line()) and line != "c":
        place_word, _, name = line[1:].partition(" ")
        if line[0] not in names or not place_word.isdecimal():
            raise FormatError(f"{where}: {line!r} is no symbol of an input or output")
        names[line[0]][int(place_word)] = name
    graph.input_names = [names["i"].get(place, "") for place in range(num_inputs)]
    graph.output_names = [names["o"].get(place, "") for place in range(num_outputs)]
    graph.comment = reader.rest().strip()
    return graph


class _Reader:
    def __init__(self, data: bytes, where: str) -> None:
        self._data, self._where, self._place = data, where, 0

    def line(self) -> str:
        """Up to the next end of line; empty at the end of the file."""
        end = self._data.find(b"\n", self._place)
        end = len(self._data) if end < 0 else end
        text = self._data[self._place : end].decode(errors="replace")
        self._place = end + 1
        return text

    def number(self) -> int:
        value, shift = 0, 0
        while True:
            if self._place >= len(self._data):
                raise FormatError(f"{self._where}: it ends among its ands")
            byte = self._data[self._place]
            self._place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def rest(self) -> str:
        return self._data[self._place :].decode(errors="replace")
