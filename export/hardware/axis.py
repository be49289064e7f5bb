"""AXI4-Streams of bytes around a core with ready and valid, and an AXI4-Lite register file beside them."""

from dataclasses import dataclass, replace

from bitlogic.export.hardware.axi_lite import LITE_PORTS, Identity, register_file_module
from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.collector import collector_module
from bitlogic.export.hardware.frames import Frame
from bitlogic.export.hardware.rtl import Expression, Module, Port, both, either, invert, whole
from bitlogic.export.hardware.sender import sender_module
from bitlogic.export.hardware.streams import Streamed

EDGES = 4  # two from the last beat to the sample, two from the result to its first beat
PAUSE = 2  # edges between the last beat of a frame and the first of the next, at full speed


@dataclass(frozen=True)
class Frames:
    """What comes in and goes out, and how the numbers of a result read."""

    sample: Frame
    result: Frame
    score_signed: bool
    interval: int = 1  # edges that the core needs for a sample


def axis(streamed: Streamed, frames: Frames, name: str, identity: Identity | None = None) -> Streamed:
    """``streamed`` behind two AXI4-Streams; with ``identity`` there is a register file too.

    Ports: ``s_axis_tdata``, ``s_axis_tvalid``, ``s_axis_tready``, ``s_axis_tlast`` in, ``m_axis_*`` alike out, and
    ``frame_error``: 1 since a frame was dropped because ``tlast`` came at the wrong beat, until a reset or a write to
    the register file's ``control``. What a frame holds is said by ``frames``, what happens to a wrong one by
    ``collector_module``. The latency is from the last beat of a sample to the first beat of its result.

    All outputs depend on registers alone. A beat of a result may leave at every edge, a beat of a sample come at every
    edge but two behind the last of a frame.
    """
    ports = {port.name: port for port in streamed.module.ports}
    has_clear = identity is not None
    (sample,) = (port for port in ports.values() if port.name in ("x", "bits"))
    scores, class_id = ports["scores"], ports["class_id"]
    collector = collector_module(
        frames.sample, sample, f"{name}_collector", interval=frames.interval, has_clear=has_clear
    )
    sender = sender_module(
        frames.result, scores, class_id, f"{name}_sender", signed=frames.score_signed, has_clear=has_clear
    )
    builder = ModuleBuilder()
    forget: dict[str, Expression] = {"clear": whole("forget", 1)} if has_clear else {}
    core_ready, sender_ready = whole("core_ready", 1), whole("sender_ready", 1)
    slave = {port: whole(port, width) for port, width in _widths(collector, "s_axis_", inputs=True).items()}
    collected = builder.instance(
        "u_collector",
        collector,
        {**forget, **slave, "ready": core_ready},
        {
            "s_axis_tready": "collector_ready",
            "valid": "sample_valid",
            sample.name: "sample",
            "taken": "taken",
            "dropped": "dropped",
        },
    )
    result = builder.instance(
        "u_stream",
        streamed.module,
        {**forget, "valid_in": collected["valid"], sample.name: collected[sample.name], "ready_out": sender_ready},
        {
            "ready_in": "core_ready",
            "valid_out": "result_valid",
            "scores": "result_scores",
            "class_id": "result_class",
        },
    )
    shown = {"scores": result["scores"], "class_id": result["class_id"]}
    sent = builder.instance(
        "u_sender",
        sender,
        {**forget, **shown, "valid": result["valid_out"], "m_axis_tready": whole("m_axis_tready", 1)},
        {
            "ready": "sender_ready",
            "m_axis_tdata": "sent_data",
            "m_axis_tvalid": "sent_valid",
            "m_axis_tlast": "sent_last",
        },
    )
    outputs: dict[str, Expression] = {"s_axis_tready": collected["s_axis_tready"]}
    outputs |= {port: value for port, value in sent.items() if port != "ready"}
    faces = [port for port in collector.ports if port.name.startswith("s_axis_")]
    faces += [port for port in sender.ports if port.name.startswith("m_axis_")]
    faces.append(Port("frame_error", 1, False, "a frame was dropped since the reset"))
    frame_error = whole("frame_error_seen", 1)
    kept: Expression = frame_error
    if identity is not None:
        module = register_file_module(identity, scores, class_id, f"{name}_registers", signed=frames.score_signed)
        lite = [port for port in module.ports if port.name.startswith(LITE_PORTS)]
        events = {
            "taken": collected["taken"],
            "dropped": collected["dropped"],
            "result": builder.wire("result_leaves", both(result["valid_out"], sender_ready)),
            **shown,
        }
        driven = {port.name: f"registers_{port.name[len(LITE_PORTS) :]}" for port in lite if not port.is_input}
        registers = builder.instance(
            "u_registers",
            module,
            {port.name: whole(port.name, port.width) for port in lite if port.is_input} | events,
            {**driven, "clear_counts": "clear_counts", "forget": "forget"},
        )
        outputs |= {port: registers[port] for port in driven}
        kept = both(frame_error, invert(registers["clear_counts"]))
        faces += lite
    builder.control("frame_error_seen", either(collected["dropped"], kept))
    outputs["frame_error"] = frame_error
    module = builder.module(name, "A core behind AXI4-Streams.", tuple(faces), outputs)
    return replace(streamed, module=module, latency_cycles=streamed.latency_cycles + EDGES)


def _widths(module: Module, prefix: str, *, inputs: bool) -> dict[str, int]:
    return {port.name: port.width for port in module.ports if port.name.startswith(prefix) and port.is_input == inputs}
