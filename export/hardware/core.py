"""The core of a design: from ``x`` or ``bits`` to ``scores`` and ``class_id``, combinational or a pipeline."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.argmax import ArgmaxPlan, argmax_latency, argmax_module
from bitlogic.export.hardware.blocks import Block, encoder_blocks, level_blocks
from bitlogic.export.hardware.places import Places
from bitlogic.export.hardware.popcount import PopcountPlan, popcount_latency, popcount_module
from bitlogic.export.hardware.product import product_module
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Instance,
    Module,
    Port,
    Register,
    Slice,
    Wire,
    add,
    join,
    whole,
)
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.stages import schedule

Array = npt.NDArray[Any]
MAX_POPCOUNT = 32_768  # bits of one popcount module; a larger class is the sum of several
_ENABLE = Slice("enable", 0, 1, 1)


@dataclass(frozen=True)
class Pipeline:
    """Where the registers stand; with ``lut_levels`` 0 there are none."""

    lut_levels: int = 0  # a register after so many levels of LUTs, after the encoder and after the last level
    adder_levels: int = 1  # a register after so many levels of a popcount and after its last
    split_compare: bool = False  # a register also between a comparison of the argmax and the choice that follows

    @staticmethod
    def of(levels: int) -> "Pipeline":
        """At most ``levels`` levels of logic between registers, an adder counted as one and a choice as two."""
        return Pipeline(levels, max(1, levels), levels == 1)


@dataclass(frozen=True)
class CorePlan:
    """What a core is built from, beside the netlist."""

    name: str
    input: InputKind
    pipeline: Pipeline = Pipeline()
    leaf_size: int = 3
    has_enable: bool = False  # a clocked core stands still while its port ``enable`` is 0


@dataclass(frozen=True)
class Core:
    """The module and the clock edges from an input to its result, 0 without registers.

    A clocked core also has ``valid_in`` and ``valid_out``.
    """

    module: Module
    latency_cycles: int


def build_core(netlist: Netlist, plan: CorePlan) -> Core:
    """The core of ``netlist``."""
    return _Builder(netlist, plan).build()


def input_width(netlist: Netlist, kind: InputKind) -> int:
    """The bits of the port ``x`` or ``bits``."""
    encoder = netlist.encoder if kind is InputKind.X else None
    return netlist.num_inputs if encoder is None else encoder.num_features * encoder.input_bits


class _Builder:
    """Places vectors in the order in which the netlist computes them."""

    def __init__(self, netlist: Netlist, plan: CorePlan) -> None:
        self.netlist, self.plan = netlist, plan
        self.clocked = plan.pipeline.lut_levels > 0
        self.encoder: Encoder | None = netlist.encoder if plan.input is InputKind.X else None
        self.schedule = schedule(netlist, plan.pipeline.lut_levels, encoder_inside=self.encoder is not None)
        self.places = Places(netlist.num_nets)
        self.enable = _ENABLE if plan.has_enable and self.clocked else None
        self.latency = max(0, len(self.schedule.boundaries) - 1 + int(self.schedule.registers_inputs))
        self.wires: list[Wire] = []
        self.registers: list[Register] = []
        self.instances: list[Instance] = []

    def build(self) -> Core:
        self._inputs()
        self._levels()
        sums = self._sums()
        scores = self._scores(sums)
        class_id, scores = self._argmax(scores)
        outputs: list[tuple[str, Expression]] = [("scores", scores), ("class_id", class_id)]
        if self.clocked:
            outputs.append(("valid_out", self._valid()))
        module = Module(
            self.plan.name,
            f"{self.netlist.num_luts} LUTs in {self.netlist.depth} levels, {self.netlist.head.num_classes} classes.",
            self._ports(),
            tuple(self.wires),
            tuple(self.registers),
            tuple(self.instances),
            tuple(outputs),
        )
        return Core(module, self.latency)

    def _ports(self) -> tuple[Port, ...]:
        netlist = self.netlist
        name, what = ("bits", "the encoder's output") if self.encoder is None else ("x", "the encoder's integers")
        kind = InputKind.BITS if self.encoder is None else InputKind.X
        ports = [
            Port(name, input_width(netlist, kind), True, what),
            Port("scores", netlist.head.num_classes * netlist.score_width, False, "class c at [c*w +: w]"),
            Port("class_id", netlist.class_width, False, "the class with the highest score, the lowest of equal ones"),
        ]
        if self.clocked:
            ports.insert(0, Port("valid_in", 1, True, "an input is there"))
            ports.insert(2, Port("valid_out", 1, False, f"the result of the input {self.latency} edges ago is there"))
            if self.enable is not None:
                ports.insert(0, Port("enable", 1, True, "0: everything stands still"))
        return tuple(ports)

    def _inputs(self) -> None:
        netlist = self.netlist
        inputs = np.arange(FIRST_INPUT, netlist.first_lut, dtype=np.int32)
        if self.encoder is None:
            self.places.place("bits", inputs)
            return
        read = np.intersect1d(inputs, np.concatenate([netlist.pins.ravel(), netlist.outputs]))
        if len(read):
            self._add(encoder_blocks(self.encoder, self.plan.name, read, "encoded"))
        if self.schedule.registers_inputs:
            self._hold(0)

    def _levels(self) -> None:
        per_stage = self.plan.pipeline.lut_levels
        for level, luts in enumerate(self.netlist.luts_by_level(), 1):
            self._add(level_blocks(self.netlist, self.places, self.plan.name, luts, f"level{level}"))
            if per_stage and (level % per_stage == 0 or level == self.netlist.depth):
                self._hold(-(-level // per_stage))

    def _hold(self, stage: int) -> None:
        nets = self.schedule.boundaries[stage]
        if len(nets):
            self.registers.append(Register(f"stage{stage}", len(nets), self.places.gather(nets), self.enable))
            self.places.place(f"stage{stage}", nets)

    def _sums(self) -> list[Expression]:
        """The group sums, each ``sum_width`` bits."""
        netlist, plan = self.netlist, self.plan
        popcount = PopcountPlan(
            plan.name,
            plan.leaf_size,
            plan.pipeline.adder_levels if self.clocked else 0,
            self.enable is not None,
        )
        pieces = -(-netlist.group_size // MAX_POPCOUNT)
        size = -(-netlist.group_size // pieces)
        made: dict[str, Module] = {}
        module = popcount_module(size, popcount, made)
        sums = []
        for group, nets in enumerate(netlist.outputs.reshape(netlist.head.num_classes, -1)):
            padded = np.concatenate([nets, np.zeros(pieces * size - len(nets), dtype=nets.dtype)])  # net 0 adds nothing
            counts: list[Expression] = []
            for piece, part in enumerate(padded.reshape(pieces, size)):
                name = f"count{group}" if pieces == 1 else f"count{group}_{piece}"
                self._instantiate(module, f"u_{name}", [("i", self.places.gather(part))], [("count", name)])
                counts.append(whole(name, size.bit_length()))
            sums.append(add(*counts, width=netlist.sum_width))
        self.latency += popcount_latency(size, popcount)
        if pieces > 1:
            sums = [self._register(f"sum{group}", total) for group, total in enumerate(sums)]
            self.latency += int(self.clocked)
        return sums

    def _scores(self, sums: list[Expression]) -> Expression:
        joined = join(sums)
        if self.netlist.head.weights is None:
            return joined
        module = product_module(self.netlist, self.plan.name)
        self._instantiate(module, "u_product", [("sums", joined)], [("scores", "weighted")])
        weighted: Expression = whole("weighted", module.output_ports[0].width)
        self.latency += int(self.clocked)
        return self._register("weighted_held", weighted) if self.clocked else weighted

    def _argmax(self, scores: Expression) -> tuple[Expression, Expression]:
        """The class, and the scores as late as it is."""
        netlist = self.netlist
        plan = ArgmaxPlan(
            self.plan.name,
            netlist.head.num_classes,
            netlist.score_width,
            netlist.class_width,
            netlist.score_signed,
            self.clocked,
            self.clocked and self.plan.pipeline.split_compare,
            self.enable is not None,
        )
        if netlist.head.num_classes == 1 and not self.clocked:
            return Constant(0, netlist.class_width), scores
        self._instantiate(argmax_module(plan), "u_argmax", [("scores", scores)], [("class_id", "best")])
        latency = argmax_latency(plan)
        for step in range(latency):
            scores = self._register(f"scores{step}", scores)
        self.latency += latency
        return whole("best", netlist.class_width), scores

    def _valid(self) -> Expression:
        """One bit for every cycle that an input is on its way; the reset clears them."""
        chain: Expression = whole("valid_in", 1)
        if self.latency > 1:
            chain = join([chain, Slice("valid", 0, self.latency - 1, self.latency)])
        self.registers.append(Register("valid", self.latency, chain, self.enable, reset=0))
        return Slice("valid", self.latency - 1, 1, self.latency)

    def _register(self, name: str, value: Expression) -> Expression:
        if not self.clocked:
            return value
        self.registers.append(Register(name, value.width, value, self.enable))
        return whole(name, value.width)

    def _add(self, blocks: list[Block]) -> None:
        for block in blocks:
            self.wires.append(block.wire)
            self.instances.append(block.instance)
            self.places.place(block.wire.name, block.nets)

    def _instantiate(
        self, module: Module, name: str, inputs: list[tuple[str, Expression]], outputs: list[tuple[str, str]]
    ) -> None:
        if self.enable is not None and module.has_clock:
            inputs = [("enable", self.enable), *inputs]
        widths = {port.name: port.width for port in module.output_ports}
        self.wires += [Wire(wire, widths[port]) for port, wire in outputs]
        self.instances.append(Instance(name, module, tuple(inputs), tuple(outputs)))
