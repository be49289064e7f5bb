"""Where nets stand in a Verilog module: each is a bit of a vector, and a concatenation gathers any of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT
from bitlogic.export.render import wrap

Array = npt.NDArray[Any]
MAX_PORT_BITS = 65_536  # of one module, in and out together; tools and simulators slow down or stop beyond it
WORD_WIDTH = 64
_PER_LINE = 8


@dataclass(frozen=True)
class Port:
    """An input port that carries nets: what it is connected to, how wide it is, and where each net stands in it."""

    connection: str
    width: int
    bits: dict[int, int]  # net: bit of the port


class Wiring:
    """The vectors of the top module. A net that is placed again (in a register) is read from its latest place."""

    def __init__(self, num_nets: int) -> None:
        self.vectors: list[tuple[str, int]] = []  # name, width; in the order of placing
        self._vector = np.full(num_nets, -1, dtype=np.int32)
        self._bit = np.zeros(num_nets, dtype=np.int32)

    def place(self, name: str, nets: Array) -> None:
        """Bit ``k`` of the vector ``name`` is ``nets[k]``."""
        self._vector[nets] = len(self.vectors)
        self._bit[nets] = np.arange(len(nets))
        self.vectors.append((name, len(nets)))

    def concat(self, nets: Array) -> str:
        """The concatenation whose bit ``k`` is ``nets[k]``; neighbours in one vector are one part-select."""
        vector, bit = self._vector[nets], self._bit[nets]
        joined = (vector[1:] == vector[:-1]) & (bit[1:] == bit[:-1] + 1) & (vector[1:] >= 0)
        starts = np.flatnonzero(np.concatenate([[True], ~joined]))
        ends = np.append(starts[1:], len(nets)) - 1
        rows = np.stack([nets[starts], vector[starts], bit[starts], bit[ends]], axis=1).tolist()
        return concat([self._part(*row) for row in rows])

    def port(self, nets: Array, room: int) -> Port:
        """A port for a module that reads ``nets``: their vectors whole if ``room`` bits suffice, else just the nets."""
        nets = np.unique(nets[nets >= FIRST_INPUT])
        whole = np.unique(self._vector[nets]).tolist()
        widths = [self.vectors[vector][1] for vector in whole]
        if sum(widths) > room:
            return Port(self.concat(nets), len(nets), {net: bit for bit, net in enumerate(nets.tolist())})
        offsets = np.zeros(len(self.vectors), dtype=np.int64)
        offsets[whole] = np.cumsum([0, *widths[:-1]]) if whole else 0
        bits = offsets[self._vector[nets]] + self._bit[nets]
        connection = concat([self.vectors[vector][0] for vector in whole]) if whole else ""
        return Port(connection, sum(widths), dict(zip(nets.tolist(), bits.tolist(), strict=True)))

    def _part(self, net: int, vector: int, low: int, high: int) -> str:
        if net < FIRST_INPUT:
            return f"1'b{net}"
        name, width = self.vectors[vector]
        if high - low + 1 == width:
            return name
        return f"{name}[{low}]" if low == high else f"{name}[{high}:{low}]"


def concat(parts: Sequence[str], indent: str = " " * 12) -> str:
    """The parts, the lowest first, as one Verilog concatenation."""
    if len(parts) == 1:
        return parts[0]
    return "{" + wrap(list(reversed(parts)), per_line=_PER_LINE, indent=indent) + "}"


@dataclass(frozen=True)
class Word:
    """A piece of a vector: its number and the bits ``low`` to ``high`` of the vector."""

    number: int
    low: int
    high: int

    @property
    def top(self) -> int:
        return self.high - self.low


def words_of(width: int) -> list[Word]:
    """A vector of ``width`` bits cut into words of 64 bits, the last one as wide as what is left."""
    return [
        Word(number, low, min(low + WORD_WIDTH, width) - 1) for number, low in enumerate(range(0, width, WORD_WIDTH))
    ]
