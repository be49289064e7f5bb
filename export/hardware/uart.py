"""A core behind a serial line: bytes of a sample in, class and scores out, around the byte-wide shell.

Ports: ``rx`` and ``tx``, and ``class_id``, the class of the last result, for lamps; beside them ``clk`` and ``rst``.
What the bytes of a sample and of a result hold is said by ``hardware.shell``.

A serial line cannot be asked to wait. A sample that lost a byte, be it that the byte had no stop bit or that the shell
had no room for it, is not answered: nothing is taken until the line has been silent for the gap of ``Line``, and then
the next byte is the first of a sample. The same silence ends a sample that is not complete, so that a host which died
in the middle of one blocks nobody. It never ends the result of a sample that is complete.

The shell has no room where a second byte comes while the last byte of a sample waits for the result of the sample
before. A host that reads a result before it sends the next sample never sees that; ``keeps_up`` says whether a host
that sends without a pause may.
"""

from dataclasses import dataclass
from math import floor

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Module,
    Port,
    both,
    either,
    equal,
    invert,
    whole,
)
from bitlogic.export.hardware.shell import Shell
from bitlogic.export.hardware.uart_line import MAX_ERROR, Line
from bitlogic.export.hardware.uart_receiver import receiver_module
from bitlogic.export.hardware.uart_transmitter import EDGES_BETWEEN, transmitter_module

_EDGES = 3  # around the shell: arrived, held, and the start bit behind the edge that takes the first byte
_SHELL_EDGES = 2  # until the shell shows the next byte of a result


@dataclass(frozen=True)
class Uart:
    """The module, and when results come.

    ``latency_cycles`` is from the edge that takes the last stop bit to the first start bit of the result; by then the
    line has been in its stop bit for half a bit.
    """

    module: Module
    latency_cycles: int
    interval_cycles: int  # clock edges between two samples at full speed
    keeps_up: bool  # with a host that sends sample behind sample without a pause, up to 2 % too fast


def uart_shell(shell: Shell, line: Line, name: str) -> Uart:
    """The shell, which has ``restart``, behind a serial line."""
    byte_in, byte_out = (whole(port, 8) for port in ("byte_in", "byte_out"))
    arrived, broken, silent, full, lost = (whole(bit, 1) for bit in ("arrived", "broken", "silent", "full", "lost"))
    builder = ModuleBuilder()
    received = builder.instance(
        "u_receiver",
        receiver_module(line, f"{name}_receiver"),
        {"rx": whole("rx", 1)},
        {"data": "data", "arrived": "arrived", "broken": "broken", "silent": "silent"},
    )
    waits = builder.wire("waits", both(full, invert(whole("byte_ready", 1))))
    comes = builder.wire("comes", both(arrived, invert(lost)))
    loses = either(broken, both(comes, waits))
    builder.control("full", either(comes, waits))
    builder.control("lost", either(loses, both(lost, invert(silent))))
    builder.data("byte_in", received["data"], both(comes, invert(waits)))
    answered = builder.instance(
        "u_shell",
        shell.module,
        {
            "byte_in": byte_in,
            "byte_valid": full,
            "restart": both(silent, invert(full)),
            "out_ready": whole("out_ready", 1),
        },
        {"byte_ready": "byte_ready", "byte_out": "byte_out", "out_valid": "out_valid"},
    )
    sent = builder.instance(
        "u_transmitter",
        transmitter_module(line, f"{name}_transmitter"),
        {"data": answered["byte_out"], "valid": answered["out_valid"]},
        {"ready": "out_ready", "tx": "line_out"},
    )
    taken = builder.wire("taken", both(answered["out_valid"], sent["ready"]))
    place, _ = builder.count("result_byte", shell.result_bytes, taken)
    is_class = both(taken, equal(place, Constant(0, place.width)))
    shown = builder.control("class_shown", byte_out, is_class)
    ports = (
        Port("rx", 1, True, "the line from the host"),
        Port("tx", 1, False, "the line to the host"),
        Port("class_id", 8, False, "the lowest bits of the last class"),
    )
    outputs: dict[str, Expression] = {"tx": sent["tx"], "class_id": shown}
    about = f"{shell.frame_bytes} bytes of a sample in, {shell.result_bytes} of its result out."
    return Uart(
        builder.module(name, about, ports, outputs),
        latency_cycles=shell.latency_cycles + _EDGES,
        interval_cycles=max(shell.frame_bytes * line.edges_a_byte, _busy_edges(shell, line)),
        keeps_up=_busy_edges(shell, line) <= floor(shell.frame_bytes * line.edges_a_byte * (1 - MAX_ERROR)),
    )


def _busy_edges(shell: Shell, line: Line) -> int:
    """From the last byte of a sample until its result is out and the shell has room again, at most."""
    return _EDGES + 1 + shell.latency_cycles + shell.result_bytes * (line.edges_a_byte + EDGES_BETWEEN + _SHELL_EDGES)
