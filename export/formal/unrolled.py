"""A window of clock edges as one function without registers, backwards from its end.

Only what the end depends on is built. Bits of control that are known at a time are constants there, so that what is
loaded, kept or added in each cycle is decided. An instance becomes a ``Child`` for every time at which it is read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bitlogic.export.formal.circuit import Circuit, Instance
from bitlogic.export.formal.clocked import Clocked
from bitlogic.export.formal.function import CONTROL, Child, Function, NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE, Graph

WORD = ""  # the module of a child that is the word of a register at one time: ``d`` in, ``q`` out


@dataclass(frozen=True)
class Window:
    """What is known at which time, counted from 0: bits by their variables (nodes) in the module's graph."""

    bits: Callable[[int, int], int | None]  # (node, time): its value, None where that is open
    sample: Mapping[int, int]  # at time 0: node, and the number of the bit of the sample that it holds
    sample_width: int
    end: int  # the time at which the outputs are read


def unrolled(
    clocked: Clocked,
    modules: Mapping[str, Circuit],
    latencies: Mapping[str, int | None],
    window: Window,
    outputs: Sequence[str],
    port: str,
) -> Function:
    """The outputs at the end of the window, over the bits of the sample, as the input ``port``.

    Raises:
        NotProvenError: An instance of a module without an entry in ``latencies``.
    """
    return _Unrolling(clocked, modules, latencies, window).function(outputs, port)


class _Unrolling:
    def __init__(
        self,
        clocked: Clocked,
        modules: Mapping[str, Circuit],
        latencies: Mapping[str, int | None],
        window: Window,
    ) -> None:
        self.clocked, self.modules, self.latencies, self.window = clocked, modules, latencies, window
        self.graph = Graph()
        self.sample = [self.graph.new_input() for _ in range(window.sample_width)]
        self.known: dict[tuple[int, int], int] = {}
        self.children: list[Child] = []
        self.driver: dict[int, tuple[Instance, str, int]] = {}  # node: the output bit that it stands for
        for instance in clocked.circuit.instances:
            for name in modules[instance.module].outputs:
                for place, bit in enumerate(instance.connections.get(name, ())):
                    if bit >= 0:
                        self.driver[clocked.values([bit])[0] >> 1] = instance, name, place
        self.words: dict[str, list[int]] = {}  # of the registers of one cell, the lowest bit first
        for bit, register in clocked.circuit.registers.items():
            self.words.setdefault(register.name, []).append(clocked.values([bit])[0] >> 1)

    def function(self, outputs: Sequence[str], port: str) -> Function:
        made = {name: self._at(self.clocked.port(name), self.window.end) for name in outputs}
        ages: dict[str, list[int | None]] = {name: [None] * len(bits) for name, bits in made.items()}
        return Function(self.clocked.circuit.name, self.graph, {port: self.sample}, made, ages, self.children, {})

    def _at(self, literals: Sequence[int], time: int) -> list[int]:
        """The literals of the module's graph, as they are at a time."""
        graph, decided = self.clocked.graph, self._decided(literals, time)
        values = {node: self._variable(node, time) for node in graph.variables(decided)}
        return self.graph.copied(graph, decided, values)

    def _decided(self, literals: Sequence[int], time: int) -> list[int]:
        """The literals with what is known of control put in, so that what it rules out is not followed."""
        graph = self.clocked.graph
        values = {node: 2 * node for node in graph.variables(literals)}
        for node in values:
            bit = self.window.bits(node, time)
            if bit is not None:
                values[node] = bit
        return graph.copied(graph, literals, values)

    def _variable(self, node: int, time: int) -> int:
        key = node, time
        if key not in self.known:
            self._find(node, time)
        return self.known[key]

    def _find(self, node: int, time: int) -> None:
        bit = self.window.bits(node, time)
        if bit is not None:
            self.known[node, time] = bit
        elif time == 0 and node in self.window.sample:
            self.known[node, time] = self.sample[self.window.sample[node]]
        elif node in self.driver:
            self._place(self.driver[node][0], time)
        elif node in self.clocked.register_at and time > 0:
            self._step(node, time)
        else:
            self.known[node, time] = self.graph.new_input()

    def _step(self, node: int, time: int) -> None:
        """A register at a time; a word that is more than wires becomes a child."""
        register = self.clocked.circuit.registers[self.clocked.register_at[node]]
        word = self.words[register.name]
        following = self._decided([self.clocked.next(each) for each in word], time - 1)
        if all(literal in (FALSE, TRUE) or self._is_wire(literal) for literal in following):
            self.known[node, time] = self._at([following[word.index(node)]], time - 1)[0]
            return
        given = self._at(following, time - 1)
        made = [self.graph.new_input() for _ in word]
        self.children.append(Child(f"{register.name} at edge {time}", WORD, {"d": given}, {"q": made}, None))
        for each, literal in zip(word, made, strict=True):
            self.known[each, time] = literal

    def _is_wire(self, literal: int) -> bool:
        return self.clocked.graph.operands(literal >> 1) is None

    def _place(self, instance: Instance, time: int) -> None:
        if instance.module not in self.latencies:
            raise NotProvenError(f"{self.clocked.circuit.name} needs {instance.module}, which is not proven")
        latency = self.latencies[instance.module] or 0
        inner = self.modules[instance.module]
        inputs: dict[str, list[int]] = {}
        if time >= latency:
            for port, width in inner.inputs.items():
                bits = instance.connections.get(port, ())
                if len(bits) != len(width):
                    raise NotProvenError(f"{self.clocked.circuit.name}: {instance.name}.{port} is not connected")
                if port not in CONTROL:
                    inputs[port] = self._at(self.clocked.values(bits), time - latency)
        outputs = {port: [self.graph.new_input() for _ in bits] for port, bits in inner.outputs.items()}
        if time >= latency:  # else it shows something of before the window
            self.children.append(Child(f"{instance.name} at edge {time}", instance.module, inputs, outputs, None))
        for port, literals in outputs.items():
            for bit, literal in zip(instance.connections.get(port, ()), literals, strict=False):
                if bit >= 0:
                    self.known[self.clocked.values([bit])[0] >> 1, time] = literal
