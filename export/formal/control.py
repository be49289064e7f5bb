"""What ``rst``, ``clear`` and ``enable`` do: proven in every module with registers, beside the function itself.

The function of a module takes ``enable`` for 1 and ``rst`` for 0. Here each register bit is looked at by itself, as a
function of what it reads: with ``enable`` 0 it keeps its value, and with ``rst`` 1 the bits that say whether a sample
is there become 0.
"""

import time
from collections.abc import Collection

from bitlogic.export.formal.circuit import UNKNOWN, Bit, Circuit
from bitlogic.export.formal.function import CLEAR, ENABLE, RESET
from bitlogic.export.formal.graph import FALSE, TRUE, Graph
from bitlogic.export.formal.prover import Prover


def prove_control(circuit: Circuit, cleared: Collection[Bit], prover: Prover) -> None:
    """Settles that the module stands still without ``enable``, and that ``rst`` and ``clear`` make ``cleared`` 0."""
    if circuit.registers and ENABLE in circuit.inputs:
        started = time.monotonic()
        step = _Step(circuit, {ENABLE: FALSE, RESET: FALSE, CLEAR: FALSE})
        moving = [r.name for bit, r in circuit.registers.items() if step.literal(r.next) != step.literal(bit)]
        wrong = f"register {moving[0]} does not keep its value" if moving else ""
        prover.traced(circuit.name, "with enable 0 every register keeps its value", wrong, started)
    for port in (RESET, CLEAR):
        if not cleared or port not in circuit.inputs:
            continue
        started = time.monotonic()
        step = _Step(circuit, {port: TRUE})
        kept = [circuit.registers[b].name for b in cleared if step.literal(circuit.registers[b].next) != FALSE]
        wrong = f"register {kept[0]} is not cleared" if kept else ""
        prover.traced(circuit.name, f"{port} clears what says that a sample is there", wrong, started)


class _Step:
    """One clock edge: every bit over the registers and inputs, some of which are constants."""

    def __init__(self, circuit: Circuit, values: dict[str, int]) -> None:
        self.circuit, self.graph = circuit, Graph()
        self.literals: dict[Bit, int] = {0: FALSE, 1: TRUE}
        for port, value in values.items():
            self.literals.update(dict.fromkeys(circuit.inputs.get(port, ()), value))

    def literal(self, root: Bit) -> int:
        circuit, literals = self.circuit, self.literals
        for bit in circuit.in_order(root, literals):
            read = [self._read(operand) for operand in circuit.operands(bit)]
            if bit in circuit.tables:
                literals[bit] = self.graph.table(circuit.tables[bit][0], read)
            elif bit in circuit.ands:
                literals[bit] = self.graph.both(read[0], read[1])
            elif bit in circuit.inverters:
                literals[bit] = read[0] ^ 1
            else:  # a register, an input, an instance's output
                literals[bit] = self.graph.new_input()
        return self._read(root)

    def _read(self, bit: Bit) -> int:
        """The literal of a bit that is known; an x is a new variable wherever it is read."""
        return self.graph.new_input() if bit == UNKNOWN else self.literals[bit]
