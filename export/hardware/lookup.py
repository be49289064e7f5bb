"""A table of constant words by index, as a block memory or as LUTs with registers between their levels.

A block memory is the smaller one. On some devices it is too slow for a quick pipeline: an ECP5's gives its word 5.6 ns
after the clock. The LUTs find a word in groups of 64 words, all groups at once, and choose among four a level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bitlogic.export.hardware.rtl import (
    Expression,
    Instance,
    Luts,
    Module,
    Port,
    Register,
    Rom,
    Slice,
    Wire,
    join,
    mux,
    whole,
)

_LUT_INPUTS = 6
_CHOICE_BITS = 2


@dataclass(frozen=True)
class Lookup:
    """The module with ports ``i`` and ``o``; ``o`` is the word of the ``i`` of ``latency_cycles`` edges before."""

    module: Module
    latency_cycles: int


def index_width(num_words: int) -> int:
    return max(1, (num_words - 1).bit_length())


def block_lookup(words: Sequence[int], width: int, name: str) -> Lookup:
    """The words, ``width`` bits each, in a memory."""
    return Lookup(Module(name, _comment(words), _ports(words, width), body=Rom(tuple(words))), 1)


def lut_lookup(words: Sequence[int], width: int, name: str) -> Lookup:
    """The words, ``width`` bits each, in LUTs."""
    total = index_width(len(words))
    low = min(total, _LUT_INPUTS)
    num_groups = -(-len(words) // (1 << low))
    leaves = _leaves(words, width, low, num_groups, f"{name}_groups")
    found = Register("found0", num_groups * width, whole("groups", num_groups * width))
    registers, stage = [found], 0
    rest, rest_width = Slice("i", low, total - low, total) if total > low else None, total - low
    while num_groups > 1 and rest is not None:
        registers.append(Register(f"rest{stage}", rest_width, rest))
        source, names = whole(f"rest{stage}", rest_width), f"found{stage}"
        bits = min(_CHOICE_BITS, rest_width)
        groups = [Slice(names, group * width, width, num_groups * width) for group in range(num_groups)]
        chosen = [
            _choice(groups[start : start + (1 << bits)], source, bits) for start in range(0, num_groups, 1 << bits)
        ]
        num_groups, stage = len(chosen), stage + 1
        registers.append(Register(f"found{stage}", num_groups * width, join(chosen)))
        rest_width -= bits
        rest = Slice(source.name, bits, rest_width, source.of) if rest_width else None
    module = Module(
        name,
        _comment(words),
        _ports(words, width),
        (Wire("groups", leaves.output_ports[0].width),),
        tuple(registers),
        (Instance("u_groups", leaves, (("i", Slice("i", 0, low, total)),), (("o", "groups"),)),),
        (("o", whole(f"found{stage}", width)),),
    )
    return Lookup(module, stage + 1)


def _leaves(words: Sequence[int], width: int, low: int, num_groups: int, name: str) -> Module:
    """Bit ``group * width + b`` of the output is bit ``b`` of word ``group * 2**low + i``; 0 beyond the last word."""
    tables = []
    for group in range(num_groups):
        part = words[group << low : (group + 1) << low]
        tables += [sum((word >> bit & 1) << place for place, word in enumerate(part)) for bit in range(width)]
    body = Luts(
        np.array(tables, dtype=np.uint64),
        np.tile(np.arange(2, 2 + low, dtype=np.int32), (len(tables), 1)),
        np.full(len(tables), -1, dtype=np.int32),
    )
    ports = (Port("i", low, True), Port("o", len(tables), False))
    return Module(name, f"words in groups of {1 << low}", ports, body=body)


def _choice(groups: Sequence[Expression], select: Slice, bits: int) -> Expression:
    """The group that the lowest ``bits`` bits of ``select`` name; any of them where there is none."""
    if len(groups) == 1 or bits == 0:
        return groups[0]
    half = 1 << bits - 1
    if len(groups) <= half:
        return _choice(groups, select, bits - 1)
    return mux(
        Slice(select.name, select.low + bits - 1, 1, select.of),
        _choice(groups[half:], select, bits - 1),
        _choice(groups[:half], select, bits - 1),
    )


def _ports(words: Sequence[int], width: int) -> tuple[Port, ...]:
    return Port("i", index_width(len(words)), True), Port("o", width, False)


def _comment(words: Sequence[int]) -> str:
    return f"{len(words)} constant words"
