"""Ready and valid on both sides of a core."""

from dataclasses import dataclass

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.core import Core
from bitlogic.export.hardware.queue import queue_module
from bitlogic.export.hardware.rtl import Expression, Module, Port, join, whole

EDGES = 1  # through the queue of results


@dataclass(frozen=True)
class Streamed:
    """The module and the clock edges from an accepted input (its last beat) to ``valid_out``, where nothing waits."""

    module: Module
    latency_cycles: int


def stream(core: Core, name: str) -> Streamed:
    """``core``, which has ``enable``, behind a handshake; the port ``clear`` is passed on where the core has it.

    In: an input is taken at an edge where ``valid_in`` and ``ready_in`` are 1. ``ready_in`` is a register and follows
    ``ready_out`` an edge later. Out: ``valid_out`` with ``scores`` and ``class_id``, which depend on registers alone;
    once ``valid_out`` is 1 they stay until an edge where ``ready_out`` is 1, which takes the result. After a reset
    nothing is inside and ``ready_in`` is 1. An input and a result at every edge are possible, and no sample is lost or
    doubled, whatever waits when.

    Behind the core stands a queue of two results; while that has no room, the core stands still.
    """
    ports = {port.name: port for port in core.module.ports if port.name not in ("enable", "clear")}
    payload = [ports[port] for port in ("scores", "class_id")]
    (sample,) = (port for port in ports.values() if port.is_input and port.name != "valid_in")
    has_clear = any(port.name == "clear" for port in core.module.ports)
    builder = ModuleBuilder(has_clear=has_clear)
    ready = whole("ready", 1)
    made = builder.instance(
        "u_core",
        core.module,
        {"enable": ready, "valid_in": whole("valid_in", 1), sample.name: whole(sample.name, sample.width)},
        {port.name: f"core_{port.name}" for port in (ports["valid_out"], *payload)},
    )
    leaves = join([made[port.name] for port in payload])
    queue = builder.instance(
        "u_results",
        queue_module(leaves.width, f"{name}_results", has_clear=has_clear),
        {"valid_in": made["valid_out"], "data_in": leaves, "ready_out": whole("ready_out", 1)},
        {"ready_in": "ready", "valid_out": "waits", "data_out": "result"},
    )
    values: dict[str, Expression] = {"ready_in": ready, "valid_out": queue["valid_out"]}
    low = 0
    for port in payload:
        values[port.name] = queue["data_out"].part(low, port.width)
        low += port.width
    faces = (
        Port("valid_in", 1, True, "an input is there"),
        Port("ready_in", 1, False, "it is taken at the next edge"),
        sample,
        Port("valid_out", 1, False, "a result is there, and stays until it is taken"),
        Port("ready_out", 1, True, "it is taken at the next edge"),
        *payload,
    )
    about = "A core behind ready and valid: a sample or a result passes at an edge where both are 1."
    return Streamed(builder.module(name, about, faces, values), core.latency_cycles + EDGES)
