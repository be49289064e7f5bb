"""The register-transfer form of a design: modules of vectors, registers and instances, as every HDL target prints it.

A vector has a name and a width; bit 0 is the lowest. Nothing here knows a language: a printer turns a module into text,
and what a module means is defined by ``simulate``. There is one clock, ``clk``, taken at its rising edge, and one
synchronous active-high reset, ``rst``; they are not written down as ports: a module that has registers, or an instance
of one that has, gets ``clk``, and ``rst`` likewise where a register is reset (``has_clock``, ``has_reset``).

What is large is not made of expressions: the LUTs of a block are one ``Luts``, the comparators of an encoder one
``Comparators``, a read-only memory one ``Rom``. Such a body drives the module's only output from its input ``i``, which
a ``Luts`` of constants has not.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


class Kind(Enum):
    """What an ``Operation`` computes. Operands and result have one width, but where it says otherwise."""

    NOT = "not"
    AND = "and"
    OR = "or"
    XOR = "xor"
    ADD = "add"  # modulo 2**width
    SUBTRACT = "subtract"  # modulo 2**width
    MULTIPLY = "multiply"  # modulo 2**width
    EQUAL = "equal"  # one bit, of two operands of one width
    LESS = "less"  # one bit: unsigned first < second
    SIGNED_LESS = "signed less"  # one bit: first < second in two's complement
    MUX = "mux"  # (select of one bit, value where it is 1, value where it is 0)


@dataclass(frozen=True)
class Constant:
    """``value`` in ``width`` bits."""

    value: int
    width: int

    def __post_init__(self) -> None:
        if self.width < 1 or not 0 <= self.value < 1 << self.width:
            raise ValueError(f"constant {self.value} in {self.width} bits")


@dataclass(frozen=True)
class Slice:
    """``width`` bits from bit ``low`` on of the vector ``name``, which is ``of`` bits wide."""

    name: str
    low: int
    width: int
    of: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.low < 0 or self.low + self.width > self.of:
            raise ValueError(f"bits {self.low} to {self.low + self.width - 1} of {self.name}, {self.of} bits wide")

    @property
    def whole(self) -> bool:
        return self.width == self.of

    def part(self, low: int, width: int) -> "Slice":
        """``width`` bits from this slice's bit ``low`` on."""
        return Slice(self.name, self.low + low, width, self.of)


@dataclass(frozen=True)
class Concat:
    """The parts side by side, the lowest first; never empty."""

    parts: tuple["Expression", ...]

    @cached_property
    def width(self) -> int:
        return sum(part.width for part in self.parts)


@dataclass(frozen=True)
class Operation:
    """``kind`` of the operands; ``width`` is the result's."""

    kind: Kind
    operands: tuple["Expression", ...]
    width: int

    def __post_init__(self) -> None:
        widths = [operand.width for operand in self.operands]
        if self.kind is Kind.MUX:
            legal = len(widths) == 3 and widths[0] == 1 and widths[1:] == [self.width] * 2
        elif self.kind in (Kind.EQUAL, Kind.LESS, Kind.SIGNED_LESS):
            legal = self.width == 1 and len(widths) == 2 and widths[0] == widths[1]
        else:
            legal = len(widths) == (1 if self.kind is Kind.NOT else 2) and set(widths) == {self.width}
        if not legal:
            raise ValueError(f"{self.kind.value} of {widths} bits in {self.width} bits")


Expression = Constant | Slice | Concat | Operation


@dataclass(frozen=True)
class Port:
    """A port other than the clock and the reset."""

    name: str
    width: int
    is_input: bool
    comment: str = ""


@dataclass(frozen=True)
class Wire:
    """A vector inside a module; ``value`` None: an instance drives it, whole."""

    name: str
    width: int
    value: Expression | None = None


@dataclass(frozen=True)
class Register:
    """A vector that takes ``next`` at the clock edge where ``enable`` (one bit) is 1 or absent.

    At an edge with ``rst`` it takes ``reset`` instead, whatever ``enable`` is; None: the reset leaves it alone.
    """

    name: str
    width: int
    next: Expression
    enable: Expression | None = None
    reset: int | None = None


@dataclass(frozen=True)
class Instance:
    """A module inside a module: ``inputs`` are (port, what it reads), ``outputs`` are (port, wire that it drives)."""

    name: str
    module: "Module"
    inputs: tuple[tuple[str, Expression], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Luts:
    """Output bit ``k`` is LUT ``k``: bit ``a`` of ``tables[k]`` where its pins read the address ``a``, pin 0 lowest.

    A pin is 0 or 1 for that constant, else ``2 + b`` for bit ``b`` of the input. Unused pins read 0, the table repeats.
    """

    tables: Array  # uint64 (n,)
    pins: Array  # int32 (n, rank)
    nets: Array  # int32 (n,): the netlist's net that output bit k is

    @property
    def rank(self) -> int:
        return int(self.pins.shape[1])


@dataclass(frozen=True, eq=False)
class Comparators:
    """Output bit ``k`` is ``input[lows[k] +: value_width] > thresholds[k]``, unsigned."""

    value_width: int
    lows: Array  # int32 (n,)
    thresholds: Array  # int32 (n,), at most 2**value_width - 1, with which the bit is always 0
    nets: Array  # int32 (n,): the netlist's net that output bit k is


@dataclass(frozen=True)
class Rom:
    """A memory with a register behind it: at a clock edge the output takes ``words[input]``, 0 beyond the last.

    A module with a second input, ``enable``, keeps its output at an edge where that is 0.
    """

    words: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Module:
    """A module: its ports, and either a body or wires, registers, instances and what drives its outputs."""

    name: str
    comment: str
    ports: tuple[Port, ...]
    wires: tuple[Wire, ...] = ()
    registers: tuple[Register, ...] = ()
    instances: tuple[Instance, ...] = ()
    outputs: tuple[tuple[str, Expression], ...] = ()  # (output port, value)
    body: Luts | Comparators | Rom | None = None

    def __post_init__(self) -> None:
        names = ["clk", "rst", *(port.name for port in self.ports), *(wire.name for wire in self.wires)]
        names += [register.name for register in self.registers] + [instance.name for instance in self.instances]
        twice = [name for name, number in Counter(names).items() if number > 1]
        if twice:
            raise ValueError(f"module {self.name} has more than one {twice[0]}")

    @cached_property
    def has_clock(self) -> bool:
        inside = any(instance.module.has_clock for instance in self.instances)
        return bool(self.registers) or isinstance(self.body, Rom) or inside

    @cached_property
    def has_reset(self) -> bool:
        inside = any(instance.module.has_reset for instance in self.instances)
        return any(register.reset is not None for register in self.registers) or inside

    @property
    def input_ports(self) -> tuple[Port, ...]:
        return tuple(port for port in self.ports if port.is_input)

    @property
    def output_ports(self) -> tuple[Port, ...]:
        return tuple(port for port in self.ports if not port.is_input)


def modules_below(top: Module) -> Iterator[Module]:
    """``top`` and every module below it, each once, those inside before those around them."""
    seen: set[int] = set()

    def visit(module: Module) -> Iterator[Module]:
        if id(module) in seen:
            return
        seen.add(id(module))
        for instance in module.instances:
            yield from visit(instance.module)
        yield module

    yield from visit(top)


def whole(name: str, width: int) -> Slice:
    """All of the vector ``name``."""
    return Slice(name, 0, width, width)


def join(parts: Sequence[Expression]) -> Expression:
    """The parts side by side, the lowest first; one part is itself."""
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def extend(value: Expression, width: int) -> Expression:
    """``value`` with zeros above it, up to ``width`` bits."""
    return value if value.width == width else Concat((value, Constant(0, width - value.width)))


def add(*terms: Expression, width: int) -> Expression:
    """The sum of unsigned terms, each no wider than ``width``, modulo ``2**width``."""
    total = extend(terms[0], width)
    for term in terms[1:]:
        total = Operation(Kind.ADD, (total, extend(term, width)), width)
    return total


def subtract(first: Expression, second: Expression) -> Expression:
    """The difference of two terms of one width, modulo ``2**width``."""
    return Operation(Kind.SUBTRACT, (first, second), first.width)


def invert(value: Expression) -> Expression:
    return Operation(Kind.NOT, (value,), value.width)


def both(first: Expression, second: Expression) -> Expression:
    return Operation(Kind.AND, (first, second), first.width)


def either(first: Expression, second: Expression) -> Expression:
    return Operation(Kind.OR, (first, second), first.width)


def mux(select: Expression, if_one: Expression, if_zero: Expression) -> Expression:
    return Operation(Kind.MUX, (select, if_one, if_zero), if_one.width)


def equal(first: Expression, second: Expression) -> Expression:
    return Operation(Kind.EQUAL, (first, second), 1)


def less(first: Expression, second: Expression, *, signed: bool = False) -> Expression:
    return Operation(Kind.SIGNED_LESS if signed else Kind.LESS, (first, second), 1)
