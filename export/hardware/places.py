"""Where nets stand in a module: each is a bit of a vector, and a concatenation gathers any of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.rtl import Constant, Expression, Slice, join
from bitlogic.export.netlist import FIRST_INPUT

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Connection:
    """What a port is connected to; ``pins`` of a body of LUTs say where each net stands in it."""

    value: Expression | None  # None: a port of no bits
    width: int
    bits: Array  # int32 (num_nets,): the net's bit of the port, -1 for a net that is not in it

    def pins(self, nets: Array) -> Array:
        """int32, as in ``Luts``: the constants 0 and 1, else 2 + the bit of the port."""
        return np.where(nets < FIRST_INPUT, nets, self.bits[nets] + 2).astype(np.int32)


class Places:
    """The vectors of a module. A net that is placed again (in a register) is read from its latest place."""

    def __init__(self, num_nets: int) -> None:
        self._names: list[str] = []
        self._widths: list[int] = []
        self._vector = np.full(num_nets, -1, dtype=np.int32)
        self._bit = np.zeros(num_nets, dtype=np.int32)

    def place(self, name: str, nets: Array) -> None:
        """Bit ``k`` of the vector ``name`` is ``nets[k]``."""
        self._vector[nets] = len(self._names)
        self._bit[nets] = np.arange(len(nets))
        self._names.append(name)
        self._widths.append(len(nets))

    def gather(self, nets: Array) -> Expression:
        """The expression whose bit ``k`` is ``nets[k]``; neighbours in one vector are one slice."""
        vector = np.where(nets < FIRST_INPUT, -1, self._vector[nets])
        bit = self._bit[nets]
        joined = (vector[1:] == vector[:-1]) & (bit[1:] == bit[:-1] + 1) & (vector[1:] >= 0)
        starts = np.flatnonzero(np.concatenate([[True], ~joined]))
        ends = np.append(starts[1:], len(nets)) - 1
        rows = np.stack([nets[starts], vector[starts], bit[starts], bit[ends]], axis=1).tolist()
        return join([self._part(*row) for row in rows])

    def width_of_vectors(self, nets: Array) -> int:
        """The bits of all vectors that ``nets`` stand in."""
        vectors = np.unique(self._vector[nets[nets >= FIRST_INPUT]])
        return int(np.asarray(self._widths, dtype=np.int64)[vectors].sum())

    def connect(self, nets: Array, room: int) -> Connection:
        """A port that carries ``nets``: their vectors whole if ``room`` bits suffice, else just the nets."""
        nets = np.unique(nets[nets >= FIRST_INPUT])
        vectors = np.unique(self._vector[nets])
        widths = np.asarray(self._widths, dtype=np.int64)[vectors]
        bits = np.full(len(self._vector), -1, dtype=np.int32)
        if not len(nets):
            return Connection(None, 0, bits)
        if widths.sum() > room:
            bits[nets] = np.arange(len(nets))
            return Connection(self.gather(nets), len(nets), bits)
        offsets = np.zeros(len(self._names), dtype=np.int64)
        offsets[vectors] = np.cumsum(widths) - widths
        bits[nets] = offsets[self._vector[nets]] + self._bit[nets]
        parts = [Slice(self._names[v], 0, self._widths[v], self._widths[v]) for v in vectors.tolist()]
        return Connection(join(parts), int(widths.sum()), bits)

    def _part(self, net: int, vector: int, low: int, high: int) -> Expression:
        if net < FIRST_INPUT:
            return Constant(net, 1)
        return Slice(self._names[vector], low, high - low + 1, self._widths[vector])
