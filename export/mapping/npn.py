"""The 222 classes of functions of four inputs that differ only by order and inversions of inputs and by the output's.

What is found once for the first function of a class holds for all of it: the smallest network of operations, a kernel.
"""

from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt

NUM_CLASSES = 222
NUM_INPUTS = 4
NUM_FUNCTIONS = 1 << (1 << NUM_INPUTS)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NpnTable:
    """For each of the 65,536 functions its class, and how it comes from the class's representative.

    A function is its table, a 16-bit integer: bit ``j`` is the output when the inputs read ``j``, and input 0 is bit 0
    of ``j``. With the row of a function ``f``: ``f(x0..x3) = output_negated ^ rep(y0..y3)`` and
    ``y_i = x[pins[i]] ^ (negated >> i & 1)``. Of several ways one without the output's inversion is taken, then one
    with the fewest inverted inputs; a representative comes from itself as it is. All arrays are read-only.
    """

    class_of: Array  # uint8 (65536,)
    representatives: Array  # uint16 (222,), ascending; the smallest function of each class
    pins: Array  # uint8 (65536, 4)
    negated: Array  # uint8 (65536,): bit i where input i of the representative is inverted
    output_negated: Array  # bool (65536,)


@cache
def classes() -> NpnTable:
    """The table of all functions; a tenth of a second once."""
    ways = sorted(
        product((False, True), range(1 << NUM_INPUTS), permutations(range(NUM_INPUTS))),
        key=lambda way: (way[0], way[1].bit_count(), way[1], way[2]),
    )
    outputs = np.array([way[0] for way in ways])
    masks = np.array([way[1] for way in ways], dtype=np.uint8)
    orders = np.array([way[2] for way in ways], dtype=np.uint8)
    addresses = _read_addresses(orders, masks)
    weights = np.int64(1) << np.arange(1 << NUM_INPUTS)
    class_of = np.full(NUM_FUNCTIONS, NUM_CLASSES, dtype=np.uint8)
    way_of = np.zeros(NUM_FUNCTIONS, dtype=np.int64)
    representatives: list[int] = []
    for function in range(NUM_FUNCTIONS):
        if class_of[function] < NUM_CLASSES:
            continue
        images = ((function >> addresses & 1) ^ outputs[:, None]) @ weights
        members, first_ways = np.unique(images, return_index=True)
        class_of[members], way_of[members] = len(representatives), first_ways
        representatives.append(function)
    table = NpnTable(
        class_of, np.array(representatives, dtype=np.uint16), orders[way_of], masks[way_of], outputs[way_of]
    )
    for array in vars(table).values():
        array.setflags(write=False)
    return table


def _read_addresses(orders: Array, masks: Array) -> Array:
    """int64 ``(ways, 16)``: which entry of a representative each way reads for each address."""
    every = np.arange(1 << NUM_INPUTS)
    read = np.zeros((len(orders), len(every)), dtype=np.int64)
    for index in range(NUM_INPUTS):
        inputs = every >> orders[:, index, None] & 1
        read |= (inputs ^ (masks[:, None] >> index & 1)) << index
    return read
