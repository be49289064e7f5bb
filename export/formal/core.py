"""The core: from ``x`` or ``bits`` to ``scores`` and ``class_id``, by what is proven of the modules in it.

Every bit between the modules is followed to the net, the count or the score that it carries. So what is proven of a
block holds for the nets that come into it, and a wire in the wrong place makes it fail.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.formal.blocks import Atoms, expected_score, prove_block
from bitlogic.export.formal.function import Child, Function, NotProvenError
from bitlogic.export.formal.heads import Best, Sums, Theorem, apply_sums, as_variables
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.sums import WeightedSum, Words, total
from bitlogic.export.formal.unrolled import WORD
from bitlogic.export.hardware.architecture import Design
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind

Array = npt.NDArray[Any]
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Expectation:
    """What the core should be."""

    netlist: Netlist
    input: InputKind
    latency_cycles: int
    blocks: Mapping[str, Array]  # module: the nets at its outputs
    fold: int = 1  # cycles a sample
    beats: int = 1  # in which a sample comes
    design: Design | None = None  # with what is around the core

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the words that vectors of several are cut into."""
        return self.netlist.score_width, self.netlist.sum_width


@dataclass(frozen=True)
class Parts:
    """What is known of the modules inside the core, by their names."""

    functions: Mapping[str, Function]
    theorems: Mapping[str, Theorem]
    reasons: Mapping[str, str]  # why there is no theorem


def prove_core(function: Function, expectation: Expectation, parts: Parts, prover: Prover) -> None:
    """Settles what the core computes; everything goes into the prover's log."""
    _Core(function, expectation, parts, prover).prove()


def prove_latency(function: Function, cycles: int, prover: Prover) -> None:
    """Settles that every output is so many clock edges late on every path, ``valid_out`` with them."""
    started = time.monotonic()
    statement = f"every path to the outputs has {cycles} registers"
    if cycles:
        statement += ", and valid_out is valid_in as late"
    try:
        ages = {port: function.age(port) for port in function.outputs}
    except NotProvenError as error:
        prover.traced(function.name, statement, str(error), started)
        return
    wrong = [f"{port} is {age} late" for port, age in ages.items() if age not in (None, cycles)]
    if cycles and function.outputs.get("valid_out") != function.inputs.get("valid_in"):
        wrong.append("valid_out is another function than valid_in")
    prover.traced(function.name, statement, "; ".join(wrong), started)


class _Core:
    def __init__(self, function: Function, expectation: Expectation, parts: Parts, prover: Prover) -> None:
        self.function, self.expectation, self.parts, self.prover = function, expectation, parts, prover
        self.netlist = expectation.netlist
        encoder = self.netlist.encoder if expectation.input is InputKind.X else None
        self.atoms = Atoms(self.netlist, encoder)
        self.words = Words(function.graph, prover)
        self.best: list[tuple[Child, list[WeightedSum]]] = []

    def prove(self) -> None:
        port = self.function.inputs.get(str(self.expectation.input))
        if port is None:
            self._give_up("has the port of its input", f"there is no port {self.expectation.input}")
            return
        self.words.place_atoms(port, self.atoms.of_port(len(port)))
        complete = True
        for child in self.function.children:
            try:
                self._follow(child)
            except NotProvenError as error:
                self._give_up(f"what {child.name} adds", str(error))
                complete = False
        if complete:  # else the reason is already written down
            self._scores()
            self._class()

    def _follow(self, child: Child) -> None:
        if child.module == WORD:
            self.words.place(child.outputs["q"], self.words.value(child.inputs["d"], child.name))
            return
        nets = self.expectation.blocks.get(child.module)
        if nets is not None:
            functions = self.parts.functions
            prove_block(child, (functions[child.module], functions), nets, self.words, self.atoms, self.prover)
            return
        theorem = self.parts.theorems.get(child.module)
        if isinstance(theorem, Sums):
            apply_sums(self.words, child, theorem, self.expectation.widths, self.function.name)
        elif isinstance(theorem, Best):
            (scores,) = child.inputs.values()
            self.best.append((child, self._values(scores, theorem.score_width, child.name)))
        else:
            raise NotProvenError(self.parts.reasons.get(child.module, f"{child.module} computes something else"))

    def _values(self, literals: list[int], width: int, where: str) -> list[WeightedSum]:
        made = as_variables(self.words, literals, (width,), where)
        return [
            self.words.value(made[low : low + width], f"{where}: word {low // width}")
            for low in range(0, len(made), width)
        ]

    def _expected(self, number: int) -> WeightedSum:
        nets, weights = expected_score(self.netlist, number)
        constant = int(weights[nets == 1].sum())
        real = nets >= FIRST_INPUT
        return WeightedSum.of(nets[real], weights[real], constant).modulo(self.netlist.score_width)

    def _scores(self) -> None:
        started = time.monotonic()
        netlist = self.netlist
        statement = f"the {netlist.head.num_classes} scores are the sums of their outputs"
        if netlist.head.weights is not None:
            statement = f"the {netlist.head.num_classes} scores are the sums of the groups times their weights"
        try:
            values = self._values(self.function.outputs["scores"], netlist.score_width, "scores")
        except (NotProvenError, KeyError) as error:
            self._give_up(statement, str(error))
            return
        self.prover.traced(self.function.name, statement, self._wrong_scores(values), started)

    def _wrong_scores(self, values: list[WeightedSum]) -> str:
        if len(values) != self.netlist.head.num_classes:
            return f"there are {len(values)} scores"
        for number, value in enumerate(values):
            expected, found = self._expected(number), value.modulo(self.netlist.score_width)
            if not found.same(expected):
                return f"score {number}: {self._difference(expected, found)}"
        return ""

    def _difference(self, expected: WeightedSum, found: WeightedSum) -> str:
        change = total([found, expected.scaled(-1)])
        if not len(change.atoms):
            return f"a constant {found.constant}, not {expected.constant}"
        atom = int(change.atoms[0])
        counted = [int(side.weights[side.atoms == atom].sum()) for side in (found, expected)]
        return f"{self.atoms.name(atom)} has the weight {counted[0]}, not {counted[1]}"

    def _class(self) -> None:
        started = time.monotonic()
        statement = "class_id is the lowest class with the highest score"
        chosen = self.function.outputs.get("class_id")
        if chosen is None:
            self._give_up(statement, "there is no port class_id")
            return
        if self.netlist.head.num_classes == 1:
            try:
                zero = self.words.value(chosen, "class_id").same(WeightedSum.of(_NONE, _NONE))
            except NotProvenError:
                zero = False
            self.prover.traced(self.function.name, statement, "" if zero else "it is not 0", started)
            return
        found = [values for child, values in self.best if [*child.outputs.values()] == [chosen]]
        if not found:
            self._give_up(statement, "it comes from nothing that is proven to choose the best")
            return
        theorem = next(self.parts.theorems[child.module] for child, values in self.best if values is found[0])
        wrong = self._wrong_scores(found[0])
        if isinstance(theorem, Best) and theorem.signed != self.netlist.score_signed:
            wrong = "scores are compared with the wrong sign"
        self.prover.traced(self.function.name, statement, wrong, started)

    def _give_up(self, statement: str, why: str) -> None:
        self.prover.give_up(self.function.name, statement, why)
