"""What is known of a vector on a walk through a design: its constant bits, when it is there, what it still costs."""

from dataclasses import dataclass, replace

from bitlogic.export.estimate.bodies import Tables


@dataclass(eq=False)
class Debt:
    """LUTs that a vector takes if it has to stand by itself; whoever takes its logic in does not pay them."""

    luts: float
    paid: bool = False


@dataclass(eq=False)
class Addends:
    """A sum that is not made yet: a sum above it takes its terms in. ``heights[b]`` counts the bits of weight 2**b."""

    heights: tuple[int, ...]
    widths: tuple[int, ...]  # of the terms, without the zeros above them
    most: int  # that the sum of such terms can come to
    sources: "tuple[Value, ...]"  # what the terms are, not paid yet
    width: int  # of the sum
    made_ns: float | None = None  # when it is there, once it has been made and paid


@dataclass(frozen=True)
class Value:
    """A vector. ``constant`` has a 1 for each bit that is known; ``bits`` says what it is there.

    ``inputs`` is how many signals a bit is a function of: 1, or more while it is not decided whether it gets a LUT of
    its own (``debt``); those signals are there at ``inputs_ns``. The vector may also be some of the ``rows`` of
    ``tables``, of which the same is true.
    """

    width: int
    constant: int = 0
    bits: int = 0
    ready_ns: float = 0.0  # after the clock edge, without the wire to its reader
    inputs: int = 1
    inputs_ns: float = 0.0
    in_lut: bool = False  # each bit comes from a LUT, which makes its complement as well
    debt: Debt | None = None
    tables: Tables | None = None
    rows: range = range(0)
    addends: Addends | None = None

    @property
    def unknown(self) -> int:
        """How many bits are not constant."""
        return self.width - self.constant.bit_count()

    @property
    def signals(self) -> int:
        """What all its bits together are functions of."""
        return self.unknown if self.tables is None else self.tables.signals(self.rows)

    @property
    def taken_ns(self) -> float:
        """When there is what it takes, for a reader that takes its logic in."""
        return self.ready_ns if self.debt is None and self.tables is None else self.inputs_ns

    @property
    def top(self) -> int:
        """The width without the zeros at its top."""
        mask = (1 << self.width) - 1
        return (mask & ~(self.constant & ~self.bits)).bit_length()

    def part(self, low: int, width: int) -> "Value":
        """``width`` bits from ``low`` on."""
        if width == self.width:
            return self
        mask = (1 << width) - 1
        constant, bits = self.constant >> low & mask, self.bits >> low & mask
        return replace(self, width=width, constant=constant, bits=bits, rows=self.rows[low : low + width], addends=None)

    def again(self) -> "Value":
        """The same of another instance, which pays for itself."""
        debt = None if self.debt is None else Debt(self.debt.luts)
        addends = self.addends
        if addends is not None:
            addends = replace(addends, sources=tuple(source.again() for source in addends.sources), made_ns=None)
        tables = None if self.tables is None else self.tables.again()
        return replace(self, debt=debt, tables=tables, addends=addends)


def known(value: int, width: int) -> Value:
    """A constant."""
    return Value(width, (1 << width) - 1, value)


def extended(value: Value, width: int) -> Value:
    """The vector with zeros above it; what it is made of stays undecided."""
    above = (1 << width) - (1 << value.width)
    return replace(value, width=width, constant=value.constant | above)


def joined(parts: list[Value]) -> Value:
    """The parts side by side, the lowest first."""
    constant, bits, low, ready = 0, 0, 0, 0.0
    for part in parts:
        if part.constant:
            constant |= part.constant << low
            bits |= part.bits << low
        if part.unknown:
            ready = max(ready, part.ready_ns)
        low += part.width
    return Value(low, constant, bits, ready)
