"""The networks of two-input operations for the 222 classes, found anew with the proof that none can be smaller.

``python -m bitlogic.export.mapping.two_input_proof`` prints what ``two_input.txt`` holds, in half a minute.
A class has several networks where they begin with other operations of two inputs: between them they have every such
operation that is in any smallest network, so that one can be chosen which shares it with another LUT. A class of seven
operations has one network.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import NetlistError
from bitlogic.export.mapping.chains import (
    INPUTS,
    MOST,
    fewest_steps,
    images,
    listed_chains,
    next_steps,
    operations,
    ways_to_representatives,
)
from bitlogic.export.mapping.networks import Step
from bitlogic.export.mapping.npn import NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.mapping.two_input import line_of

Array = npt.NDArray[Any]
Chain = tuple[int, ...]  # normal functions, the representative's last
_ONES = NUM_FUNCTIONS - 1
_BLOCK = 100  # chains at a time in the search for seven steps


def main() -> None:
    for representative, networks in proven_networks().items():
        for steps in networks:
            print(line_of(representative, steps))


def proven_networks() -> dict[int, list[tuple[Step, ...]]]:
    """For each representative its smallest networks, the shallowest first; NetlistError where none was found."""
    representatives = classes().representatives.tolist()
    listed = listed_chains()
    fewest = fewest_steps(listed)
    chains: dict[int, list[Chain]] = {index: [()] for index in np.flatnonzero(fewest == 0).tolist()}
    for steps in range(1, MOST):
        chains |= _with_every_beginning(listed[steps - 1], np.flatnonzero(fewest == steps).tolist())
    chains |= _longest(listed[-1], np.flatnonzero(fewest == MOST).tolist())
    return {
        function: sorted(
            (steps_of(chain, function) for chain in chains[index]), key=lambda steps: (_depth(steps), steps)
        )
        for index, function in enumerate(representatives)
    }


def steps_of(chain: Sequence[int], function: int) -> tuple[Step, ...]:
    """The functions of a chain as steps in an order in which they can be evaluated, for ``function`` or its complement.

    A constant or a wire, whose chain is empty, is one step.
    """
    known = INPUTS.tolist()
    if not chain:
        wire = function ^ _ONES if function & 1 else function
        pin, table = (known.index(wire), 0b1010) if wire else (0, 0)
        return (Step(table ^ 15 if function & 1 else table, (pin, pin)),)
    missing, steps = list(chain), list[Step]()
    while missing:
        made = next(found for wanted in missing if (found := _made(wanted, known)) is not None)
        steps.append(made[1])
        known.append(made[0])
        missing.remove(made[0])
    if known[-1] != function:
        steps[-1] = Step(steps[-1].table ^ 15, steps[-1].operands)
    if function not in (known[-1], known[-1] ^ _ONES):
        raise NetlistError(f"a chain of {len(chain)} steps does not end with the function {function:04x}")
    return tuple(steps)


def _made(wanted: int, known: list[int]) -> tuple[int, Step] | None:
    functions = np.array(known, dtype=np.uint16)
    for one, other in combinations(range(len(known)), 2):
        results = operations(functions[one : one + 1], functions[other : other + 1])
        for table, result in zip((8, 2, 4, 6, 14), results, strict=True):
            if result[0] == wanted:
                return wanted, Step(table, (one, other))
    return None


def _with_every_beginning(parents: Array, wanted: list[int]) -> dict[int, list[Chain]]:
    """For each class chains of one step more than ``parents``, few that have every beginning that some chain has."""
    class_of, every_image = classes().class_of, images()
    rows, functions = next_steps(parents)
    ends = np.isin(class_of[functions], wanted)
    rows, functions = rows[ends], functions[ends]
    chains = np.concatenate([parents[rows], functions[:, None]], axis=1)
    ways = ways_to_representatives()[functions]
    chains = every_image[ways[:, None], chains]
    begins = np.bitwise_or.reduce(_beginnings()[chains], axis=1)
    keys = begins.astype(np.int64) << 8 | class_of[functions]
    found: dict[int, list[Chain]] = {index: [] for index in wanted}
    for row in np.unique(keys, return_index=True)[1].tolist():
        found[int(class_of[functions[row]])].append(tuple(chains[row].tolist()))
    return {index: _covering(some) for index, some in found.items()}


def _covering(chains: list[Chain]) -> list[Chain]:
    """Few of the chains and of their images with the same end, that have all beginnings of these."""
    end = chains[0][-1]
    same = images()[images()[:, end] == end]
    choices = sorted({tuple(image[list(chain)].tolist()) for chain in chains for image in same})
    begins = {chain: int(np.bitwise_or.reduce(_beginnings()[list(chain)])) for chain in choices}
    missing = 0
    for bits in begins.values():
        missing |= bits
    chosen: list[Chain] = []
    while missing or not chosen:
        best = max(choices, key=lambda chain: (begins[chain] & missing).bit_count())
        chosen.append(best)
        missing &= ~begins[best]
    return chosen


def _longest(parents: Array, wanted: list[int]) -> dict[int, list[Chain]]:
    """For each class one chain of two steps more than ``parents``, from the first of these that have one."""
    class_of, ways, every_image = classes().class_of, ways_to_representatives(), images()
    found: dict[int, list[Chain]] = {}
    for start in range(0, len(parents), _BLOCK):
        rows, functions = next_steps(parents[start : start + _BLOCK])
        before = np.concatenate([parents[start : start + _BLOCK][rows], functions[:, None]], axis=1)
        rows, functions = next_steps(before)
        for index in wanted:
            hits = np.flatnonzero(class_of[functions] == index)
            if index not in found and len(hits):
                end = functions[hits[0]]
                chain = every_image[ways[end]][[*before[rows[hits[0]]], end]]
                found[index] = [tuple(chain.tolist())]
        if len(found) == len(wanted):
            return found
    raise NetlistError(f"{len(wanted) - len(found)} classes need more than {MOST} operations")


@cache
def _beginnings() -> Array:
    """uint32 ``(65536,)``: a bit of its own for each normal function of two inputs, else 0."""
    bits = np.zeros(NUM_FUNCTIONS, dtype=np.uint32)
    pairs = combinations(INPUTS, 2)
    for place, function in enumerate(function for pair in pairs for function in operations(*pair)):
        bits[function] = 1 << place
    return bits


def _depth(steps: Sequence[Step]) -> int:
    levels = [0] * NUM_INPUTS
    for step in steps:
        levels.append(1 + max(levels[operand] for operand in step.operands))
    return levels[-1]


if __name__ == "__main__":
    main()
