"""A synthesised netlist run cycle by cycle in numpy, 64 copies of the device in a word.

Its cells are what Yosys' models of them say: ``formal.yosys`` reads them as gates, tables and registers. A simulator
takes minutes for what takes seconds here; both read the same models.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import TargetError
from bitlogic.export.formal.circuit import UNKNOWN, Bit, Circuit, Register
from bitlogic.export.formal.graph import FALSE, TRUE, Graph

Array = npt.NDArray[Any]
_WORD = 64  # lanes
_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_CLOCK = "clk"


class CellSimulation:
    """A circuit without instances, in ``lanes`` independent copies whose registers are random at first.

    Values of ports are uint8 ``(width, lanes)`` of bits, the lowest first. What the models leave undefined is another
    random bit at every edge.

    Raises:
        TargetError: A register with another clock than ``clk``, an instance, a loop, or a bit that nothing drives.
    """

    def __init__(self, circuit: Circuit, lanes: int, seed: int = 0) -> None:
        self.lanes, self._circuit = lanes, circuit
        self._words = -(-lanes // _WORD)
        levels = _Levels(circuit)
        self._inputs, self._outputs = levels.inputs, levels.outputs
        self._registers, self._next = levels.registers, levels.next
        self._rows = levels.rows
        self._values = np.zeros((levels.num_nodes, self._words), dtype=np.uint64)
        self._chance = chance = np.random.default_rng(seed)
        self._unknown = levels.unknown >> 1
        shape = (len(self._registers), self._words)
        self._values[self._registers] = chance.integers(0, 1 << 64, size=shape, dtype=np.uint64)

    def outputs(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The output ports for these inputs, with the registers as they are."""
        self._settle(inputs)
        return {port: _unpacked(self._read(literals), self.lanes) for port, literals in self._outputs.items()}

    def edge(self) -> None:
        """The rising edge that follows the inputs that ``outputs`` was last given."""
        self._values[self._registers] = self._read(self._next)

    def _settle(self, inputs: Mapping[str, Array]) -> None:
        values = self._values
        values[self._unknown] = self._chance.integers(0, 1 << 64, size=self._words, dtype=np.uint64)
        for port, nodes in self._inputs.items():
            values[nodes] = _packed(inputs[port], self._words)
        for nodes, left, left_mask, right, right_mask in self._rows:
            values[nodes] = (values[left] ^ left_mask) & (values[right] ^ right_mask)

    def _read(self, literals: Array) -> Array:
        read: Array = self._values[literals >> 1] ^ _mask(literals)
        return read


class _Levels:
    """The circuit's gates in rows that read only rows before them."""

    def __init__(self, circuit: Circuit) -> None:
        if circuit.instances:
            raise TargetError(f"{circuit.name} has an instance of {circuit.instances[0].module}, which has no gates")
        graph = Graph()
        self.unknown = graph.new_input()
        literals: dict[Bit, int] = {0: FALSE, 1: TRUE, UNKNOWN: self.unknown}
        for bit in (*(bit for bits in circuit.inputs.values() for bit in bits), *circuit.registers):
            literals[bit] = graph.new_input()
        clock = circuit.inputs.get(_CLOCK)
        roots = [bit for bits in circuit.outputs.values() for bit in bits]
        registers: list[tuple[Bit, Register]] = []  # those that an output depends on
        seen: set[Bit] = set()
        while roots:
            for read in _resolve(circuit, graph, literals, roots.pop()):
                if read in circuit.registers and read not in seen:
                    seen.add(read)
                    register = circuit.registers[read]
                    if clock is None or register.clock != clock[0]:
                        raise TargetError(f"{circuit.name}: the clock of {register.name} is not {_CLOCK}")
                    registers.append((read, register))
                    roots.append(register.next)
        self.num_nodes = len(graph)
        self.inputs = {
            port: np.array([literals[bit] >> 1 for bit in bits], dtype=np.int64)
            for port, bits in circuit.inputs.items()
            if port != _CLOCK
        }
        self.outputs = {port: _array(literals, bits) for port, bits in circuit.outputs.items()}
        self.registers = np.array([literals[bit] >> 1 for bit, _ in registers], dtype=np.int64)
        self.next = _array(literals, [register.next for _, register in registers])
        self.rows = _rows(graph)


def _resolve(circuit: Circuit, graph: Graph, literals: dict[Bit, int], root: Bit) -> list[Bit]:
    """Makes the literals of a bit and of all that it depends on; the registers and inputs that are read anew."""
    if root in circuit.registers:
        return [root]
    read = []
    for bit in circuit.in_order(root, literals):
        operands = circuit.operands(bit)
        read += [operand for operand in operands if operand in circuit.registers]
        literals[bit] = _gate(circuit, graph, bit, [literals[operand] for operand in operands])
    return read


def _gate(circuit: Circuit, graph: Graph, bit: Bit, operands: list[int]) -> int:
    if bit in circuit.ands:
        return graph.both(operands[0], operands[1])
    if bit in circuit.inverters:
        return operands[0] ^ 1
    if bit in circuit.tables:
        return graph.table(circuit.tables[bit][0], operands)
    raise TargetError(f"{circuit.name}: nothing drives bit {bit}")


def _rows(graph: Graph) -> list[tuple[Array, Array, Array, Array, Array]]:
    """By level: the nodes, and of both operands the nodes and what their values are exclusive-ored with."""
    level = np.zeros(len(graph), dtype=np.int64)
    pairs = np.zeros((len(graph), 2), dtype=np.int64)
    for node in range(len(graph)):
        operands = graph.operands(node)
        if operands is not None:
            pairs[node] = operands
            level[node] = 1 + max(level[operands[0] >> 1], level[operands[1] >> 1])
    rows = []
    for number in range(1, int(level.max(initial=0)) + 1):
        nodes = np.flatnonzero(level == number)
        left, right = pairs[nodes, 0], pairs[nodes, 1]
        rows.append((nodes, left >> 1, _mask(left), right >> 1, _mask(right)))
    return rows


def _array(literals: Mapping[Bit, int], bits: Any) -> Array:
    return np.array([literals[bit] for bit in bits], dtype=np.int64)


def _mask(literals: Array) -> Array:
    """``(n, 1)``: all ones for a literal that is inverted."""
    mask: Array = np.where(literals & 1, _ONES, np.uint64(0))[:, None]
    return mask


def _packed(bits: Array, words: int) -> Array:
    """uint8 ``(width, lanes)`` as uint64 ``(width, words)``."""
    padded = np.zeros((len(bits), words * _WORD), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def _unpacked(words: Array, lanes: int) -> Array:
    """The other way."""
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")[:, :lanes]
