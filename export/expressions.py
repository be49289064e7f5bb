"""Tables as expressions over ``&``, ``|``, ``^`` and ``~``: one text that Verilog, C and Amaranth all read."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import Netlist

_EXACT_PINS = 4  # up to here every order of the pins is tried; above, the top pin is split off first


def lut_expressions(
    netlist: Netlist, luts: npt.NDArray[Any], name_of: Callable[[int], str], constants: tuple[str, str]
) -> list[str]:
    """The expression of each LUT in ``luts``, fully parenthesised.

    ``name_of`` gives the text of a net that is an input bit or a LUT; ``constants`` are the texts of 0 and 1, used
    for the nets 0 and 1 and for constant tables. A pin that the table ignores does not appear.
    """
    pins = netlist.pins[luts]
    names = {net: name_of(net) for net in np.unique(pins).tolist() if net > 1}
    return table_expressions(netlist.tables[luts], pins, names, constants)


def table_expressions(
    tables: npt.NDArray[Any], pins: npt.NDArray[Any], names: Mapping[int, str], constants: tuple[str, str]
) -> list[str]:
    """The expression of each table (uint64 ``(n,)``) over its pins (int ``(n, rank)``), fully parenthesised.

    A pin is the constant 0 or 1, or a key of ``names``.
    """
    zero, one = constants
    texts = {**names, 0: zero, 1: one}
    rank = pins.shape[1]
    return [
        expression(table, rank).format(*[texts[pin] for pin in row], zero=zero, one=one)
        for table, row in zip(tables.tolist(), pins.tolist(), strict=True)
    ]


@lru_cache(maxsize=1 << 20)
def expression(table: int, num_pins: int) -> str:
    """A format string that computes ``table`` (bit ``a``: the output at address ``a``, pin 0 is bit 0 of the address).

    ``{0}``, ``{1}``, … stand for the pins, ``{zero}`` and ``{one}`` for a constant table. Shannon expansion with the
    and, or and xor cases taken out; exhaustive in the order of the pins up to four of them.
    """
    full = (1 << (1 << num_pins)) - 1
    if table in (0, full):
        return "{one}" if table else "{zero}"
    return _expand(table, num_pins)[1]


@lru_cache(maxsize=1 << 20)
def _expand(table: int, num_pins: int) -> tuple[int, str]:
    """(number of operators, format string) of a table that is not constant."""
    support = [
        pin for pin in range(num_pins) if _cofactor(table, pin, 0, num_pins) != _cofactor(table, pin, 1, num_pins)
    ]
    choices: Sequence[int] = support if len(support) <= _EXACT_PINS else support[-1:]
    return min(_split(table, pin, num_pins) for pin in choices)


def _split(table: int, pin: int, num_pins: int) -> tuple[int, str]:
    full = (1 << (1 << num_pins)) - 1
    low, high = _cofactor(table, pin, 0, num_pins), _cofactor(table, pin, 1, num_pins)
    name = f"{{{pin}}}"
    if (low, high) == (0, full):
        return 0, name
    if (low, high) == (full, 0):
        return 1, f"~{name}"
    if low in (0, full):
        cost, inner = _expand(high, num_pins)
        return (cost + 1, f"({name} & {inner})") if low == 0 else (cost + 2, f"(~{name} | {inner})")
    cost, inner = _expand(low, num_pins)
    if high == 0:
        return cost + 2, f"(~{name} & {inner})"
    if high == full:
        return cost + 1, f"({name} | {inner})"
    if high == low ^ full:
        return cost + 1, f"({name} ^ {inner})"
    high_cost, high_inner = _expand(high, num_pins)
    mux = cost + high_cost + 4, f"(({name} & {high_inner}) | (~{name} & {inner}))"
    if low & high == low:  # low implies high, so the pin only adds ones
        return min(mux, (cost + high_cost + 2, f"({inner} | ({name} & {high_inner}))"))
    if low & high == high:
        return min(
            mux,
            (cost + high_cost + 2, f"({inner} & (~{name} | {high_inner}))"),
            (cost + high_cost + 3, f"({high_inner} | (~{name} & {inner}))"),
        )
    return mux


@lru_cache(maxsize=1 << 20)
def _cofactor(table: int, pin: int, value: int, num_pins: int) -> int:
    """The table with ``pin`` held at ``value``, repeated over that pin."""
    step = 1 << pin
    mask = _low_half(pin, num_pins)
    half = (table >> step if value else table) & mask
    return half | half << step


@lru_cache(maxsize=64)
def _low_half(pin: int, num_pins: int) -> int:
    """The addresses of a table whose bit ``pin`` is 0, as a mask."""
    return sum(1 << address for address in range(1 << num_pins) if not address >> pin & 1)
