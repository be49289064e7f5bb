"""The architecture options that every HDL target has, and the design that a netlist becomes with them."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.choices import chosen
from bitlogic.export.hardware.axi_lite import Identity
from bitlogic.export.hardware.axis import PAUSE, Frames, axis
from bitlogic.export.hardware.blocks import MAX_PORT_BITS
from bitlogic.export.hardware.clocking import pipeline_for
from bitlogic.export.hardware.core import COMBINATIONAL, Core, CorePlan, Pipeline, build_core, input_width
from bitlogic.export.hardware.devices import Device, find_device
from bitlogic.export.hardware.frames import Frame, input_frame, result_frame
from bitlogic.export.hardware.popcount import LEAF_SIZES
from bitlogic.export.hardware.register_map import MappedRegister, address_width, register_map
from bitlogic.export.hardware.rtl import Module
from bitlogic.export.hardware.streams import stream
from bitlogic.export.mapping import LutMapping
from bitlogic.export.names import check_module_name
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind

MAX_FOLD = 256
AXIS_BYTES = (1, 2, 4, 8, 16, 32, 64)
_DEFAULT_LUT_SIZE = 4
_CLOCKED_PIPELINE = 1  # where registers are needed and nothing says how many


class Interface(StrEnum):
    """How samples come in and results go out; ``design`` says which ports that are."""

    COMB = "comb"  # bare vectors, no clock
    VALID = "valid"  # a pipeline that never waits
    STREAM = "stream"  # ready and valid on both sides
    AXIS = "axis"  # AXI4-Stream, byte lanes


@dataclass(frozen=True)
class Architecture:
    """The options of every HDL target.

    ``pipeline`` is at most so many levels of logic between registers; 0 has no clock, or one level where the interface,
    ``fold`` or ``target_mhz`` need a clock. ``target_mhz`` chooses the registers from the delays of ``device`` instead.
    ``fold`` takes so many cycles for a sample: a part of the input and of the popcounts in each. ``axis_bytes`` is the
    width of both AXI4-Streams; ``axi_lite`` puts a register file beside them.
    """

    module_name: str = "bitlogic_net"
    input: InputKind = InputKind.X
    pipeline: int = 0
    interface: Interface | None = None  # None: comb, or valid where there is a clock
    fold: int = 1
    target_mhz: float | None = None
    device: str | None = None
    lut_size: int | None = None  # inputs of the device's LUTs, 4 or 6; None: the device's, or 4
    axis_bytes: int = 1
    axi_lite: bool = False
    map: LutMapping = LutMapping.NONE  # applied to the netlist before it is lowered

    def __post_init__(self) -> None:
        check_module_name(self.module_name)
        for option, kind in (("input", InputKind), ("interface", Interface), ("map", LutMapping)):
            given = getattr(self, option)
            if given is not None or option != "interface":
                object.__setattr__(self, option, chosen(option, given, kind))
        _check_count("pipeline", self.pipeline, 0, None, "a whole number of LUT levels a stage, 0 for no registers")
        _check_count("fold", self.fold, 1, MAX_FOLD, f"a whole number of cycles a sample, 1 to {MAX_FOLD}")
        if self.lut_size is not None and self.lut_size not in LEAF_SIZES:
            raise OptionError(f"--lut-size {self.lut_size!r}: one of {', '.join(map(str, LEAF_SIZES))}")
        if self.axis_bytes not in AXIS_BYTES:
            raise OptionError(f"--axis-bytes {self.axis_bytes!r}: one of {', '.join(map(str, AXIS_BYTES))}")
        if self.face is not Interface.AXIS and (self.axi_lite or self.axis_bytes != 1):
            option = "axi-lite" if self.axi_lite else "axis-bytes"
            raise OptionError(f"--{option} goes with --interface axis, not {self.face}")
        self._check_clock()

    def _check_clock(self) -> None:
        if self.device is not None:
            find_device(self.device)
        if self.face is Interface.COMB:
            for option, given in (
                ("pipeline", self.pipeline),
                ("fold", self.fold > 1),
                ("target-mhz", self.target_mhz),
            ):
                if given:
                    raise OptionError(
                        f"--interface comb has no clock: leave --{option} out, or choose another interface"
                    )
        if self.target_mhz is None:
            return
        if not isinstance(self.target_mhz, int | float) or not 0 < self.target_mhz < float("inf"):
            raise OptionError(f"--target-mhz {self.target_mhz!r}: a frequency above 0")
        if self.device is None:
            raise OptionError("--target-mhz needs the delays of a --device")
        if self.pipeline:
            raise OptionError("--target-mhz chooses the registers: leave --pipeline out")

    @property
    def face(self) -> Interface:
        """The interface, chosen or by default."""
        if self.interface is not None:
            return self.interface
        clocked = self.pipeline or self.fold > 1 or self.target_mhz is not None
        return Interface.VALID if clocked else Interface.COMB

    @property
    def chosen_device(self) -> Device | None:
        return None if self.device is None else find_device(self.device)

    @property
    def family(self) -> str | None:
        device = self.chosen_device
        return None if device is None else device.family

    @property
    def lut_inputs(self) -> int:
        """The inputs of the device's LUTs."""
        if self.lut_size is not None:
            return self.lut_size
        device = self.chosen_device
        return _DEFAULT_LUT_SIZE if device is None else device.lut_inputs

    @property
    def levels_per_stage(self) -> int:
        """At most so many levels of logic between registers, where ``target_mhz`` does not choose; 0: no clock."""
        if self.face is Interface.COMB:
            return 0
        return self.pipeline or _CLOCKED_PIPELINE


@dataclass(frozen=True)
class Design:
    """What an HDL target prints: the top module with all below it, when results come, and what its ports carry."""

    top: Module
    interface: Interface
    latency_cycles: int  # clock edges from an accepted sample (its last beat) to its result; 0: no clock
    interval_cycles: int  # clock edges between two samples at full speed; 0 without a clock
    num_beats: int = 1  # in which a sample comes in: --fold's parts, or the beats of its AXI4-Stream frame
    pipeline: Pipeline = COMBINATIONAL
    input_frame: Frame | None = None  # of the AXI4-Streams
    result_frame: Frame | None = None
    registers: tuple[MappedRegister, ...] = ()  # of the AXI4-Lite register file

    @property
    def note(self) -> str:
        """The interface and its timing, a line for the head of a printed file."""
        if not self.latency_cycles:
            return f"interface {self.interface}"
        timing = f"latency {self.latency_cycles} cycles, a sample every {self.interval_cycles}"
        return f"interface {self.interface}, {timing}"

    def described(self) -> dict[str, Any]:
        """For a manifest."""
        described: dict[str, Any] = {
            "interface": self.interface.value,
            "latency_cycles": self.latency_cycles,
            "interval_cycles": self.interval_cycles,
            "num_beats": self.num_beats,
            "pipeline": asdict(self.pipeline),
        }
        if self.input_frame is not None and self.result_frame is not None:
            described["input_frame"] = self.input_frame.described()
            described["result_frame"] = self.result_frame.described()
        if self.registers:
            described["axi_lite_registers"] = [register.described() for register in self.registers]
        return described


def design(netlist: Netlist, architecture: Architecture) -> Design:
    """The design of ``netlist``. Its top has, beside ``clk`` and ``rst`` where there are registers, these ports.

    - comb: ``x`` or ``bits`` in, ``scores`` and ``class_id`` out.
    - valid: the same with ``valid_in`` and ``valid_out``; a sample at every clock edge. With ``fold`` F the input has a
      F-th of the bits, rounded up, and a sample is F beats with ``valid_in``, the lowest bits first, the last filled up
      with bits that are not read; ``valid_out`` is 1 once a sample.
    - stream: the same with ``ready_in`` (out) and ``ready_out`` (in), as ``streams.stream`` says.
    - axis: two AXI4-Streams and ``frame_error``, as ``axis.axis`` says, and with ``axi_lite`` the ports ``s_axil_*`` of
      the register file that ``register_map`` describes. With ``fold`` only the inside changes.

    Raises:
        ExportError: The netlist has no integers for ``x``, or a port would be wider than 65,536 bits.
        OptionError: No pipeline meets ``target_mhz``.
    """
    _check(netlist, architecture)
    face, fold = architecture.face, architecture.fold
    plan = CorePlan(
        architecture.module_name if face in (Interface.COMB, Interface.VALID) else f"{architecture.module_name}_core",
        architecture.input,
        leaf_size=LEAF_SIZES[architecture.lut_inputs],
        family=architecture.family,
        has_enable=face in (Interface.STREAM, Interface.AXIS),
        has_clear=architecture.axi_lite,
        fold=fold,
        input_beats=1 if face is Interface.AXIS else fold,
    )
    pipeline = _pipeline(netlist, architecture, plan)
    core = build_core(netlist, replace(plan, pipeline=pipeline))
    if face is Interface.COMB:
        return Design(core.module, face, 0, 0)
    if face is Interface.VALID:
        return Design(core.module, face, core.latency_cycles, fold, fold, pipeline)
    if face is Interface.STREAM:
        streamed = stream(core, architecture.module_name)
        return Design(streamed.module, face, streamed.latency_cycles, fold, fold, pipeline)
    return _axis_design(netlist, architecture, core, pipeline)


def _axis_design(netlist: Netlist, architecture: Architecture, core: Core, pipeline: Pipeline) -> Design:
    name, fold = architecture.module_name, architecture.fold
    sample = input_frame(netlist, architecture.input, architecture.axis_bytes)
    result = result_frame(netlist, architecture.axis_bytes)
    registers = register_map(netlist, architecture.input) if architecture.axi_lite else ()
    made = axis(
        stream(core, f"{name}_stream"),
        Frames(sample, result, netlist.score_signed, fold),
        name,
        Identity(registers, address_width(netlist)) if registers else None,
    )
    interval = max(sample.num_beats + PAUSE, result.num_beats, fold)
    latency, beats = made.latency_cycles, sample.num_beats
    return Design(made.module, Interface.AXIS, latency, interval, beats, pipeline, sample, result, registers)


def _pipeline(netlist: Netlist, architecture: Architecture, plan: CorePlan) -> Pipeline:
    if architecture.face is Interface.COMB:
        return COMBINATIONAL
    device = architecture.chosen_device
    if architecture.target_mhz is None or device is None:
        return Pipeline.of(architecture.levels_per_stage)
    return pipeline_for(netlist, plan, device, architecture.target_mhz)


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


def _check_count(option: str, value: int, low: int, high: int | None, allowed: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        raise OptionError(f"--{option} {value!r}: {allowed}")
