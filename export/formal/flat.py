"""Modules with all their instances inside, as one graph, and the proof that two of them are equal.

It serves netlists whose hierarchy is not ours: one that a synthesis tool dissolved, or that another language cut in
other places. They are compared with the text whose parts are proven one by one. A solver does not decide that in one
piece. So places that behave alike in a simulation are taken for equal, proven so from those before them, and replaced
by variables on both sides; what remains is small.
"""

import random
import time
from collections.abc import Mapping, Sequence
from itertools import islice

from bitlogic.export.formal.function import Function, NotProvenError
from bitlogic.export.formal.graph import Graph
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.solver import Verdict, check_equal

_LANES = 1024
_SHOWN = 8
Inside = tuple[Function, Mapping[str, Function]]  # a module, and by name all that are in it


def prove_same(given: Inside, reference: Inside, prover: Prover) -> bool:
    """Settles that a module computes what a reference does, both with the modules inside them.

    Raises:
        NotProvenError: They have other ports.
    """
    shapes = [_shape(function) for function, _ in (given, reference)]
    if shapes[0] != shapes[1]:
        raise NotProvenError(f"the ports {shapes[0]} are not {shapes[1]}")
    started = time.monotonic()
    graph = Graph()
    inputs = {port: [graph.new_input() for _ in bits] for port, bits in reference[0].inputs.items()}
    places: list[list[int]] = []
    expected = inlined(reference, graph, inputs, places)
    found = inlined(given, graph, inputs, [])
    ports = sorted(expected)
    left = [literal for port in ports for literal in found[port]]
    right = [literal for port in ports for literal in expected[port]]
    verdict = _by_places(graph, left, right, places, prover.limit_seconds)
    verdict = Verdict(verdict.holds, verdict.method, time.monotonic() - started, verdict.outputs, verdict.pattern)
    names = [f"{port}[{bit}]" for port in ports for bit in range(len(expected[port]))]
    detail = _detail(verdict, names, inputs) if verdict.holds is False else ""
    return prover.settle(given[0].name, "every output is that of the emitted Verilog, for every input", verdict, detail)


def inlined(
    module: Inside, graph: Graph, inputs: Mapping[str, list[int]], places: list[list[int]]
) -> dict[str, list[int]]:
    """The outputs over the literals at the inputs; ``places`` gains every instance's outputs and words, inner first."""
    function, inside = module
    at: dict[int, int] = {}
    for port, literals in function.inputs.items():
        at.update(zip((literal >> 1 for literal in literals), inputs[port], strict=True))
    for child in function.children:
        read = {port: graph.copied(function.graph, literals, at) for port, literals in child.inputs.items()}
        made = inlined((inside[child.module], inside), graph, read, places)
        for port, literals in child.outputs.items():
            at.update(zip((literal >> 1 for literal in literals), made[port], strict=True))
        places.append([literal for port in made.values() for literal in port])
    inner = iter(graph.copied(function.graph, [literal for word in function.words for literal in word], at))
    places += [list(islice(inner, len(word))) for word in function.words]
    return {port: graph.copied(function.graph, literals, at) for port, literals in function.outputs.items()}


def _by_places(
    graph: Graph, left: Sequence[int], right: Sequence[int], places: list[list[int]], limit_seconds: float
) -> Verdict:
    """Whether two lists of literals are equal, with what is proven equal on the way replaced by variables."""
    nodes = graph.cone([*left, *right])
    chance = random.Random(len(nodes))
    values = {node: chance.getrandbits(_LANES) for node in nodes if graph.operands(node) is None}
    lanes = dict(zip(nodes, graph.evaluate([2 * node for node in nodes], values, _LANES), strict=True))
    if any(_lanes_of(lanes, a) != _lanes_of(lanes, b) for a, b in zip(left, right, strict=True)):
        return check_equal(graph, left, right, limit_seconds)  # it differs: where, and for which input
    alike: dict[int, int] = {}  # what a literal gives in the simulation: a literal of the left side
    for node in graph.cone(left):
        for literal in (2 * node, 2 * node + 1):
            alike.setdefault(_lanes_of(lanes, literal), literal)
    cut = Graph()
    at = {node: cut.new_input() for node in values}
    for place in places:
        pairs = {
            literal >> 1: (literal, alike[_lanes_of(lanes, literal)])
            for literal in place
            if literal >> 1 in lanes and literal >> 1 not in at and _lanes_of(lanes, literal) in alike
        }
        if not pairs:
            continue
        ours, theirs = zip(*pairs.values(), strict=True)
        one, two = (cut.copied(graph, literals, at) for literals in (ours, theirs))
        verdict = check_equal(cut, one, two, limit_seconds)
        if verdict.holds is None:
            continue  # it may still come out at the outputs
        different = set(verdict.outputs)
        if verdict.holds is False:
            different = _all_different(cut, one, two, limit_seconds)
        for number, (our, their) in enumerate(pairs.values()):
            if number not in different and our >> 1 not in at:
                variable = cut.new_input()
                at[our >> 1] = variable ^ (our & 1)
                at[their >> 1] = variable ^ (their & 1)
    one, two = (cut.copied(graph, literals, at) for literals in (left, right))
    verdict = check_equal(cut, one, two, limit_seconds)
    if verdict.holds is False:  # over the variables, which need not take these values: nothing is refuted
        verdict = check_equal(graph, left, right, limit_seconds)
    return verdict


def _all_different(graph: Graph, ours: list[int], theirs: list[int], limit_seconds: float) -> set[int]:
    """The places that are not proven equal one by one."""
    return {
        number
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True))
        if check_equal(graph, [a], [b], limit_seconds).holds is not True
    }


def _lanes_of(lanes: Mapping[int, int], literal: int) -> int:
    value = lanes[literal >> 1] if literal > 1 else 0
    return value ^ ((1 << _LANES) - 1) if literal & 1 else value


def _detail(verdict: Verdict, names: list[str], inputs: Mapping[str, list[int]]) -> str:
    """The outputs that differ, and the inputs that are 1 there."""
    shown = ", ".join(names[place] for place in verdict.outputs[:_SHOWN]) or "some output"
    if verdict.pattern is None:
        return f"{shown} differs"
    ones = [
        f"{port}[{bit}]"
        for port, literals in inputs.items()
        for bit, literal in enumerate(literals)
        if verdict.pattern.get(literal >> 1)
    ]
    listed = ", ".join(ones[: 4 * _SHOWN]) + (f" and {len(ones) - 4 * _SHOWN} more" if len(ones) > 4 * _SHOWN else "")
    return f"{shown} differ where of the inputs these are 1: {listed or 'none'}"


def _shape(function: Function) -> dict[str, int]:
    ports = {**function.inputs, **function.outputs}
    return {port: len(ports[port]) for port in sorted(ports)}
