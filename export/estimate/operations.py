"""What operations cost: LUTs by packing what is bitwise into as few as it fits, sums by the terms that come together.

Yosys takes a sum into the sum above it where it cannot overflow on the way (``alumacc``), and makes a sum of three
terms or more of full adders side by side with one carry chain below them (``maccmap``). The same is done here.
"""

import math
from dataclasses import replace

from bitlogic.export.estimate.bodies import compared_bits
from bitlogic.export.estimate.family import Family
from bitlogic.export.estimate.timing import Timing
from bitlogic.export.estimate.value import Addends, Debt, Value, known
from bitlogic.export.hardware.rtl import Kind

_CHOICE = 3  # inputs of a choice of two
_DEEP = 3  # levels of full adders


class Operations:
    """Costs on one family; ``luts`` and ``dsps`` are what has been paid so far."""

    def __init__(self, family: Family, timing: Timing) -> None:
        self.family, self.timing = family, timing
        self.luts = 0.0
        self.dsps = 0

    def settle(self, value: Value) -> Value:
        """The vector as signals of its own: what it is made of is paid."""
        if value.addends is not None:
            return self._sum(value, value.addends)
        if value.debt is not None and not value.debt.paid:
            value.debt.paid = True
            self.luts += value.debt.luts
        if value.tables is not None:
            self.luts += value.tables.pay(value.rows)
        if value.debt is None and value.tables is None:
            return value
        return replace(value, inputs=1, debt=None, tables=None, rows=range(0))

    def operation(self, kind: Kind, operands: list[Value], width: int) -> Value:
        """What comes out of an operation."""
        if kind in (Kind.ADD, Kind.SUBTRACT, Kind.MULTIPLY):
            return self._arithmetic(kind, operands, width)
        if kind in (Kind.LESS, Kind.SIGNED_LESS):
            return self._less([self.settle(operand) for operand in operands])
        operands = [operand if operand.debt is not None else self.settle(operand) for operand in operands]
        if kind is Kind.EQUAL:
            return self._equal(operands)
        return self._bitwise(kind, operands, width)

    def wire(self, fanout: int) -> float:
        """A wire between neighbours that drives so many bits."""
        return self.timing.near + self.timing.fanout * math.log2(max(1, fanout))

    def _bitwise(self, kind: Kind, operands: list[Value], width: int) -> Value:
        constant, bits, plain = _constants(kind, operands, (1 << width) - 1)
        unknown = width - constant.bit_count()
        if not unknown:
            return known(bits, width)
        sources = [operand for operand in operands if operand.unknown]
        if kind is Kind.NOT:
            return replace(operands[0], constant=constant, bits=bits)
        # Where nothing but the choice is unknown, it is the bit, or its complement.
        made = unknown - (plain & ~constant).bit_count()
        if not made:
            select = self.settle(sources[0])
            return Value(width, constant, bits, select.ready_ns)
        while sum(source.inputs for source in sources) > self.family.lut_inputs:
            largest = max(range(len(sources)), key=lambda place: sources[place].inputs)
            if sources[largest].inputs == 1:
                break
            sources[largest] = self.settle(sources[largest])
        inputs = sum(source.inputs for source in sources)
        ready = max(source.taken_ns for source in sources)
        wire = self.wire(made if min(source.width for source in sources) == 1 else 1)
        each = self.family.choice if kind is Kind.MUX and inputs == _CHOICE else self.family.luts.get(inputs, 1.0)
        debt = Debt(made * each)
        return Value(width, constant, bits, ready + wire + self.timing.lut, inputs, ready, True, debt)

    def _equal(self, operands: list[Value]) -> Value:
        first, second = (self.settle(operand) for operand in operands)
        both = first.constant & second.constant
        if (first.bits ^ second.bits) & both:
            return known(0, 1)
        inputs = first.unknown + second.unknown
        if not inputs:
            return known(1, 1)
        return self._tree(inputs, max(value.ready_ns for value in (first, second) if value.unknown))

    def _tree(self, inputs: int, ready: float) -> Value:
        """One bit of many."""
        size = self.family.lut_inputs
        number = max(0, -(-(inputs - 1) // (size - 1)))
        levels = math.ceil(math.log(inputs, size)) if inputs > 1 else 0
        late = ready + levels * (self.timing.near + self.timing.lut)
        if inputs <= size:
            return Value(1, ready_ns=late, inputs=inputs, inputs_ns=ready, debt=Debt(float(number)))
        self.luts += number
        return Value(1, ready_ns=late)

    def _less(self, operands: list[Value]) -> Value:
        first, second = operands
        width = first.width
        ready = max((value.ready_ns for value in operands if value.unknown), default=0.0)
        if not first.unknown and not second.unknown:
            return known(0, 1)
        if not first.unknown or not second.unknown:  # with a constant: a chain of bits, two or so to a LUT
            threshold = first.bits if not first.unknown else second.bits - 1  # value > first, value < second
            size = compared_bits(threshold, width)
            self.luts += self.family.less_constant(size)
            return Value(1, ready_ns=ready + 2 * (self.timing.near + self.timing.lut))
        if not self.family.inverts:
            self.luts += self.family.less(width)
        elif not second.in_lut:
            self.luts += self.family.less(width)
            ready += self.timing.near + self.timing.lut
        ready += self.timing.near + self.timing.chain + width * self.timing.carry
        late = ready + self.timing.near + self.timing.lut
        inputs = self.family.less_inputs(width)
        return Value(1, ready_ns=late, inputs=inputs, inputs_ns=ready, debt=Debt(1.0))

    def _arithmetic(self, kind: Kind, operands: list[Value], width: int) -> Value:
        if kind is Kind.MULTIPLY and self._in_dsp(operands, width):
            ready = max(self.settle(operand).ready_ns for operand in operands)
            self.dsps += 1
            return Value(width, ready_ns=ready + self.timing.near + 2 * self.timing.chain)
        terms = [self._term(operand, kind, width) for operand in operands]
        if kind is Kind.MULTIPLY:
            terms = _products(operands, terms, width)
        heights = [0] * width
        for term in terms:
            for bit, height in enumerate(term.heights[:width]):
                heights[bit] += height
        widths = tuple(size for term in terms for size in term.widths)
        sources = tuple(source for term in terms for source in term.sources)
        most = sum(term.most for term in terms) if kind is not Kind.SUBTRACT else 1 << width
        constant, top = 0, max(1, most).bit_length()
        if kind is not Kind.SUBTRACT and top < width:
            constant = (1 << width) - (1 << top)
        return Value(width, constant, addends=Addends(tuple(heights), widths, most, sources, width))

    def _in_dsp(self, operands: list[Value], width: int) -> bool:
        """A product with a power of two is none."""
        if not self.family.dsp_from or width < self.family.dsp_from:
            return False
        return all(operand.unknown or operand.bits.bit_count() > 1 for operand in operands)

    def _term(self, value: Value, kind: Kind, width: int) -> Addends:
        """A sum that goes into the sum above it, or a vector."""
        inner = value.addends
        if inner is not None:
            fits = inner.width == width or not inner.most >> inner.width
            if kind is Kind.ADD and inner.made_ns is None and fits:
                return inner
            value = self.settle(value)
        top = value.top
        heights = tuple(int(not value.constant >> bit & 1) for bit in range(value.width))
        widths, sources = ((top,), (value,)) if value.unknown else ((), ())
        return Addends(heights, widths, (1 << top) - 1, sources, value.width)

    def _sum(self, value: Value, addends: Addends) -> Value:
        """What a sum becomes that no sum above it takes in."""
        if addends.made_ns is None and len(addends.sources) == 2 == len(addends.widths):
            signals = sum(source.signals for source in addends.sources)
            if signals <= self.family.lut_inputs and value.unknown <= self.family.sums_of_luts:
                return self._few(value, addends, signals)
        if addends.made_ns is None:
            addends.made_ns = self._make(value, addends)
        return Value(value.width, value.constant, value.bits, addends.made_ns)

    def _few(self, value: Value, addends: Addends, signals: int) -> Value:
        """A sum of so few signals that a LUT makes each of its bits."""
        ready = max(source.taken_ns for source in addends.sources)
        late = ready + self.timing.near + self.timing.lut
        for source in addends.sources:
            if source.tables is not None:
                source.tables.take(source.rows)
        self.luts += value.unknown
        addends.made_ns = late
        return Value(value.width, value.constant, value.bits, late)

    def _make(self, value: Value, addends: Addends) -> float:
        """Full adders down to two terms, and a carry chain; when the sum is there."""
        ready = max((self.settle(source).ready_ns for source in addends.sources), default=0.0)
        if len(addends.widths) < 2:
            return ready
        heights, levels, adders = list(addends.heights), 0, 0
        if len(addends.widths) > 2:
            while max(heights) > 2:
                carries = [height // 3 for height in heights]
                adders += sum(carries)
                heights = [
                    height - 2 * carry + (carries[bit - 1] if bit else 0)
                    for bit, (height, carry) in enumerate(zip(heights, carries, strict=True))
                ]
                levels += 1
        ready += levels * self.family.compressor_levels * (self.timing.near + self.timing.lut)
        self.luts += adders * (self.family.deep_compressor if levels >= _DEEP else self.family.compressor)
        chained = [bit for bit, height in enumerate(heights) if height > 1]
        if chained:
            width = max(1, value.unknown - chained[0])
            full = len(addends.widths) > 2 or max(addends.widths) >= value.width
            # What little is left below compressors is mapped together with them.
            small = levels and width <= self.family.sums_of_luts
            self.luts += width * self.family.compressor if small else self.family.add(width, full)
            ready += self.timing.near + self.timing.chain + width * self.timing.carry
        return ready


def _constants(kind: Kind, operands: list[Value], mask: int) -> tuple[int, int, int]:
    """Which bits are constant, what they are, and which ones are a choice between constants."""
    first = operands[0]
    if kind is Kind.NOT:
        return first.constant, ~first.bits & first.constant, 0
    if kind is Kind.MUX:
        if first.constant:
            taken = operands[1] if first.bits else operands[2]
            return taken.constant, taken.bits, 0
        one, zero = operands[1:]
        both = one.constant & zero.constant
        constant = both & ~(one.bits ^ zero.bits)
        return constant, one.bits & constant, both
    second = operands[1]
    both = first.constant & second.constant
    if kind is Kind.AND:
        constant = both | first.constant & ~first.bits | second.constant & ~second.bits
        return constant & mask, first.bits & second.bits & constant, 0
    if kind is Kind.OR:
        ones = first.constant & first.bits | second.constant & second.bits
        return (both | ones) & mask, (first.bits | second.bits) & (both | ones) & mask, 0
    return both, (first.bits ^ second.bits) & both, 0


def _products(operands: list[Value], terms: list[Addends], width: int) -> list[Addends]:
    """The terms of a multiplication: with a constant, the other operand once for each 1 in it."""
    numbers = [place for place, operand in enumerate(operands) if not operand.unknown]
    number = operands[numbers[0]].bits if numbers else (1 << width) - 1
    term = terms[1 - numbers[0]] if numbers else terms[0]
    shifted = []
    for bit in range(width):
        if number >> bit & 1:
            heights = ((0,) * bit + term.heights)[:width]
            widths = tuple(min(width, size + bit) for size in term.widths)
            shifted.append(Addends(heights, widths, term.most << bit, term.sources, width))
    return shifted or [Addends((0,) * width, (), 0, (), width)]
