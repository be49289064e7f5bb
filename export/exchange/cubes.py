"""Tables as sums of products, the form in which BLIF writes them."""

from functools import cache, reduce

Cube = str  # one character a pin, pin 0 first: 0 and 1 are what it must read, - is either


@cache
def cubes_of(table: int, num_pins: int) -> tuple[Cube, ...]:
    """Cubes that are 1 together where the table is, none of which could be left out; none for the constant 0.

    The table's bit ``a`` is the value at address ``a``, pin 0 being bit 0 of it (Minato, "Fast generation of prime-
    irredundant covers from binary decision diagrams", 1993, on tables).
    """
    return tuple(cube for cube, _ in _cover(table, table, num_pins))


def _cover(must: int, may: int, num_pins: int) -> list[tuple[Cube, int]]:
    """Cubes with their tables that hold all of ``must`` and nothing outside ``may``."""
    if not must:
        return []
    ones = (1 << (1 << num_pins)) - 1
    if may == ones:
        return [("-" * num_pins, ones)]
    half = 1 << (num_pins - 1)
    low_ones = (1 << half) - 1
    must_low, must_high, may_low, may_high = must & low_ones, must >> half, may & low_ones, may >> half
    low = _cover(must_low & ~may_high, may_low, num_pins - 1)
    high = _cover(must_high & ~may_low, may_high, num_pins - 1)
    left = must_low & ~_union(low) | must_high & ~_union(high)
    either = _cover(left, may_low & may_high, num_pins - 1)
    return (
        [(cube + "0", table) for cube, table in low]
        + [(cube + "1", table << half) for cube, table in high]
        + [(cube + "-", table | table << half) for cube, table in either]
    )


def _union(cover: list[tuple[Cube, int]]) -> int:
    return reduce(lambda table, entry: table | entry[1], cover, 0)


def value_of(cubes: tuple[Cube, ...], pins: list[int], ones: int) -> int:
    """Where any cube holds, for pins that are integers of bits; ``ones`` has a 1 for each case that there is."""
    value = 0
    for cube in cubes:
        product = ones
        for literal, pin in zip(cube, pins, strict=True):
            if literal != "-":
                product &= pin if literal == "1" else ~pin
        value |= product
    return value
