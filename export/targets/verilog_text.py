"""Expressions of the register-transfer form as Verilog text."""

from bitlogic.export.hardware.rtl import Concat, Constant, Expression, Kind, Operation, Slice
from bitlogic.export.render import wrap

_PER_LINE = 8
_INFIX = {
    Kind.AND: "&",
    Kind.OR: "|",
    Kind.XOR: "^",
    Kind.ADD: "+",
    Kind.SUBTRACT: "-",
    Kind.MULTIPLY: "*",
    Kind.EQUAL: "==",
    Kind.LESS: "<",
}


def expression_text(value: Expression, indent: str = " " * 12) -> str:
    """The expression; lines after its first start with ``indent``.

    A sum or product in Verilog is as wide as the widest of its operands and of what it is assigned to. In the
    register-transfer form these are all one width, so the text needs no casts.
    """
    if isinstance(value, Slice):
        return select(value.name, value.low, value.width, value.of)
    if isinstance(value, Constant):
        return number(value.value, value.width)
    if isinstance(value, Concat):
        return join_text([expression_text(part, indent) for part in flat_parts(value)], indent)
    return _operation(value, indent)


def join_text(parts: list[str], indent: str = " " * 12, per_line: int = _PER_LINE) -> str:
    """The parts, the lowest first, as one Verilog concatenation, wrapped: tools refuse very long lines."""
    if len(parts) == 1:
        return parts[0]
    return "{" + wrap(parts[::-1], per_line=per_line, indent=indent) + "}"


def number(value: int, width: int) -> str:
    """A sized constant; above 32 bits hexadecimal, which every tool reads at any width."""
    return f"{width}'d{value}" if width <= 32 else f"{width}'h{value:x}"


def select(name: str, low: int, width: int, of: int) -> str:
    """``width`` bits from ``low`` on of a vector of ``of`` bits; a vector of one bit is declared as a scalar."""
    if width == of:
        return name
    return f"{name}[{low}]" if width == 1 else f"{name}[{low + width - 1}:{low}]"


def declared(kind: str, name: str, width: int) -> str:
    """``kind`` (wire, reg, input wire, …) and ``name`` with the range of ``width`` bits, none for a single bit."""
    return f"{kind} {name}" if width == 1 else f"{kind} [{width - 1}:0] {name}"


def flat_parts(value: Concat) -> list[Expression]:
    """The parts with those of concatenations inside in their place."""
    parts: list[Expression] = []
    for part in value.parts:
        parts += flat_parts(part) if isinstance(part, Concat) else [part]
    return parts


def _operation(value: Operation, indent: str) -> str:
    operands = [_operand(operand, indent) for operand in value.operands]
    if value.kind is Kind.NOT:
        return f"~{operands[0]}"
    if value.kind is Kind.MUX:
        return f"{operands[0]} ? {operands[1]} : {operands[2]}"
    if value.kind is Kind.SIGNED_LESS:
        return f"$signed({operands[0]}) < $signed({operands[1]})"
    return f"{operands[0]} {_INFIX[value.kind]} {operands[1]}"


def _operand(value: Expression, indent: str) -> str:
    text = expression_text(value, indent)
    return f"({text})" if isinstance(value, Operation) else text
