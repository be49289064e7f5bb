"""The product of the group sums with the head's weights, as one module."""

import numpy as np

from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Kind,
    Module,
    Operation,
    Port,
    Slice,
    Wire,
    extend,
    join,
    whole,
)
from bitlogic.export.netlist import Netlist


def product_module(netlist: Netlist, prefix: str) -> Module:
    """From ``sums``, group ``g`` at ``[g*s +: s]``, to ``scores``, class ``c`` at ``[c*w +: w]``.

    What is added and what is taken away stand apart, so that every factor is a small positive constant: a tool makes
    shifts and adders of it, or a multiplier. All vectors are as wide as a score, where the arithmetic is exact modulo
    ``2**width``, and so is the result.
    """
    weights = netlist.head.weights
    if weights is None:
        raise ValueError("a head without weights has no product")
    width, sum_width = netlist.score_width, netlist.sum_width  # a group that counts at all has the narrower sum
    sums_width = netlist.head.num_classes * sum_width
    wires = [
        Wire(f"sum{group}", width, extend(Slice("sums", group * sum_width, sum_width, sums_width), width))
        for group in np.flatnonzero(weights.any(axis=1)).tolist()
    ]
    for number, column in enumerate(weights.T.tolist()):
        score: Expression = _weighted(column, width, 1) or Constant(0, width)
        minus = _weighted(column, width, -1)
        if minus is not None:
            score = Operation(Kind.SUBTRACT, (score, minus), width)
        wires.append(Wire(f"score{number}", width, score))
    scores = [whole(f"score{number}", width) for number in range(netlist.head.num_classes)]
    return Module(
        f"{prefix}_product",
        "The score of a class: the sums of all groups, each times its weight for the class, in two's complement.",
        (Port("sums", sums_width, True), Port("scores", width * len(scores), False)),
        tuple(wires),
        outputs=(("scores", join(scores)),),
    )


def _weighted(column: list[int], width: int, sign: int) -> Expression | None:
    """The sum of the groups whose weight has that sign, each times the weight's size; None without any."""
    total: Expression | None = None
    for group, weight in enumerate(column):
        if weight * sign > 0:
            factor = Constant(abs(weight), width)
            term = Operation(Kind.MULTIPLY, (factor, whole(f"sum{group}", width)), width)
            total = term if total is None else Operation(Kind.ADD, (total, term), width)
    return total
