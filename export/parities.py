"""An encoder's code as LUTs of a netlist: each output bit the parity of comparators, as trees of exclusive ors."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.unroll import Unrolled

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Parities:
    """Output bits ``bits[v, b]``: ``starts[v, b]`` XOR the nets ``nets[v, i]`` for each i with ``toggles[i, b]``."""

    nets: Array  # (num_values, num_thresholds), of the comparators
    bits: Array  # (num_values, num_bits), each of 0 .. num_values * num_bits - 1 once
    toggles: Array  # (num_thresholds, num_bits) of {0, 1}
    starts: Array  # (num_values, num_bits) of {0, 1}


def parity_luts(code: Parities, rank: int, first: int) -> tuple[list[Unrolled], Array]:
    """The LUTs of a code, of at most ``rank`` inputs, and the net of each output bit.

    Comparators that toggle the same two or more bits are joined once for all of them: the n bits of a binary number
    take 2**n - 1 comparators and not many more pins. A bit that is one comparator is its net. The LUTs of a bit have
    its number as their neuron, those of several bits the first one's.

    Args:
        code: the bits of every value of a sample.
        rank: 2 or more.
        first: the net of the first LUT.
    """
    trees = _Trees(rank, first)
    nets = code.nets
    patterns, pattern_of = np.unique(code.toggles, axis=0, return_inverse=True)
    inputs: list[list[Array]] = [[] for _ in range(code.bits.shape[1])]
    for number, pattern in enumerate(patterns):
        members = nets[:, pattern_of.reshape(-1) == number]
        bits = np.flatnonzero(pattern)
        if len(bits) > 1:
            members = trees.parity(members, np.zeros(len(nets), np.uint8), code.bits[:, bits[0]])[:, None]
        for bit in bits:
            inputs[bit].append(members)
    outputs = np.empty(code.bits.size, dtype=np.int64)
    for number, columns in enumerate(inputs):
        joined = np.concatenate([nets[:, :0], *columns], axis=1)
        outputs[code.bits[:, number]] = trees.parity(joined, code.starts[:, number], code.bits[:, number])
    return trees.blocks, outputs


@dataclass
class _Trees:
    rank: int
    first: int  # the net of the next LUT
    blocks: list[Unrolled] = field(default_factory=list)

    def parity(self, nets: Array, starts: Array, neurons: Array) -> Array:
        """The nets ``(num_values,)`` of the parity of each row of nets ``(num_values, inputs)`` and its start."""
        while nets.shape[1] > self.rank:
            chunks = [nets[:, start : start + self.rank] for start in range(0, nets.shape[1], self.rank)]
            even = np.zeros_like(starts)
            nets = np.stack([self._luts(c, even, neurons) if c.shape[1] > 1 else c[:, 0] for c in chunks], axis=1)
        if nets.shape[1] > 1:
            return self._luts(nets, starts, neurons)
        if nets.shape[1] == 0:
            return starts.astype(np.int64)  # nets 0 and 1 are the constants
        same, inverted = nets[:, 0].copy(), starts == 1
        same[inverted] = self._luts(nets[inverted], starts[inverted], neurons[inverted])
        return same

    def _luts(self, pins: Array, starts: Array, neurons: Array) -> Array:
        num_entries = 1 << pins.shape[1]
        odd = sum(1 << entry for entry in range(num_entries) if entry.bit_count() % 2)
        tables = np.where(starts == 1, np.uint64(odd ^ ((1 << num_entries) - 1)), np.uint64(odd))
        self.blocks.append(Unrolled(tables, pins, neurons))
        self.first += len(pins)
        return np.arange(self.first - len(pins), self.first)
