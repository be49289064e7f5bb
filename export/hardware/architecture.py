"""The architecture options that every HDL target has, and the design that a netlist becomes with them."""

from dataclasses import dataclass
from enum import StrEnum

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.hardware.blocks import MAX_PORT_BITS
from bitlogic.export.hardware.core import CorePlan, Pipeline, build_core, input_width
from bitlogic.export.hardware.popcount import LEAF_SIZES
from bitlogic.export.hardware.rtl import Module
from bitlogic.export.names import check_module_name
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind


class Interface(StrEnum):
    """How samples come in and results go out; ``design`` says which ports that are."""

    COMB = "comb"  # bare vectors, no clock
    VALID = "valid"  # a pipeline that never waits
    STREAM = "stream"  # ready and valid on both sides
    AXIS = "axis"  # AXI4-Stream, byte lanes


@dataclass(frozen=True)
class Architecture:
    """The options of every HDL target."""

    module_name: str = "bitlogic_net"
    input: InputKind = InputKind.X
    pipeline: int = 0  # at most so many levels of logic between registers; 0: no clock
    interface: Interface | None = None  # None: comb, or valid where there are registers
    lut_size: int = 4  # inputs of the device's LUTs: 4 or 6

    def __post_init__(self) -> None:
        check_module_name(self.module_name)
        if not isinstance(self.pipeline, int) or isinstance(self.pipeline, bool) or self.pipeline < 0:
            raise OptionError(f"--pipeline {self.pipeline!r}: a whole number of LUT levels a stage, 0 for no registers")
        if self.lut_size not in LEAF_SIZES:
            raise OptionError(f"--lut-size {self.lut_size!r}: one of {', '.join(map(str, LEAF_SIZES))}")

    @property
    def face(self) -> Interface:
        """The interface, chosen or by default."""
        if self.interface is not None:
            return self.interface
        return Interface.VALID if self.pipeline else Interface.COMB


@dataclass(frozen=True)
class Design:
    """What an HDL target prints: the top module with all below it, and when results come."""

    top: Module
    interface: Interface
    latency_cycles: (
        int  # clock edges from an accepted sample (of several beats: the last one) to its result; 0: no clock
    )
    interval_cycles: int  # clock edges between two samples at full speed; 0 without a clock


def design(netlist: Netlist, architecture: Architecture) -> Design:
    """The design of ``netlist``.

    comb: ``x`` or ``bits`` in, ``scores`` and ``class_id`` out. valid: with ``valid_in`` and ``valid_out``, a sample at
    every clock edge.

    Raises:
        ExportError: The netlist has no integers for ``x``, or a port would be wider than 65,536 bits.
    """
    _check(netlist, architecture)
    if architecture.face is Interface.COMB and architecture.pipeline:
        raise OptionError("--interface comb has no clock: leave --pipeline out, or choose another interface")
    plan = CorePlan(
        architecture.module_name,
        architecture.input,
        Pipeline.of(architecture.pipeline) if architecture.pipeline else Pipeline(),
        LEAF_SIZES[architecture.lut_size],
    )
    core = build_core(netlist, plan)
    return Design(core.module, architecture.face, core.latency_cycles, int(core.latency_cycles > 0))


def _check(netlist: Netlist, architecture: Architecture) -> None:
    if architecture.input is InputKind.X:
        if netlist.encoder is None:
            raise ExportError("the netlist has no encoder, so there is no x to take: export it with --input bits")
        if netlist.encoder.input_bits == 0:
            raise ExportError(
                "the encoder has no integer grid (input_bits=0) and hardware takes integers: "
                "fit it with input_bits=8, or export with --input bits"
            )
    widths = {
        f"port {architecture.input}": input_width(netlist, architecture.input),
        "scores and class_id": netlist.head.num_classes * netlist.score_width + netlist.class_width,  # argmax has both
    }
    if netlist.head.weights is not None:
        widths["sums and scores"] = netlist.head.num_classes * (netlist.sum_width + netlist.score_width)
    for name, width in widths.items():
        if width > MAX_PORT_BITS:
            raise ExportError(f"{name} of the top module would be {width} bits wide; at most {MAX_PORT_BITS}")
