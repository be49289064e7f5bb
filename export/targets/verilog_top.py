"""The top module: which vectors there are, what computes them and where the registers stand."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.stages import Schedule, schedule
from bitlogic.export.targets.verilog_head import (
    argmax_modules,
    class_sizes,
    padded,
    popcount_instance,
    popcount_modules,
    product_modules,
)
from bitlogic.export.targets.verilog_levels import Instance, encoder_modules, level_modules
from bitlogic.export.targets.verilog_wiring import Wiring, concat

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Top:
    """The holes of the top module, and the text of the modules below it."""

    module: str
    input_name: str
    input_width: int
    sums_width: int
    scores_width: int
    class_width: int
    latency_cycles: int  # 0: combinational
    modules: tuple[bytes, ...]  # the text of every module below
    wires: tuple[tuple[str, int], ...]  # name, width
    instances: tuple[Instance, ...]
    registers: tuple[tuple[str, int, str], ...]  # name, width, what it takes at a clock edge
    sums: tuple[tuple[str, int, str], ...]  # sum of a group, width, its popcounts added up
    has_product: bool  # whether the scores are the product of the sums with weights, or the sums themselves

    @property
    def joined_sums(self) -> str:
        """All sums side by side, group 0 lowest."""
        return concat([name for name, _, _ in self.sums])


def build_top(netlist: Netlist, module: str, kind: InputKind, pipeline: int) -> Top:
    """The design of ``netlist`` with its modules; ``pipeline`` LUT levels to a stage, 0 for no registers."""
    return _Builder(netlist, module, kind, pipeline).build()


def input_width(netlist: Netlist, kind: InputKind) -> int:
    """The bits of the port ``x`` or ``bits``."""
    encoder = netlist.encoder if kind is InputKind.X else None
    return netlist.num_inputs if encoder is None else encoder.num_features * encoder.input_bits


class _Builder:
    """Places vectors in the order in which the netlist computes them."""

    def __init__(self, netlist: Netlist, module: str, kind: InputKind, pipeline: int) -> None:
        self.netlist, self.module, self.pipeline = netlist, module, pipeline
        self.encoder: Encoder | None = netlist.encoder if kind is InputKind.X else None
        self.schedule: Schedule = schedule(netlist, pipeline, encoder_inside=self.encoder is not None)
        self.wiring = Wiring(netlist.num_nets)
        self.modules: list[bytes] = []
        self.instances: list[Instance] = []
        self.registers: list[tuple[str, int, str]] = []
        self.counts: list[tuple[str, int]] = []
        self.sums: list[tuple[str, int, str]] = []

    def build(self) -> Top:
        netlist = self.netlist
        self._inputs()
        self._levels()
        self._head()
        encoder = self.encoder
        elsewhere = {"bits", *(name for name, _, _ in self.registers)}  # a port, and what is declared as reg
        return Top(
            module=self.module,
            input_name="bits" if encoder is None else "x",
            input_width=input_width(netlist, InputKind.BITS if encoder is None else InputKind.X),
            sums_width=netlist.head.num_classes * netlist.sum_width,
            scores_width=netlist.head.num_classes * netlist.score_width,
            class_width=netlist.class_width,
            latency_cycles=self.schedule.latency_cycles,
            modules=tuple(self.modules),
            wires=tuple(vector for vector in self.wiring.vectors if vector[0] not in elsewhere) + tuple(self.counts),
            instances=tuple(self.instances),
            registers=tuple(self.registers),
            sums=tuple(self.sums),
            has_product=netlist.head.weights is not None,
        )

    def _inputs(self) -> None:
        netlist = self.netlist
        inputs = np.arange(FIRST_INPUT, netlist.first_lut, dtype=np.int32)
        if self.encoder is None:
            self.wiring.place("bits", inputs)
            return
        read = np.intersect1d(inputs, np.concatenate([netlist.pins.ravel(), netlist.outputs]))
        if len(read):
            self._add(encoder_modules(self.encoder, self.module, read, "encoded"))
            self.wiring.place("encoded", read)
        if self.schedule.registers_inputs:
            self._register(0)

    def _levels(self) -> None:
        netlist = self.netlist
        for level, luts in enumerate(netlist.luts_by_level(), 1):
            self._add(level_modules(netlist, self.wiring, self.module, luts, f"level{level}"))
            self.wiring.place(f"level{level}", netlist.first_lut + luts)
            if self.pipeline and (level % self.pipeline == 0 or level == netlist.depth):
                self._register(-(-level // self.pipeline))

    def _register(self, stage: int) -> None:
        nets = self.schedule.boundaries[stage]
        if len(nets):
            self.registers.append((f"stage{stage}", len(nets), self.wiring.concat(nets)))
            self.wiring.place(f"stage{stage}", nets)

    def _head(self) -> None:
        netlist, width = self.netlist, self.netlist.sum_width
        sizes = class_sizes(netlist.group_size)
        self.modules += popcount_modules(self.module, set(sizes))
        starts = np.cumsum([0, *sizes[:-1]])
        for number, group in enumerate(netlist.outputs.reshape(netlist.head.num_classes, -1)):
            terms = []
            for piece, (start, size) in enumerate(zip(starts.tolist(), sizes, strict=True)):
                name = f"count{number}_{piece}"
                connection = self.wiring.concat(group[start : start + size])
                self.instances.append(popcount_instance(self.module, size, connection, name))
                terms.append((name, size.bit_length()))
            self.sums.append((f"sum{number}", width, " + ".join(padded(*term, width) for term in terms)))
            self.counts += terms
        self.modules += product_modules(self.module, netlist)
        self.modules += argmax_modules(self.module, netlist)

    def _add(self, made: tuple[list[bytes], list[Instance]]) -> None:
        self.modules += made[0]
        self.instances += made[1]
