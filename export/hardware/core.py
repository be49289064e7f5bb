"""The core of a design: from ``x`` or ``bits`` to ``scores`` and ``class_id``, combinational or a pipeline."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.argmax import ArgmaxPlan, argmax_latency, argmax_module
from bitlogic.export.hardware.blocks import Block, encoder_blocks, level_blocks
from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.fold import Folded, accumulate, choose, collect, parts_of, run_through
from bitlogic.export.hardware.places import Places
from bitlogic.export.hardware.popcount import PopcountPlan, popcount_latency, popcount_module, unregistered_leaf_size
from bitlogic.export.hardware.product import product_module
from bitlogic.export.hardware.rtl import Constant, Expression, Module, Port, add, join, whole
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.stages import schedule

Array = npt.NDArray[Any]
MAX_POPCOUNT = 32_768  # bits of one popcount module; a larger class is the sum of several


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


COMBINATIONAL = Pipeline()


@dataclass(frozen=True)
class CorePlan:
    """What a core is built from, beside the netlist; ``fold`` and ``has_enable`` go with registers only."""

    name: str
    input: InputKind
    pipeline: Pipeline = COMBINATIONAL
    leaf_size: int = 3  # of popcounts with registers
    family: str | None = None  # of the device, where it is known
    has_enable: bool = False  # the core stands still while its port ``enable`` is 0
    has_clear: bool = False  # a 1 at its port ``clear`` forgets every sample inside at the next edge
    fold: int = 1  # cycles that a sample takes in the popcounts, each of which counts so many parts of a class
    input_beats: int = 1  # in which a sample comes in, the lowest bits first; 1 or ``fold``

    @property
    def clocked(self) -> bool:
        return self.pipeline.lut_levels > 0


@dataclass(frozen=True)
class Core:
    """The module and the clock edges from an input (its last beat) to its result, 0 without registers.

    A clocked core also has ``valid_in`` and ``valid_out``, both for one cycle a beat or result. With ``fold`` F there
    are F edges or more from one sample's last beat to the next one's, which is for whoever drives it to see to; where
    the input comes in F beats, it cannot be otherwise.
    """

    module: Module
    latency_cycles: int


def build_core(netlist: Netlist, plan: CorePlan) -> Core:
    """The core of ``netlist``."""
    return _CoreBuilder(netlist, plan).core()


def input_width(netlist: Netlist, kind: InputKind) -> int:
    """The bits of a sample, as ``x`` or as ``bits``."""
    encoder = netlist.encoder if kind is InputKind.X else None
    return netlist.num_inputs if encoder is None else encoder.num_features * encoder.input_bits


class _CoreBuilder(ModuleBuilder):
    """Places vectors in the order in which the netlist computes them, and counts the edges on the way."""

    def __init__(self, netlist: Netlist, plan: CorePlan) -> None:
        super().__init__(has_enable=plan.has_enable and plan.clocked, has_clear=plan.has_clear and plan.clocked)
        self.netlist, self.plan = netlist, plan
        self.encoder: Encoder | None = netlist.encoder if plan.input is InputKind.X else None
        self.input_name = "bits" if self.encoder is None else "x"
        self.input_width = netlist.num_inputs if self.encoder is None else input_width(netlist, InputKind.X)
        self.schedule = schedule(netlist, plan.pipeline.lut_levels, encoder_inside=self.encoder is not None)
        self.places = Places(netlist.num_nets)
        self.latency = 0
        self.valid: Expression = whole("valid_in", 1)  # of the stage ``pending`` edges before the one at hand
        self.pending = 0
        self.folded: Folded | None = None

    def core(self) -> Core:
        self._inputs()
        self._levels()
        scores = self._scores(self._sums())
        class_id, scores = self._argmax(scores)
        outputs = {"scores": scores, "class_id": class_id}
        if self.plan.clocked:
            outputs["valid_out"] = self._arrived("valid")
        about = f"{self.netlist.num_luts} LUTs in {self.netlist.depth} levels, {self.netlist.head.num_classes} classes."
        return Core(self.module(self.plan.name, about, self._ports(), outputs), self.latency)

    def _ports(self) -> tuple[Port, ...]:
        netlist = self.netlist
        what = "the encoder's output" if self.encoder is None else "the encoder's integers"
        width, beats = self.input_width, self.plan.input_beats
        if beats > 1:
            width, what = -(-width // beats), f"{what}, the lowest bits first, in {beats} beats"
        ports = [
            Port(self.input_name, width, True, what),
            Port("scores", netlist.head.num_classes * netlist.score_width, False, "class c at [c*w +: w]"),
            Port("class_id", netlist.class_width, False, "the class with the highest score, the lowest of equal ones"),
        ]
        if self.plan.clocked:
            ports.insert(0, Port("valid_in", 1, True, "an input is there"))
            ports.insert(2, Port("valid_out", 1, False, f"the result of the input {self.latency} edges ago is there"))
        return tuple(ports)

    def _inputs(self) -> None:
        netlist = self.netlist
        inputs = np.arange(FIRST_INPUT, netlist.first_lut, dtype=np.int32)
        source = self.input_name
        if self.plan.input_beats > 1:
            source = self._collected()
        if self.encoder is None:
            self.places.place(source, inputs)
            return
        read = np.intersect1d(inputs, np.concatenate([netlist.pins.ravel(), netlist.outputs]))
        if len(read):
            self._add(encoder_blocks(self.encoder, self.plan.name, read, "encoded", source))
        if self.schedule.registers_inputs:
            self._hold(0)

    def _collected(self) -> str:
        """The vector that a sample of several beats comes together in."""
        beats = self.plan.input_beats
        beat = whole(self.input_name, -(-self.input_width // beats))
        collected, self.valid = collect(self, beat, self.valid, beats)
        self.latency += 1
        return self.wire("sample", collected.part(0, self.input_width)).name

    def _levels(self) -> None:
        per_stage = self.plan.pipeline.lut_levels
        for level, luts in enumerate(self.netlist.luts_by_level(), 1):
            self._add(level_blocks(self.netlist, self.places, self.plan.name, luts, f"level{level}"))
            if per_stage and (level % per_stage == 0 or level == self.netlist.depth):
                self._hold(-(-level // per_stage))
        if self.plan.fold > 1 and not self._is_held(len(self.schedule.boundaries) - 1):
            self._register("outputs", np.unique(self.netlist.outputs), len(self.schedule.boundaries) - 1)

    def _is_held(self, stage: int) -> bool:
        """Whether a boundary has a register: the ports have none."""
        return stage > 0 or self.schedule.registers_inputs

    def _hold(self, stage: int) -> None:
        """Registers behind a stage; the last ones of a fold wait for the sample that they keep."""
        self._register(f"stage{stage}", self.schedule.boundaries[stage], stage)

    def _register(self, name: str, nets: Array, stage: int) -> None:
        waits = self.plan.fold > 1 and stage == len(self.schedule.boundaries) - 1
        nets = nets[nets >= FIRST_INPUT]
        arrives = self._arrived(f"valid_{name}") if waits else None
        if len(nets):
            self.data(name, self.places.gather(nets), arrives)
            self.places.place(name, nets)
        self._later(1)
        if arrives is not None:
            self.folded = run_through(self, arrives, self.plan.fold)

    def _sums(self) -> list[Expression]:
        """The group sums, each ``sum_width`` bits."""
        netlist, plan = self.netlist, self.plan
        groups = netlist.outputs.reshape(netlist.head.num_classes, -1)
        parts = np.stack([parts_of(nets, plan.fold) for nets in groups])  # (classes, fold, nets at a time)
        pieces = -(-parts.shape[2] // MAX_POPCOUNT)
        size = -(-parts.shape[2] // pieces)
        levels_per_stage = plan.pipeline.adder_levels if plan.clocked else 0
        leaf_size = plan.leaf_size if plan.clocked else unregistered_leaf_size(size, plan.leaf_size, plan.family)
        popcount = PopcountPlan(plan.name, leaf_size, levels_per_stage, self.enable is not None)
        module = popcount_module(size, popcount)
        counts: list[Expression] = []
        for group, rows in enumerate(parts):
            padded = np.pad(rows, ((0, 0), (0, pieces * size - rows.shape[1])))  # net 0 adds nothing
            terms: list[Expression] = []
            for piece in range(pieces):
                name = f"count{group}" if pieces == 1 else f"count{group}_{piece}"
                at_hand = self._at_hand(padded[:, piece * size : (piece + 1) * size])
                terms.append(self.instance(f"u_{name}", module, {"i": at_hand}, {"count": name})["count"])
            counts.append(add(*terms, width=netlist.sum_width))
        self._later(popcount_latency(size, popcount))
        if pieces > 1 and plan.clocked:
            counts = [self.data(f"sum{group}", count) for group, count in enumerate(counts)]
            self._later(1)
        return counts if self.folded is None else self._accumulated(counts, self.folded)

    def _at_hand(self, rows: Array) -> Expression:
        """What the popcounts see of ``(fold, n)`` nets."""
        parts = [self.places.gather(nets) for nets in rows]
        return parts[0] if self.folded is None else choose(self.folded.part, parts)

    def _accumulated(self, counts: list[Expression], folded: Folded) -> list[Expression]:
        edges, self.pending = self.pending - 1, 0  # without the one into the registers of the outputs
        first = self.delayed("first", folded.first, edges)
        width = self.netlist.sum_width
        sums: list[Expression] = [accumulate(self, f"sum{c}", count, first, width) for c, count in enumerate(counts)]
        self.valid = folded.last
        self.latency += self.plan.fold - 1 - edges
        self._later(edges + 1)
        return sums

    def _scores(self, sums: list[Expression]) -> Expression:
        joined = join(sums)
        if self.netlist.head.weights is None:
            return joined
        module = product_module(self.netlist, self.plan.name)
        weighted: Expression = self.instance("u_product", module, {"sums": joined}, {"scores": "weighted"})["scores"]
        if self.plan.clocked:
            weighted = self.data("weighted_held", weighted)
            self._later(1)
        return weighted

    def _argmax(self, scores: Expression) -> tuple[Expression, Expression]:
        """The class, and the scores as late as it is."""
        netlist, clocked = self.netlist, self.plan.clocked
        plan = ArgmaxPlan(
            self.plan.name,
            netlist.head.num_classes,
            netlist.score_width,
            netlist.class_width,
            netlist.score_signed,
            clocked,
            clocked and self.plan.pipeline.split_compare,
            self.enable is not None,
        )
        if netlist.head.num_classes == 1 and not clocked:
            return Constant(0, netlist.class_width), scores
        best = self.instance("u_argmax", argmax_module(plan), {"scores": scores}, {"class_id": "best"})["class_id"]
        for step in range(argmax_latency(plan)):
            scores = self.data(f"scores{step}", scores)
        self._later(argmax_latency(plan))
        return best, scores

    def _later(self, edges: int) -> None:
        """The stage at hand is so many edges behind the one before."""
        self.latency += edges
        self.pending += edges

    def _arrived(self, name: str) -> Expression:
        """Whether a sample is at the stage at hand; what is new of the way there is the register ``name``."""
        self.valid, self.pending = self.delayed(name, self.valid, self.pending), 0
        return self.valid

    def _add(self, blocks: list[Block]) -> None:
        for block in blocks:
            self.wires.append(block.wire)
            self.instances.append(block.instance)
            self.places.place(block.wire.name, block.nets)
