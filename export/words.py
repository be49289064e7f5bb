"""LUTs on Python's integers, each bit of which is one case: an address of a larger table, or a sample."""

from functools import lru_cache


@lru_cache
def variables(size: int) -> tuple[int, ...]:
    """For each of ``size`` pins the integer of ``2**size`` bits whose bit ``a`` is what it reads at address ``a``."""
    num = 1 << size
    return tuple(sum(1 << address for address in range(num) if address >> pin & 1) for pin in range(size))


def table_of(table: int, pins: list[int], ones: int) -> int:
    """What a LUT makes of its pins, pin 0 first; ``ones`` has a 1 for each case that there is."""
    values = [ones if table >> address & 1 else 0 for address in range(1 << len(pins))]
    for pin in pins:
        values = [low ^ ((low ^ high) & pin) for low, high in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def widened(table: int, num_pins: int, rank: int) -> int:
    """A table of ``num_pins`` pins as one of ``rank`` that ignores the further ones."""
    for pin in range(num_pins, rank):
        table |= table << (1 << pin)
    return table
