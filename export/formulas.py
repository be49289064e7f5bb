"""The shortest formula of every function of four variables: few operators are little text and few cells for any tool.

A formula is a tree: no part of it is named and used twice. The search goes up by the number of operators and stops
where every function that was asked for is found. Renaming the variables changes no count, so one operand of each
operator is taken from representatives only, and what is found is renamed in every way.
"""

from enum import StrEnum
from functools import cache
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NUM_VARIABLES = 4
_NUM_FUNCTIONS = 1 << (1 << NUM_VARIABLES)
_ALL = _NUM_FUNCTIONS - 1
_VARIABLES = tuple(sum(1 << a for a in range(1 << NUM_VARIABLES) if a >> v & 1) for v in range(NUM_VARIABLES))
_BLOCK = 1 << 20  # pairs of operands at a time


class Operators(StrEnum):
    """What a formula may be made of."""

    BITWISE = "bitwise"  # & | ^ ~, on one bit or on a word
    CHOICE = "choice"  # these, ~^, and s ? a : b with a variable s, as Verilog has it for single bits


class Kind(StrEnum):
    """The operator at the root of a formula."""

    VARIABLE = ""
    NOT = "~"
    AND = "&"
    OR = "|"
    XOR = "^"
    XNOR = "~^"
    CHOICE = "?"


class Formula(NamedTuple):
    """The root of a function's formula; the operands are functions that are found in the same way."""

    kind: Kind
    operands: tuple[int, ...]  # tables of 16 bits
    variable: int = 0  # VARIABLE: which one; CHOICE: the one that chooses the first operand where it is 1


_KINDS = tuple(Kind)
_CODE = {kind: code for code, kind in enumerate(_KINDS)}


class Formulas:
    """The formulas over one set of operators; each number of operators is searched when it is needed."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators
        self._num_operators = np.full(_NUM_FUNCTIONS, -1, dtype=np.int8)
        self._kinds = np.zeros(_NUM_FUNCTIONS, dtype=np.uint8)
        self._variables = np.zeros(_NUM_FUNCTIONS, dtype=np.uint8)
        self._operands = np.zeros((2, _NUM_FUNCTIONS), dtype=np.uint16)
        variables = np.array(_VARIABLES)
        self._num_operators[variables] = 0
        self._variables[variables] = np.arange(NUM_VARIABLES)
        self._found = [variables]  # by number of operators

    def num_operators(self, function: int) -> int:
        """How many operators the formula has; ValueError for a constant, which has none, and for no function."""
        self._search(function)
        return int(self._num_operators[function])

    def formula(self, function: int) -> Formula:
        """The root of the formula; ValueError for a constant and for no function."""
        self._search(function)
        kind = _KINDS[self._kinds[function]]
        variable = int(self._variables[function])
        num_operands = {Kind.VARIABLE: 0, Kind.NOT: 1}.get(kind, 2)
        return Formula(kind, tuple(self._operands[:num_operands, function].tolist()), variable)

    def _search(self, function: int) -> None:
        if not 0 < function < _ALL:
            raise ValueError(f"a function of {NUM_VARIABLES} variables is 1 to {_ALL - 1}, not {function}")
        while self._num_operators[function] < 0:
            self._search_next()

    def _search_next(self) -> None:
        """Finds the functions that need one operator more than those found."""
        count = len(self._found)
        last = self._found[-1]
        self._note(Kind.NOT, last ^ _ALL, last, last, 0)
        for small in range((count - 1) // 2 + 1):
            representatives = np.unique(_representatives()[self._found[small]])
            others = self._found[count - 1 - small]
            rows = max(1, _BLOCK // max(1, len(others)))
            for start in range(0, len(representatives), rows):
                one, other = representatives[start : start + rows], others
                left, right = (part.ravel() for part in np.meshgrid(one, other, indexing="ij"))
                self._combine(left, right)
        self._rename()
        found = np.flatnonzero(self._num_operators == -2)
        self._num_operators[found] = count
        self._found.append(found)

    def _combine(self, left: Array, right: Array) -> None:
        different = left ^ right
        self._note(Kind.AND, left & right, left, right, 0)
        self._note(Kind.OR, left | right, left, right, 0)
        self._note(Kind.XOR, different, left, right, 0)
        if self._operators is Operators.BITWISE:
            return
        self._note(Kind.XNOR, different ^ _ALL, left, right, 0)
        for variable, ones in enumerate(_VARIABLES):
            changed = different & ones
            self._note(Kind.CHOICE, right ^ changed, left, right, variable)
            self._note(Kind.CHOICE, left ^ changed, right, left, variable)

    def _note(self, kind: Kind, functions: Array, left: Array, right: Array, variable: int) -> None:
        """Writes down how each new function among ``functions`` is made; marked -2 until the count is complete."""
        new = (self._num_operators[functions] == -1) & (functions > 0) & (functions < _ALL)
        found, first = np.unique(functions[new], return_index=True)
        self._num_operators[found] = -2
        self._kinds[found], self._variables[found] = _CODE[kind], variable
        self._operands[0, found], self._operands[1, found] = left[new][first], right[new][first]

    def _rename(self) -> None:
        found = np.flatnonzero(self._num_operators == -2)
        for order, renamed in zip(permutations(range(NUM_VARIABLES)), _renamings(), strict=True):
            new = self._num_operators[renamed[found]] == -1
            sources, first = found[new], np.unique(renamed[found[new]], return_index=True)[1]
            sources = sources[first]
            targets = renamed[sources]
            self._num_operators[targets] = -2
            self._kinds[targets] = self._kinds[sources]
            self._variables[targets] = np.array(order)[self._variables[sources]]
            self._operands[:, targets] = renamed[self._operands[:, sources]]


@cache
def formulas(operators: Operators) -> Formulas:
    """The one search of a process; half a second at most if every function is asked for."""
    return Formulas(operators)


@cache
def _renamings() -> Array:
    """uint16 ``(24, 65536)``: every function with variable ``v`` called ``order[v]``, for each order."""
    functions = np.arange(_NUM_FUNCTIONS, dtype=np.uint16)
    rows = []
    for order in permutations(range(NUM_VARIABLES)):
        renamed = np.zeros_like(functions)
        for address in range(1 << NUM_VARIABLES):
            moved = sum((address >> v & 1) << order[v] for v in range(NUM_VARIABLES))
            renamed |= (functions >> address & 1) << moved
        rows.append(renamed)
    return np.stack(rows)


@cache
def _representatives() -> Array:
    """uint16 ``(65536,)``: the least function that each can be renamed to."""
    least: Array = _renamings().min(axis=0)
    return least
