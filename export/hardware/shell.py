"""The byte-wide shell of a core, for devices with fewer pins than a network has bits.

Ports: ``byte_in`` (8), ``byte_valid`` and ``byte_ready`` (an output); ``byte_out`` (8), ``out_valid`` (both outputs)
and ``out_ready``; beside them ``clk`` and ``rst``. A byte passes at a clock edge where valid and ready are 1; the shell
waits as long as its neighbours do, and loses nothing.

A sample is ``frame_bytes`` bytes: the encoder's integers in feature order, one byte each, two with the low one first
where they have more than 8 bits; or without an encoder the input bits, eight a byte, the lowest first. A result is
``result_bytes`` bytes: the class first, then the scores from class 0 up, each in as many whole bytes as it needs, the
low one first, sign-extended where scores are signed. The next sample may come in while the result of the last is
computed and goes out; only its last byte waits for that.

On demand there is an input ``restart``: 1 at an edge that takes no byte makes the next byte the first of a sample. The
result of a sample that is complete still goes out.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import ExportError
from bitlogic.export.hardware.arrival import Arrival, arrival_module, byte_lanes
from bitlogic.export.hardware.core import Core, CorePlan, Pipeline, build_core
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Instance,
    Module,
    Port,
    Register,
    Slice,
    Wire,
    both,
    either,
    invert,
    join,
    mux,
    whole,
)
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind

Array = npt.NDArray[Any]
_TO_TAKEN = 3  # edges from a result at the core's ports to its first byte taken: held, in the lanes, out
_CYCLES_A_BYTE = 2  # a byte that is taken, and the next one moving up


@dataclass(frozen=True)
class ShellPlan:
    """What a shell is built from, beside the netlist."""

    name: str
    pipeline: Pipeline
    leaf_size: int = 3  # as in ``CorePlan``
    fold: int = 1  # cycles that a sample takes in the popcounts
    lut_memory_bits: int = 0  # a memory of the encoder of up to so many bits is made of LUTs
    family: str | None = None  # of the device, where it is known
    has_restart: bool = False  # a port that makes the next byte the first of a sample


@dataclass(frozen=True)
class Shell:
    """The top module, its two parts, and when results come."""

    module: Module
    core: Module
    stored: Netlist  # what the core computes: its inputs are the bits that are kept, as they stand in ``bits``
    arrival: Module  # takes the bytes, encodes them and keeps the bits that are read
    frame_bytes: int
    result_bytes: int
    core_latency_cycles: int
    latency_cycles: int  # clock edges from the last byte of a sample to the first of its result, nobody waiting
    interval_cycles: int  # clock edges between two samples at full speed


def build_shell(netlist: Netlist, plan: ShellPlan) -> Shell:
    """The shell with its core, which reads only the input bits that some LUT or output of the netlist reads.

    Raises:
        ExportError: The encoder has no integer grid, so nothing can encode bytes.
    """
    if netlist.encoder is not None and netlist.encoder.integer_thresholds is None:
        raise ExportError(
            "the encoder has no integer grid (input_bits=0) and the shell takes integers: fit it with input_bits=8"
        )
    arrival = byte_lanes(netlist)
    stored = _restricted(netlist, arrival)
    core = build_core(
        stored,
        CorePlan(f"{plan.name}_core", InputKind.BITS, plan.pipeline, plan.leaf_size, plan.family, fold=plan.fold),
    )
    receiver = arrival_module(arrival, f"{plan.name}_encoder", plan.lut_memory_bits, has_restart=plan.has_restart)
    result = _result_bytes(netlist)
    top = _top(netlist, plan.name, core, receiver.module, result)
    latency = receiver.latency_cycles + core.latency_cycles + _TO_TAKEN
    return Shell(
        module=top,
        core=core.module,
        stored=stored,
        arrival=receiver.module,
        frame_bytes=arrival.frame_bytes,
        result_bytes=len(result),
        core_latency_cycles=core.latency_cycles,
        latency_cycles=latency,
        interval_cycles=max(arrival.frame_bytes, latency + _CYCLES_A_BYTE * len(result)),
    )


def _restricted(netlist: Netlist, arrival: Arrival) -> Netlist:
    """The netlist with the stored bits as its inputs, in the order in which they are stored."""
    stored = arrival.positions
    num_inputs = max(1, arrival.num_stored)
    rename = np.zeros(netlist.num_nets, dtype=np.int32)
    rename[1] = 1
    rename[FIRST_INPUT : netlist.first_lut] = np.where(stored < 0, 0, stored + FIRST_INPUT)
    rename[netlist.first_lut :] = np.arange(netlist.num_luts) + FIRST_INPUT + num_inputs
    return replace(
        netlist,
        num_inputs=num_inputs,
        pins=rename[netlist.pins],
        outputs=rename[netlist.outputs],
        encoder=None,
    )


def _top(netlist: Netlist, name: str, core: Core, receiver: Module, result: list[list[Expression]]) -> Module:
    result_bytes, num_bits = len(result), receiver.output_ports[0].width
    wires = [
        Wire("ready", 1, either(invert(_bit("last")), _bit("room"))),
        Wire("accept", 1, both(_bit("byte_valid"), _bit("ready"))),
        Wire("last", 1),
        Wire("complete", 1),
        Wire("bits", num_bits),
        Wire("scores", netlist.head.num_classes * netlist.score_width),
        Wire("class_id", netlist.class_width),
        Wire("there", 1, both(Slice("pending", 0, 1, result_bytes), invert(_bit("move")))),
        Wire("taken", 1, both(_bit("there"), _bit("out_ready"))),
    ]
    core_inputs: list[tuple[str, Expression]] = [("bits", whole("bits", num_bits))]
    core_outputs = [("scores", "scores"), ("class_id", "class_id")]
    if core.latency_cycles:
        core_inputs.insert(0, ("valid_in", _bit("complete")))
        core_outputs.append(("valid_out", "computed"))
        wires.append(Wire("computed", 1))
    computed = _bit("computed" if core.latency_cycles else "complete")
    begun = both(_bit("accept"), _bit("last"))
    done = both(_bit("taken"), invert(Slice("pending", 1, 1, result_bytes)))  # a class and a score: two bytes or more
    registers = (
        Register("busy", 1, either(begun, both(_bit("busy"), invert(done))), reset=0),
        # An edge later than busy ends, so that what takes a byte does not wait for a wire from the result's end.
        Register("room", 1, invert(either(_bit("busy"), begun)), reset=1),
        Register("load", 1, computed, reset=0),
        Register("move", 1, either(computed, _bit("taken")), reset=0),
        Register("class_held", netlist.class_width, whole("class_id", netlist.class_width)),
        Register("scores_held", wires[5].width, whole("scores", wires[5].width)),
        Register(
            "pending",
            result_bytes,
            either(
                join([_bit("load")] * result_bytes),
                join([Slice("pending", 1, result_bytes - 1, result_bytes), Constant(0, 1)]),
            ),
            _bit("move"),
            reset=0,
        ),
        *_lanes(result),
    )
    restarts = [port for port in receiver.ports if port.name == "restart"]
    restart = tuple((port.name, _bit(port.name)) for port in restarts)
    instances = (
        Instance(
            "u_encoder",
            receiver,
            (
                ("byte_in", whole("byte_in", 8)),
                ("byte_valid", _bit("byte_valid")),
                ("byte_ready", _bit("ready")),
                *restart,
            ),
            (("bits", "bits"), ("complete", "complete"), ("last", "last")),
        ),
        Instance("u_core", core.module, tuple(core_inputs), tuple(core_outputs)),
    )
    ports = (
        Port("byte_in", 8, True, "a byte of a sample"),
        Port("byte_valid", 1, True, "byte_in is there"),
        Port("byte_ready", 1, False, "byte_in is taken at the next edge if it is there"),
        *restarts,
        Port("byte_out", 8, False, "a byte of a result: the class, then the scores"),
        Port("out_valid", 1, False, "byte_out is there"),
        Port("out_ready", 1, True, "byte_out is taken at the next edge if it is there"),
    )
    outputs: tuple[tuple[str, Expression], ...] = (
        ("byte_ready", _bit("ready")),
        ("byte_out", join([_lane_bit(result, bit) for bit in range(8)])),
        ("out_valid", _bit("there")),
    )
    comment = f"Bytes in, {result_bytes} bytes out: the class, then {netlist.head.num_classes} scores."
    return Module(name, comment, ports, tuple(wires), registers, instances, outputs)


def _result_bytes(netlist: Netlist) -> list[list[Expression]]:
    """The bytes of a result, the first one first, each as its bits, the lowest first; zeros above are left out."""
    num_classes, width = netlist.head.num_classes, netlist.score_width
    parts = _bytes(whole("class_held", netlist.class_width), signed=False)
    for number in range(num_classes):
        score = Slice("scores_held", number * width, width, num_classes * width)
        parts += _bytes(score, signed=netlist.score_signed)
    return parts


def _bytes(value: Slice, *, signed: bool) -> list[list[Expression]]:
    bits: list[Expression] = [Slice(value.name, value.low + bit, 1, value.of) for bit in range(value.width)]
    if signed:
        bits += bits[-1:] * (-len(bits) % 8)
    return [bits[low : low + 8] for low in range(0, len(bits), 8)]


def _lanes(result: list[list[Expression]]) -> list[Register]:
    """A shift register for each bit of a byte: loaded with that bit of all bytes, the first one lowest.

    A move brings the lowest bit to the top: whatever stands above the bytes still to come is never seen. A constant
    there would cost a reset, and a bit that stays an enable of its own.
    """
    registers = []
    for bit in range(max(map(len, result))):
        loaded = join([part[bit] if bit < len(part) else Constant(0, 1) for part in result])
        top = Slice(f"out{bit}", 0, 1, len(result))
        moved = join([Slice(f"out{bit}", 1, len(result) - 1, len(result)), top])
        registers.append(Register(f"out{bit}", len(result), mux(_bit("load"), loaded, moved), _bit("move")))
    return registers


def _lane_bit(result: list[list[Expression]], bit: int) -> Expression:
    return Slice(f"out{bit}", 0, 1, len(result)) if bit < max(map(len, result)) else Constant(0, 1)


def _bit(name: str) -> Slice:
    return Slice(name, 0, 1, 1)
