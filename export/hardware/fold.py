"""What takes several cycles a sample: a sample that comes in beats, and popcounts that count a part at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Kind,
    Operation,
    Slice,
    add,
    both,
    either,
    equal,
    extend,
    invert,
    join,
    mux,
    whole,
)

Array = npt.NDArray[Any]


def collect(builder: ModuleBuilder, beat: Slice, valid: Expression, num_beats: int) -> tuple[Slice, Slice]:
    """The last ``num_beats`` beats in a shift register, the earliest lowest; and a bit: 1 as a sample is complete.

    The sample is complete in the cycle behind its last beat, and stays until the next beat comes.
    """
    total = beat.width * num_beats
    kept = Slice("collected", beat.width, total - beat.width, total)
    collected = builder.data("collected", join([kept, beat]), valid)
    _, ends = builder.count("beat", num_beats, valid)
    return collected, builder.control("complete", both(valid, ends))


@dataclass(frozen=True)
class Folded:
    """Which part of a sample is at hand in a cycle: its number, and whether it is the sample's first or last."""

    part: Slice
    first: Expression
    last: Expression


def run_through(builder: ModuleBuilder, arrives: Expression, fold: int) -> Folded:
    """Part 0 in the cycle behind ``arrives``, the next parts behind that; ``arrives`` again no sooner than they end."""
    width = (fold - 1).bit_length()
    part, running = whole("part", width), whole("running", 1)
    ends = equal(part, Constant(fold - 1, width))
    stepped = mux(running, add(part, Constant(1, width), width=width), part)
    builder.control("part", mux(arrives, Constant(0, width), stepped))
    builder.control("running", either(arrives, both(running, invert(ends))))
    return Folded(part, both(running, equal(part, Constant(0, width))), both(running, ends))


def parts_of(nets: Array, fold: int) -> Array:
    """``(fold, size)``: the nets in ``fold`` parts of one size, filled up with net 0, which adds nothing."""
    size = -(-len(nets) // fold)
    return np.concatenate([nets, np.zeros(fold * size - len(nets), dtype=nets.dtype)]).reshape(fold, size)


def choose(number: Slice, values: Sequence[Expression]) -> Expression:
    """``values[number]`` as a tree of choices; any of the values for a number beyond the last."""
    if len(values) == 1:
        return values[0]
    bit = (len(values) - 1).bit_length() - 1
    return mux(number.part(bit, 1), choose(number, values[1 << bit :]), choose(number, values[: 1 << bit]))


def accumulate(builder: ModuleBuilder, name: str, count: Expression, first: Expression, width: int) -> Slice:
    """The running sum of ``count`` since the cycle with ``first``, that one included, a register behind."""
    total = whole(name, width)
    kept = mux(first, Constant(0, width), total)
    return builder.data(name, Operation(Kind.ADD, (kept, extend(count, width)), width))
