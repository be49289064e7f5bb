"""An AXI4-Stream frame from a result."""

from dataclasses import replace

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.frames import BYTE_BITS, Frame
from bitlogic.export.hardware.queue import queue_module
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Module,
    Port,
    Slice,
    both,
    either,
    equal,
    extend,
    invert,
    join,
    mux,
    whole,
)


def sender_module(frame: Frame, scores: Port, class_id: Port, name: str, *, signed: bool, has_clear: bool) -> Module:
    """The module that takes a result with ``valid`` and ``ready`` and sends its frame on ``m_axis``.

    A result is taken at an edge where the last beat of the one before leaves the shift register that sends it, so a
    beat at every edge is possible. Two beats wait in a queue behind that; what ``m_axis`` shows depends on registers
    alone.
    """
    builder = ModuleBuilder(has_clear=has_clear)
    sends, room = whole("sends", 1), whole("room", 1)
    at_end: Expression = Constant(1, 1)
    if frame.num_beats > 1:
        number, _ = builder.count("number", frame.num_beats, both(sends, room))
        before_end = equal(number, Constant(frame.num_beats - 2, number.width))
        at_end = builder.control("at_end", before_end, both(sends, room))
    fresh = builder.wire("fresh", either(invert(sends), at_end))
    builder.control("sends", either(invert(fresh), whole("valid", 1)), room)
    beat_bits = frame.beat_bytes * BYTE_BITS
    left = builder.wire("framed", _framed(frame, scores, class_id, signed))
    if frame.num_beats > 1:
        rest = Slice("left", beat_bits, left.width - beat_bits, left.width)
        left = builder.wire("left_next", mux(fresh, left, extend(rest, left.width)))
    beat = builder.data("left", left, room).part(0, beat_bits)  # what comes in without ``valid`` is never sent
    queue = builder.instance(
        "u_beats",
        queue_module(beat_bits + 1, f"{name}_beats", has_clear=has_clear),
        {"valid_in": sends, "data_in": join([beat, at_end]), "ready_out": whole("m_axis_tready", 1)},
        {"ready_in": "room", "valid_out": "waits", "data_out": "shown"},
    )
    ports = (
        Port("valid", 1, True, "a result is there"),
        Port("ready", 1, False, "it is taken at the next edge"),
        replace(scores, is_input=True),
        replace(class_id, is_input=True),
        Port("m_axis_tdata", beat_bits, False),
        Port("m_axis_tvalid", 1, False),
        Port("m_axis_tready", 1, True),
        Port("m_axis_tlast", 1, False),
    )
    outputs = {
        "ready": both(fresh, room),
        "m_axis_tdata": queue["data_out"].part(0, beat_bits),
        "m_axis_tvalid": queue["valid_out"],
        "m_axis_tlast": queue["data_out"].part(beat_bits, 1),
    }
    return builder.module(name, f"A frame of {frame.num_beats} beats from a result.", ports, outputs)


def _framed(frame: Frame, scores: Port, class_id: Port, signed: bool) -> Expression:
    """The whole frame, byte 0 lowest."""
    class_field, score_field = frame.fields
    parts: list[Expression] = [extend(whole(class_id.name, class_id.width), class_field.bits)]
    width = scores.width // score_field.count
    for number in range(score_field.count):
        score = Slice(scores.name, number * width, width, scores.width)
        sign: Expression = score.part(width - 1, 1) if signed else Constant(0, 1)
        parts += [score, *[sign] * (score_field.bits - width)]
    padding = frame.num_beats * frame.beat_bytes * BYTE_BITS - frame.num_bytes * BYTE_BITS
    return join([*parts, Constant(0, padding)] if padding else parts)
