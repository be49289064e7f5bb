"""What happens to a table when one of its pins does: uint64 arrays of tables, all at once.

``rank`` is the rank of every table of the array; the pin ``i`` is bit ``i`` of a table's address.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def held_pin(tables: Array, pin: int, value: int, rank: int) -> Array:
    """The tables with ``pin`` held at ``value``, repeated over that pin: they ignore it."""
    step = np.uint64(1 << pin)
    low = low_half(pin, rank)
    half = (tables >> step) & low if value else tables & low
    return half | (half << step)


def inverted_pin(tables: Array, pin: int, rank: int) -> Array:
    """The tables that give with ``pin`` inverted what the given ones give without."""
    step = np.uint64(1 << pin)
    low = low_half(pin, rank)
    return ((tables & low) << step) | ((tables >> step) & low)


def joined_pin(tables: Array, pin: int, other: int, rank: int) -> Array:
    """The tables that take the value of ``other`` for ``pin``, and ignore ``pin``."""
    at_zero, at_one = held_pin(tables, pin, 0, rank), held_pin(tables, pin, 1, rank)
    joined: Array = at_one ^ ((at_zero ^ at_one) & low_half(other, rank))
    return joined


def swapped_pins(tables: Array, low_pin: int, high_pin: int, rank: int) -> Array:
    """The tables with two pins exchanged, ``low_pin < high_pin``."""
    step = np.uint64((1 << high_pin) - (1 << low_pin))
    only_low = low_half(high_pin, rank) & ~low_half(low_pin, rank) & all_ones(rank)  # low_pin 1, high_pin 0
    differing: Array = ((tables >> step) ^ tables) & only_low
    return tables ^ differing ^ (differing << step)


def ignores_pin(tables: Array, pin: int, rank: int) -> npt.NDArray[np.bool_]:
    """Which tables do not depend on ``pin``."""
    step = np.uint64(1 << pin)
    result: npt.NDArray[np.bool_] = ((tables >> step) ^ tables) & low_half(pin, rank) == 0
    return result


def low_half(pin: int, rank: int) -> np.uint64:
    """The table that is 1 where ``pin`` is 0."""
    return np.uint64(sum(1 << address for address in range(1 << rank) if not address >> pin & 1))


def all_ones(rank: int) -> np.uint64:
    """The table of the constant 1."""
    return np.uint64((1 << (1 << rank)) - 1)
