"""A specification that runs beside a module: registers of its own, and what must hold in every state of both."""

import time
from collections.abc import Mapping, Sequence

from bitlogic.export.formal.automaton import Automaton, Exploration, explore
from bitlogic.export.formal.clocked import Clocked
from bitlogic.export.formal.function import CLEAR
from bitlogic.export.formal.graph import FALSE, TRUE, Graph
from bitlogic.export.formal.log import Outcome
from bitlogic.export.formal.prover import Prover

METHOD = "all states"


class Watch:
    """Collects a specification's registers; they start, like the module, behind an edge with ``rst``.

    An edge with ``rst`` or ``clear`` sets them to their start again.
    """

    def __init__(self, clocked: Clocked) -> None:
        self.clocked, self.graph = clocked, clocked.graph
        self.empties = self.graph.either(clocked.reset, clocked.inputs.get(CLEAR, [FALSE])[0])
        self._starts: dict[int, int] = {}
        self._next: dict[int, int] = {}

    def register(self, width: int = 1, start: int = 0) -> list[int]:
        """A word of the specification; ``follow`` says what it becomes."""
        word = [self.graph.new_input() for _ in range(width)]
        self._starts.update((literal, start >> bit & 1) for bit, literal in enumerate(word))
        return word

    def follow(self, word: Sequence[int], value: Sequence[int]) -> None:
        for literal, following in zip(word, value, strict=True):
            self._next[literal] = self.graph.choose(self.empties, self._starts[literal], following)

    def before(self, literal: int) -> int:
        """The literal's value at the edge before; 0 behind a reset."""
        (kept,) = self.register()
        self.follow([kept], [literal])
        return kept

    def automaton(self, roots: Sequence[int]) -> Automaton:
        """The module's registers that the roots depend on, with all of the specification's."""
        clocked = self.clocked
        nodes = clocked.registers_behind([*roots, *self._next.values()])
        states = [*self._next, *(2 * node for node in nodes)]
        following = [*self._next.values(), *(clocked.next(node) for node in nodes)]
        start = [*(self._starts[literal] for literal in self._next), *(clocked.after_reset(node) for node in nodes)]
        known = {literal >> 1 for literal in states}
        inputs = [2 * node for node in self.graph.variables([*roots, *following]) if node not in known]
        return Automaton(self.graph, states, following, start, inputs, _names(clocked))

    def settle(self, name: str, statement: str, properties: Mapping[str, int], prover: Prover) -> Exploration:
        """Tries the properties in every state that is reached, and writes down what came of it."""
        started = time.monotonic()
        found = explore(self.automaton([*properties.values()]), properties, prover.limit_seconds)
        write_down(name, statement, found, prover, time.monotonic() - started)
        return found


def write_down(name: str, statement: str, found: Exploration, prover: Prover, seconds: float) -> None:
    outcomes = {True: Outcome.PROVEN, False: Outcome.REFUTED, None: Outcome.NOT_PROVEN}
    detail = found.reason
    if found.holds is False:
        shown = " / ".join(found.trace)
        detail = f"not so: {found.wrong}; behind a reset, at each edge these are 1: {shown}"
    if found.holds:
        statement += f" (in all {len(found.states)} states that it reaches, for all time)"
    prover.log.add(name, statement, outcomes[found.holds], method=METHOD, seconds=seconds, detail=detail)


def _names(clocked: Clocked) -> dict[int, str]:
    return {
        literal: port if len(literals) == 1 else f"{port}[{bit}]"
        for port, literals in clocked.inputs.items()
        for bit, literal in enumerate(literals)
    }


def constant(value: int, width: int) -> list[int]:
    return [TRUE if value >> bit & 1 else FALSE for bit in range(width)]


def equals(graph: Graph, first: Sequence[int], second: Sequence[int]) -> int:
    same = TRUE
    for a, b in zip(first, second, strict=True):
        same = graph.both(same, graph.unequal(a, b) ^ 1)
    return same


def implies(graph: Graph, condition: int, consequence: int) -> int:
    return graph.either(condition ^ 1, consequence)


def pick(graph: Graph, select: int, if_one: Sequence[int], if_zero: Sequence[int]) -> list[int]:
    return [graph.choose(select, a, b) for a, b in zip(if_one, if_zero, strict=True)]


def counted(graph: Graph, word: Sequence[int], last: int) -> list[int]:
    """One more than the word; ``last`` stays."""
    more = graph.add(word, [TRUE], len(word))
    return pick(graph, equals(graph, word, constant(last, len(word))), word, more)
