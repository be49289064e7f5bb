"""Which pin of a table to expand first, so that few ands are needed."""

from functools import cache


@cache
def cheapest(table: int, num_pins: int) -> tuple[int, int]:
    """The ands that a table needs when it is expanded pin after pin, and the pin that comes first."""
    if table in (0, (1 << (1 << num_pins)) - 1):
        return 0, 0
    return min((_choice(*cofactors(table, pin, num_pins), num_pins - 1), pin) for pin in range(num_pins))


@cache
def cofactors(table: int, pin: int, num_pins: int) -> tuple[int, int]:
    """The table with a pin at 0 and at 1, over the others."""
    low = high = 0
    for place in range(1 << (num_pins - 1)):
        address = (place >> pin << (pin + 1)) | (place & ((1 << pin) - 1))
        low |= (table >> address & 1) << place
        high |= (table >> (address | 1 << pin) & 1) << place
    return low, high


def _choice(low: int, high: int, num_pins: int) -> int:
    """The ands of a choice between two tables."""
    if low == high:
        return cheapest(low, num_pins)[0]
    ones = (1 << (1 << num_pins)) - 1
    varying = [part for part in (low, high) if part not in (0, ones)]
    if low == high ^ ones:
        return cheapest(low, num_pins)[0] + 3 * (len(varying) > 0)
    return sum(cheapest(part, num_pins)[0] + 1 for part in varying) + (len(varying) == 2)
