"""Every way to put up to five operations of two inputs behind each other, and what a sixth one can make of them.

A function is normal when it is 0 for zeros; any function or its complement is. Operations that keep this are enough
(and, and with either input inverted, or, xor), since an inversion costs nothing where a result is read. A chain is the
set of the normal functions of its steps; chains that differ by the order or inversions of the inputs are one. There are
50,865 chains of five steps. A function that is not among them and what one more step makes of them needs more than six:
the numbers of classes found are those of D. Knuth, The Art of Computer Programming 4A, 7.1.2, table 1.
"""

from functools import cache
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.npn import NUM_CLASSES, NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.words import variables

Array = npt.NDArray[Any]
INPUTS = np.array(variables(NUM_INPUTS), dtype=np.uint16)
LISTED = 5  # steps of the longest chains that are listed
MOST = 7  # steps that any function needs
_BITS = 15  # of a normal function's number


def listed_chains() -> list[Array]:
    """For each number of steps from 0 to 5 the chains, uint16 ``(chains, steps)``; six seconds and 300 MB."""
    found = [np.zeros((1, 0), dtype=np.uint16)]
    for _ in range(LISTED):
        chains, functions = next_steps(found[-1])
        rows = np.concatenate([found[-1][chains], functions[:, None]], axis=1)
        rows.sort(axis=1)
        found.append(_smallest_images(_unpacked(np.unique(_packed(rows), axis=0), rows.shape[1])))
    return found


def fewest_steps(listed: list[Array]) -> Array:
    """int64 ``(222,)``: the fewest operations for each class; 7 stands for more than six, and seven are enough.

    A constant or a wire needs 0 here, as does an inverted wire.
    """
    class_of = classes().class_of
    fewest = np.full(NUM_CLASSES, MOST)
    for steps in range(LISTED + 1, 0, -1):
        fewest[class_of[next_steps(listed[steps - 1])[1]]] = steps
    fewest[class_of[[0, int(INPUTS[0])]]] = 0
    return fewest


def next_steps(chains: Array) -> tuple[Array, Array]:
    """Every function that one more step adds to a chain: the rows of ``chains``, and the functions."""
    known = np.concatenate([np.broadcast_to(INPUTS, (len(chains), NUM_INPUTS)), chains], axis=1)
    rows, functions = [], []
    for one, other in combinations(range(known.shape[1]), 2):
        for function in operations(known[:, one], known[:, other]):
            new = (function != 0) & (known != function[:, None]).all(axis=1)
            rows.append(np.flatnonzero(new))
            functions.append(function[new])
    return np.concatenate(rows), np.concatenate(functions)


def operations(one: Array, other: Array) -> tuple[Array, ...]:
    """The normal functions of two normal ones that need both."""
    return one & other, one & ~other, ~one & other, one ^ other, one | other


@cache
def images() -> Array:
    """uint16 ``(384, 65536)``: every function with its inputs in another order and some inverted, made normal."""
    every, halves = np.arange(1 << NUM_INPUTS), np.arange(1 << 8)
    found = np.empty((24 << NUM_INPUTS, NUM_FUNCTIONS), dtype=np.uint16)
    for row, (order, mask) in enumerate(product(permutations(range(NUM_INPUTS)), range(1 << NUM_INPUTS))):
        read = sum((((every >> pin & 1) ^ (mask >> index & 1)) << index for index, pin in enumerate(order)), 0 * every)
        low = (halves[:, None] >> read & 1 & (read < 8)) @ (1 << every)
        high = (halves[:, None] >> (read - 8 & 7) & 1 & (read >= 8)) @ (1 << every)
        moved = (high[:, None] | low).ravel()
        found[row] = np.where(moved & 1, ~moved, moved).astype(np.uint16)
    return found


@cache
def inverse_images() -> Array:
    """int64 ``(384,)``: for each row of ``images`` the one that undoes it."""
    # faithful on these: a normal function of one input does not show inversions, but one of two does
    probes = np.array([one & other for one, other in permutations(INPUTS, 2)] + [0x0A0C, 0x0112])
    undone = images()[:, images()[:, probes]]  # [second, first, probe]
    found: Array = np.argmax((undone == probes).all(axis=2), axis=0)
    return found


@cache
def ways_to_representatives() -> Array:
    """int64 ``(65536,)``: the image that undoes the pins and inversions of each function's row of ``classes()``."""
    npn = classes()
    rank_of_order = np.zeros(1 << 8, dtype=np.int64)
    for rank, order in enumerate(permutations(range(NUM_INPUTS))):
        rank_of_order[sum(pin << 2 * index for index, pin in enumerate(order))] = rank
    orders = (npn.pins.astype(np.int64) << 2 * np.arange(NUM_INPUTS)).sum(axis=1)
    ways: Array = inverse_images()[rank_of_order[orders] << NUM_INPUTS | npn.negated]
    return ways


def _smallest_images(rows: Array) -> Array:
    """For each class of chains one: the image whose sorted functions are the smallest."""
    smallest = _packed(rows)
    for image in images():
        moved = image[rows]
        moved.sort(axis=1)
        packed = _packed(moved)
        less = (packed[:, 0] < smallest[:, 0]) | (packed[:, 0] == smallest[:, 0]) & (packed[:, 1] < smallest[:, 1])
        smallest[less] = packed[less]
    return _unpacked(np.unique(smallest, axis=0), rows.shape[1])


def _packed(rows: Array) -> Array:
    """uint64 ``(n, 2)``: the functions of a row, which are even numbers, in two words."""
    words = np.zeros((len(rows), 2), dtype=np.uint64)
    for place in range(rows.shape[1]):
        words[:, place // 4] |= (rows[:, place] >> 1).astype(np.uint64) << np.uint64(_BITS * (place % 4))
    return words


def _unpacked(words: Array, steps: int) -> Array:
    mask = np.uint64((1 << _BITS) - 1)
    columns = [
        (words[:, place // 4] >> np.uint64(_BITS * (place % 4)) & mask) << np.uint64(1) for place in range(steps)
    ]
    return np.stack(columns, axis=1).astype(np.uint16)
