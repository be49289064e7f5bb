"""A module as one step of its clock: what every register takes next and every output shows, over registers and inputs.

Instances of modules that are known by what is proven of them stay closed: their outputs are free variables. All others
are inlined first (``flattened``).
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

from bitlogic.export.formal.circuit import UNKNOWN, Bit, Circuit, GateLoopError, Instance, Register
from bitlogic.export.formal.function import CLOCK, RESET, NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE, Graph

_FIRST = 2  # bits 0 and 1 are the constants


def flattened(modules: Mapping[str, Circuit], top: str, closed: Container[str] = ()) -> Circuit:
    """A module with the instances in it inlined, at any depth, but for those of ``closed`` modules.

    Registers and instances are named by their path, with dots between.

    Raises:
        NotProvenError: An input of an instance is not connected.
    """
    return _Flattening(modules, closed).flat(top)


class _Flattening:
    def __init__(self, modules: Mapping[str, Circuit], closed: Container[str]) -> None:
        self.modules, self.closed = modules, closed
        self.next_bit = _FIRST
        self.found = Circuit("", {}, {})
        self.instances: list[Instance] = []
        self.alias: dict[Bit, Bit] = {}  # an output of an inlined instance, as seen around it: its driver

    def flat(self, top: str) -> Circuit:
        at: dict[Bit, Bit] = {}
        inputs = {port: self._bits(bits, at) for port, bits in self.modules[top].inputs.items()}
        self._place(self.modules[top], "", at)
        outputs = {port: self._bits(bits, at) for port, bits in self.modules[top].outputs.items()}
        found = self.found
        resolved = self._resolved
        return replace(
            found,
            name=top,
            inputs=inputs,
            outputs={port: resolved(bits) for port, bits in outputs.items()},
            ands={bit: (resolved(pair)[0], resolved(pair)[1]) for bit, pair in found.ands.items()},
            inverters={bit: resolved([operand])[0] for bit, operand in found.inverters.items()},
            tables={bit: (table, resolved(pins)) for bit, (table, pins) in found.tables.items()},
            registers={
                bit: replace(register, next=resolved([register.next])[0], clock=resolved([register.clock])[0])
                for bit, register in found.registers.items()
            },
            names=dict(zip(found.names, resolved(found.names.values()), strict=True)),
            instances=tuple(
                replace(one, connections={port: resolved(bits) for port, bits in one.connections.items()})
                for one in self.instances
            ),
        )

    def _bits(self, bits: Iterable[Bit], at: dict[Bit, Bit]) -> tuple[Bit, ...]:
        found = []
        for bit in bits:
            if bit in (UNKNOWN, FALSE, TRUE):
                found.append(bit)
                continue
            if bit not in at:
                at[bit] = self.next_bit
                self.next_bit += 1
            found.append(at[bit])
        return tuple(found)

    def _resolved(self, bits: Iterable[Bit]) -> tuple[Bit, ...]:
        found = []
        for bit in bits:
            driver, steps = bit, 0
            while driver in self.alias:
                driver, steps = self.alias[driver], steps + 1
                if steps > len(self.alias):
                    raise NotProvenError("a wire drives itself")
            found.append(driver)
        return tuple(found)

    def _place(self, circuit: Circuit, path: str, at: dict[Bit, Bit]) -> None:
        found = self.found
        one = self._bits
        for bit, pair in circuit.ands.items():
            (y,) = one([bit], at)
            a, b = one(pair, at)
            found.ands[y] = a, b
        for bit, operand in circuit.inverters.items():
            y, a = one([bit, operand], at)
            found.inverters[y] = a
        for bit, (table, pins) in circuit.tables.items():
            (y,) = one([bit], at)
            found.tables[y] = table, one(pins, at)
        for bit, register in circuit.registers.items():
            q, d, clock = one([bit, register.next, register.clock], at)
            found.registers[q] = Register(d, clock, path + register.name)
        for name, bit in circuit.names.items():
            (found.names[path + name],) = one([bit], at)
        for instance in circuit.instances:
            self._instance(instance, circuit, path, at)

    def _instance(self, instance: Instance, circuit: Circuit, path: str, at: dict[Bit, Bit]) -> None:
        connections = {port: self._bits(bits, at) for port, bits in instance.connections.items()}
        if instance.module in self.closed:
            self.instances.append(Instance(path + instance.name, instance.module, connections))
            return
        inner = self.modules[instance.module]
        inside: dict[Bit, Bit] = {}
        for port, bits in inner.inputs.items():
            given = connections.get(port, ())
            if len(given) != len(bits):
                raise NotProvenError(f"{circuit.name}: {instance.name}.{port} is not connected")
            inside.update(zip(bits, given, strict=True))
        self._place(inner, f"{path}{instance.name}.", inside)
        for port, bits in inner.outputs.items():
            for outside, driver in zip(connections.get(port, ()), self._bits(bits, inside), strict=False):
                if outside != UNKNOWN:
                    self.alias[outside] = driver


class Clocked:
    """A circuit over the variables of a graph: one for each input bit, register and bit of a closed instance."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.graph = circuit, Graph()
        self.literals: dict[Bit, int] = {0: FALSE, 1: TRUE}
        self.register_at: dict[int, Bit] = {}  # by node
        self.inputs: dict[str, list[int]] = {}
        for port, bits in circuit.inputs.items():
            self.inputs[port] = [self.graph.new_input() for _ in bits]
            self.literals.update(zip(bits, self.inputs[port], strict=True))
        self.clock = self.inputs.get(CLOCK, [None])[0]

    @property
    def reset(self) -> int:
        """The literal of ``rst``; FALSE where there is none."""
        return self.inputs.get(RESET, [FALSE])[0]

    def port(self, name: str) -> list[int]:
        """The literals of an output port."""
        return self.values(self.circuit.outputs[name])

    def values(self, bits: Iterable[Bit]) -> list[int]:
        return [self._literal(bit) for bit in bits]

    def next(self, node: int) -> int:
        """What a register (by its node) takes at the next edge."""
        register = self.circuit.registers[self.register_at[node]]
        if self._literal(register.clock) != self.clock:
            raise NotProvenError(f"{self.circuit.name}: the clock of {register.name} is not {CLOCK}")
        return self._literal(register.next)

    def after_reset(self, node: int) -> int | None:
        """The value of a register behind an edge with ``rst``; None where that depends on anything."""
        value = substituted(self.graph, [self.next(node)], {self.reset >> 1: TRUE})[0]
        return value if value in (FALSE, TRUE) else None

    def registers_behind(self, literals: Sequence[int]) -> list[int]:
        """The registers (nodes) that the literals depend on now or later."""
        found: list[int] = []
        seen: set[int] = set()
        todo = list(literals)
        while todo:
            for node in self.graph.variables([todo.pop()]):
                if node in self.register_at and node not in seen:
                    seen.add(node)
                    found.append(node)
                    todo.append(self.next(node))
        return found

    def _literal(self, root: Bit) -> int:
        circuit, literals = self.circuit, self.literals
        try:
            for bit in circuit.in_order(root, literals):
                self._make(bit, [self._read(operand) for operand in circuit.operands(bit)])
        except GateLoopError as error:
            raise NotProvenError(str(error)) from error
        return self._read(root)

    def _make(self, bit: Bit, read: list[int]) -> None:
        circuit, literals = self.circuit, self.literals
        if bit in circuit.tables:
            literals[bit] = self.graph.table(circuit.tables[bit][0], read)
        elif bit in circuit.ands:
            literals[bit] = self.graph.both(read[0], read[1])
        elif bit in circuit.inverters:
            literals[bit] = read[0] ^ 1
        else:
            literals[bit] = self.graph.new_input()
            if bit in circuit.registers:
                self.register_at[literals[bit] >> 1] = bit

    def _read(self, bit: Bit) -> int:
        """The literal of a bit that is known; an x is a new variable wherever it is read."""
        return self.graph.new_input() if bit == UNKNOWN else self.literals[bit]


def substituted(graph: Graph, literals: Sequence[int], values: Mapping[int, int]) -> list[int]:
    """The literals with the variables (nodes) of ``values`` replaced, in the same graph."""
    same = {node: 2 * node for node in graph.variables(literals)}
    return graph.copied(graph, literals, {**same, **{node: v for node, v in values.items() if node}})
