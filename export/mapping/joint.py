"""Two functions of the same four inputs in few three-input operations: the second one behind the steps of the first.

Where one operation makes the second function of the inputs and the steps of some smallest network of the first one,
the pair costs one operation more than the first alone.
"""

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.beginnings import addresses_of, ternary_library
from bitlogic.export.mapping.chains import images, ways_to_representatives
from bitlogic.export.mapping.networks import Networks, taken
from bitlogic.export.mapping.npn import NUM_CLASSES, NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.words import variables

Array = npt.NDArray[Any]
_ONES = NUM_FUNCTIONS - 1
_MOST = 3  # steps of the first function
_TRIPLES = np.array(list(combinations(range(NUM_INPUTS + _MOST), 3)))


def is_one_more(first: Array, second: Array) -> npt.NDArray[np.bool_]:
    """Whether one operation behind the steps of a smallest network of ``first``, int64 ``(n,)``, makes ``second``."""
    result: npt.NDArray[np.bool_] = _codes(first, second) > 0
    return result


def joint_networks(first: Array, second: Array) -> Networks:
    """The steps of ``first`` and behind them the one that makes ``second``, where ``is_one_more``."""
    library = ternary_library()
    choices, triples = np.divmod(_codes(first, second).astype(np.int64) - 1, len(_TRIPLES))
    placed = library.placed(library.first[classes().class_of[first]] + choices, first)
    known, every = known_functions(placed, _MOST), np.arange(len(first))
    reads = _moved(_TRIPLES[triples], first)
    tables = np.zeros(len(first), dtype=np.uint8)
    for index in range(1 << 3):
        made = second & addresses_of(index, known[every[:, None], reads]) != 0
        tables |= made.astype(np.uint8) << np.uint8(index)
    num_steps = placed.num_steps + np.uint8(1)
    all_tables = np.concatenate([placed.tables, np.zeros((len(first), 1), dtype=np.uint8)], axis=1)
    operands = np.concatenate([placed.operands, np.zeros((len(first), 1, 3), dtype=np.uint8)], axis=1)
    all_tables[every, num_steps - 1], operands[every, num_steps - 1] = tables, reads
    return Networks(num_steps, all_tables, operands)


def known_functions(networks: Networks, num_steps: int) -> Array:
    """int64 ``(n, 4 + num_steps)``: the inputs and the steps' results as tables of four inputs."""
    known = np.zeros((len(networks.num_steps), NUM_INPUTS + num_steps), dtype=np.int64)
    known[:, :NUM_INPUTS] = variables(NUM_INPUTS)
    every = np.arange(len(known))
    for step in range(num_steps):
        operands = known[every[:, None], networks.operands[:, step]]
        for index in range(1 << 3):
            bit = networks.tables[:, step].astype(np.int64) >> index & 1
            known[:, NUM_INPUTS + step] |= np.where(bit, addresses_of(index, operands), 0)
    return known


def _moved(operands: Array, functions: Array) -> Array:
    """Operands of the representative's network as those of the function's."""
    pins = classes().pins[functions].astype(np.int64)
    moved = np.take_along_axis(pins, np.minimum(operands, NUM_INPUTS - 1), axis=1)
    return np.where(operands < NUM_INPUTS, moved, operands)


def _codes(first: Array, second: Array) -> Array:
    """0, or one more than the number of a network of the class of ``first`` times 35 plus the index of a triple."""
    moved = images()[ways_to_representatives()[first], second]
    codes: Array = _every_code()[classes().class_of[first], moved >> 1]
    return codes


@cache
def _every_code() -> Array:
    """uint16 ``(222, 32768)``: the code for a representative and each normal function; a second once."""
    library = ternary_library()
    codes = np.zeros((NUM_CLASSES, NUM_FUNCTIONS >> 1), dtype=np.uint16)
    for row, (first, count) in enumerate(zip(library.first.tolist(), library.count.tolist(), strict=True)):
        every = slice(first, first + count)
        num_steps = int(library.networks.num_steps[first])
        known = known_functions(taken(library.networks, every), num_steps)
        usable = np.flatnonzero((_TRIPLES[:, 2] >= NUM_INPUTS) & (_TRIPLES[:, 2] < NUM_INPUTS + num_steps))
        operands = known[:, _TRIPLES[usable]]
        made = np.zeros((count, len(usable), 1), dtype=np.int64)
        for index in range(1 << 3):
            made = np.concatenate([made, made | addresses_of(index, operands)[:, :, None]], axis=2)
        places = np.where(made & 1, ~made & _ONES, made) >> 1
        number = 1 + np.arange(count)[:, None] * len(_TRIPLES) + usable
        found = np.broadcast_to(number[:, :, None], places.shape)
        codes[row, places.ravel()[::-1]] = found.ravel()[::-1]  # the first network that makes a function stays
    return codes
