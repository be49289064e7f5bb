"""A sample out of the beats of an AXI4-Stream frame: which frames become one, when, and from which bytes."""

import time
from collections.abc import Mapping

from bitlogic.export.formal.chains import places
from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.clocked import Clocked, flattened, substituted
from bitlogic.export.formal.function import CLEAR, RESET, NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.watch import Watch, constant, counted, equals, implies, pick
from bitlogic.export.hardware.frames import BYTE_BITS, Frame

_INPUTS = {"s_axis_tdata", "s_axis_tvalid", "s_axis_tlast", "ready"}
_OUTPUTS = {"s_axis_tready", "valid", "taken", "dropped"}


def is_collector(circuit: Circuit) -> bool:
    """By its ports."""
    return _INPUTS <= set(circuit.inputs) and _OUTPUTS <= set(circuit.outputs)


def prove_collector(
    name: str, modules: Mapping[str, Circuit], frame: Frame, sample: str, interval: int, prover: Prover
) -> None:
    """Settles which frames are taken and dropped, that each taken one is offered once, and what it consists of.

    Raises:
        NotProvenError: The ports have other widths.
    """
    clocked = Clocked(flattened(modules, name))
    if sample not in clocked.circuit.outputs:
        raise NotProvenError(f"{name} has no port {sample}")
    if len(clocked.inputs["s_axis_tdata"]) != BYTE_BITS * frame.beat_bytes:
        raise NotProvenError(f"s_axis_tdata of {name} has {len(clocked.inputs['s_axis_tdata'])} bits")
    shifts = _prove_bits(clocked, frame, sample, prover)
    _prove_frames(clocked, frame, interval, shifts, prover)


def _prove_bits(clocked: Clocked, frame: Frame, sample: str, prover: Prover) -> int:
    """Settles from which beat each bit of the sample comes; the register with which the beats move on."""
    started, name = time.monotonic(), clocked.circuit.name
    port = clocked.port(sample)
    shifts = _shift_of(clocked, port)
    still = {clocked.inputs[pin][0] >> 1: FALSE for pin in (RESET, CLEAR) if pin in clocked.inputs}
    data = {literal: bit for bit, literal in enumerate(clocked.inputs["s_axis_tdata"])}
    (field,) = frame.fields
    found = places(clocked, shifts, still)
    wrong = ""
    for bit, literal in enumerate(port):
        value, low = divmod(bit, field.bits)
        byte = value * field.num_bytes + low // BYTE_BITS
        beat, place = divmod(byte, frame.beat_bytes)
        wanted = frame.num_beats - 1 - beat, place * BYTE_BITS + low % BYTE_BITS
        at = found.get(literal >> 1)
        arrived = at is not None and at.source >> 1 in clocked.register_at and not at.source & 1
        read = data.get(clocked.next(at.source >> 1)) if at is not None and arrived else None
        if literal & 1 or at is None or (at.steps, read) != wanted:
            wrong = f"{sample}[{bit}] is not bit {wanted[1]} of beat {beat}"
            break
    prover.traced(name, f"every bit of {sample} is that of its byte, {frame.num_beats} beats kept", wrong, started)
    return shifts


def _shift_of(clocked: Clocked, port: list[int]) -> int:
    """The register that the kept beats move with: what decides whether the first bit of the sample changes."""
    node = port[0] >> 1
    if node not in clocked.register_at:
        raise NotProvenError(f"the sample of {clocked.circuit.name} is logic")
    following = clocked.next(node)
    for candidate in clocked.graph.variables([following]):
        if candidate != node and candidate in clocked.register_at:
            (kept,) = substituted(clocked.graph, [following], {candidate: FALSE})
            if kept == port[0]:
                return 2 * candidate
    raise NotProvenError(f"nothing holds the sample of {clocked.circuit.name}")


def _prove_frames(clocked: Clocked, frame: Frame, interval: int, shifts: int, prover: Prover) -> None:
    watch, graph = Watch(clocked), clocked.graph
    (tvalid,), (tlast,), (ready,) = (clocked.inputs[pin] for pin in ("s_axis_tvalid", "s_axis_tlast", "ready"))
    (tready,), (valid,) = clocked.port("s_axis_tready"), clocked.port("valid")
    width = max(1, (frame.num_beats - 1).bit_length())
    number, (skips,), (owed,) = watch.register(width), watch.register(), watch.register()
    beat, at_end = graph.both(tvalid, tready), equals(graph, number, constant(frame.num_beats - 1, width))
    counts = graph.both(beat, skips ^ 1)
    whole = graph.both(counts, graph.both(tlast, at_end))
    spoilt = graph.both(counts, graph.unequal(tlast, at_end))
    ends = graph.either(graph.either(tlast, at_end), skips)
    onwards = pick(graph, ends, constant(0, width), graph.add(number, [TRUE], width))
    watch.follow(number, pick(graph, beat, onwards, number))
    watch.follow([skips], [graph.choose(beat, graph.both(graph.either(skips, at_end), tlast ^ 1), skips)])
    leaves = graph.both(valid, ready)
    watch.follow([owed], [graph.choose(whole, TRUE, graph.both(owed, leaves ^ 1))])
    properties = {
        "taken is 1 an edge after a whole frame": graph.unequal(clocked.port("taken")[0], watch.before(whole)) ^ 1,
        "dropped is 1 an edge after a frame is": graph.unequal(clocked.port("dropped")[0], watch.before(spoilt)) ^ 1,
        "no beat is taken while a sample waits, else it may be": graph.unequal(tready, owed),
        "valid is 1 only while a sample waits": implies(graph, valid, owed),
        "the beats move on an edge after each is taken": graph.unequal(shifts, watch.before(beat)) ^ 1,
        "the sample is whole when it is offered": implies(graph, valid, shifts ^ 1),
    }
    rested = TRUE
    if interval > 1:
        width = (interval - 1).bit_length()
        since = watch.register(width, start=interval - 1)
        watch.follow(
            since,
            pick(graph, leaves, constant(0, width), pick(graph, ready, counted(graph, since, interval - 1), since)),
        )
        rested = equals(graph, since, constant(interval - 1, width))
        properties["samples leave with the core's interval between them"] = implies(graph, leaves, rested)
    just = watch.before(whole)
    due = graph.both(graph.both(owed, just ^ 1), rested)
    properties["a sample that waits is offered"] = implies(graph, due, valid)
    statement = (
        f"a frame of {frame.num_beats} beats with tlast at its last alone becomes a sample, offered until it is taken; "
        "any other is dropped with its tlast, and the next beat starts a frame"
    )
    if interval > 1:
        statement += f"; samples leave at least {interval} edges with ready apart"
    watch.settle(clocked.circuit.name, statement, properties, prover)
