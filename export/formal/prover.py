"""One proof as it goes: the limits, the log, and what was already decided."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bitlogic.export.formal.graph import Graph
from bitlogic.export.formal.log import Outcome, ProofLog
from bitlogic.export.formal.solver import Verdict, check_equal


@dataclass
class Prover:
    """Settles obligations one by one and writes them down."""

    log: ProofLog
    limit_seconds: float  # of one call to the solver
    _known: dict[tuple[object, ...], Verdict] = field(default_factory=dict)

    def decide(self, graph: Graph, left: Sequence[int], right: Sequence[int]) -> Verdict:
        """Whether the words are equal; a question built like an earlier one is answered from memory."""
        if len(graph.cone([*left, *right])) > 5000:  # alike are only small modules, which stand in many places
            return check_equal(graph, left, right, self.limit_seconds)
        key = (graph.signature([*left, *right]), len(left))
        known = self._known.get(key)
        if known is None or known.pattern is not None:  # a pattern names the nodes of its own graph
            known = self._known[key] = check_equal(graph, left, right, self.limit_seconds)
        return known

    def settle(self, name: str, statement: str, verdict: Verdict, detail: str = "") -> bool:
        """Writes the verdict down; whether it is a proof."""
        outcomes = {True: Outcome.PROVEN, False: Outcome.REFUTED, None: Outcome.NOT_PROVEN}
        if verdict.holds is None:
            detail = f"the solver did not decide within {self.limit_seconds:.0f} s"
        self.log.add(
            name, statement, outcomes[verdict.holds], method=verdict.method, seconds=verdict.seconds, detail=detail
        )
        return verdict.holds is True

    def traced(self, name: str, statement: str, wrong: str, started: float) -> bool:
        """Writes down what following the wires showed; ``wrong`` says what contradicts the statement, or nothing."""
        outcome = Outcome.REFUTED if wrong else Outcome.PROVEN
        self.log.add(name, statement, outcome, method="tracing", seconds=time.monotonic() - started, detail=wrong)
        return not wrong

    def give_up(self, name: str, statement: str, why: str) -> None:
        """Writes down that there is no proof."""
        self.log.add(name, statement, Outcome.NOT_PROVEN, detail=why)
