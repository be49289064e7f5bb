"""The group sums: popcounts as balanced trees of adders over leaves that are LUTs, with registers between levels.

A leaf counts as many bits as fit the LUTs of the device: two LUT4s count three bits, three LUT6s count six. Above it
each level adds two counts, which devices with carry chains do in one LUT for each bit of the result. All leaves of a
tree stand at the same depth, so that a register behind a level delays every path alike.
"""

from dataclasses import dataclass

import numpy as np

from bitlogic.export.hardware.rtl import Expression, Instance, Luts, Module, Port, Register, Slice, Wire, add

LEAF_SIZES = {4: 3, 6: 6}  # inputs of the device's LUT: bits that a leaf counts


@dataclass(frozen=True)
class PopcountPlan:
    """How popcounts are built: ``levels_per_stage`` levels of the tree to a register, 0 for none."""

    prefix: str
    leaf_size: int
    levels_per_stage: int = 0
    has_enable: bool = False


def popcount_levels(size: int, leaf_size: int) -> int:
    """The levels of adders above the leaves that ``size`` bits need."""
    return max(0, -(-size // leaf_size) - 1).bit_length()


def popcount_latency(size: int, plan: PopcountPlan) -> int:
    """The clock edges from the bits to the count; behind the last level there is always a register."""
    if not plan.levels_per_stage:
        return 0
    return -(-(1 + popcount_levels(size, plan.leaf_size)) // plan.levels_per_stage)


def popcount_module(size: int, plan: PopcountPlan, made: dict[str, Module]) -> Module:
    """The module that counts ``size`` bits at port ``i`` into ``count``; ``made`` holds what other calls made."""
    levels = popcount_levels(size, plan.leaf_size)
    return _tree(size, levels, levels, plan, made)


def _tree(size: int, level: int, top: int, plan: PopcountPlan, made: dict[str, Module]) -> Module:
    """``size`` bits, with ``level`` levels of adders; ``top`` is the level of the whole tree's root."""
    registered = plan.levels_per_stage > 0 and ((level + 1) % plan.levels_per_stage == 0 or level == top)
    name = f"{plan.prefix}_popcount{size}_{level}" + ("_sum" if registered and level == top else "")
    if name in made:
        return made[name]
    width = size.bit_length()
    wires, instances = [], []
    if level == 0:
        leaf = _leaf(size, plan.prefix, made)
        wires.append(Wire("ones", width))
        instances.append(Instance("u_leaf", leaf, (("i", Slice("i", 0, size, size)),), (("o", "ones"),)))
        total: Expression = Slice("ones", 0, width, width)
    else:
        halves = [half for half in (-(-size // 2), size // 2) if half]
        terms: list[Expression] = []
        for part, (half, low) in zip(("low", "high"), zip(halves, (0, halves[0]), strict=False), strict=False):
            module = _tree(half, level - 1, top, plan, made)
            inputs: list[tuple[str, Expression]] = [("i", Slice("i", low, half, size))]
            if plan.has_enable and module.has_clock:
                inputs.append(("enable", Slice("enable", 0, 1, 1)))
            wires.append(Wire(part, half.bit_length()))
            instances.append(Instance(f"u_{part}", module, tuple(inputs), (("count", part),)))
            terms.append(Slice(part, 0, half.bit_length(), half.bit_length()))
        total = add(*terms, width=width)
    registers: tuple[Register, ...] = ()
    if registered:
        enable = Slice("enable", 0, 1, 1) if plan.has_enable else None
        registers = (Register("held", width, total, enable),)
        total = Slice("held", 0, width, width)
    clocked = bool(registers) or any(instance.module.has_clock for instance in instances)
    ports = [Port("i", size, True), Port("count", width, False)]
    if plan.has_enable and clocked:
        ports.insert(0, Port("enable", 1, True))
    made[name] = Module(
        name,
        f"How many of {size} bits are 1.",
        tuple(ports),
        tuple(wires),
        registers,
        tuple(instances),
        (("count", total),),
    )
    return made[name]


def _leaf(size: int, prefix: str, made: dict[str, Module]) -> Module:
    """The count of up to six bits as one LUT for each bit of the result."""
    name = f"{prefix}_count{size}"
    if name not in made:
        width = size.bit_length()
        counts = [bin(address).count("1") for address in range(1 << size)]
        tables = [sum((count >> bit & 1) << address for address, count in enumerate(counts)) for bit in range(width)]
        pins = np.tile(np.arange(size, dtype=np.int32) + 2, (width, 1))
        body = Luts(np.array(tables, dtype=np.uint64), pins, np.full(width, -1, dtype=np.int32))
        ports = (Port("i", size, True), Port("o", width, False))
        made[name] = Module(name, f"How many of {size} bits are 1, a LUT for each bit of the count.", ports, body=body)
    return made[name]
