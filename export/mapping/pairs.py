"""What two functions of the same four inputs cost together, and the LUTs that they become."""

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.chains import INPUTS, images, operations
from bitlogic.export.mapping.joint import is_one_more, joint_networks
from bitlogic.export.mapping.networks import Networks
from bitlogic.export.mapping.npn import NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.mapping.smallest import library, part_costs
from bitlogic.export.netlist import MAX_RANK
from bitlogic.export.words import table_of, variables

Array = npt.NDArray[Any]
APART, ONE_FIRST, OTHER_FIRST = range(3)


def pair_costs(one: Array, other: Array, size: int) -> tuple[Array, Array]:
    """int64 ``(n,)`` operations for both of two functions, and in which order: apart, or one behind the other's steps.

    Functions that are put apart may still begin with the same operation, which ``choose_networks`` finds.
    """
    costs = part_costs(size)
    costs_one, costs_other = costs[one], costs[other]
    total = costs_one + costs_other
    orders = np.full(len(one), APART)
    if size == 2:
        return total - (_beginnings()[one] & _beginnings()[other] != 0), orders
    total = total - ((costs_one == 3) & (costs_other == 3))  # of three steps each: nearly all can share the first one
    for order, first, second, cost in ((ONE_FIRST, one, other, costs_one), (OTHER_FIRST, other, one, costs_other)):
        rows = np.flatnonzero((cost > 1) & (cost + 1 < total))
        rows = rows[is_one_more(first[rows], second[rows])]
        total[rows], orders[rows] = cost[rows] + 1, order
    return total, orders


def pair_networks(one: Array, other: Array, orders: Array) -> tuple[Networks, tuple[Array, Array]]:
    """LUTs of at most four pins that make both functions, and which operands their results are, from 6 on."""
    rows = len(one)
    num_steps = np.full(rows, 2)
    tables = np.zeros((rows, NUM_INPUTS), dtype=np.uint16)
    operands = np.zeros((rows, NUM_INPUTS, NUM_INPUTS), dtype=np.uint8)
    tables[:, 0], tables[:, 1], operands[:, :2] = one, other, range(NUM_INPUTS)
    results = (np.full(rows, MAX_RANK), np.full(rows, MAX_RANK + 1))
    for order, first, second in ((ONE_FIRST, one, other), (OTHER_FIRST, other, one)):
        some = np.flatnonzero(orders == order)
        if not len(some):
            continue
        found = joint_networks(first[some], second[some])
        num_steps[some] = found.num_steps
        tables[some] = found.tables | found.tables.astype(np.uint16) << np.uint16(8)
        moved = np.where(found.operands < NUM_INPUTS, found.operands, found.operands + MAX_RANK - NUM_INPUTS)
        operands[some] = np.concatenate([moved, moved[:, :, :1]], axis=2)
        ends = MAX_RANK + found.num_steps.astype(np.int64)
        results[order - 1][some], results[2 - order][some] = ends - 2, ends - 1
    return Networks(num_steps, tables, operands), results


@cache
def _beginnings() -> Array:
    """uint32 ``(65536,)``: which operations of two inputs a smallest network of the function begins with, as bits."""
    bit_of = np.zeros(NUM_FUNCTIONS, dtype=np.uint32)
    pairs = list(combinations(INPUTS, 2))
    for place, function in enumerate(function for pair in pairs for function in operations(*pair)):
        bit_of[function] = 1 << place
    found = np.zeros(NUM_FUNCTIONS, dtype=np.uint32)
    binary, representatives = library(2), classes().representatives.tolist()
    for function, first, count in zip(representatives, binary.first.tolist(), binary.count.tolist(), strict=True):
        every: set[int] = set()
        for row in range(first, first + count):
            known = [*variables(NUM_INPUTS)]
            for step in binary.networks.steps(row):
                known.append(table_of(step.table, [known[operand] for operand in step.operands], NUM_FUNCTIONS - 1))
            every |= {made ^ (NUM_FUNCTIONS - 1) if made & 1 else made for made in known[NUM_INPUTS:]}
        normal = function ^ (NUM_FUNCTIONS - 1) if function & 1 else function
        begins = np.array([made for made in every if bit_of[made]], dtype=np.int64)
        for image in images():
            found[image[normal]] |= np.bitwise_or.reduce(bit_of[image[begins]], initial=0)
    return np.where(np.arange(NUM_FUNCTIONS) & 1, found[::-1], found)
