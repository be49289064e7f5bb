"""AXI4-Streams around a stream: the joints between collector, stream, sender and register file."""

from collections.abc import Mapping

from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.clocked import Clocked
from bitlogic.export.formal.function import CLEAR, NotProvenError
from bitlogic.export.formal.graph import FALSE
from bitlogic.export.formal.joints import Joints
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.solver import check_equal

_LITE = "s_axil_"
_SECONDS = 10.0  # of a question with four variables
_RESULT = ("scores", "class_id")


def is_axis(circuit: Circuit) -> bool:
    """By its ports."""
    return {"s_axis_tdata", "m_axis_tready"} <= set(circuit.inputs) and "frame_error" in circuit.outputs


def prove_axis(
    name: str, modules: Mapping[str, Circuit], inside: Mapping[str, str], sample: str, prover: Prover
) -> None:
    """Settles how the parts are joined; ``inside`` names their modules by their kinds.

    With what is proven of them it follows that a frame taken gives one frame of its result, in order.

    Raises:
        NotProvenError: A part is missing, or a port of one is not connected.
    """
    for kind in ("collector", "stream", "sender"):
        if kind not in inside:
            raise NotProvenError(f"{name} has no {kind}")
    joints = Joints(name, modules, [*inside.values()])
    clocked = joints.clocked
    collector, stream, sender = (joints.only(inside[kind]) for kind in ("collector", "stream", "sender"))
    forget: list[int] | None = None
    clears = FALSE
    if "register file" in inside:
        registers = joints.only(inside["register file"])
        forget, (clears,) = joints.at(registers, "forget"), joints.at(registers, "clear_counts")
        joints.moves_along(registers)
    for instance in (collector, stream, sender):
        joints.moves_along(instance, forget)
        if (CLEAR in modules[instance.module].inputs) != (forget is not None):
            joints.wrong.append(f"{instance.name} is cleared with the others")
    for instance, prefix in ((collector, "s_axis_"), (sender, "m_axis_")):
        inner = modules[instance.module]
        for port in (port for port in inner.inputs if port.startswith(prefix)):
            joints.same(f"{instance.name} reads {port}", joints.at(instance, port), clocked.inputs.get(port, []))
        for port in (port for port in inner.outputs if port.startswith(prefix)):
            joints.same(f"{port} is that of {instance.name}", _port(clocked, port), joints.at(instance, port))
    taken = joints.at(stream, "ready_in"), joints.at(stream, "ready_out")
    joints.same("the collector sees the stream's ready_in", joints.at(collector, "ready"), taken[0])
    joints.same("the stream sees the collector's valid", joints.at(stream, "valid_in"), joints.at(collector, "valid"))
    joints.same(f"the stream gets the collector's {sample}", joints.at(stream, sample), joints.at(collector, sample))
    joints.same("the stream sees the sender's ready", taken[1], joints.at(sender, "ready"))
    joints.same("the sender sees the stream's valid_out", joints.at(sender, "valid"), joints.at(stream, "valid_out"))
    for port in _RESULT:
        joints.same(f"the sender gets the stream's {port}", joints.at(sender, port), joints.at(stream, port))
    dropped = joints.at(collector, "dropped")
    if "register file" in inside:
        inner = modules[registers.module]
        for port in (port for port in inner.inputs if port.startswith(_LITE)):
            joints.same(f"the register file reads {port}", joints.at(registers, port), clocked.inputs.get(port, []))
        for port in (port for port in inner.outputs if port.startswith(_LITE)):
            joints.same(f"{port} is the register file's", _port(clocked, port), joints.at(registers, port))
        for port in ("taken", "dropped"):
            joints.same(f"it counts what is {port}", joints.at(registers, port), joints.at(collector, port))
        (valid,), (room,) = joints.at(stream, "valid_out"), joints.at(sender, "ready")
        joints.same("it sees each result", joints.at(registers, "result"), [clocked.graph.both(valid, room)])
        for port in _RESULT:
            joints.same(f"it gets the stream's {port}", joints.at(registers, port), joints.at(stream, port))
    _frame_error(joints, dropped[0], clears)
    joints.settle(
        "its parts are joined port to port: each sample of the collector goes through the stream, each result of that "
        "to the sender; frame_error is 1 since a frame was dropped",
        prover,
    )


def _frame_error(joints: Joints, dropped: int, clears: int) -> None:
    clocked, graph = joints.clocked, joints.clocked.graph
    (shown,) = _port(clocked, "frame_error")
    if shown & 1 or shown >> 1 not in clocked.register_at:
        joints.wrong.append("frame_error is a register")
        return
    kept = graph.either(dropped, graph.both(shown, clears ^ 1))
    found, wanted = clocked.next(shown >> 1), graph.both(kept, clocked.reset ^ 1)
    if check_equal(graph, [found], [wanted], _SECONDS).holds is not True:
        joints.wrong.append("frame_error is 1 since a frame was dropped, until it is cleared")


def _port(clocked: Clocked, port: str) -> list[int]:
    if port not in clocked.circuit.outputs:
        raise NotProvenError(f"{clocked.circuit.name} has no port {port}")
    return clocked.port(port)
