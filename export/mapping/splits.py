"""Which tables split in two, found for many tables at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.exchange.support import function_of

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Split:
    """``f = top(inner(bound), *rest)``: tables whose pins are pins of ``f``, pin 0 of ``top`` being inner's output."""

    bound: tuple[int, ...]
    inner: int
    rest: tuple[int, ...]
    top: int

    @cached_property
    def top_function(self) -> tuple[int, tuple[int, ...]]:
        """``top`` over the pins of it that matter, and which these are."""
        table, nets = function_of(self.top, [net + 2 for net in range(len(self.rest) + 1)])
        return table, tuple(net - 2 for net in nets)


def best_splits(tables: Sequence[int], num_pins: int, size: int) -> list[Split | None]:
    """For each table of ``num_pins`` pins a split with an inner table of at most ``size`` pins and the smallest top.

    None where no split has a top of fewer pins than the table. A hundred thousand tables of six pins take some seconds.
    """
    values = (np.array(tables, dtype=np.uint64)[:, None] >> np.arange(1 << num_pins, dtype=np.uint64)).astype(
        np.uint8
    ) & 1
    found: list[Split | None] = [None] * len(tables)
    open_rows = np.arange(len(tables))
    for bound, shared in _choices(num_pins, size):
        if not len(open_rows):
            break
        columns = _columns(values[open_rows], num_pins, bound, shared)
        low, high = columns.min(axis=2, keepdims=True), columns.max(axis=2, keepdims=True)
        is_high = columns == high
        fits = ((columns == low) | is_high).all(axis=(1, 2))
        for place in np.flatnonzero(fits).tolist():
            parts = low[place, :, 0].tolist(), high[place, :, 0].tolist()
            found[open_rows[place]] = _split(num_pins, bound, shared, is_high[place], parts)
        open_rows = open_rows[~fits]
    return found


def _choices(num_pins: int, size: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Bound and shared pins, the smallest tops first; the tops have fewer pins than the table."""
    every = [
        (bound, shared)
        for num_bound in range(2, size + 1)
        for bound in combinations(range(num_pins), num_bound)
        for num_shared in range(num_bound - 1)
        for shared in combinations(bound, num_shared)
    ]
    sizes = [1 + num_pins - len(bound) + len(shared) for bound, shared in every]
    for top_size in range(2, num_pins):
        yield from (choice for choice, pins in zip(every, sizes, strict=True) if pins == top_size)


def _columns(values: Array, num_pins: int, bound: tuple[int, ...], shared: tuple[int, ...]) -> Array:
    """int64 ``(n, 2**shared, 2**others)``: the table over the rest for each value of the bound pins."""
    others = [pin for pin in bound if pin not in shared]
    rest = [pin for pin in range(num_pins) if pin not in bound]
    addresses = _spread(shared)[:, None, None] + _spread(others)[None, :, None] + _spread(rest)[None, None, :]
    weights = np.int64(1) << np.arange(1 << len(rest), dtype=np.int64)
    columns: Array = values[:, addresses].astype(np.int64) @ weights
    return columns


def _spread(pins: Sequence[int]) -> Array:
    """For each value of the pins, the first being its lowest bit, the address in which all others are 0."""
    every = np.arange(1 << len(pins))
    return sum(((every >> place & 1) << pin for place, pin in enumerate(pins)), np.zeros(len(every), dtype=np.int64))


def _split(
    num_pins: int, bound: tuple[int, ...], shared: tuple[int, ...], is_high: Array, parts: tuple[list[int], list[int]]
) -> Split:
    """The split where ``is_high`` tells which of the two parts each value of the bound pins selects."""
    others = [pin for pin in bound if pin not in shared]
    rest = [pin for pin in range(num_pins) if pin not in bound]
    place = {pin: 1 << index for index, pin in enumerate(bound)}
    inner = 0
    for value in range(is_high.shape[0]):
        for selector in range(is_high.shape[1]):
            if is_high[value, selector]:
                address = sum(place[pin] for index, pin in enumerate(shared) if value >> index & 1)
                inner |= 1 << address + sum(place[pin] for index, pin in enumerate(others) if selector >> index & 1)
    top = 0
    for value in range(is_high.shape[0]):
        for chosen in (0, 1):
            for column in range(1 << len(rest)):
                address = chosen | column << 1 | value << (1 + len(rest))
                top |= (parts[chosen][value] >> column & 1) << address
    return Split(bound, inner, (*rest, *shared), top)
