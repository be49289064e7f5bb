"""The group sums: popcounts as trees of adders over leaves that are LUTs, with registers between levels.

A leaf counts as many bits as fit the LUTs of the device: two LUT4s count three bits, three LUT6s count six. Above them
each level adds two counts to one, which devices with carry chains do in one LUT for each bit of the result; a count
without a partner goes to the next level as it is. All leaves stand at the same depth, so that a register behind a level
delays every path alike. The leaves of a popcount are one block of LUTs and its adders one module: as modules of their
own they would be as many instances as there are bits, which simulators and linters do not take.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.rtl import Expression, Luts, Module, Port, Slice, add

LEAF_SIZES = {4: 3, 6: 6}  # inputs of the device's LUT: bits that a leaf counts
_CHAINS = {"ice40"}  # families whose carry chain has a LUT in every bit, which adds two bits as well as it counts
_SMALL = 50  # bits; of fewer, others too add single bits with less
MAX_LEAVES = 2048  # of one block, which are 6144 LUTs at most


@dataclass(frozen=True)
class PopcountPlan:
    """How popcounts are built: ``levels_per_stage`` levels of the tree to a register, 0 for none."""

    prefix: str
    leaf_size: int
    levels_per_stage: int = 0
    has_enable: bool = False


@dataclass(frozen=True)
class _Count:
    """The ones among so many bits."""

    value: Expression
    num_bits: int


def unregistered_leaf_size(size: int, leaf_size: int, family: str | None) -> int:
    """The bits that a leaf counts where no register stands behind it, for a device with leaves of ``leaf_size``.

    With LUT4s, adders of single bits and no leaves at all are smaller on some devices (Yosys, 20 to 200 bits: 3 to 11 %
    on iCE40, on ECP5 37 % at 20 bits and none from 50 on). Between registers they would cost a level of registers.
    """
    adds = leaf_size == LEAF_SIZES[4] and (family in _CHAINS or size < _SMALL)
    return 1 if adds else leaf_size


def popcount_levels(size: int, leaf_size: int) -> int:
    """The levels of adders above the leaves that ``size`` bits need."""
    return max(0, -(-size // leaf_size) - 1).bit_length()


def popcount_latency(size: int, plan: PopcountPlan) -> int:
    """The clock edges from the bits to the count; behind the last level there is always a register."""
    if not plan.levels_per_stage:
        return 0
    return -(-(1 + popcount_levels(size, plan.leaf_size)) // plan.levels_per_stage)


def popcount_module(size: int, plan: PopcountPlan) -> Module:
    """The module that counts ``size`` bits at port ``i`` into ``count``."""
    builder = ModuleBuilder(has_enable=plan.has_enable and plan.levels_per_stage > 0)
    counts = list(_leaves(size, plan, builder))
    for level in range(1, popcount_levels(size, plan.leaf_size) + 1):
        registered = _is_registered(level, size, plan)
        pairs = [counts[place : place + 2] for place in range(0, len(counts), 2)]
        counts = [_added(pair, f"sum{level}_{k}", registered, builder) for k, pair in enumerate(pairs)]
    ports = (Port("i", size, True), Port("count", size.bit_length(), False))
    comment = f"How many of {size} bits are 1."
    return builder.module(f"{plan.prefix}_popcount{size}", comment, ports, {"count": counts[0].value})


def _is_registered(level: int, size: int, plan: PopcountPlan) -> bool:
    """Whether a register stands behind a level; the leaves are level 0."""
    is_last = level == popcount_levels(size, plan.leaf_size)
    return plan.levels_per_stage > 0 and ((level + 1) % plan.levels_per_stage == 0 or is_last)


def _added(pair: list[_Count], name: str, registered: bool, builder: ModuleBuilder) -> _Count:
    """The sum of one or two counts, with the bits that it needs."""
    num_bits = sum(count.num_bits for count in pair)
    value = pair[0].value if len(pair) == 1 else add(*(count.value for count in pair), width=num_bits.bit_length())
    if registered:
        value = builder.data(name, value)
    elif len(pair) > 1:
        value = builder.wire(name, value)
    return _Count(value, num_bits)


def _leaves(size: int, plan: PopcountPlan, builder: ModuleBuilder) -> Iterator[_Count]:
    """The counts of the leaves: blocks of equal ones, and what is left over by itself."""
    room, registered = MAX_LEAVES * plan.leaf_size, _is_registered(0, size, plan)
    whole = size - size % plan.leaf_size
    pieces = [(low, min(room, whole - low), plan.leaf_size) for low in range(0, whole, room)]
    pieces += [(whole, size - whole, size - whole)] if size > whole else []
    blocks: dict[int, Module] = {}
    for number, (low, num_bits, leaf_size) in enumerate(pieces):
        ones = bits = Slice("i", low, num_bits, size)
        if leaf_size > 1:
            module = blocks.setdefault(num_bits, _block(num_bits, leaf_size, plan.prefix))
            ones = builder.instance(f"u_leaves{number}", module, {"i": bits}, {"o": f"leaves{number}"})["o"]
        if registered:
            ones = builder.data(f"leaves{number}_held", ones)
        width = leaf_size.bit_length()
        for leaf in range(num_bits // leaf_size):
            yield _Count(ones.part(leaf * width, width), leaf_size)


def _block(num_bits: int, leaf_size: int, prefix: str) -> Module:
    """The count of every ``leaf_size`` bits, side by side, a LUT for each bit of a count."""
    width, num_leaves = leaf_size.bit_length(), num_bits // leaf_size
    counts = [address.bit_count() for address in range(1 << leaf_size)]
    tables = [sum((count >> bit & 1) << address for address, count in enumerate(counts)) for bit in range(width)]
    pins = np.arange(2, 2 + num_bits, dtype=np.int32).reshape(num_leaves, leaf_size).repeat(width, axis=0)
    body = Luts(np.tile(np.array(tables, np.uint64), num_leaves), pins, np.full(num_leaves * width, -1, np.int32))
    ports = (Port("i", num_bits, True), Port("o", num_leaves * width, False))
    what = f"How many of every {leaf_size}" if num_leaves > 1 else f"How many of {leaf_size}"
    return Module(f"{prefix}_count{num_bits}", f"{what} bits are 1, a LUT for each bit of a count.", ports, body=body)
