"""Where registers have to stand for a clock, by the delays of a device."""

from collections.abc import Iterator

from bitlogic.errors import OptionError
from bitlogic.export.hardware.core import MAX_POPCOUNT, CorePlan, Pipeline
from bitlogic.export.hardware.devices import DEVICES, Delays, Device
from bitlogic.export.hardware.popcount import popcount_levels
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind

Stage = tuple[str, float]  # what stands between two registers, and its nanoseconds


def pipeline_for(netlist: Netlist, plan: CorePlan, device: Device, target_mhz: float) -> Pipeline:
    """The pipeline with the fewest registers whose stages all meet ``target_mhz`` by the delays of ``device``.

    ``plan`` says the rest; its own pipeline is not read.

    Raises:
        OptionError: No pipeline meets it, which names the slowest stage; or nothing is known of the device's delays.
    """
    delays = device.delays
    if delays is None:
        known = ", ".join(name for name, other in DEVICES.items() if other.delays is not None)
        raise OptionError(f"--target-mhz: the delays of {device.name} are not known; they are of {known}")
    period = 1000 / target_mhz
    slowest = max(stages(netlist, plan, Pipeline(1, 1, True), device.lut_inputs, delays), key=lambda stage: stage[1])
    if slowest[1] > period:
        raise OptionError(
            f"--target-mhz {target_mhz:g}: {slowest[0]} takes {slowest[1]:.1f} ns on {device.name}, "
            f"so the fastest clock is {1000 / slowest[1]:.0f} MHz"
        )

    def meets(pipeline: Pipeline) -> bool:
        return all(ns <= period for _, ns in stages(netlist, plan, pipeline, device.lut_inputs, delays))

    lut_levels, adder_levels = 1, 1
    while lut_levels < netlist.depth and meets(Pipeline(lut_levels + 1, adder_levels, True)):
        lut_levels += 1
    tree_levels = 1 + popcount_levels(_counted(netlist, plan), plan.leaf_size)
    while adder_levels < tree_levels and meets(Pipeline(lut_levels, adder_levels + 1, True)):
        adder_levels += 1
    split = not meets(Pipeline(lut_levels, adder_levels, False))
    return Pipeline(lut_levels, adder_levels, split)


def stages(netlist: Netlist, plan: CorePlan, pipeline: Pipeline, lut_inputs: int, delays: Delays) -> Iterator[Stage]:
    """The stages of a core with registers, each with its estimated nanoseconds."""

    def chain(width: int) -> float:
        return delays.chain_ns + width * delays.carry_ns

    def luts(levels: int) -> float:
        return delays.register_ns + levels * delays.lut_ns

    encoder = netlist.encoder if plan.input is InputKind.X else None
    if encoder is not None:
        groups = -(-encoder.input_bits // lut_inputs)
        yield "the encoder", luts(1 + (groups - 1).bit_length())
    if netlist.depth:
        yield f"{pipeline.lut_levels} of the LUT levels", luts(min(pipeline.lut_levels, netlist.depth))
    yield from _popcount_stages(netlist, plan, pipeline, lut_inputs, delays)
    if netlist.group_size > MAX_POPCOUNT * plan.fold or plan.fold > 1:
        yield "the sum of several popcounts", delays.register_ns + chain(netlist.sum_width)
    if netlist.head.weights is not None:
        terms = int(abs(netlist.head.weights).astype(object).sum(axis=0).max()).bit_length() * netlist.head.num_classes
        compressions = max(1, terms - 1).bit_length()
        yield "the product with the weights", luts(compressions) + chain(netlist.score_width)
    if netlist.head.num_classes > 1:
        compare = delays.register_ns + chain(netlist.score_width)
        name = "a comparison of the argmax"
        yield (name, compare) if pipeline.split_compare else (f"{name} with its choice", compare + delays.lut_ns)


def _popcount_stages(
    netlist: Netlist, plan: CorePlan, pipeline: Pipeline, lut_inputs: int, delays: Delays
) -> Iterator[Stage]:
    """The groups of tree levels between registers, the leaves as level 0, behind the choice of a part of a fold."""
    top = popcount_levels(_counted(netlist, plan), plan.leaf_size)
    bits_a_lut = 2 if lut_inputs >= 6 else 1  # of the number of the part: a choice of four or of two in one LUT
    chosen = -(-(plan.fold - 1).bit_length() // bits_a_lut)
    for first in range(0, top + 1, pipeline.adder_levels):
        ns = delays.register_ns + (chosen * delays.lut_ns if first == 0 else 0.0)
        for level in range(first, min(first + pipeline.adder_levels, top + 1)):
            width = (plan.leaf_size << level).bit_length()
            ns += delays.lut_ns if level == 0 else delays.chain_ns + width * delays.carry_ns
        yield "a level of the popcount", ns


def _counted(netlist: Netlist, plan: CorePlan) -> int:
    """The bits of the largest popcount module."""
    return min(-(-netlist.group_size // plan.fold), MAX_POPCOUNT)
