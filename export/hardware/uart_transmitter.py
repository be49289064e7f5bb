"""From bytes to a serial line: 8 data bits, the lowest first, no parity, one stop bit."""

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Module,
    Port,
    Slice,
    both,
    equal,
    invert,
    join,
    mux,
    subtract,
    whole,
)
from bitlogic.export.hardware.uart_line import Line

EDGES_BETWEEN = 1  # beyond ten bits, from one byte taken to the next; the stop bit is longer by it
_BITS = 10


def transmitter_module(line: Line, name: str) -> Module:
    """Ports: ``data`` (8), ``valid``; out ``ready`` and ``tx``, which is a register and 1 while nothing is sent.

    A byte is taken at an edge where ``valid`` and ``ready`` are 1, and its start bit begins with that edge.
    """
    builder = ModuleBuilder()
    width = max(1, (line.divisor - 1).bit_length())
    left, phase, bits = whole("left", 4), whole("phase", width), whole("bits", 9)
    ready = builder.wire("idle", equal(left, Constant(0, 4)))
    taken = builder.wire("taken", both(whole("valid", 1), ready))
    tick = builder.wire("tick", equal(phase, Constant(0, width)))
    restart = Constant(line.divisor - 1, width)
    builder.control("phase", mux(taken, restart, mux(tick, restart, subtract(phase, Constant(1, width)))))
    builder.control(
        "left", mux(taken, Constant(_BITS, 4), mux(both(tick, invert(ready)), subtract(left, Constant(1, 4)), left))
    )
    moved = join([Slice("bits", 1, 8, 9), Constant(1, 1)])
    loaded = join([Constant(0, 1), whole("data", 8)])
    builder.control("bits", mux(taken, loaded, mux(tick, moved, bits)), reset=511)
    outputs: dict[str, Expression] = {"ready": ready, "tx": bits.part(0, 1)}
    ports = (
        Port("data", 8, True, "a byte"),
        Port("valid", 1, True, "data is there"),
        Port("ready", 1, False, "data is taken at the next edge if it is there"),
        Port("tx", 1, False, "the line"),
    )
    about = f"Sends 8 data bits, no parity, one stop bit, {line.divisor} edges of the clock a bit."
    return builder.module(name, about, ports, outputs)
