"""Formulas of four variables: each computes its function with the operators that it says, and none has fewer."""

import numpy as np
import pytest

from bitlogic.export.formulas import Formulas, Kind, Operators

ALL = (1 << 16) - 1
VARIABLES = [sum(1 << a for a in range(16) if a >> v & 1) for v in range(4)]

# How many functions need so many operators. Formulas over & | ^ ~ were counted apart, pair by pair without renaming.
COUNTS = {
    Operators.BITWISE: [4, 22, 126, 691, 3031, 10581, 22846, 22934, 5255, 44],
    Operators.CHOICE: [4, 52, 700, 6666, 25188, 28878, 4020, 26],
}


@pytest.mark.parametrize("operators", Operators)
def test_every_function_has_a_formula_that_computes_it(operators: Operators) -> None:
    found = Formulas(operators)
    counts = [found.num_operators(function) for function in range(1, ALL)]
    assert np.bincount(counts).tolist() == COUNTS[operators]
    for function, count in enumerate(counts, 1):
        root = found.formula(function)
        left, right = (*root.operands, 0, 0)[:2]
        ones = VARIABLES[root.variable]
        value = {
            Kind.VARIABLE: ones,
            Kind.NOT: left ^ ALL,
            Kind.AND: left & right,
            Kind.OR: left | right,
            Kind.XOR: left ^ right,
            Kind.XNOR: left ^ right ^ ALL,
            Kind.CHOICE: left & ones | right & (ones ^ ALL),
        }[root.kind]
        assert value == function
        assert count == (root.kind is not Kind.VARIABLE) + sum(map(found.num_operators, root.operands))


def test_the_operators_with_two_operands_and_one_are_those_of_the_set() -> None:
    found = Formulas(Operators.BITWISE)
    assert {found.formula(function).kind for function in range(1, ALL)}.isdisjoint({Kind.XNOR, Kind.CHOICE})


@pytest.mark.parametrize("operators", Operators)
def test_one_operator_less_makes_no_function_of_a_count(operators: Operators) -> None:
    """The functions of up to three operators, all pairs tried: what is not reached with two needs three."""
    found = Formulas(operators)
    by_count = [[f for f in range(1, ALL) if found.num_operators(f) == count] for count in range(4)]
    reached = {ALL ^ f for f in by_count[2]}
    for few, many in ((0, 2), (1, 1)):
        for a in by_count[few]:
            for b in by_count[many]:
                reached |= {a & b, a | b, a ^ b}
                if operators is Operators.CHOICE:
                    reached |= {ALL ^ a ^ b}
                    reached |= {a & v | b & (ALL ^ v) for v in VARIABLES} | {b & v | a & (ALL ^ v) for v in VARIABLES}
    fewer = {0, ALL, *by_count[0], *by_count[1], *by_count[2]}
    assert reached - fewer == set(by_count[3])


@pytest.mark.parametrize("function", [-1, 0, ALL, ALL + 1])
def test_a_constant_and_what_is_no_function_are_refused(function: int) -> None:
    with pytest.raises(ValueError, match="1 to 65534"):
        Formulas(Operators.BITWISE).num_operators(function)
