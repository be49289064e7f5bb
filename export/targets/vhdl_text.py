"""Expressions of the register-transfer form as VHDL-2008 text.

A vector of one bit is a ``std_logic``, any other a ``std_logic_vector(w-1 downto 0)``; sums and products are made as
``unsigned``. Comparisons are the matching ones of VHDL-2008 (``?=``, ``?<``), which answer X where an operand has one.
"""

from typing import TypeGuard

from bitlogic.export.hardware.rtl import Concat, Constant, Expression, Kind, Operation, Slice, join
from bitlogic.export.names import VHDL_RESERVED

MAX_PARTS = 64  # of one concatenation: a longer one is assigned piece by piece
_LOGIC = {Kind.AND: "and", Kind.OR: "or", Kind.XOR: "xor"}
_ARITHMETIC = {Kind.ADD: "+", Kind.SUBTRACT: "-", Kind.MULTIPLY: "*"}
_COMPARISONS = (Kind.EQUAL, Kind.LESS, Kind.SIGNED_LESS)
_OF_ONE_BIT = {Kind.ADD: "xor", Kind.SUBTRACT: "xor", Kind.MULTIPLY: "and", Kind.EQUAL: "xnor"}
_NATURAL_BITS = 31  # of VHDL's integers that are not negative
_SHORT = 16  # bits of a constant that is written in binary


def legal(name: str) -> str:
    """The name, or another one where VHDL or the text that is printed has a meaning for it."""
    return f"{name}_value" if name.lower() in VHDL_RESERVED else name


def type_text(width: int) -> str:
    return "std_logic" if width == 1 else f"std_logic_vector({width - 1} downto 0)"


def literal(value: int, width: int) -> str:
    """A constant as std_logic or std_logic_vector."""
    if width == 1:
        return f"'{value}'"
    return f'"{value:0{width}b}"' if width <= _SHORT else f'{width}X"{value:x}"'


def select(name: str, low: int, width: int, of: int) -> str:
    """``width`` bits from ``low`` on of a vector of ``of`` bits."""
    if width == of:
        return name
    return f"{name}({low})" if width == 1 else f"{name}({low + width - 1} downto {low})"


def plain_text(value: Expression) -> str | None:
    """The text of a name, a part of one or a constant, which a port can be mapped to; None for any other expression."""
    if isinstance(value, Slice):
        return select(legal(value.name), value.low, value.width, value.of)
    return literal(value.value, value.width) if isinstance(value, Constant) else None


def flat_parts(value: Expression) -> list[Expression]:
    """The parts of a concatenation, the lowest first, with those of concatenations inside in their place."""
    if not isinstance(value, Concat):
        return [value]
    return [part for inner in value.parts for part in flat_parts(inner)]


def is_choice(value: Expression) -> TypeGuard[Operation]:
    return isinstance(value, Operation) and value.kind is Kind.MUX


class Expressions:
    """The expressions of one module. What VHDL cannot write inside an expression becomes a signal of its own.

    These are choices and long concatenations; ``extra`` holds their (name, value), which the module has to assign.
    """

    def __init__(self, names: set[str]) -> None:
        self.extra: list[tuple[str, Expression]] = []
        self._names = names

    def text(self, value: Expression) -> str:
        """The value as std_logic or std_logic_vector, to stand where the context gives the type."""
        plain = plain_text(value)
        if plain is not None:
            return plain
        if isinstance(value, Concat):
            parts = flat_parts(value)
            if len(parts) > MAX_PARTS:
                return self.signal("joined", value)
            return " & ".join(self._operand(part) for part in reversed(parts))
        if isinstance(value, Operation):
            return self._operation(value)
        raise TypeError(f"no expression: {value!r}")

    def condition(self, value: Expression) -> str:
        """Whether the one bit is 1."""
        if isinstance(value, Operation) and value.kind in _COMPARISONS and value.operands[0].width > 1:
            return self._comparison(value, "")
        return f"{self._operand(value)} = '1'"

    def signal(self, stem: str, value: Expression) -> str:
        """The name of a new signal with this value."""
        number = len(self.extra)
        name = f"{stem}{number}"
        while name in self._names:
            number += 1
            name = f"{stem}{number}"
        self._names.add(name)
        self.extra.append((name, value))
        return name

    def _operation(self, value: Operation) -> str:
        kind, operands = value.kind, value.operands
        if kind is Kind.MUX:
            return self.signal("choice", value)
        if kind is Kind.NOT:
            return f"not {self._operand(operands[0])}"
        if kind in _LOGIC:
            return self._infix(_LOGIC[kind], operands)
        if operands[0].width == 1:
            return self._operation_of_bits(kind, operands)
        if kind in _COMPARISONS:
            return self._comparison(value, "?")
        return f"std_logic_vector({self._arithmetic(value)})"

    def _comparison(self, value: Operation, matching: str) -> str:
        """As a std_logic where ``matching`` is "?", as a boolean without it."""
        if value.kind is Kind.EQUAL:
            return self._infix(f"{matching}=", value.operands)
        if value.kind is Kind.LESS:
            first, second = self._numbers(value.operands)
        else:
            first, second = (self._signed(operand) for operand in value.operands)
        return f"{first} {matching}< {second}"

    def _operation_of_bits(self, kind: Kind, operands: tuple[Expression, ...]) -> str:
        """Arithmetic and comparisons of single bits: a std_logic is no number."""
        if kind in _OF_ONE_BIT:
            return self._infix(_OF_ONE_BIT[kind], operands)
        small, large = operands if kind is Kind.LESS else operands[::-1]  # as a sign, 1 is less than 0
        return f"(not {self._operand(small)}) and {self._operand(large)}"

    def _infix(self, operator: str, operands: tuple[Expression, ...]) -> str:
        texts = [self._operand(operand) for operand in operands]
        if all(isinstance(operand, Constant) and operand.width > 1 for operand in operands):
            texts[0] = f"std_logic_vector'({texts[0]})"  # two literals have no type
        return f"{texts[0]} {operator} {texts[1]}"

    def _operand(self, value: Expression) -> str:
        text = self.text(value)
        if isinstance(value, Concat) and len(flat_parts(value)) <= MAX_PARTS:
            return f"std_logic_vector'({text})"
        return f"({text})" if isinstance(value, Operation) and value.kind is not Kind.MUX else text

    def _number(self, value: Expression) -> str:
        """The value as unsigned; of one bit too."""
        if value.width == 1:
            return f"unsigned'(0 => {self.text(value)})"
        if isinstance(value, Operation) and value.kind in _ARITHMETIC:
            text = self._arithmetic(value)
            return text if value.kind is Kind.MULTIPLY else f"({text})"
        if isinstance(value, Constant):
            if value.width <= _NATURAL_BITS:
                return f"to_unsigned({value.value}, {value.width})"
            return f"unsigned'({literal(value.value, value.width)})"
        if isinstance(value, Concat):
            *lower, highest = flat_parts(value)
            if lower and isinstance(highest, Constant) and highest.value == 0:
                return f"resize({self._number(join(lower))}, {value.width})"
            return f"unsigned({self._operand(value)})"
        return f"unsigned({self.text(value)})"

    def _numbers(self, operands: tuple[Expression, ...]) -> list[str]:
        """Two operands as unsigned; beside another value a constant is an integer, which takes its width."""
        first, second = operands
        texts = [self._number(first), self._number(second)]
        for place, (operand, other) in enumerate(((first, second), (second, first))):
            if isinstance(operand, Constant) and not isinstance(other, Constant) and operand.value < 1 << _NATURAL_BITS:
                texts[place] = str(operand.value)
        return texts

    def _signed(self, value: Expression) -> str:
        return f"signed({self.text(value) if isinstance(value, Slice) else self._number(value)})"

    def _arithmetic(self, value: Operation) -> str:
        first, second = self._numbers(value.operands)
        text = f"{first} {_ARITHMETIC[value.kind]} {second}"
        return f"resize({text}, {value.width})" if value.kind is Kind.MULTIPLY else text
