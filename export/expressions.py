"""Tables as expressions over ``&``, ``|``, ``^`` and ``~``: one text that Verilog, C and Amaranth all read.

With the further operators of single bits in Verilog they get shorter still.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.formulas import NUM_VARIABLES, Kind, Operators, formulas
from bitlogic.export.netlist import Netlist
from bitlogic.export.words import widened


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
    tables: npt.NDArray[Any],
    pins: npt.NDArray[Any],
    names: Mapping[int, str],
    constants: tuple[str, str],
    operators: Operators = Operators.BITWISE,
) -> list[str]:
    """The expression of each table (uint64 ``(n,)``) over its pins (int ``(n, rank)``), fully parenthesised.

    A pin is the constant 0 or 1, or a key of ``names``.
    """
    zero, one = constants
    texts = {**names, 0: zero, 1: one}
    rank = pins.shape[1]
    return [
        expression(table, rank, operators).format(*[texts[pin] for pin in row], zero=zero, one=one)
        for table, row in zip(tables.tolist(), pins.tolist(), strict=True)
    ]


@lru_cache(maxsize=1 << 20)
def expression(table: int, num_pins: int, operators: Operators = Operators.BITWISE) -> str:
    """A format string that computes ``table`` (bit ``a``: the output at address ``a``, pin 0 is bit 0 of the address).

    ``{0}``, ``{1}``, … stand for the pins, ``{zero}`` and ``{one}`` for a constant table. A table that depends on four
    pins or fewer has the shortest formula there is; above, Shannon expansion leads there, the last pin first, with the
    and, or and xor cases taken out.
    """
    full = (1 << (1 << num_pins)) - 1
    if table in (0, full):
        return "{one}" if table else "{zero}"
    return _expand(table, num_pins, operators)[1]


@lru_cache(maxsize=1 << 20)
def _expand(table: int, num_pins: int, operators: Operators) -> tuple[int, str]:
    """(number of operators, format string) of a table that is not constant."""
    if num_pins <= NUM_VARIABLES:
        function = widened(table, num_pins, NUM_VARIABLES)
        return formulas(operators).num_operators(function), _formula_text(function, operators)
    support = [
        pin for pin in range(num_pins) if _cofactor(table, pin, 0, num_pins) != _cofactor(table, pin, 1, num_pins)
    ]
    if len(support) > NUM_VARIABLES:
        return _split(table, support[-1], num_pins, operators)
    addresses = [sum((k >> place & 1) << pin for place, pin in enumerate(support)) for k in range(1 << len(support))]
    cost, text = _expand(sum((table >> a & 1) << k for k, a in enumerate(addresses)), len(support), operators)
    for place, pin in reversed([*enumerate(support)]):  # no pin is before its place, so that none is taken twice
        text = text.replace(f"{{{place}}}", f"{{{pin}}}")
    return cost, text


@lru_cache(maxsize=1 << 17)
def _formula_text(function: int, operators: Operators) -> str:
    """The formula of a function of four variables, ``{0}`` to ``{3}``."""
    root = formulas(operators).formula(function)
    parts = [_formula_text(operand, operators) for operand in root.operands]
    if root.kind is Kind.VARIABLE:
        return f"{{{root.variable}}}"
    if root.kind is Kind.NOT:
        return f"~{parts[0]}"
    if root.kind is Kind.CHOICE:
        return f"({{{root.variable}}} ? {parts[0]} : {parts[1]})"
    return f"({parts[0]} {root.kind} {parts[1]})"


def _split(table: int, pin: int, num_pins: int, operators: Operators) -> tuple[int, str]:
    full = (1 << (1 << num_pins)) - 1
    low, high = _cofactor(table, pin, 0, num_pins), _cofactor(table, pin, 1, num_pins)
    name = f"{{{pin}}}"
    if low in (0, full):
        cost, inner = _expand(high, num_pins, operators)
        return (cost + 1, f"({name} & {inner})") if low == 0 else (cost + 2, f"(~{name} | {inner})")
    cost, inner = _expand(low, num_pins, operators)
    if high == 0:
        return cost + 2, f"(~{name} & {inner})"
    if high == full:
        return cost + 1, f"({name} | {inner})"
    if high == low ^ full:
        return cost + 1, f"({name} ^ {inner})"
    high_cost, high_inner = _expand(high, num_pins, operators)
    choices = [(cost + high_cost + 4, f"(({name} & {high_inner}) | (~{name} & {inner}))")]
    if operators is Operators.CHOICE:
        choices.append((cost + high_cost + 1, f"({name} ? {high_inner} : {inner})"))
    if low & high == low:  # low implies high, so the pin only adds ones
        choices.append((cost + high_cost + 2, f"({inner} | ({name} & {high_inner}))"))
    elif low & high == high:
        choices.append((cost + high_cost + 3, f"({high_inner} | (~{name} & {inner}))"))
    return min(choices)


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
