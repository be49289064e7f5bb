"""What a module computes, with its registers taken for wires: a graph over its inputs and its instances' outputs.

In a feed-forward pipeline this is the function that it computes, late by as many clock edges as registers stand on the
way; they must be equally many on every path to a bit, and are counted here. The port ``enable`` is 1, ``rst`` and
``clear`` are 0: what they do otherwise is checked in ``control``.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bitlogic.export.formal.circuit import UNKNOWN, Bit, Circuit, Instance
from bitlogic.export.formal.graph import FALSE, TRUE, Graph

CLOCK, RESET, CLEAR, ENABLE = "clk", "rst", "clear", "enable"
CONTROL = {CLOCK: FALSE, RESET: FALSE, CLEAR: FALSE, ENABLE: TRUE}  # of the clock no value is used


class NotProvenError(Exception):
    """The structure does not allow the argument; the message says where."""


@dataclass(frozen=True)
class Child:
    """An instance: the literals at its input ports, and the variables that stand for its outputs."""

    name: str
    module: str
    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    age: int | None  # clock edges from the module's inputs to the instance's outputs; None: only constants come in


@dataclass(frozen=True)
class Function:
    """A module's graph; ``ages`` counts clock edges from the inputs to an output bit, None for a constant."""

    name: str
    graph: Graph
    inputs: dict[str, list[int]]  # without the control ports
    outputs: dict[str, list[int]]
    ages: dict[str, list[int | None]]
    children: list[Child]  # each reads only the outputs of earlier ones
    registers: dict[Bit, int]  # the literal of every register bit that an output depends on
    words: list[list[int]] = field(default_factory=list)  # named vectors inside, each behind those that it depends on

    def age(self, port: str) -> int | None:
        """The age of all bits of an output port; None where all are constant."""
        return common_age(self.ages[port], f"{self.name}.{port}")


def common_age(ages: list[int | None], where: str) -> int | None:
    """The one age of bits that belong together; NotProvenError for more than one."""
    known = sorted({age for age in ages if age is not None})
    if len(known) > 1:
        raise NotProvenError(f"what meets at {where} is {' and '.join(map(str, known))} clock edges late")
    return known[0] if known else None


def check_stands_still(around: Circuit, instance: Instance, inner: Circuit) -> None:
    """NotProvenError for an instance that moves on while the module around it stands still."""
    if ENABLE in around.inputs and CLOCK in inner.inputs and ENABLE not in inner.inputs:
        raise NotProvenError(f"{around.name}: {instance.name} has no {ENABLE} to stand still with")


def module_function(circuit: Circuit, modules: Mapping[str, Circuit], latencies: Mapping[str, int | None]) -> Function:
    """The function of a module whose instances are late by ``latencies`` (by module; None: only constant outputs).

    Raises:
        NotProvenError: A loop, a bit that nothing drives, a clock that is not ``clk``, paths of unequal length, or an
            instance of a module without an entry in ``latencies``.
    """
    return _Builder(circuit, modules, latencies).build()


class _Builder:
    def __init__(self, circuit: Circuit, modules: Mapping[str, Circuit], latencies: Mapping[str, int | None]) -> None:
        self.circuit, self.modules, self.latencies = circuit, modules, latencies
        self.graph = Graph()
        self.literals: dict[Bit, int] = {0: FALSE, 1: TRUE}
        self.ages: dict[Bit, int | None] = {0: None, 1: None}
        self.children: list[Child] = []
        self.control: dict[str, Bit] = {}
        self.driver: dict[Bit, Instance] = {}
        for instance in circuit.instances:
            for port in modules[instance.module].outputs:
                self.driver.update(dict.fromkeys(instance.connections.get(port, ()), instance))

    def build(self) -> Function:
        circuit = self.circuit
        inputs: dict[str, list[int]] = {}
        for port, bits in circuit.inputs.items():
            if port in CONTROL and len(bits) == 1:
                self.control[port] = bits[0]
                value = self.graph.new_input() if port == CLOCK else CONTROL[port]
                self.literals[bits[0]], self.ages[bits[0]] = value, None
                continue
            inputs[port] = [self.graph.new_input() for _ in bits]
            for bit, literal in zip(bits, inputs[port], strict=True):
                self.literals[bit], self.ages[bit] = literal, 0
        self._spread_constants()
        for bits in circuit.outputs.values():
            for bit in bits:
                self._resolve(bit)
        self._check_clock()
        return Function(
            circuit.name,
            self.graph,
            inputs,
            {port: [self.literals[bit] for bit in bits] for port, bits in circuit.outputs.items()},
            {port: [self.ages[bit] for bit in bits] for port, bits in circuit.outputs.items()},
            self.children,
            {bit: self.literals[bit] for bit in circuit.registers if bit in self.literals},
            self._words(),
        )

    def _words(self) -> list[list[int]]:
        """The vectors that are named in the text, as far as an output depends on them."""
        vectors: dict[str, list[Bit]] = defaultdict(list)
        for name, bit in self.circuit.names.items():
            vectors[name[: name.rindex("[")]].append(bit)
        for port in self.circuit.outputs:  # which may be several words in a row
            vectors.pop(port, None)
        words = [[self.literals[bit] for bit in bits] for bits in vectors.values() if self.literals.keys() >= set(bits)]
        inner = {tuple(word): max(word) for word in words if any(self.graph.operands(lit >> 1) for lit in word)}
        return [list(word) for word in sorted(inner, key=lambda word: inner[word])]

    def _check_clock(self) -> None:
        """NotProvenError where the clock is data somewhere."""
        if CLOCK in self.control:
            read = [self.literals[bit] for bits in self.circuit.outputs.values() for bit in bits]
            read += [literal for child in self.children for bits in child.inputs.values() for literal in bits]
            if self.literals[self.control[CLOCK]] >> 1 in self.graph.cone(read):
                raise NotProvenError(f"{self.circuit.name} reads {CLOCK} as data")

    def _spread_constants(self) -> None:
        """What follows from constants and control ports alone: a register that is always enabled is no loop."""
        circuit = self.circuit
        readers: dict[Bit, list[Bit]] = defaultdict(list)
        for bit in (*circuit.ands, *circuit.inverters, *circuit.tables):
            for operand in circuit.operands(bit):
                readers[operand].append(bit)
        todo = [0, 1, *(self.control[port] for port in (RESET, CLEAR, ENABLE) if port in self.control)]
        while todo:
            for bit in readers[todo.pop()]:
                value = None if bit in self.literals else self._constant(bit)
                if value is not None:
                    self.literals[bit], self.ages[bit] = value, None
                    todo.append(bit)

    def _constant(self, bit: Bit) -> int | None:
        """What a gate or table is for the operands that are known to be constant; None if the others matter."""
        circuit = self.circuit
        known = [self.literals.get(operand) for operand in circuit.operands(bit)]
        if bit in circuit.inverters:
            return None if known[0] not in (FALSE, TRUE) else known[0] ^ 1
        if bit in circuit.ands:
            return FALSE if FALSE in known else TRUE if known == [TRUE, TRUE] else None
        table, pins = self._reduced(bit)
        return None if pins else table

    def _reduced(self, bit: Bit) -> tuple[int, tuple[Bit, ...]]:
        """A table without the pins that are known to be constant or make no difference; FALSE and TRUE without pins."""
        table, pins = self.circuit.tables[bit]
        known = {pin: self.literals[pin] for pin in pins if self.literals.get(pin) in (FALSE, TRUE)}
        return _reduced_table(table, pins, known)

    def _resolve(self, root: Bit) -> None:
        """The literal and the age of a bit and of all that it depends on."""
        todo: list[tuple[Bit, bool]] = [(root, False)]
        open_bits: set[Bit] = set()
        while todo:
            bit, ready = todo.pop()
            if ready:
                open_bits.discard(bit)
                if bit not in self.literals:
                    self._finish(bit)
                continue
            if bit in self.literals:
                continue
            if bit in open_bits:
                raise NotProvenError(f"{self.circuit.name} has a loop through {self._describe(bit)}")
            open_bits.add(bit)
            todo.append((bit, True))
            todo += [(needed, False) for needed in self._needs(bit) if needed not in self.literals]

    def _needs(self, bit: Bit) -> list[Bit]:
        circuit = self.circuit
        if bit in circuit.ands:
            a, b = circuit.ands[bit]
            # With the other operand 1 or open, both count; one that is 0 settles it.
            return [operand for operand in (a, b) if self.literals.get(operand) == FALSE] or [a, b]
        if bit in circuit.inverters:
            return [circuit.inverters[bit]]
        if bit in circuit.tables:
            return list(self._reduced(bit)[1])
        if bit in circuit.registers:
            return [circuit.registers[bit].next, circuit.registers[bit].clock]
        if bit in self.driver:
            instance = self.driver[bit]
            ports = self.modules[instance.module].inputs
            return [b for port in ports if port not in CONTROL for b in instance.connections.get(port, ())]
        raise NotProvenError(f"{self.circuit.name}: nothing drives {self._describe(bit)}")

    def _finish(self, bit: Bit) -> None:
        circuit = self.circuit
        if bit in circuit.ands:
            a, b = circuit.ands[bit]
            if FALSE in (self.literals.get(a), self.literals.get(b)):
                self.literals[bit], self.ages[bit] = FALSE, None
                return
            literal = self.graph.both(self.literals[a], self.literals[b])
            counted = [operand for operand in (a, b) if self.literals[operand] == literal] or [a, b]
            ages: list[int | None] = [None] if literal in (FALSE, TRUE) else [self.ages[o] for o in counted]
            self.literals[bit] = literal
            self.ages[bit] = common_age(ages, f"a gate of {circuit.name}")
        elif bit in circuit.inverters:
            operand = circuit.inverters[bit]
            self.literals[bit], self.ages[bit] = self.literals[operand] ^ 1, self.ages[operand]
        elif bit in circuit.tables:
            table, pins = self._reduced(bit)
            literal = self.graph.table(table, [self.literals[pin] for pin in pins])
            counted = [pin for pin in pins if self.literals[pin] >> 1 == literal >> 1] or list(pins)
            ages = [None] if literal in (FALSE, TRUE) else [self.ages[pin] for pin in counted]
            self.literals[bit] = literal
            self.ages[bit] = common_age(ages, f"a table of {circuit.name}")
        elif bit in circuit.registers:
            register = circuit.registers[bit]
            if CLOCK not in self.control or self.literals[register.clock] != self.literals[self.control[CLOCK]]:
                raise NotProvenError(f"{circuit.name}: the clock of {register.name} is not {CLOCK}")
            age = self.ages[register.next]
            self.literals[bit], self.ages[bit] = self.literals[register.next], None if age is None else age + 1
        else:
            self._place(self.driver[bit])

    def _place(self, instance: Instance) -> None:
        """The variables of an instance's outputs, once its inputs are known."""
        inner = self.modules[instance.module]
        if instance.module not in self.latencies:
            raise NotProvenError(f"{self.circuit.name} needs {instance.module}, which is not proven")
        check_stands_still(self.circuit, instance, inner)
        inputs, ages = {}, []
        for port, width in inner.inputs.items():
            bits = instance.connections.get(port, ())
            if len(bits) != len(width):
                raise NotProvenError(f"{self.circuit.name}: {instance.name}.{port} is not connected")
            if port in CONTROL:
                # Without a port of its own, the module may leave one still at the value that the proof assumes.
                same = port in self.control and bits[0] == self.control[port]
                fixed = port != CLOCK and port not in self.control and bits[0] == CONTROL[port]
                if not same and not fixed:
                    raise NotProvenError(f"{self.circuit.name}: {instance.name}.{port} is not the module's own {port}")
                continue
            inputs[port] = [self.literals[bit] for bit in bits]
            ages += [self.ages[bit] for bit in bits]
        age = common_age(ages, f"{self.circuit.name}: {instance.name}")
        latency = self.latencies[instance.module]
        age = None if age is None or latency is None else age + latency
        outputs = {}
        for port in inner.outputs:
            bits = instance.connections.get(port, ())
            outputs[port] = [self.graph.new_input() for _ in inner.outputs[port]]
            for bit, literal in zip(bits, outputs[port], strict=False):
                if bit != UNKNOWN:
                    self.literals[bit], self.ages[bit] = literal, age
        self.children.append(Child(instance.name, instance.module, inputs, outputs, age))

    def _describe(self, bit: Bit) -> str:
        if bit == UNKNOWN:
            return "an x"
        if bit in self.circuit.registers:
            return f"register {self.circuit.registers[bit].name}"
        if bit in self.driver:
            return f"instance {self.driver[bit].name}"
        return f"bit {bit}"


def _reduced_table(table: int, pins: tuple[Bit, ...], known: Mapping[Bit, int]) -> tuple[int, tuple[Bit, ...]]:
    """The table over the pins that are not known and make a difference, in their order."""
    place = 0
    while place < len(pins):
        step = 1 << place
        rows = range(1 << len(pins))
        low = sum((table >> row & 1) << _without(row, place) for row in rows if not row & step)
        high = sum((table >> row & 1) << _without(row, place) for row in rows if row & step)
        if pins[place] in known or low == high:
            table = high if known.get(pins[place]) == TRUE else low
            pins = pins[:place] + pins[place + 1 :]
        else:
            place += 1
    return table, pins


def _without(row: int, place: int) -> int:
    """The address without its bit ``place``."""
    return row & ((1 << place) - 1) | row >> place + 1 << place
