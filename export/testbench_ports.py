"""The ports of a hardware target, and what the benches need to know of them: names, frames, fields, times.

A bench gives each sample as one word, the beats of its frame side by side, the first in the lowest bits, and reads a
result as such a word. ``packed_inputs`` and ``unpacked_results`` turn samples into words and words into results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import TargetError
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.samples import InputKind, Result, Samples

Array = npt.NDArray[Any]
# Verilator's compiler takes small sources faster as one file, without headers compiled before; large ones, cut into
# pieces, need less memory.
WHOLE_BYTES = 1_000_000
_BYTE = 8
_REGISTER_FILE = {"awvalid": 1, "wdata": 32, "wstrb": 4, "wvalid": 1, "bready": 1, "arvalid": 1, "rready": 1}


@dataclass(frozen=True)
class Ports:
    """What the ports of a top module carry, and when; ``latency_cycles`` 0 is a design without ``clk``."""

    input: InputKind
    num_elements: int  # features of x, or bits
    element_width: int
    num_classes: int
    score_width: int
    score_signed: bool
    latency_cycles: int
    interface: Interface | None = None  # None: comb, or valid where there is a latency
    interval_cycles: int = 1
    num_beats: int = 1
    input_frame: Mapping[str, Any] | None = None  # axis: as the manifest describes them
    result_frame: Mapping[str, Any] | None = None
    registers: Sequence[Mapping[str, Any]] = ()  # of the AXI4-Lite register file, likewise

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> "Ports":
        """The ports of a hardware target's artifacts."""
        kind = InputKind(manifest["input"]["kind"])
        encoder = manifest["input"].get("encoder", {})
        output = manifest["output"]
        return Ports(
            input=kind,
            num_elements=encoder["num_features"] if kind is InputKind.X else manifest["input"]["num_bits"],
            element_width=encoder["input_bits"] if kind is InputKind.X else 1,
            num_classes=output["num_classes"],
            score_width=output["score_width"],
            score_signed=output["score_signed"],
            latency_cycles=manifest["latency_cycles"],
            interface=Interface(manifest["interface"]) if "interface" in manifest else None,
            interval_cycles=manifest.get("interval_cycles", 1),
            num_beats=manifest.get("num_beats", 1),
            input_frame=manifest.get("input_frame"),
            result_frame=manifest.get("result_frame"),
            registers=manifest.get("axi_lite_registers", ()),
        )

    @property
    def face(self) -> Interface:
        """The interface, as told or by the latency."""
        if self.interface is not None:
            return self.interface
        return Interface.VALID if self.latency_cycles else Interface.COMB

    @property
    def beat_width(self) -> int:
        """Bits of the input port."""
        if self.input_frame is not None:
            return int(self.input_frame["beat_bytes"]) * _BYTE
        return -(-self.num_elements * self.element_width // self.num_beats)

    @property
    def class_width(self) -> int:
        return max(1, (self.num_classes - 1).bit_length())


def described(ports: Ports) -> dict[str, Any]:
    """What a bench reads in ``bench.json``.

    ``input`` and ``output`` name the ports of each side, null where there is none; ``fields`` are (name, lowest bit in
    the result's word, width, signed); ``unread`` is a mask of the word's bits that the design must not read; ``idle``
    are inputs (port, width) to be held at 0: of the AXI4-Lite register file, to which no bench speaks. Sources of up to
    ``whole_bytes`` are one file for Verilator's compiler.
    """
    axis, waits = ports.face is Interface.AXIS, ports.face in (Interface.STREAM, Interface.AXIS)
    clocked = ports.face is not Interface.COMB
    valid_in, valid_out = ("s_axis_tvalid", "m_axis_tvalid") if axis else ("valid_in", "valid_out")
    ready_in, ready_out = ("s_axis_tready", "m_axis_tready") if axis else ("ready_in", "ready_out")
    data = [["scores", ports.num_classes * ports.score_width], ["class_id", ports.class_width]]
    result = ports.result_frame
    return {
        "whole_bytes": WHOLE_BYTES,
        "interface": ports.face.value,
        "latency_cycles": ports.latency_cycles,
        "interval_cycles": ports.interval_cycles,
        "never_waits": not waits,
        "input": {
            "data": "s_axis_tdata" if axis else ports.input.value,
            "valid": valid_in if clocked else None,
            "ready": ready_in if waits else None,
            "last": "s_axis_tlast" if axis else None,
            "width": ports.beat_width,
            "beats": ports.num_beats,
            "unread": _unread(ports).tobytes()[::-1].hex() or "0",
        },
        "output": {
            "data": data if result is None else [["m_axis_tdata", result["beat_bytes"] * _BYTE]],
            "valid": valid_out if clocked else None,
            "ready": ready_out if waits else None,
            "last": "m_axis_tlast" if axis else None,
            "beats": 1 if result is None else result["num_beats"],
            "fields": [list(field) for field in _fields(ports)],
        },
        "error": "frame_error" if axis else None,
        "idle": _idle(ports),
    }


def packed_inputs(ports: Ports, samples: Samples) -> Array:
    """uint8 ``(n, bytes)``: each sample's word, lowest byte first; TargetError where the ports cannot carry it."""
    values = samples.values
    if samples.kind is not ports.input:
        raise TargetError(f"samples of kind {samples.kind} for a design that takes {ports.input}")
    if values.dtype.kind != "u":
        raise TargetError("hardware takes the encoder's integers q(x), not float32: quantize the samples first")
    if values.shape[1] != ports.num_elements:
        raise TargetError(f"samples of {values.shape[1]} values; the port {ports.input} carries {ports.num_elements}")
    if values.size and int(values.max()) >> ports.element_width:
        raise TargetError(f"an input of {values.max()}; the port {ports.input} has {ports.element_width} bits for it")
    shifts = np.arange(_lane_width(ports), dtype=np.uint16)
    bits = (values.astype(np.uint16)[:, :, None] >> shifts & 1).astype(np.uint8)
    return np.packbits(bits.reshape(len(values), ports.num_elements * len(shifts)), axis=1, bitorder="little")


def unpacked_results(ports: Ports, words: Sequence[int]) -> Result:
    """The scores and classes in the words that a bench read."""
    fields = _fields(ports)
    values = np.array([[_field(word, *field[1:]) for field in fields] for word in words], dtype=np.int64)
    by_name = {name: column for (name, *_), column in zip(fields, values.reshape(-1, len(fields)).T, strict=True)}
    scores = np.stack([by_name[f"scores[{number}]"] for number in range(ports.num_classes)], axis=1)
    return Result(scores, by_name["class_id"])


def packed_results(ports: Ports, result: Result) -> list[int]:
    """The words that a design gives where it is right."""
    columns = {f"scores[{number}]": scores for number, scores in enumerate(result.scores.T)}
    columns["class_id"] = result.class_ids
    words = [0] * len(result.class_ids)
    for name, low, width, _ in _fields(ports):
        for sample, value in enumerate(columns[name].tolist()):
            words[sample] |= (value & (1 << width) - 1) << low
    return words


def hex_lines(words: Array) -> bytes:
    """A line in hex for each row of bytes, lowest byte first, as ``packed_inputs`` gives them."""
    return b"".join(row.tobytes()[::-1].hex().encode() + b"\n" for row in words)


def _fields(ports: Ports) -> list[tuple[str, int, int, bool]]:
    """(name, lowest bit in a result's word, width, signed) of each score and of the class."""
    if ports.result_frame is None:
        width = ports.score_width
        scores = [(f"scores[{n}]", n * width, width, ports.score_signed) for n in range(ports.num_classes)]
        return [*scores, ("class_id", ports.num_classes * width, ports.class_width, False)]
    fields = []
    for field in ports.result_frame["fields"]:
        low, width = field["offset_bytes"] * _BYTE, field["bytes"] * _BYTE
        for number in range(field["count"]):
            name = field["name"] if field["name"] == "class_id" else f"{field['name']}[{number}]"
            fields.append((name, low + number * width, width, field["signed"]))
    return fields


def _field(word: int, low: int, width: int, signed: bool) -> int:
    value = word >> low & (1 << width) - 1
    return value - (value >> width - 1 << width if signed else 0)


def _idle(ports: Ports) -> list[list[Any]]:
    """The inputs of the register file by name and width."""
    if not ports.registers:
        return []
    last = max(register["address"] + 4 * register["count"] - 1 for register in ports.registers)
    widths = {**_REGISTER_FILE, "awaddr": last.bit_length(), "araddr": last.bit_length()}
    return [[f"s_axil_{name}", width] for name, width in widths.items()]


def _lane_width(ports: Ports) -> int:
    """The bits that a number takes in a word: on an AXI4-Stream a feature has whole bytes, bits lie side by side."""
    if ports.input_frame is None or ports.input is InputKind.BITS:
        return ports.element_width
    return -(-ports.element_width // _BYTE) * _BYTE


def _unread(ports: Ports) -> Array:
    """uint8 ``(bytes,)``: ones where a word holds nothing, between the numbers and above the last."""
    lane = _lane_width(ports)
    mask = np.ones(ports.beat_width * ports.num_beats, dtype=np.uint8)
    mask[(np.arange(ports.num_elements)[:, None] * lane + np.arange(ports.element_width)).ravel()] = 0
    return np.packbits(mask, bitorder="little")
