"""The modules behind the LUTs: popcounts as trees of halves, the product with the weights, argmax as a tree."""

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render, wrap
from bitlogic.export.targets.verilog_levels import Instance
from bitlogic.export.targets.verilog_wiring import concat

MAX_POPCOUNT = 32_768  # bits of one popcount module; a larger class is the sum of several
_LEAF = 8
_TERMS_PER_LINE = 4


def popcount_modules(prefix: str, sizes: set[int]) -> list[bytes]:
    """A module ``{prefix}_popcount{n}`` for each size and for each half that its tree is made of, the small ones first.

    Up to 8 bits are added one by one (the leaf); above, the lower half is the largest power of two below the size.
    """
    needed: set[int] = set()
    todo = list(sizes)
    while todo:
        size = todo.pop()
        if size not in needed:
            needed.add(size)
            todo += [half for half in _halves(size) if half]
    return [_popcount(prefix, size) for size in sorted(needed)]


def product_modules(prefix: str, netlist: Netlist) -> list[bytes]:
    """``{prefix}_product``, from all group sums to all scores; nothing without weights.

    What is added and what is taken away stand apart, so that every factor is a small positive constant: a tool makes
    shifts and adders of it, or a multiplier. All vectors are as wide as a score, where the arithmetic is exact modulo
    ``2**width``, and so is the result.
    """
    if netlist.head.weights is None:
        return []
    width, sum_width = netlist.score_width, netlist.sum_width  # a group that counts at all has the narrower sum
    sums = [
        (f"sum{group}", padded(f"sums[{(group + 1) * sum_width - 1}:{group * sum_width}]", sum_width, width))
        for group in np.flatnonzero(netlist.head.weights.any(axis=1)).tolist()
    ]
    scores = [
        (f"score{number}", _weighted(column, width, 1) or f"{width}'d0", _weighted(column, width, -1))
        for number, column in enumerate(netlist.head.weights.T.tolist())
    ]
    return [
        render(
            "verilog_product.j2",
            prefix=prefix,
            sums_width=netlist.head.num_classes * sum_width,
            scores_width=netlist.head.num_classes * width,
            width=width,
            sums=sums,
            scores=scores,
            joined=concat([name for name, _, _ in scores], indent=" " * 8),
        )
    ]


def argmax_modules(prefix: str, netlist: Netlist) -> list[bytes]:
    """``{prefix}_argmax``, the lowest class of the highest score, and the ``{prefix}_argmax_node`` it is made of."""
    num_classes, score_width, class_width = netlist.head.num_classes, netlist.score_width, netlist.class_width
    if num_classes == 1:
        return []
    scores = [f"scores[{c * score_width + score_width - 1}:{c * score_width}]" for c in range(num_classes)]
    candidates = [(score, f"{class_width}'d{number}") for number, score in enumerate(scores)]
    nodes: list[tuple[int, str, str, str, str]] = []
    while len(candidates) > 1:
        pairs = candidates[: len(candidates) // 2 * 2]
        winners = []
        for (score_a, index_a), (score_b, index_b) in zip(pairs[::2], pairs[1::2], strict=True):
            winners.append((f"score{len(nodes)}", f"index{len(nodes)}"))
            nodes.append((len(nodes), score_a, index_a, score_b, index_b))
        candidates = winners + candidates[len(pairs) :]
    widths = {"prefix": prefix, "score_width": score_width, "class_width": class_width}
    return [
        render("verilog_argmax_node.j2", **widths, signed=netlist.score_signed),
        render("verilog_argmax.j2", **widths, scores_width=num_classes * score_width, nodes=nodes),
    ]


def popcount_name(prefix: str, size: int) -> str:
    return f"{prefix}_popcount{size}"


def padded(text: str, width: int, to: int) -> str:
    """An unsigned vector of ``width`` bits, widened to ``to`` bits: a sum in Verilog is as wide as its operands."""
    return text if width == to else f"{{{to - width}'b0, {text}}}"


def class_sizes(group_size: int) -> list[int]:
    """The bits of a class cut into what single popcount modules count."""
    whole, rest = divmod(group_size, MAX_POPCOUNT)
    return [MAX_POPCOUNT] * whole + ([rest] if rest else [])


def popcount_instance(prefix: str, size: int, connection: str, output: str) -> Instance:
    return Instance(popcount_name(prefix, size), (("i", connection), ("count", output)))


def _weighted(column: list[int], width: int, sign: int) -> str:
    """The sum of the groups whose weight has that sign, each times the weight's size; empty without any."""
    terms = [f"{width}'d{abs(weight)} * sum{group}" for group, weight in enumerate(column) if weight * sign > 0]
    return wrap(terms, per_line=_TERMS_PER_LINE, indent=" " * 8, separator=" + ")


def _halves(size: int) -> tuple[int, int]:
    if size <= _LEAF:
        return 0, 0
    low = 1 << (size - 1).bit_length() - 1
    return low, size - low


def _popcount(prefix: str, size: int) -> bytes:
    width = size.bit_length()
    low, high = _halves(size)
    halves = []
    if low:
        terms = [padded("low", low.bit_length(), width), padded("high", high.bit_length(), width)]
        for name, half, start in (("low", low, 0), ("high", high, low)):
            halves.append((popcount_name(prefix, half), name, f"i[{start + half - 1}:{start}]", half.bit_length()))
    else:
        terms = [padded(f"i[{bit}]", 1, width) for bit in range(size)]
    module = popcount_name(prefix, size)
    return render("verilog_popcount.j2", module=module, size=size, width=width, halves=halves, terms=terms)
