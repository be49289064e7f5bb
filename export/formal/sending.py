"""The frame of a result on an AXI4-Stream: which bytes, how many beats, and where ``tlast`` is."""

import time
from collections.abc import Mapping

from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.clocked import Clocked, substituted
from bitlogic.export.formal.function import CLEAR, RESET, NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE
from bitlogic.export.formal.joints import Joints
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.queues import is_queue
from bitlogic.export.formal.watch import Watch, constant, equals, implies, pick
from bitlogic.export.hardware.frames import BYTE_BITS, Frame
from bitlogic.export.netlist import Netlist

_INPUTS = {"valid", "scores", "class_id", "m_axis_tready"}
_OUTPUTS = {"ready", "m_axis_tdata", "m_axis_tvalid", "m_axis_tlast"}


def is_sender(circuit: Circuit) -> bool:
    """By its ports."""
    return _INPUTS <= set(circuit.inputs) and _OUTPUTS <= set(circuit.outputs)


def prove_sender(name: str, modules: Mapping[str, Circuit], frame: Frame, netlist: Netlist, prover: Prover) -> None:
    """Settles that each result taken leaves as one frame, its bytes as the frame says, through a proven queue.

    Raises:
        NotProvenError: The ports have other widths, or there is no queue.
    """
    queues = {i.module for i in modules[name].instances if is_queue(modules[i.module])}
    if len(queues) != 1:
        raise NotProvenError(f"{name} has {len(queues)} kinds of queues")
    joints = Joints(name, modules, [*queues])
    clocked = joints.clocked
    beats = joints.only(queues.pop())
    joints.moves_along(beats)
    data = joints.at(beats, "data_in")
    (sends,), (room,) = joints.at(beats, "valid_in"), joints.at(beats, "ready_in")
    shown = joints.at(beats, "data_out")
    joints.same("m_axis_tvalid is the queue's", clocked.port("m_axis_tvalid"), joints.at(beats, "valid_out"))
    joints.same("m_axis_tready takes from the queue", joints.at(beats, "ready_out"), clocked.inputs["m_axis_tready"])
    joints.same(
        "m_axis_tdata and m_axis_tlast are the queue's",
        [*clocked.port("m_axis_tdata"), *clocked.port("m_axis_tlast")],
        shown,
    )
    joints.settle("the beats go through their queue to m_axis, tlast with them", prover)
    if len(data) != BYTE_BITS * frame.beat_bytes + 1:
        raise NotProvenError(f"{name} sends beats of {len(data) - 1} bits")
    watch, graph = Watch(clocked), clocked.graph
    (valid,), (ready,) = clocked.inputs["valid"], clocked.port("ready")
    width = max(1, (frame.num_beats - 1).bit_length())
    number, (busy,) = watch.register(width), watch.register()
    ends = equals(graph, number, constant(frame.num_beats - 1, width))
    leaves, takes = graph.both(busy, room), graph.both(valid, ready)
    onwards = pick(graph, ends, constant(0, width), graph.add(number, [TRUE], width))
    watch.follow(number, pick(graph, leaves, onwards, number))
    watch.follow([busy], [graph.choose(takes, TRUE, graph.both(busy, graph.both(leaves, ends) ^ 1))])
    fresh = graph.either(busy ^ 1, ends)
    properties = {
        "a beat is sent exactly while a result has some left": graph.unequal(sends, busy) ^ 1,
        "tlast is at the last beat alone": implies(graph, sends, graph.unequal(data[-1], ends) ^ 1),
        "a result is taken exactly when the one before leaves": graph.unequal(ready, graph.both(room, fresh)) ^ 1,
    }
    statement = f"each result taken leaves as {frame.num_beats} beats, tlast at the last, and the next one only then"
    watch.settle(name, statement, properties, prover)
    _prove_bits(clocked, data[:-1], sends, data[-1], room, frame, netlist, prover)


def _prove_bits(
    clocked: Clocked,
    data: list[int],
    sends: int,
    at_end: int,
    room: int,
    frame: Frame,
    netlist: Netlist,
    prover: Prover,
) -> None:
    """Settles that the frame is loaded whole when a result is taken, and moves on by a beat with every beat sent."""
    started, name = time.monotonic(), clocked.circuit.name
    still = {clocked.inputs[pin][0] >> 1: FALSE for pin in (RESET, CLEAR) if pin in clocked.inputs}
    wanted = _framed(clocked, frame, netlist)
    size, wrong = len(data), ""
    # The shift register, from the beat that is sent on: what a bit takes with room while a beat follows is behind it.
    position: dict[int, int] = {}
    todo = [(literal, bit) for bit, literal in enumerate(data)]
    while todo and not wrong:
        literal, bit = todo.pop()
        if bit >= len(wanted) or literal in (FALSE, TRUE):
            if bit < len(wanted) and wanted[bit] != literal:
                wrong = f"bit {bit} of the frame is constant"
            continue
        if literal & 1 or literal >> 1 not in clocked.register_at:
            wrong = f"bit {bit} of the frame is logic"
            continue
        if position.setdefault(literal, bit) != bit:
            wrong = f"bits {position[literal]} and {bit} of the frame share a place"
            continue
        following = clocked.next(literal >> 1)
        values = {"waiting": {room >> 1: FALSE}, "idle": {room >> 1: TRUE}, "moving": {room >> 1: TRUE}}
        values["idle"][sends >> 1] = FALSE
        values["moving"][sends >> 1] = TRUE
        last = {**values["moving"]}
        if at_end not in (FALSE, TRUE):
            values["moving"][at_end >> 1] = at_end & 1
            last[at_end >> 1] = at_end & 1 ^ 1
        results = {
            way: substituted(clocked.graph, [following], {**still, **given})[0]
            for way, given in {**values, "last": last}.items()
        }
        if results["waiting"] != literal:
            wrong = f"bit {bit} of the frame does not wait"
        elif results["idle"] != wanted[bit] or results["last"] != wanted[bit]:
            wrong = f"bit {bit} of the frame is not loaded as the frame says"
        elif at_end != TRUE:
            todo.append((results["moving"], bit + size))
    statement = f"the {len(wanted) // BYTE_BITS} bytes of a frame are those of its class and scores, the first first"
    prover.traced(name, statement, wrong, started)


def _framed(clocked: Clocked, frame: Frame, netlist: Netlist) -> list[int]:
    """The literals of all bits of a frame; the bytes beyond its fields are 0."""
    class_field, score_field = frame.fields
    class_id, scores = clocked.inputs["class_id"], clocked.inputs["scores"]
    width = netlist.score_width
    if len(class_id) != netlist.class_width or len(scores) != width * netlist.head.num_classes:
        raise NotProvenError(f"{clocked.circuit.name} takes other words than a class and its scores")
    bits = [*class_id, *[FALSE] * (class_field.bits - len(class_id))]
    for number in range(score_field.count):
        score = scores[number * width : (number + 1) * width]
        bits += [*score, *[score[-1] if netlist.score_signed else FALSE] * (score_field.bits - width)]
    return bits + [FALSE] * (BYTE_BITS * frame.num_beats * frame.beat_bytes - len(bits))
