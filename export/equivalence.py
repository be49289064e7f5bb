"""Formal proof that two netlists are the same function, by SAT through aigverse (extra ``formal``).

Both netlists become and-inverter graphs over the same free inputs (``free_inputs``), and the solver decides whether any
input makes an output net differ from the one at the same place. Nothing is simulated. The head is not in the graph: it
is the same integers of the same nets, so equal output nets mean equal scores and classes. The reverse does not hold: a
pass that exchanges two outputs of one class keeps the scores and is refuted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bitlogic.errors import NetlistError, TargetError
from bitlogic.export.aig import aigverse_modules, cone_of, output_signals
from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.free_inputs import FreeInputs, free_inputs
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import Samples

CONFLICT_LIMIT = 1_000_000  # of the solver, before it gives up


@dataclass(frozen=True)
class Proof:
    """What the solver found of two netlists; ``str()`` gives the sentence for people."""

    holds: bool | None  # None: undecided
    num_outputs: int
    differing_output: int | None = None  # the first one, an index into outputs
    counterexample: Samples | None = None  # one sample: kind x with the encoder inside, else bits

    def __str__(self) -> str:
        if self.holds:
            return f"{self.num_outputs} output nets are equal for every input"
        if self.holds is None:
            return "undecided: the solver gave up at its conflict limit"
        if self.counterexample is None:
            return f"output net {self.differing_output} differs; the solver gave up before an input was found"
        shown = self.counterexample.values[0].tolist()
        listed = ", ".join(map(str, shown[:16])) + (", …" if len(shown) > 16 else "")
        return f"output net {self.differing_output} differs for {self.counterexample.kind} = [{listed}]"


def prove_equal(before: Netlist, after: Netlist, *, conflict_limit: int = CONFLICT_LIMIT) -> Proof:
    """Whether every output net of ``after`` is that of ``before`` at the same place, for every input.

    With the encoder inside, every input is every ``x``: the integers of the grid, or float32 without one. Without it,
    every combination of bits. ``conflict_limit`` bounds each call of the solver; 0 is no bound. A refutation names the
    first differing output and a sample for which ``evaluate_nets`` confirms it.

    Raises:
        NetlistError: The netlists have other inputs, numbers of outputs or heads.
        MissingToolError: aigverse is not installed.
    """
    if before.head != after.head or before.num_outputs != after.num_outputs:
        raise NetlistError(
            f"{before.num_outputs} outputs and {before.head} before, {after.num_outputs} and {after.head} after: "
            "nothing to compare"
        )
    question = _Question(before, after, free_inputs(before, after), conflict_limit)
    everything = range(before.num_outputs)
    holds = question.equal(everything)
    if holds is not False:
        return Proof(holds, before.num_outputs)
    output = _first_differing(question, everything)
    if output is None:
        return Proof(None, before.num_outputs)
    return Proof(False, before.num_outputs, output, _counterexample(question, output))


@dataclass(frozen=True)
class _Question:
    before: Netlist
    after: Netlist
    inputs: FreeInputs
    conflict_limit: int

    def equal(self, outputs: Sequence[int], fixed: Mapping[int, int] | None = None) -> bool | None:
        """Whether these outputs are equal for all inputs in which the ``fixed`` variables have their values."""
        graphs = [self._graph(netlist, outputs, fixed or {}) for netlist in (self.before, self.after)]
        _, algorithms = aigverse_modules()
        answer: bool | None = algorithms.equivalence_checking(*graphs, conflict_limit=self.conflict_limit)
        return answer

    def _graph(self, netlist: Netlist, outputs: Sequence[int], fixed: Mapping[int, int]) -> Any:
        networks, _ = aigverse_modules()
        aig = networks.Aig()
        free = [aig.create_pi() for _ in range(self.inputs.num_variables)]
        variables = [aig.get_constant(bool(fixed[i])) if i in fixed else pi for i, pi in enumerate(free)]
        for signal in output_signals(aig, netlist, self.inputs.signals(aig, variables, netlist), outputs):
            aig.create_po(signal)
        return aig


def _first_differing(question: _Question, outputs: range) -> int | None:
    """The first output that differs, one of ``outputs`` being known to; None where the solver gives up."""
    while len(outputs) > 1:
        half = outputs[: len(outputs) // 2]
        equal = question.equal(half)
        if equal is None:
            return None
        outputs = outputs[len(half) :] if equal else half
    return outputs[0]


def _counterexample(question: _Question, output: int) -> Samples | None:
    """An input for which the output differs; None where the solver gives up.

    aigverse answers with yes and no only. So variables are fixed to 0 in blocks, as large as leave a difference; one
    that cannot be 0 alone is 1, since some input is left until the end.
    """
    fixed: dict[int, int] = {}
    blocks = [sorted(_variables(question, output))]
    while blocks:
        block = blocks.pop()
        equal = question.equal([output], {**fixed, **dict.fromkeys(block, 0)})
        if equal is None:
            return None
        if not equal:
            fixed.update(dict.fromkeys(block, 0))
        elif len(block) == 1:
            fixed[block[0]] = 1
        else:
            half = len(block) // 2
            blocks += [block[half:], block[:half]]
    sample = question.inputs.sample([fixed.get(i, 0) for i in range(question.inputs.num_variables)])
    values = [evaluate_nets(n, sample)[n.outputs[output], 0] for n in (question.before, question.after)]
    if values[0] == values[1]:
        raise TargetError(f"aigverse refutes output net {output}, but evaluate gives {values[0]} both times")
    return sample


def _variables(question: _Question, output: int) -> set[int]:
    """The variables that the output depends on in either netlist."""
    found: set[int] = set()
    for netlist in (question.before, question.after):
        cone = cone_of(netlist, netlist.outputs[[output]])
        bits = cone[(cone >= FIRST_INPUT) & (cone < netlist.first_lut)] - FIRST_INPUT
        found |= question.inputs.variables_behind(netlist, bits.tolist())
    return found
