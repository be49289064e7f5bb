"""A folder of ``bitlogic synth`` held against its netlist: the synthesised cells run on samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import FormatError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.formal.circuit import Circuit, circuits
from bitlogic.export.formal.yosys import read_design
from bitlogic.export.hardware.frames import result_frame
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.synthesis import FLOWS, PARTS
from bitlogic.export.synthesis.cell_simulation import CellSimulation
from bitlogic.export.synthesis.lanes import Side, Way, send
from bitlogic.export.synthesis.simulation import frames_of, result_bytes, results_of

Array = npt.NDArray[Any]
TARGET = "synthesis"  # in the manifest
SAMPLES_A_LANE = 2  # so that each follows another somewhere
_READING_SECONDS = 1800.0
_BYTE_WAY = Way(Side(("byte_in",), "byte_valid", "byte_ready"), Side(("byte_out",), "out_valid", "out_ready"))
_RESULT = ("class_id", "scores")


def run_synthesised(artifacts: Artifacts, netlist: Netlist, samples: Samples, *, seed: int = 1) -> Result:
    """The scores and classes that the synthesised netlist of a folder gives, both read from its ports.

    The netlist is the JSON that was placed and routed; its cells are what Yosys' models of the family say. Several
    samples follow each other in every lane, and both sides wait at random (``seed``).

    Raises:
        MissingToolError: pyosys, which brings the models, is not installed.
        TargetError: The netlist cannot be run, or gives another number of results than samples.
        ToolError: Yosys does not end within 30 minutes.
    """
    top = str(artifacts.manifest["options"]["module_name"])
    name = f"{top}.json"
    if name not in artifacts.files:
        raise FormatError(f"the folder holds no {name}: it is not one of bitlogic synth")
    read = read_design({name: artifacts.files[name]}, top, _READING_SECONDS, family_of(artifacts))
    circuit = circuits(read)[top]
    return run_circuit(circuit, netlist, samples, seed=seed)


def family_of(artifacts: Artifacts) -> str:
    """The family whose cells the folder's netlist is made of."""
    return FLOWS[PARTS[str(artifacts.manifest["options"]["device"])].flow].family


def run_circuit(circuit: Circuit, netlist: Netlist, samples: Samples, *, seed: int = 1) -> Result:
    """The same of a circuit without instances, whose ports say which interface it has."""
    face = _face(circuit, netlist, samples)
    if isinstance(face, str):
        lanes = CellSimulation(circuit, len(samples), seed)
        found = lanes.outputs({face: _bits(netlist, samples).T})
        return _of_ports(netlist, found["class_id"].T, found["scores"].T)
    num_lanes = -(-len(samples) // SAMPLES_A_LANE)
    each = min(SAMPLES_A_LANE, len(samples))
    rows = np.arange(num_lanes * each) % len(samples)  # the last lane is filled up with the first samples
    beats = face.beats[rows].reshape(num_lanes, each * face.beats.shape[1], -1)
    got = send(CellSimulation(circuit, num_lanes, seed), face.way, beats, each * face.result_beats, seed)
    words = got.reshape(num_lanes * each, face.result_beats, -1)[: len(samples)]
    if face.way.outward.data == _RESULT:
        return _of_ports(netlist, words[:, 0, : netlist.class_width], words[:, 0, netlist.class_width :])
    received = np.packbits(words.reshape(len(words), -1), axis=1, bitorder="little")
    if face.way is _BYTE_WAY:
        return results_of(netlist, received)
    return _of_frame(netlist, received)


@dataclass(frozen=True)
class _Face:
    way: Way
    beats: Array  # uint8 (n, beats, width)
    result_beats: int


def _face(circuit: Circuit, netlist: Netlist, samples: Samples) -> _Face | str:
    """How samples come in; the name of the port where they stand there bare."""
    port = "x" if samples.kind is InputKind.X else "bits"
    inputs = circuit.inputs
    if "byte_in" in inputs:
        frames = frames_of(netlist, samples)
        return _Face(_BYTE_WAY, _octets(frames, 1), result_bytes(netlist))
    if "rx" in inputs:
        raise OptionError("a board's serial line, on which a sample takes very many edges, is not run here")
    if "s_axil_awaddr" in inputs:
        raise OptionError("an AXI4-Lite register file is not run here; its export has benches that do")
    if "s_axis_tdata" in inputs:
        num_bytes = len(inputs["s_axis_tdata"]) // 8
        beats = _octets(frames_of(netlist, samples), num_bytes)
        inward = Side(("s_axis_tdata",), "s_axis_tvalid", "s_axis_tready", "s_axis_tlast")
        outward = Side(("m_axis_tdata",), "m_axis_tvalid", "m_axis_tready")
        return _Face(Way(inward, outward, beats.shape[1]), beats, result_frame(netlist, num_bytes).num_beats)
    if port not in inputs:
        raise TargetError(f"{circuit.name} has no port that is known to take {port}")
    if "valid_in" not in inputs:
        return port
    bits, width = _bits(netlist, samples), len(inputs[port])
    num_beats = -(-bits.shape[1] // width)
    padded = np.pad(bits, ((0, 0), (0, num_beats * width - bits.shape[1])))
    ready = ("ready_in", "ready_out") if "ready_in" in circuit.outputs else ("", "")
    way = Way(Side((port,), "valid_in", ready[0]), Side(_RESULT, "valid_out", ready[1]))
    return _Face(way, padded.reshape(len(bits), num_beats, width), 1)


def _bits(netlist: Netlist, samples: Samples) -> Array:
    """uint8 ``(n, width)``: a sample as the port ``x`` or ``bits`` takes it."""
    if samples.kind is InputKind.BITS or netlist.encoder is None:
        return samples.values
    each = np.arange(netlist.encoder.input_bits)
    values = samples.values.astype(np.int64)[:, :, None] >> each & 1
    return values.reshape(len(values), -1).astype(np.uint8)


def _octets(frames: Array, num_bytes: int) -> Array:
    """uint8 ``(n, bytes)`` as the bits of beats of ``num_bytes`` bytes."""
    num_beats = -(-frames.shape[1] // num_bytes)
    padded = np.pad(frames, ((0, 0), (0, num_beats * num_bytes - frames.shape[1])))
    return np.unpackbits(padded, axis=1, bitorder="little").reshape(len(frames), num_beats, 8 * num_bytes)


def _of_ports(netlist: Netlist, classes: Array, scores: Array) -> Result:
    words = scores.reshape(len(scores), netlist.head.num_classes, netlist.score_width)
    return Result(_numbers(words, signed=netlist.score_signed), _numbers(classes, signed=False))


def _of_frame(netlist: Netlist, received: Array) -> Result:
    """The fields of a result frame of an AXI4-Stream."""
    class_field, score_field = result_frame(netlist, 1).fields
    bits = np.unpackbits(received, axis=1, bitorder="little")
    scores = bits[:, class_field.bits : class_field.bits + score_field.count * score_field.bits]
    words = scores.reshape(len(bits), score_field.count, score_field.bits)
    return Result(_numbers(words, signed=score_field.signed), _numbers(bits[:, : class_field.bits], signed=False))


def _numbers(bits: Array, *, signed: bool) -> Array:
    """int64: the numbers along the last axis, the lowest bit first."""
    weights = np.left_shift(1, np.arange(bits.shape[-1], dtype=np.int64))
    if signed:
        weights[-1] = -weights[-1]
    numbers: Array = bits.astype(np.int64) @ weights
    return numbers
