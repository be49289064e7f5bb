"""AXI4-Streams around the core, byte by byte, with frames that end where they should not, and the register file."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.architecture import Architecture, Design, Interface, design
from bitlogic.export.hardware.frames import result_frame
from bitlogic.export.hardware.rtl import Constant, Module
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from tests.hardware_drivers import Names, Pace, numbers, run_handshakes
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

Array = npt.NDArray[Any]
LANES = 24


def frames_of(netlist: Netlist, samples: Samples, beat_bytes: int, noise: int) -> list[list[bytes]]:
    """The beats of every sample; bits that are not read are ones where ``noise`` is."""
    frames = []
    for row in samples.values.tolist():
        if samples.kind is InputKind.BITS:
            padded = row + [noise] * (-len(row) % 8)
            data = bytes(sum(bit << k for k, bit in enumerate(padded[i : i + 8])) for i in range(0, len(padded), 8))
        else:
            assert netlist.encoder is not None
            bits = netlist.encoder.input_bits
            size = 1 if bits <= 8 else 2
            above = ((1 << 8 * size) - (1 << bits)) * noise
            data = b"".join((value | above).to_bytes(size, "little") for value in row)
        data += bytes([255 * noise]) * (-len(data) % beat_bytes)
        frames.append([data[i : i + beat_bytes] for i in range(0, len(data), beat_bytes)])
    return frames


def answers_of(netlist: Netlist, samples: Samples, beat_bytes: int) -> list[bytes]:
    expected = evaluate(netlist, samples)
    class_field, score_field = result_frame(netlist, beat_bytes).fields
    answers = []
    for class_id, scores in zip(expected.class_ids.tolist(), expected.scores.tolist(), strict=True):
        data = class_id.to_bytes(class_field.num_bytes, "little")
        data += b"".join(score.to_bytes(score_field.num_bytes, "little", signed=True) for score in scores)
        answers.append(data + bytes(-len(data) % beat_bytes))
    return answers


@dataclass
class Line:
    """The beats of a lane, and what they amount to."""

    beats: list[bytes]
    lasts: list[int]
    good: list[tuple[int, int]]  # (sample, beats up to its end)
    wrong: list[int]  # beats up to the end of a frame that is dropped


def line(frames: list[list[bytes]], rng: np.random.Generator, length: int, errors: bool) -> Line:
    made = Line([], [], [], [])
    while len(made.beats) < length:
        number = int(rng.integers(len(frames)))
        beats = list(frames[number])
        kind = int(rng.integers(6)) if errors else 5
        if kind == 0 and len(beats) > 1:
            beats = beats[: int(rng.integers(1, len(beats)))]
        elif kind == 1:
            beats = beats + frames[0][: int(rng.integers(1, 1 + len(beats)))] * int(rng.integers(1, 3))
        made.beats += beats
        made.lasts += [0] * (len(beats) - 1) + [1]
        if len(beats) == len(frames[number]):
            made.good.append((number, len(made.beats)))
        else:
            made.wrong.append(len(made.beats))
    return made


def check(
    netlist: Netlist, made: Design, samples: Samples, seed: int, *, errors: bool, top: Module | None = None
) -> None:
    assert made.input_frame is not None and made.result_frame is not None
    beat_bytes = made.input_frame.beat_bytes
    rng = np.random.default_rng(seed)
    cycles = 60 + 4 * made.interval_cycles + 2 * made.latency_cycles
    frames = frames_of(netlist, samples, beat_bytes, noise=1)
    assert {len(frame) for frame in frames} == {made.num_beats}
    lines = [line(frames, rng, cycles, errors) for _ in range(LANES)]
    data = np.array([[list(beat) for beat in each.beats[:cycles]] for each in lines], dtype=np.uint8)
    bits = np.unpackbits(data, axis=2, bitorder="little")  # (lanes, beats, bits)
    lasts = np.array([each.lasts[:cycles] for each in lines], dtype=np.uint8)
    lane = np.arange(LANES)

    def items(position: Array) -> dict[str, Array]:
        at = np.minimum(position, cycles - 1)
        return {"s_axis_tdata": bits[lane, at].T, "s_axis_tlast": lasts[lane, at][None]}

    def read(outputs: dict[str, Array]) -> Array:
        values = [numbers(outputs["m_axis_tdata"][8 * k : 8 * k + 8]) for k in range(beat_bytes)]
        return np.stack([*values, outputs["m_axis_tlast"][0].astype(np.int64)], axis=1)

    payload = ("m_axis_tdata", "m_axis_tlast")
    names = Names("s_axis_tvalid", "s_axis_tready", "m_axis_tvalid", "m_axis_tready", payload, read)
    drain = (made.latency_cycles + 3) * made.interval_cycles  # the pipeline full of samples
    traffic = run_handshakes(top or made.top, items, names, Pace(LANES, cycles, drain, seed))
    answers = answers_of(netlist, samples, beat_bytes)
    for each, sent, received in zip(lines, traffic.sent, traffic.received, strict=True):
        expected = b"".join(answers[number] for number, end in each.good if end <= len(sent))
        assert b"".join(bytes(row[:-1].tolist()) for row in received) == expected
        lasts_seen = [int(row[-1]) for row in received]
        one = [0] * (made.result_frame.num_beats - 1) + [1]
        assert lasts_seen == one * (len(lasts_seen) // len(one))
    if made.interval_cycles == made.num_beats + 2 and not errors:  # nothing but the pause between frames
        frames_sent, rest = divmod(cycles, made.interval_cycles)
        assert len(traffic.sent[0]) == frames_sent * made.num_beats + min(rest, made.num_beats)


@pytest.mark.parametrize(
    ("input_bits", "axis_bytes", "fold"),
    [(1, 1, 1), (1, 4, 3), (5, 2, 1), (5, 1, 3), (8, 1, 1), (8, 4, 3), (8, 2, 1), (12, 1, 1), (12, 2, 3), (12, 4, 1)],
)
def test_frames_of_integers_give_frames_of_results(input_bits: int, axis_bytes: int, fold: int) -> None:
    netlist = random_netlist(1, widths=(12, 12), input_bits=input_bits, bits_per_feature=2 if input_bits == 1 else 3)
    made = design(netlist, Architecture(interface=Interface.AXIS, axis_bytes=axis_bytes, fold=fold))
    check(netlist, made, samples_for(netlist, InputKind.X, num=20), seed=input_bits, errors=axis_bytes < 4)


@pytest.mark.parametrize("name", DEGENERATE)
def test_frames_of_bits_give_frames_of_results(name: str) -> None:
    netlist = DEGENERATE[name]
    axis_bytes = 1 + list(DEGENERATE).index(name) % 2
    made = design(netlist, Architecture(input=InputKind.BITS, interface=Interface.AXIS, axis_bytes=axis_bytes))
    check(netlist, made, samples_for(netlist, InputKind.BITS), seed=3, errors=True)


@pytest.mark.parametrize("kind", [InputKind.X, InputKind.BITS], ids=str)
def test_signed_scores_cross_the_stream(kind: InputKind) -> None:
    netlist = with_weights(random_netlist(3, widths=(12, 12)), seed=1)
    made = design(netlist, Architecture(input=kind, interface=Interface.AXIS, axis_bytes=2, axi_lite=True))
    assert made.result_frame is not None and made.result_frame.fields[1].num_bytes == 2
    check(netlist, made, samples_for(netlist, kind, num=20), seed=3, errors=True)


def test_a_wide_beat_holds_a_whole_frame() -> None:
    netlist = random_netlist(3, widths=(12, 12))
    made = design(netlist, Architecture(interface=Interface.AXIS, axis_bytes=32))
    assert (made.num_beats, made.interval_cycles) == (1, 3)
    check(netlist, made, samples_for(netlist, InputKind.X, num=20), seed=3, errors=True)


def test_the_latency_of_a_frame_is_from_last_beat_to_first_beat() -> None:
    netlist = random_netlist(3, widths=(12, 12))
    for fold in (1, 2):
        made = design(netlist, Architecture(interface=Interface.AXIS, axis_bytes=2, fold=fold))
        simulation = Simulation(made.top, 1)
        one = np.ones((1, 1), np.uint8)
        idle = {
            "s_axis_tdata": np.zeros((16, 1), np.uint8),
            "s_axis_tvalid": 0 * one,
            "s_axis_tlast": one,
            "m_axis_tready": one,
        }
        simulation.edge(idle, reset=True)
        for beat in range(made.num_beats):
            last = one * (beat == made.num_beats - 1)
            simulation.edge({**idle, "s_axis_tvalid": one, "s_axis_tlast": last})
        for _ in range(made.latency_cycles - 1):
            assert not simulation.outputs(idle)["m_axis_tvalid"].any()
            simulation.edge(idle)
        assert simulation.outputs(idle)["m_axis_tvalid"].all()


@pytest.mark.parametrize("broken", ["tready", "tlast ignored", "result taken early"])
def test_a_broken_handshake_of_a_frame_is_seen(broken: str) -> None:
    netlist = random_netlist(3, widths=(12, 12))
    made = design(netlist, Architecture(interface=Interface.AXIS))
    one, top = Constant(1, 1), made.top
    collector, streamed, sender = top.instances
    if broken == "tready":
        outputs = tuple((name, one if name == "s_axis_tready" else value) for name, value in top.outputs)
        top = replace(top, outputs=outputs)
    elif broken == "tlast ignored":
        registers = [replace(r, next=Constant(0, 1)) if r.name == "skips" else r for r in collector.module.registers]
        deaf = replace(collector, module=replace(collector.module, registers=tuple(registers)))
        top = replace(top, instances=(deaf, streamed, sender))
    else:
        inputs = tuple((name, one if name == "ready_out" else value) for name, value in streamed.inputs)
        top = replace(top, instances=(collector, replace(streamed, inputs=inputs), sender))
    with pytest.raises(AssertionError):
        check(netlist, made, samples_for(netlist, InputKind.X, num=20), seed=2, errors=True, top=top)
