"""What the modules behind the LUTs compute, each proven once: weighted sums, the better of two, the best of all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bitlogic.export.formal.flat import Inside, inlined
from bitlogic.export.formal.function import Child, Function, NotProvenError
from bitlogic.export.formal.graph import Graph
from bitlogic.export.formal.log import Outcome
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.sums import MAX_WIDTH, WeightedSum, Words
from bitlogic.export.hardware.popcount import LEAF_SIZES

_LEAF_WIDTHS = tuple(size.bit_length() for size in LEAF_SIZES.values())
_NODE_PORTS = {"score_a", "index_a", "score_b", "index_b"}

_Cut = tuple[str, int, int, WeightedSum]  # port, lowest bit, width


@dataclass(frozen=True)
class Sums:
    """Words at the outputs, each a weighted sum of the module's input bits, numbered through all its ports."""

    words: tuple[_Cut, ...]


@dataclass(frozen=True)
class Better:
    """(score_b, index_b) where score_b > score_a, else (score_a, index_a)."""

    score_width: int
    signed: bool


@dataclass(frozen=True)
class Best:
    """The lowest number among the words with the highest value."""

    num_words: int
    score_width: int
    signed: bool


Theorem = Sums | Better | Best


def prove_module(
    module: Inside, theorems: Mapping[str, Theorem], prover: Prover, *, signed: bool, widths: tuple[int, ...]
) -> Theorem:
    """What a module computes, found by its ports and by what is in it, and proven.

    ``signed`` says how scores compare. ``widths`` are those that a port of several words may be cut into.

    Raises:
        NotProvenError: It is nothing of the kinds that there are, or there is no proof.
    """
    function, inside = module
    if set(function.inputs) == _NODE_PORTS and set(function.outputs) == {"score", "index"}:
        return _prove_better(function, prover, signed)
    kinds = [theorems.get(child.module) for child in function.children]
    if kinds and all(isinstance(kind, Better) for kind in kinds):
        return _prove_best(function, theorems, prover)
    if not all(isinstance(kind, Sums) for kind in kinds):
        function = _dissolved(function, inside)
    return _prove_sums(function, theorems, prover, widths)


def _dissolved(function: Function, inside: Mapping[str, Function]) -> Function:
    """The same without instances: what is in them becomes a part of it."""
    graph = Graph()
    inputs = {port: [graph.new_input() for _ in bits] for port, bits in function.inputs.items()}
    outputs = inlined((function, inside), graph, inputs, [])
    return replace(function, graph=graph, inputs=inputs, outputs=outputs, children=[], words=[])


def _prove_better(function: Function, prover: Prover, signed: bool) -> Better:
    graph, ports = function.graph, function.inputs
    if len(ports["score_a"]) != len(ports["score_b"]):
        raise NotProvenError(f"the scores of {function.name} have two widths")
    wins = graph.less(ports["score_a"], ports["score_b"], signed=signed)
    expected, given = [], []
    for kind in ("score", "index"):
        pairs = zip(ports[f"{kind}_a"], ports[f"{kind}_b"], strict=True)
        expected += [graph.choose(wins, b, a) for a, b in pairs]
        given += function.outputs[kind]
    verdict = prover.decide(graph, given, expected)
    statement = "the second candidate where its score is higher, else the first"
    detail = ""
    if verdict.pattern is not None:
        shown = {
            port: sum(verdict.pattern.get(b >> 1, 0) << k for k, b in enumerate(bits)) for port, bits in ports.items()
        }
        detail = "wrong for " + ", ".join(f"{port} = {value}" for port, value in shown.items())
    if not prover.settle(function.name, statement, verdict, detail):
        raise NotProvenError(f"{function.name} is not proven to choose the better of two")
    return Better(len(ports["score_a"]), signed)


def _prove_best(function: Function, theorems: Mapping[str, Theorem], prover: Prover) -> Best:
    """Every class comes in once, the lower ones always first, so that a tie goes to the lower."""
    started = time.monotonic()
    node = theorems[function.children[0].module]
    if not isinstance(node, Better) or len(function.inputs) != 1 or len(function.outputs) != 1:
        raise NotProvenError(f"{function.name} has other ports than scores and a class")
    (scores,), (chosen,) = function.inputs.values(), function.outputs.values()
    width = node.score_width
    if len(scores) % width:
        raise NotProvenError(f"{function.name}: {len(scores)} bits are no scores of {width} bits")
    index_width, num_words = len(chosen), len(scores) // width
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], frozenset[int]] = {}
    for word in range(num_words):
        number = tuple(word >> bit & 1 for bit in range(index_width))
        known[tuple(scores[word * width : (word + 1) * width]), number] = frozenset([word])
    for child in function.children:
        known[tuple(child.outputs["score"]), tuple(child.outputs["index"])] = _joined(child, known, function.name)
    found = [classes for (_, index), classes in known.items() if index == tuple(chosen)]
    wrong = "" if any(len(classes) == num_words for classes in found) else "the result is not the best of all classes"
    statement = f"compares {num_words} scores of {width} bits, each once, the lower class first"
    if not prover.traced(function.name, statement, wrong, started):
        raise NotProvenError(f"{function.name} is not proven to choose the best")
    return Best(num_words, width, node.signed)


def _joined(
    child: Child, known: dict[tuple[tuple[int, ...], tuple[int, ...]], frozenset[int]], where: str
) -> frozenset[int]:
    sides = []
    for side in ("a", "b"):
        classes = known.get((tuple(child.inputs[f"score_{side}"]), tuple(child.inputs[f"index_{side}"])))
        if classes is None:
            raise NotProvenError(f"{where}: {child.name} compares something that is no candidate at side {side}")
        sides.append(classes)
    if max(sides[0]) >= min(sides[1]):
        raise NotProvenError(f"{where}: {child.name} has a class at side a that is not below those at side b")
    return sides[0] | sides[1]


def _prove_sums(function: Function, theorems: Mapping[str, Theorem], prover: Prover, widths: tuple[int, ...]) -> Sums:
    started = time.monotonic()
    words = Words(function.graph, prover)
    bits = [literal for port in function.inputs.values() for literal in port]
    words.place_atoms(bits, range(len(bits)))
    for child in function.children:
        theorem = theorems[child.module]
        if isinstance(theorem, Sums):
            apply_sums(words, child, theorem, widths, function.name)
    try:
        found = _output_words(words, function.name, _from_words(words, function), widths)
    except NotProvenError:
        if not function.words:
            raise
        found = _output_words(words, function.name, function.outputs, widths)  # in one piece, if it is small
    method = "tracing" if words.last is None else words.last.method
    ones = all(w.constant == 0 and len(w.atoms) == len(bits) and (w.weights == 1).all() for *_, w in found)
    statement = f"counts the ones of {len(bits)} bits" if ones else "is a weighted sum of its inputs"
    prover.log.add(function.name, statement, Outcome.PROVEN, method=method, seconds=time.monotonic() - started)
    return Sums(tuple(found))


def _output_words(words: Words, module: str, outputs: Mapping[str, list[int]], widths: tuple[int, ...]) -> list[_Cut]:
    return [word for port, literals in outputs.items() for word in _cut(words, module, port, literals, widths)]


def _from_words(words: Words, function: Function) -> dict[str, list[int]]:
    """The outputs over variables for the named words inside, each of which is proven from those before it.

    A word that is no sum stays logic.
    """
    graph = function.graph
    at = {node: 2 * node for node in range(1, len(graph)) if graph.operands(node) is None}
    for literals in function.words:
        if len(literals) > MAX_WIDTH:
            continue
        word = graph.copied(graph, literals, at)
        try:
            value = words.value(word, "a word")
        except NotProvenError:
            continue
        for literal, fresh in zip(literals, words.fresh(len(word), value), strict=True):
            if graph.operands(literal >> 1) is not None:
                at.setdefault(literal >> 1, fresh ^ (literal & 1))
    return {port: graph.copied(graph, literals, at) for port, literals in function.outputs.items()}


def _cut(words: Words, module: str, port: str, literals: list[int], widths: tuple[int, ...]) -> list[_Cut]:
    """The port as counts of the ones of a few bits each, as words of one of the widths, or as one word."""
    leaves = [width for width in _LEAF_WIDTHS if len(literals) % width == 0]
    reason: NotProvenError | None = None
    for place, width in enumerate([*leaves, *_cuts(len(literals), widths)]):
        try:
            found = [
                (port, low, width, words.value(literals[low : low + width], f"{module}.{port}"))
                for low in range(0, len(literals), width)
            ]
        except NotProvenError as error:
            reason = error  # of the port as one word, which is tried last
            continue
        if place >= len(leaves) or all(_counts_ones(value, width) for *_, value in found):
            return found
    raise reason or NotProvenError(f"{module}.{port} has no bits")


def _counts_ones(value: WeightedSum, width: int) -> bool:
    """Whether it is a count; the parts of another word can be sums, too, but modulo something."""
    return value.constant == 0 and bool((value.weights == 1).all()) and value.fits(width)


def apply_sums(words: Words, child: Child, theorem: Sums, widths: tuple[int, ...], where: str) -> None:
    """Places the outputs of an instance whose module is proven to compute weighted sums."""
    inputs: list[int] = []
    for port, literals in child.inputs.items():
        inputs += as_variables(words, literals, widths, f"{where}: {child.name}.{port}")
    for port, low, width, value in theorem.words:
        weights: dict[int, int] = {}
        constant = value.constant
        for place, weight in zip(value.atoms.tolist(), value.weights.tolist(), strict=True):
            literal = inputs[place]
            if literal > 1:
                weights[literal >> 1] = weights.get(literal >> 1, 0) + weight
            else:
                constant += weight * literal
        summed = words.weigh(weights, constant, width, f"{where}: {child.name}")
        words.place(child.outputs[port][low : low + width], summed)


def as_variables(words: Words, literals: list[int], widths: tuple[int, ...], what: str) -> list[int]:
    """The literals with logic replaced, word by word, by variables for what the words are proven to be."""
    if words.known(literals):
        return literals
    for width in _cuts(len(literals), widths):
        try:
            values = [words.value(literals[low : low + width], what) for low in range(0, len(literals), width)]
        except NotProvenError:
            continue
        made: list[int] = []
        for value in values:
            made += words.fresh(width, value)
        return made
    raise NotProvenError(f"{what} is not cut into known words")


def _cuts(size: int, widths: tuple[int, ...]) -> list[int]:
    """Widths of words that a port may be cut into. Several words in a row can be one sum, too, so that comes last."""
    return list(dict.fromkeys([*(width for width in widths if size % width == 0), size]))
