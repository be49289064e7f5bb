"""Every function of four inputs in the fewest operations of three inputs: one, two or three of them.

One operation does if some input does not matter. Of two, the last one reads the first one's result, the input that the
first one does not read, and perhaps one more: all such pairs are tried. Three always do: two parts, each of three
inputs, and the choice between them. So the counts are the minimum.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.exchange.expansions import cofactors
from bitlogic.export.mapping.networks import Networks, Step, library_of
from bitlogic.export.mapping.npn import NUM_INPUTS, classes
from bitlogic.export.words import table_of, variables

Array = npt.NDArray[Any]
_ONES = (1 << (1 << NUM_INPUTS)) - 1
_INPUTS = variables(NUM_INPUTS)
_CHOOSE = 0b1100_1010  # operands low, high, select


def ternary_steps(function: int) -> tuple[Step, ...]:
    """The fewest operations of three inputs, at most three, whose last one is the function; never none.

    A constant or a wire is one step too. ``Step`` says how operands and tables are numbered; for vpternlog and lop3,
    which count operands from the highest bit of the immediate, reverse the operands.
    """
    return ternary_networks().steps(function)


@cache
def ternary_networks() -> Networks:
    """The same for all functions at once, as arrays: row ``f`` is for the function ``f``."""
    return library_of([[_fewest(function)] for function in classes().representatives.tolist()]).smallest()


def _fewest(function: int) -> tuple[Step, ...]:
    inputs = _support(function)
    if len(inputs) < NUM_INPUTS:
        return (_step(function, inputs),)
    candidates = [*pairs(function)] or [_chosen(function, select) for select in range(NUM_INPUTS)]
    return min(candidates, key=lambda steps: ([len({*step.operands}) for step in steps], steps))


def pairs(function: int) -> Iterator[tuple[Step, ...]]:
    """Every network of two steps; the inner one gives 0 for zeros, since the last one can invert it."""
    for outer, shared in permutations(range(NUM_INPUTS), 2):
        inners, groups = _groups(outer, shared)
        ones = groups & function
        fits = np.flatnonzero(((ones == 0) | (ones == groups)).all(axis=1))
        for inner, masks, values in zip(inners[fits].tolist(), groups[fits].tolist(), ones[fits].tolist(), strict=True):
            # what the last step never sees is as with the shared input inverted, so that it may not need that one
            top = sum(int((values[at] if masks[at] else values[at ^ 4]) > 0) << at for at in range(8))
            yield _step(inner, _support(inner)), _reduced(top, (NUM_INPUTS, outer, shared))


def _chosen(function: int, select: int) -> tuple[Step, ...]:
    """Two parts and the choice between them by one input."""
    others = [pin for pin in range(NUM_INPUTS) if pin != select]
    low, high = (_reduced(part, others) for part in cofactors(function, select, NUM_INPUTS))
    return low, high, Step(_CHOOSE, (NUM_INPUTS, NUM_INPUTS + 1, select))


@cache
def _groups(outer: int, shared: int) -> tuple[Array, Array]:
    """Every inner function of the inputs but ``outer``, and the addresses that a last step tells apart behind it.

    uint16 ``(127,)`` tables of four inputs, and uint16 ``(127, 8)``: the addresses, as bits, for each index of the last
    step, whose operands are the inner result, ``outer`` and ``shared``.
    """
    reads = [_INPUTS[pin] for pin in range(NUM_INPUTS) if pin != outer]
    inners = [table_of(table, reads, _ONES) for table in range(2, 1 << (1 << len(reads)), 2)]
    groups = [[_seen(at, (inner, _INPUTS[outer], _INPUTS[shared])) for at in range(8)] for inner in inners]
    return np.array(inners, dtype=np.uint16), np.array(groups, dtype=np.uint16)


def _seen(index: int, operands: Sequence[int]) -> int:
    """The addresses at which the operands read ``index``."""
    addresses = _ONES
    for place, operand in enumerate(operands):
        addresses &= operand if index >> place & 1 else ~operand
    return addresses


def _support(function: int) -> list[int]:
    """The inputs that matter."""
    return [pin for pin in range(NUM_INPUTS) if len({*cofactors(function, pin, NUM_INPUTS)}) == 2]


def _step(function: int, inputs: Sequence[int]) -> Step:
    """The operation that reads ``inputs``, all that matter to the function; input 0 where none does."""
    operands = (*inputs, *[inputs[0] if inputs else 0] * (3 - len(inputs)))
    table = 0
    for index in range(8):
        address = sum((index >> place & 1) << pin for place, pin in enumerate(inputs))
        table |= (function >> address & 1) << index
    return Step(table, operands)


def _reduced(table: int, operands: Sequence[int]) -> Step:
    """An operation of three operands without those that do not matter, which then repeat its first one."""
    kept = [place for place in range(3) if len({*cofactors(table, place, 3)}) == 2] or [0]
    index_of = [sum((index >> place & 1) << pin for place, pin in enumerate(kept)) for index in range(8)]
    padded = [operands[place] for place in kept] + [operands[kept[0]]] * (3 - len(kept))
    return Step(sum((table >> at & 1) << index for index, at in enumerate(index_of)), tuple(padded))
