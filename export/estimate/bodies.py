"""What the bodies of modules cost: LUTs by what their tables depend on, comparators, memories of constants."""

from copy import copy

import numpy as np

from bitlogic.export.estimate.family import Family
from bitlogic.export.hardware.rtl import Array, Comparators, Luts, Rom
from bitlogic.export.passes.tables import held_pin, ignores_pin


def count_luts(body: Luts, family: Family) -> float:
    """LUTs of the device; tables that stand there twice over the same pins count once."""
    if not len(body.tables):
        return 0.0
    rows = np.concatenate([body.tables[:, None].astype(np.int64), body.pins.astype(np.int64)], axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    sizes = np.bincount(_supports(body)[first], minlength=7).tolist()
    return float(sum(number * family.luts.get(size, 0) for size, number in enumerate(sizes)))


class Tables:
    """The LUTs of a body one by one, each to be paid or to go into the only reader that it has."""

    def __init__(self, body: Luts, family: Family) -> None:
        self._pins = body.pins
        self._luts = [family.luts.get(size, 0.0) for size in _supports(body).tolist()]
        self._paid = [False] * len(self._luts)

    def again(self) -> "Tables":
        """The same of another instance, nothing of it paid."""
        other = copy(self)
        other._paid = [False] * len(self._luts)
        return other

    def signals(self, rows: range) -> int:
        """How many different signals these LUTs read."""
        pins = self._pins[rows.start : rows.stop]
        return len(np.unique(pins[pins > 1]))

    def pay(self, rows: range) -> float:
        """What is not paid yet of these LUTs."""
        luts = sum(self._luts[row] for row in rows if not self._paid[row])
        self.take(rows)
        return luts

    def take(self, rows: range) -> None:
        """These LUTs go into their reader."""
        for row in rows:
            self._paid[row] = True


def lut_levels(body: Luts, family: Family) -> int:
    """LUTs of the device one behind the other in the largest table of the body; 0 where all are wires."""
    largest = int(_supports(body).max(initial=0))
    return 0 if largest < 2 else 1 + (largest > family.widest)


def count_comparators(body: Comparators, family: Family) -> float:
    """LUTs of comparators with constants, each different one once."""
    pairs = np.unique(np.stack([body.lows, body.thresholds], axis=1), axis=0)
    sizes = [compared_bits(threshold, body.value_width) for threshold in pairs[:, 1].tolist()]
    return sum(family.less_constant(size) for size in sizes)


def compared_bits(threshold: int, width: int) -> int:
    """The bits of a value that ``value > threshold`` depends on: those above the threshold's lowest 0."""
    return width - (~threshold & (threshold + 1)).bit_length() + 1 if threshold < (1 << width) - 1 else 0


def memory_blocks(body: Rom, width: int, family: Family) -> int:
    """Block memories for constants, in the shape that needs the fewest; 0: there are too few bits for one."""
    words = len(body.words)
    if not family.memory_bits or words * width < family.memory_from_bits:
        return 0
    return min(
        -(-width // bits) * -(-words // (family.memory_bits // (1 << (bits.bit_length() - 1))))
        for bits in family.memory_widths
    )


def memory_luts(body: Rom, width: int, family: Family) -> float:
    """The same of LUTs: what is a function of more inputs than a LUT has becomes a tree of choices."""
    inputs = max(1, (len(body.words) - 1).bit_length())
    if inputs <= family.lut_inputs:
        return width * family.luts.get(inputs, 0.0)
    return width * len(body.words) / 16


def _supports(body: Luts) -> Array:
    """int64 (n,): the pins that each table depends on, constants held."""
    tables, rank = body.tables, body.rank
    for pin in range(rank):
        for constant in (0, 1):
            held = body.pins[:, pin] == constant
            if held.any():
                tables = np.where(held, held_pin(tables, pin, constant, rank), tables)
    used = np.zeros(len(tables), dtype=np.int64)
    for pin in range(rank):
        used += ~ignores_pin(tables, pin, rank)
    return used
