"""Expressions of the register-transfer form in Amaranth: one mapping, of Values in a live design or of their text."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bitlogic.export.hardware.rtl import Concat, Constant, Expression, Kind, Operation, Slice

Operand = Any  # Amaranth's Value or Words of amaranth_parts, or a Text: all have Python's operators and slices
_WORD = 64


class Parts(Protocol):
    """The functions of ``amaranth_parts`` that expressions call, or what writes their text."""

    def constant(self, value: int, width: int) -> Operand: ...
    def join(self, *parts: Operand) -> Operand: ...
    def flat(self, value: Operand) -> Operand: ...
    def mux(self, select: Operand, if_one: Operand, if_zero: Operand) -> Operand: ...


def express(expression: Expression, names: Mapping[str, Operand], parts: Parts) -> Operand:
    """The expression, of exactly its width; ``names`` holds the vectors that it may read."""
    if isinstance(expression, Constant):
        return parts.constant(expression.value, expression.width)
    if isinstance(expression, Slice):
        vector = names[expression.name]
        if expression.whole:
            return vector
        low, width = expression.low, expression.width
        return vector[low] if width == 1 else vector[low : low + width]
    if isinstance(expression, Concat):
        return parts.join(*[express(part, names, parts) for part in expression.parts])
    kind = expression.kind
    if kind is Kind.ADD:
        return _sum(expression, names, parts)
    operands = [express(operand, names, parts) for operand in expression.operands]
    if kind is Kind.MUX:
        return parts.mux(*operands)
    if kind in _WORDWISE:
        return _WORDWISE[kind](*operands)
    flat = [
        parts.flat(operand) if source.width > _WORD else operand
        for source, operand in zip(expression.operands, operands, strict=True)
    ]
    if kind in _COMPARISONS:
        return _COMPARISONS[kind](*flat)
    return _ARITHMETIC[kind](*flat)[0 : expression.width]


def _sum(expression: Operation, names: Mapping[str, Operand], parts: Parts) -> Operand:
    """Amaranth's sum has a bit more than its longer term, so that zeros above a term say nothing."""
    terms = [_without_zeros(term) for term in expression.operands]
    if max(term.width for term in terms) + 1 < expression.width:
        terms = list(expression.operands)
    one, two = (
        parts.flat(express(term, names, parts)) if term.width > _WORD else express(term, names, parts) for term in terms
    )
    total = one + two
    return total if max(term.width for term in terms) + 1 == expression.width else total[0 : expression.width]


def _without_zeros(term: Expression) -> Expression:
    if isinstance(term, Concat) and len(term.parts) == 2 and isinstance(term.parts[1], Constant):
        return term.parts[0] if term.parts[1].value == 0 else term
    return term


# Of operands of any width, and as wide as they are.
_WORDWISE: dict[Kind, Callable[..., Operand]] = {
    Kind.NOT: lambda one: ~one,
    Kind.AND: lambda one, two: one & two,
    Kind.OR: lambda one, two: one | two,
    Kind.XOR: lambda one, two: one ^ two,
}
_COMPARISONS: dict[Kind, Callable[..., Operand]] = {
    Kind.EQUAL: lambda one, two: one == two,
    Kind.LESS: lambda one, two: one < two,
    Kind.SIGNED_LESS: lambda one, two: one.as_signed() < two.as_signed(),
}
# Of Values; the result has further bits above.
_ARITHMETIC: dict[Kind, Callable[..., Operand]] = {
    Kind.SUBTRACT: lambda one, two: one - two,
    Kind.MULTIPLY: lambda one, two: one * two,
}
