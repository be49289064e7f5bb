"""A sample from the beats of an AXI4-Stream frame."""

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.frames import BYTE_BITS, Frame
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Kind,
    Module,
    Operation,
    Port,
    Slice,
    add,
    both,
    either,
    equal,
    invert,
    join,
    mux,
    whole,
)


def collector_module(frame: Frame, sample: Port, name: str, *, interval: int, has_clear: bool) -> Module:
    """The module that takes a frame on ``s_axis`` and offers ``sample`` with ``valid``.

    A beat is taken at an edge where ``s_axis_tvalid`` and ``s_axis_tready`` are 1. The frame is a sample if
    ``s_axis_tlast`` is 1 at its last beat and at no other. A frame that ends early is dropped with that beat; one that
    goes on is dropped with all its beats up to its ``tlast``. Either makes ``dropped`` 1 for a cycle, a whole frame
    ``taken``, and the next beat is the first of the next frame.

    ``s_axis_tready`` is a register, and so is what enables the shift register of the sample, for beats stand in another
    one before that. From the last beat of a sample on no other is taken, up to and with the edge that takes the sample,
    which is two edges later or more. Two samples are ``interval`` edges with ``ready`` apart, or more.
    """
    builder = ModuleBuilder(has_clear=has_clear)
    full, ready, skips = whole("full", 1), whole("ready", 1), whole("skips", 1)
    last = whole("s_axis_tlast", 1)
    valid: Expression = full
    if interval > 1:
        valid = builder.wire("offered", both(full, _rested(builder, ready, full, interval)))
    leaves = builder.wire("leaves", both(valid, ready))
    open_ = whole("open", 1)
    beat = builder.wire("beat", both(whole("s_axis_tvalid", 1), open_))
    at_end = _at_end(builder, frame.num_beats, beat, either(last, skips))
    builder.control("skips", both(invert(last), either(skips, at_end)), beat)
    counts = builder.wire("counts", both(beat, invert(skips)))
    ends = builder.wire("ends", both(counts, both(last, at_end)))
    builder.control("open", mux(open_, invert(ends), leaves), reset=1)
    taken = builder.control("frame_taken", ends)
    builder.control("full", either(taken, both(full, invert(leaves))))
    builder.control("frame_dropped", both(counts, Operation(Kind.XOR, (last, at_end), 1)))
    ports = (
        Port("s_axis_tdata", frame.beat_bytes * BYTE_BITS, True),
        Port("s_axis_tvalid", 1, True),
        Port("s_axis_tready", 1, False),
        Port("s_axis_tlast", 1, True),
        Port("valid", 1, False, "a sample is there"),
        Port("ready", 1, True, "it is taken at the next edge"),
        Port(sample.name, sample.width, False, sample.comment),
        Port("taken", 1, False, "a frame ended as it should, an edge ago"),
        Port("dropped", 1, False, "a frame was dropped, an edge ago"),
    )
    outputs = {
        "s_axis_tready": open_,
        "valid": valid,
        sample.name: _sample(builder, frame, sample.width, beat),
        "taken": taken,
        "dropped": whole("frame_dropped", 1),
    }
    return builder.module(name, f"A sample from a frame of {frame.num_beats} beats.", ports, outputs)


def _rested(builder: ModuleBuilder, ready: Expression, full: Expression, interval: int) -> Expression:
    """Whether the sample before is ``interval - 1`` edges with ``ready`` ago."""
    width = (interval - 1).bit_length()
    rest = whole("rest", width)
    rested = equal(rest, Constant(0, width))
    fewer = Operation(Kind.SUBTRACT, (rest, Constant(1, width)), width)
    pause = mux(full, Constant(interval - 1, width), Constant(0, width))
    builder.control("rest", mux(rested, pause, fewer), ready)
    return rested


def _at_end(builder: ModuleBuilder, num_beats: int, beat: Expression, restart: Expression) -> Expression:
    """Whether the beat at hand is the frame's last by number; ``restart``: the next one is the first."""
    if num_beats == 1:
        return Constant(1, 1)
    width = (num_beats - 1).bit_length()
    number = whole("number", width)
    further = add(number, Constant(1, width), width=width)
    before_end = equal(number, Constant(num_beats - 2, width))
    at_end = whole("at_end", 1)
    restarts = builder.wire("restarts", either(restart, at_end))
    builder.control("number", mux(restarts, Constant(0, width), further), beat)
    return builder.control("at_end", both(before_end, invert(restarts)), beat)


def _sample(builder: ModuleBuilder, frame: Frame, width: int, beat: Expression) -> Expression:
    """The sample out of a shift register that keeps what is read of each byte, the first beat lowest."""
    (field,) = frame.fields
    bits = [BYTE_BITS] * (field.num_bytes - 1) + [field.bits - BYTE_BITS * (field.num_bytes - 1)]
    if frame.beat_bytes < field.num_bytes:  # one lane for high and low bytes
        bits = [BYTE_BITS] * field.num_bytes
    lanes = [
        Slice("s_axis_tdata", lane * BYTE_BITS, bits[lane % field.num_bytes], frame.beat_bytes * BYTE_BITS)
        for lane in range(frame.beat_bytes)
    ]
    kept: Expression = builder.data("arrived", join(lanes))
    total = kept.width * frame.num_beats
    if frame.num_beats > 1:
        kept = join([Slice("collected", kept.width, total - kept.width, total), kept])
    collected = builder.data("collected", kept, builder.control("arrives", beat))
    number = sum(bits)
    if number == field.bits:
        return collected.part(0, width)
    return join([collected.part(index * number, field.bits) for index in range(field.count)])
