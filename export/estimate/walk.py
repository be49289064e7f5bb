"""A walk through a design's modules, each behind what is known of its inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bitlogic.export.estimate.bodies import (
    Tables,
    count_comparators,
    count_luts,
    lut_levels,
    memory_blocks,
    memory_luts,
)
from bitlogic.export.estimate.family import Family
from bitlogic.export.estimate.operations import Operations
from bitlogic.export.estimate.reading import names_read
from bitlogic.export.estimate.tally import Tally
from bitlogic.export.estimate.timing import Timing
from bitlogic.export.estimate.value import Value, extended, joined, known
from bitlogic.export.hardware.rtl import (
    Comparators,
    Concat,
    Constant,
    Expression,
    Instance,
    Luts,
    Module,
    Operation,
    Register,
    Rom,
    Slice,
)


@dataclass(frozen=True)
class Walked:
    """A module behind given inputs: its outputs and what it takes."""

    outputs: dict[str, Value]
    tally: Tally


class Walker:
    """Walks modules; those that stand behind the same inputs are walked once.

    ``inside`` says for a section and by the beginning of a name which other section an instance with all inside it, or
    a register, belongs to; the others belong to the section around them.
    """

    def __init__(
        self, family: Family, timing: Timing, far_ns: float, inside: Mapping[str, Sequence[tuple[str, str]]]
    ) -> None:
        self.family, self.timing, self.far_ns, self.inside = family, timing, far_ns, inside
        self._walked: dict[tuple[object, ...], Walked] = {}

    def walk(self, module: Module, inputs: dict[str, Value], section: str, used: frozenset[str]) -> Walked:
        """The module behind these inputs, of whose outputs only those of the names in ``used`` are read."""
        key = (
            id(module),
            section,
            used,
            *((name, v.constant, v.bits, round(v.ready_ns, 3)) for name, v in inputs.items()),
        )
        if key not in self._walked:
            self._walked[key] = _Walk(self, module, inputs, section, used).walked()
        return self._walked[key]

    def walk_top(self, module: Module, inputs: dict[str, Value], section: str, used: frozenset[str]) -> Tally:
        """What the module takes, its outputs as signals of their own."""
        walked = self.walk(module, inputs, section, used)
        operations = Operations(self.family, self.timing)
        for value in walked.outputs.values():
            operations.settle(value)
        walked.tally.book(section, "luts", operations.luts)
        return walked.tally

    def section(self, name: str, around: str) -> str:
        """The section that an instance or a register of that name belongs to."""
        return next((section for start, section in self.inside.get(around, ()) if name.startswith(start)), around)


class _Walk:
    """One module."""

    def __init__(
        self, walker: Walker, module: Module, inputs: dict[str, Value], section: str, used: frozenset[str]
    ) -> None:
        self.walker, self.module, self.section, self.used = walker, module, section, used
        self.family = walker.family
        self.timing = walker.timing
        self.operations = Operations(walker.family, walker.timing)
        self.tally = Tally()
        self.known: dict[str, Value] = dict(inputs)
        self.read: frozenset[str] = frozenset()
        self.wires = {wire.name: wire for wire in module.wires}
        self.registers = {register.name: register for register in module.registers}
        self.drivers = {wire: instance for instance in module.instances for _, wire in instance.outputs}
        self.expressions: dict[int, Value] = {}
        self.done: set[str] = set()
        self.early: dict[str, Value] = {}

    def walked(self) -> Walked:
        outputs = self._body() if self.module.body is not None else self._inside()
        return Walked(outputs, self.tally)

    def _inside(self) -> dict[str, Value]:
        """In the order in which the module is written down; what nothing reads is not there."""
        self.read = names_read(self.module, self.used)
        for instance in self.module.instances:
            if any(wire in self.read for _, wire in instance.outputs):
                self._instance(instance)
        for register in self.module.registers:
            if register.name in self.read:
                self._register(register)
        outputs = {name: self._value(value) for name, value in self.module.outputs if name in self.used}
        self._spend(self.section)
        return outputs

    def _body(self) -> dict[str, Value]:
        body = self.module.body
        (output,) = self.module.output_ports
        value = self.known.get("i", Value(1))
        if isinstance(body, Luts):
            made = self._luts(body, output.width, value)
        elif isinstance(body, Comparators):
            self.tally.book(self.section, "luts", count_comparators(body, self.family))
            levels = math.ceil(math.log(max(2, body.value_width), self.family.lut_inputs))
            made = Value(output.width, ready_ns=value.ready_ns + levels * (self.timing.lut + self.timing.near))
        elif isinstance(body, Rom):
            made = self._memory(body, output.width, value)
        else:
            raise TypeError(f"module {self.module.name} has a body of an unknown kind")
        return {output.name: made}

    def _luts(self, body: Luts, width: int, value: Value) -> Value:
        """A table of few inputs that is no LUT of the network may go into what reads it."""
        levels = lut_levels(body, self.family)
        of_network = bool((body.nets >= 0).any())
        ready = value.ready_ns + levels * self.timing.lut
        ready += self.walker.far_ns if of_network else levels * self.timing.near
        if of_network or body.rank >= self.family.lut_inputs:
            self.tally.book(self.section, "luts", count_luts(body, self.family))
            return Value(width, ready_ns=ready)
        tables = Tables(body, self.family)
        return Value(width, ready_ns=ready, inputs_ns=value.ready_ns, tables=tables, rows=range(width))

    def _memory(self, body: Rom, width: int, value: Value) -> Value:
        blocks = memory_blocks(body, width, self.family)
        arrives = value.ready_ns + self.timing.near + self.timing.setup
        if blocks:
            self.tally.book(self.section, "block_rams", blocks)
            self.tally.ends(arrives, self.module.name)
            return Value(width, ready_ns=self.timing.memory_output)
        self.tally.book(self.section, "luts", memory_luts(body, width, self.family))
        self.tally.book(self.section, "flipflops", width)
        inputs = max(1, (len(body.words) - 1).bit_length())
        levels = math.ceil(inputs / (self.family.lut_inputs - 1))
        self.tally.ends(arrives + levels * (self.timing.near + self.timing.lut), self.module.name)
        return Value(width, ready_ns=self.timing.clock_to_output)

    def _instance(self, instance: Instance) -> None:
        if instance.name in self.done:
            return
        self.done.add(instance.name)
        # What it drives may come back to it over registers inside: until its inputs are there, they are taken as early.
        early = {port.name: Value(port.width) for port in instance.module.input_ports}
        section = self.walker.section(instance.name, self.section)
        outputs = [(port, wire) for port, wire in instance.outputs if wire in self.read]
        used = frozenset(port for port, _ in outputs)
        first = self.walker.walk(instance.module, early, section, used)
        self.early.update({wire: first.outputs[port].again() for port, wire in outputs})
        self._spend(self.section)
        inputs = {name: self.operations.settle(self._value(value)) for name, value in instance.inputs}
        self._spend(section)
        walked = self.walker.walk(instance.module, inputs, section, used)
        self.tally.add(walked.tally, instance.name)
        self._spend(self.section)
        for port, wire in outputs:
            made = walked.outputs[port].again()
            self.known[wire] = made if section == self.section else self.operations.settle(made)
        self._spend(section)

    def _register(self, register: Register) -> None:
        if register.name in self.known:
            return
        self._spend(self.section)
        clock = self.timing.clock_to_output
        self.known[register.name] = Value(register.width, ready_ns=clock)  # for what it follows from, if that is itself
        value = self.operations.settle(self._value(register.next))
        removed = value.constant
        if register.reset is not None:
            removed &= ~(value.bits ^ register.reset)
        self.known[register.name] = Value(register.width, removed, value.bits & removed, clock)
        arrives = value.ready_ns + self.timing.setup
        if value.ready_ns <= clock:  # no LUT in between, beside which it stands
            arrives += self.timing.near
        if register.enable is not None:
            enable = self.operations.settle(self._value(register.enable))
            if enable.unknown:
                arrives = max(arrives, enable.ready_ns + self.operations.wire(register.width) + self.timing.setup)
        section = self.walker.section(register.name, self.section)
        self.tally.book(section, "flipflops", register.width - removed.bit_count())
        self.tally.ends(arrives, register.name)
        self._spend(section)

    def _named(self, name: str) -> Value:
        if name in self.known:
            return self.known[name]
        if name in self.drivers:
            self._instance(self.drivers[name])
            return self.known.get(name) or self.early[name]
        if name in self.registers:
            self._register(self.registers[name])
        else:
            value = self.wires[name].value
            if value is None:
                raise ValueError(f"nothing drives {name} of {self.module.name}")
            self.known[name] = self._value(value)
        return self.known[name]

    def _value(self, expression: Expression) -> Value:
        if isinstance(expression, Constant):
            return known(expression.value, expression.width)
        if isinstance(expression, Slice):
            value = self._named(expression.name)
            if not expression.whole:
                value = self.operations.settle(value) if value.addends is not None else value
            return value.part(expression.low, expression.width)
        if id(expression) not in self.expressions:
            if isinstance(expression, Concat):
                made = self._concat(expression)
            else:
                made = self._operation(expression)
            self.expressions[id(expression)] = made
        return self.expressions[id(expression)]

    def _concat(self, expression: Concat) -> Value:
        """A sum with zeros above it stays a sum, a table a table."""
        parts = [self._value(part) for part in expression.parts]
        first = parts[0]
        undecided = first.addends is not None or first.tables is not None
        if undecided and all(not part.unknown and not part.bits for part in parts[1:]):
            return extended(first, expression.width)
        return joined([self.operations.settle(part) for part in parts])

    def _operation(self, expression: Operation) -> Value:
        operands = [self._value(operand) for operand in expression.operands]
        return self.operations.operation(expression.kind, operands, expression.width)

    def _spend(self, section: str) -> None:
        """Books what operations have cost since the last time."""
        self.tally.book(section, "luts", self.operations.luts)
        self.tally.book(section, "dsps", self.operations.dsps)
        self.operations.luts, self.operations.dsps = 0.0, 0
