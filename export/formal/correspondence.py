"""Two clocked designs, one of which synthesis made of the other: what one is at every edge, the other is too.

Synthesis keeps the names of registers where it can, and changes, merges or removes what stands behind them. So every
register of the one is looked for by its name in the other, where it may be any function of registers, or a constant.
That they correspond is not taken on trust but is what is proven: whatever the registers are that synthesis made, those
that they stand for give the same outputs, and stand for the same again after the next edge.
"""

import time
from collections.abc import Mapping, Sequence

from bitlogic.export.formal.circuit import UNKNOWN, Bit, Circuit
from bitlogic.export.formal.clocked import Clocked, flattened, substituted
from bitlogic.export.formal.function import NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE, Graph
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.solver import Verdict, check_equal

_SHOWN = 4


def prove_correspondence(
    given: Mapping[str, Circuit], reference: Mapping[str, Circuit], top: str, prover: Prover, *, made_of_it: bool
) -> bool:
    """Settles that the module ``top`` of ``given`` does at every edge what that of ``reference`` does.

    ``made_of_it`` says that a tool made ``given`` of that text, so that equal names mean the same. Only then is a
    difference a refutation; else registers may be paired wrongly, and there is no verdict.

    Raises:
        NotProvenError: They have other ports.
    """
    return _Pair(given, reference, top, prover).prove(made_of_it=made_of_it)


class _Pair:
    def __init__(
        self, given: Mapping[str, Circuit], reference: Mapping[str, Circuit], top: str, prover: Prover
    ) -> None:
        self.top, self.prover = top, prover
        self.given, self.reference = Clocked(flattened(given, top)), Clocked(flattened(reference, top))
        shapes = [_shape(side.circuit) for side in (self.given, self.reference)]
        if shapes[0] != shapes[1]:
            raise NotProvenError(f"the ports {shapes[0]} are not {shapes[1]}")
        self.graph = Graph()
        self.ports = {port: [self.graph.new_input() for _ in bits] for port, bits in self.given.inputs.items()}
        self.itself = self.graph.new_input()  # see _taken
        self.at: dict[tuple[str, int], int] = {}  # side and node: the literal that stands for a variable
        for name, side in (("given", self.given), ("reference", self.reference)):
            for port, literals in side.inputs.items():
                self.at.update({(name, a >> 1): b for a, b in zip(literals, self.ports[port], strict=True)})

    def prove(self, *, made_of_it: bool) -> bool:
        started = time.monotonic()
        given, reference = self.given, self.reference
        roots = [literal for port in reference.circuit.outputs for literal in reference.port(port)]
        nodes = reference.registers_behind(roots)
        stands_for = self._by_name(nodes)
        self._merged(nodes, stands_for)
        left = [literal for port in given.circuit.outputs for literal in given.port(port)]
        names = [f"{port}[{bit}]" for port, bits in given.circuit.outputs.items() for bit in range(len(bits))]
        right = [literal for port in given.circuit.outputs for literal in reference.port(port)]
        num_outputs = len(names)
        left += self._next_of(list(stands_for.values()))
        right += [reference.next(node) for node in stands_for]
        names += [reference.circuit.registers[reference.register_at[node]].name for node in stands_for]
        verdict = check_equal(
            self.graph, self._copied("given", left), self._copied("reference", right), self.prover.limit_seconds
        )
        verdict = Verdict(verdict.holds, verdict.method, time.monotonic() - started, verdict.outputs, verdict.pattern)
        statement = (
            f"whatever its registers are, the {len(names) - num_outputs} of the emitted Verilog that they stand for "
            "give the same outputs, and so it is after the next edge"
        )
        lost = len(nodes) - len(stands_for)
        detail = self._detail(verdict, names)
        if verdict.holds is False and (lost or not made_of_it):  # one of those may be what it takes
            why = (
                f"{lost} registers have no counterpart" if lost else "its registers may be others than their names say"
            )
            self.prover.give_up(self.top, statement, f"{detail}; {why}")
            return False
        return self.prover.settle(self.top, statement, verdict, detail)

    def _by_name(self, nodes: Sequence[int]) -> dict[int, int]:
        """For registers of the reference what the other side calls by their name: a function of registers alone."""
        given, reference = self.given, self.reference
        called: dict[Bit, list[str]] = {}
        for name, bit in reference.circuit.names.items():
            if bit in reference.circuit.registers:
                called.setdefault(bit, []).append(name)
        found: dict[int, int] = {}
        for node in nodes:
            for name in called.get(reference.register_at[node], []):
                other = given.circuit.names.get(name, UNKNOWN)
                if not self._is_driven(other):
                    continue
                (literal,) = given.values([other])
                if all(variable in given.register_at for variable in given.graph.variables([literal])):
                    found[node] = literal
                    break
        return found

    def _merged(self, nodes: Sequence[int], stands_for: dict[int, int]) -> None:
        """Adds registers without a counterpart by name that take what another register takes, or a constant."""
        given = self.given
        lost = [node for node in nodes if node not in stands_for]
        self._place(stands_for)
        ours = given.registers_behind([literal for port in given.circuit.outputs for literal in given.port(port)])
        while lost:
            named = list(stands_for)
            followed = self._taken("reference", named)
            known = dict(zip(self._taken("given", ours), (2 * node for node in ours), strict=True))
            known |= dict(zip(followed, stands_for.values(), strict=True)) | {FALSE: FALSE, TRUE: TRUE}
            taken = self._taken("reference", lost)
            found = {node: known[literal] for node, literal in zip(lost, taken, strict=True) if literal in known}
            self._place(found)
            stands_for |= found
            lost = [node for node in lost if node not in found]
            if not found:
                return

    def _taken(self, side: str, nodes: Sequence[int]) -> list[int]:
        """What registers take next, each with one and the same variable for what it holds itself."""
        clocked = self.given if side == "given" else self.reference
        itself = clocked.graph.new_input()
        self.at[side, itself >> 1] = self.itself
        following = [substituted(clocked.graph, [clocked.next(node)], {node: itself})[0] for node in nodes]
        return self._copied(side, following)

    def _place(self, stands_for: Mapping[int, int]) -> None:
        for node, literal in stands_for.items():
            self.at["reference", node] = self._copied("given", [literal])[0]

    def _is_driven(self, bit: Bit) -> bool:
        circuit = self.given.circuit
        return bit in (0, 1) or bit in circuit.registers or bool(circuit.operands(bit))

    def _next_of(self, literals: list[int]) -> list[int]:
        """What functions of registers are after the next edge."""
        given = self.given
        following = {node: given.next(node) for node in given.graph.variables(literals)}
        return substituted(given.graph, literals, following)

    def _copied(self, side: str, literals: list[int]) -> list[int]:
        """The literals of one side in the common graph; a variable that stands for nothing there is a new one."""
        clocked = self.given if side == "given" else self.reference
        values: dict[int, int] = {}
        for node in clocked.graph.variables(literals):
            if (side, node) not in self.at:
                self.at[side, node] = self.graph.new_input()
            values[node] = self.at[side, node]
        return self.graph.copied(clocked.graph, literals, values)

    def _detail(self, verdict: Verdict, names: list[str]) -> str:
        if verdict.holds is not False:
            return ""
        shown = ", ".join(names[place] for place in verdict.outputs[:_SHOWN])
        more = len(verdict.outputs) - _SHOWN
        return f"{shown}{f' and {more} more' if more > 0 else ''} differ"


def _shape(circuit: Circuit) -> dict[str, int]:
    ports = {**circuit.inputs, **circuit.outputs}
    return {port: len(ports[port]) for port in sorted(ports)}
