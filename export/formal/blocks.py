"""Blocks of LUTs or comparators against the netlist: every output bit for every input, in one question."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.formal.flat import Inside, inlined
from bitlogic.export.formal.function import Child, NotProvenError
from bitlogic.export.formal.graph import FALSE, Graph
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.solver import Verdict
from bitlogic.export.formal.sums import Words
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist

Array = npt.NDArray[Any]
_SHOWN = 4  # differing LUTs that a refutation names


@dataclass(frozen=True)
class Atoms:
    """The free bits of a core: nets by their numbers, and behind them the bits of the port ``x``."""

    netlist: Netlist
    encoder: Encoder | None  # where the port is x

    def x_bit(self, bit: int) -> int:
        return self.netlist.num_nets + bit

    def of_port(self, width: int) -> range:
        """The atoms of the port ``x`` or ``bits``."""
        first = FIRST_INPUT if self.encoder is None else self.netlist.num_nets
        return range(first, first + width)

    def name(self, atom: int) -> str:
        netlist = self.netlist
        if atom >= netlist.num_nets:
            return f"x[{atom - netlist.num_nets}]"
        if atom < netlist.first_lut:
            return f"input bit {atom - FIRST_INPUT}"
        lut = atom - netlist.first_lut
        if netlist.origins is None:
            return f"LUT {lut}"
        layer, neuron = netlist.origins[lut].tolist()
        return f"LUT {lut} (layer {layer}, neuron {neuron})"


def prove_block(child: Child, module: Inside, nets: Array, words: Words, atoms: Atoms, prover: Prover) -> bool:
    """Whether the outputs of an instance are the netlist's ``nets``, given what its inputs carry.

    The instance's output variables become these nets in any case: what stands behind it is proven on its own.
    """
    function, _ = module
    if [len(bits) for bits in function.outputs.values()] != [len(nets)]:
        raise NotProvenError(f"{function.name} is not a block of {len(nets)} bits")
    graph, variable, given = _on_atoms(child, module, words)
    expected = [_specified(graph, variable, int(net), atoms) for net in nets]
    verdict = prover.decide(graph, given, expected)
    (placed,) = child.outputs.values()
    words.place_atoms(placed, nets.tolist())
    what = "comparators" if nets[0] < atoms.netlist.first_lut else "LUTs"
    statement = f"{len(nets)} {what} are the netlist's, at the nets that they read"
    return prover.settle(function.name, statement, verdict, _detail(verdict, nets, variable, expected, graph, atoms))


def _on_atoms(child: Child, module: Inside, words: Words) -> tuple[Graph, dict[int, int], list[int]]:
    """The outputs in a graph with one variable for each atom, however often and where it comes in."""
    graph = Graph()
    variable: dict[int, int] = {}
    inputs: dict[str, list[int]] = {}
    for port, literals in child.inputs.items():
        inputs[port] = []
        for literal in literals:
            atom = words.atom(literal)
            if literal > 1 and atom is None:
                raise NotProvenError(f"{child.name}.{port} reads logic, not nets")
            if atom is not None and atom not in variable:
                variable[atom] = graph.new_input()
            inputs[port].append(literal if atom is None else variable[atom])
    (outputs,) = inlined(module, graph, inputs, []).values()
    return graph, variable, outputs


def _specified(graph: Graph, variable: dict[int, int], net: int, atoms: Atoms) -> int:
    """The net as the netlist says; what does not come into the block is a variable of its own, so it differs."""

    def read(atom: int) -> int:
        if atom not in variable:
            variable[atom] = graph.new_input()
        return variable[atom]

    netlist = atoms.netlist
    if net >= netlist.first_lut:
        lut = net - netlist.first_lut
        pins = [pin if pin < FIRST_INPUT else read(pin) for pin in netlist.pins[lut].tolist()]
        return graph.table(int(netlist.tables[lut]), pins)
    encoder = atoms.encoder
    if encoder is None or encoder.integer_thresholds is None:
        raise NotProvenError(f"input bit {net - FIRST_INPUT} is computed, but the bits are the port")
    bit = net - FIRST_INPUT
    low, threshold = int(encoder.features[bit]) * encoder.input_bits, int(encoder.integer_thresholds[bit])
    if threshold == encoder.max_input:
        return FALSE
    value = [read(atoms.x_bit(low + place)) for place in range(encoder.input_bits)]
    return graph.less([threshold >> place & 1 for place in range(encoder.input_bits)], value)


def _detail(
    verdict: Verdict,
    nets: Array,
    variable: Mapping[int, int],
    expected: list[int],
    graph: Graph,
    atoms: Atoms,
) -> str:
    """Which nets differ, and the values of what the first of them reads."""
    if verdict.holds is not False:
        return ""
    if not verdict.outputs or verdict.pattern is None:
        return "some bit differs; the solver names none"
    names = [atoms.name(int(nets[place])) for place in verdict.outputs[:_SHOWN]]
    more = len(verdict.outputs) - len(names)
    first = verdict.outputs[0]
    value = graph.evaluate([expected[first]], verdict.pattern, 1)[0]
    by_node = {literal >> 1: atom for atom, literal in variable.items()}
    reads = graph.variables([expected[first]])
    given = ", ".join(f"{atoms.name(by_node[node])} = {verdict.pattern[node]}" for node in reads)
    found = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    return f"{found} differ; output bit {first} is {1 - value} and not {value} for {given or 'any input'}"


def expected_score(netlist: Netlist, number: int) -> tuple[Array, Array]:
    """The nets that count for the score of a class, with repetitions, and the weight of each."""
    groups = netlist.outputs.reshape(netlist.head.num_classes, -1).astype(np.int64)
    if netlist.head.weights is None:
        return groups[number], np.ones(groups.shape[1], dtype=np.int64)
    column = netlist.head.weights[:, number].astype(np.int64)
    return groups.ravel(), np.repeat(column, groups.shape[1])
