"""Words as weighted sums of bits: what a popcount, an adder or a product with constants computes, as an integer.

A word of a module is known once it is a sum over atoms (the module's input bits, or nets) plus a constant, modulo
``2**width``. What logic adds to known words is found by evaluating it at all zeros and at each single one, which fixes
the only sum that it can be, and proven for all values by the solver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.formal.function import NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE, Graph
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.solver import Verdict

Array = npt.NDArray[Any]
MAX_WIDTH = 40  # bits of a word, so that a sum of weights stays within int64


@dataclass(frozen=True)
class WeightedSum:
    """``constant`` plus every atom, 0 or 1, times its weight."""

    atoms: Array  # int64, ascending, each once
    weights: Array  # int64, none 0
    constant: int = 0

    @staticmethod
    def of(atoms: Array, weights: Array, constant: int = 0) -> "WeightedSum":
        """The sum with the weights of repeated atoms added up."""
        unique, place = np.unique(atoms, return_inverse=True)
        total = np.zeros(len(unique), dtype=np.int64)
        np.add.at(total, place, weights)
        return WeightedSum(unique[total != 0], total[total != 0], constant)

    def scaled(self, scale: int) -> "WeightedSum":
        return WeightedSum(self.atoms, self.weights * scale, self.constant * scale)

    def modulo(self, width: int) -> "WeightedSum":
        """The same modulo ``2**width``, every weight in 0 .. ``2**width - 1``."""
        weights = self.weights & ((1 << width) - 1)
        kept = weights != 0
        return WeightedSum(self.atoms[kept], weights[kept], self.constant & ((1 << width) - 1))

    def fits(self, width: int) -> bool:
        """Whether the sum is in 0 .. ``2**width - 1`` whatever the atoms are."""
        low = self.constant + int(self.weights.clip(max=0).sum())
        return low >= 0 and self.constant + int(self.weights.clip(min=0).sum()) < 1 << width

    def same(self, other: "WeightedSum") -> bool:
        return (
            self.constant == other.constant
            and np.array_equal(self.atoms, other.atoms)
            and np.array_equal(self.weights, other.weights)
        )


def total(terms: Sequence[WeightedSum]) -> WeightedSum:
    return WeightedSum.of(
        np.concatenate([np.zeros(0, np.int64), *(term.atoms for term in terms)]),
        np.concatenate([np.zeros(0, np.int64), *(term.weights for term in terms)]),
        sum(term.constant for term in terms),
    )


@dataclass(frozen=True)
class _Word:
    value: WeightedSum  # modulo 2**width
    nodes: tuple[int, ...]  # of its bits, the lowest first
    exact: bool  # whether the value itself fits the bits


class Words:
    """The known words of one graph."""

    def __init__(self, graph: Graph, prover: Prover) -> None:
        self.graph, self.prover = graph, prover
        self._words: list[_Word] = []
        self._at: dict[int, int] = {}  # node: its word

    def place(self, literals: Sequence[int], value: WeightedSum) -> None:
        """The variables ``literals`` are the bits of ``value``."""
        if not len(value.atoms) and len(literals) > 1:  # of a constant every bit can be taken by itself
            for bit, literal in enumerate(literals):
                self.place([literal], WeightedSum(value.atoms, value.weights, value.constant >> bit & 1))
            return
        nodes = tuple(literal >> 1 for literal in literals)
        reduced = value if value.fits(len(nodes)) else value.modulo(len(nodes))
        self._words.append(_Word(reduced, nodes, value.fits(len(nodes))))
        self._at.update(dict.fromkeys(nodes, len(self._words) - 1))

    def fresh(self, width: int, value: WeightedSum) -> list[int]:
        """New variables that are the bits of ``value``."""
        literals = [self.graph.new_input() for _ in range(width)]
        self.place(literals, value)
        return literals

    def place_atoms(self, literals: Sequence[int], atoms: Sequence[int]) -> None:
        """Each variable is an atom by itself."""
        one = np.ones(1, dtype=np.int64)
        for literal, atom in zip(literals, atoms, strict=True):
            self.place([literal], WeightedSum(np.array([atom], dtype=np.int64), one))

    def atom(self, literal: int) -> int | None:
        """The atom that a variable is; None for anything else."""
        word = self._words[self._at[literal >> 1]] if not literal & 1 and literal >> 1 in self._at else None
        if word is None or len(word.nodes) != 1 or len(word.value.atoms) != 1 or word.value.constant:
            return None
        return int(word.value.atoms[0]) if word.value.weights[0] == 1 else None

    def value(self, literals: Sequence[int], what: str) -> WeightedSum:
        """What a word of any literals is, modulo ``2**width``; proven where there is logic before it.

        Raises:
            NotProvenError: It is no weighted sum of known words, or the solver does not decide.
        """
        width = len(literals)
        if width > MAX_WIDTH:
            raise NotProvenError(f"{what} has {width} bits; words of up to {MAX_WIDTH} are followed")
        if self.known(literals):
            weights: dict[int, int] = {}
            for bit, literal in enumerate(literals):
                if literal > TRUE:
                    weights[literal >> 1] = weights.get(literal >> 1, 0) + (1 << bit)
            constant = sum((literal == TRUE) << bit for bit, literal in enumerate(literals))
            return self.weigh(weights, constant, width, what)
        weights, constant = self._only_candidate(literals)
        claimed = self._built(weights, constant, width)
        verdict = self.prover.decide(self.graph, literals, claimed)
        if verdict.holds is not True:
            reason = "is no sum of what it reads" if verdict.holds is False else "was not decided by the solver"
            raise NotProvenError(f"{what} {reason}")
        self.last = verdict
        return self.weigh(weights, constant, width, what)

    last: Verdict | None = None  # of the latest value that took a proof

    def weigh(self, weights: Mapping[int, int], constant: int, width: int, what: str) -> WeightedSum:
        """The sum of variables (nodes) times weights, in terms of atoms, modulo ``2**width``."""
        mask = (1 << width) - 1
        terms = [WeightedSum.of(np.zeros(0, np.int64), np.zeros(0, np.int64), constant)]
        atoms, atom_weights, seen = [], [], set()
        for node, weight in weights.items():
            if node not in self._at:
                raise NotProvenError(f"{what} reads something of which nothing is known")
            place = self._at[node]
            word = self._words[place]
            if len(word.nodes) == 1 and word.exact and len(word.value.atoms) == 1 and not word.value.constant:
                atoms.append(int(word.value.atoms[0]))
                atom_weights.append(weight * int(word.value.weights[0]))
                continue
            if place in seen:
                continue
            seen.add(place)
            scale = weights.get(word.nodes[0], 0)
            if any((weights.get(n, 0) - (scale << bit)) & mask for bit, n in enumerate(word.nodes)):
                raise NotProvenError(f"{what} takes a word apart")
            if not word.exact and (scale << len(word.nodes)) & mask:
                raise NotProvenError(f"{what} takes more bits than a word has")
            terms.append(word.value.scaled(scale))
        terms.append(WeightedSum.of(np.array(atoms, dtype=np.int64), np.array(atom_weights, dtype=np.int64)))
        summed = total(terms)
        return summed if summed.fits(width) else summed.modulo(width)

    def known(self, literals: Sequence[int]) -> bool:
        """Whether all are constants or bits of known words, with no logic before them."""
        return all(lit in (FALSE, TRUE) or (not lit & 1 and lit >> 1 in self._at) for lit in literals)

    def _only_candidate(self, literals: Sequence[int]) -> tuple[dict[int, int], int]:
        """The weights of the variables and the constant that the word has if it is a sum at all."""
        width = len(literals)
        nodes = self.graph.variables(literals)
        values = {node: 1 << lane for lane, node in enumerate(nodes)}  # the last lane is all zeros
        bits = self.graph.evaluate(literals, values, len(nodes) + 1)
        numbers = [sum((bits[bit] >> lane & 1) << bit for bit in range(width)) for lane in range(len(nodes) + 1)]
        constant = numbers[-1]
        return {node: (numbers[lane] - constant) % (1 << width) for lane, node in enumerate(nodes)}, constant

    def _built(self, weights: Mapping[int, int], constant: int, width: int) -> list[int]:
        """The sum as logic: each known word times its scale by shifts and adders, one after the other."""
        graph = self.graph
        word = [constant >> bit & 1 for bit in range(width)]
        left = dict(weights)
        for node in weights:
            if node not in left:
                continue
            run = self._run_from(node, left, width)
            scale = left[node]
            for step in run:
                left.pop(step)
            for shift in range(width):
                if scale >> shift & 1:
                    word = graph.add(word, [FALSE] * shift + [2 * step for step in run], width)
        return word

    def _run_from(self, node: int, weights: Mapping[int, int], width: int) -> list[int]:
        """The bits from ``node`` on whose weights double, of its word and of the next nodes."""
        run, mask = [node], (1 << width) - 1
        while run[-1] + 1 in weights and (weights[run[-1] + 1] - 2 * weights[run[-1]]) & mask == 0:
            run.append(run[-1] + 1)
        return run
