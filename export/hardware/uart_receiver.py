"""From a serial line to bytes: 8 data bits, the lowest first, no parity, one stop bit."""

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Module,
    Port,
    Slice,
    add,
    both,
    either,
    equal,
    invert,
    join,
    mux,
    subtract,
    whole,
)
from bitlogic.export.hardware.uart_line import Line

SYNCHRONISING_EDGES = 3  # from a change of ``rx`` to the same change of what is sampled
_STOP = 9  # the bits of a byte on the line are 0, the start bit, to 9


def receiver_module(line: Line, name: str) -> Module:
    """Ports: ``rx``; out ``data`` (8), ``arrived`` and ``broken`` (1 for one cycle each) and ``silent``.

    ``rx`` goes through two registers, and the majority of three neighbouring values behind them is what is looked at:
    a disturbance of a single edge is never seen. A byte begins where that falls from 1 to 0; where it is 1 again in the
    middle of the start bit, it was none. All bits are taken in their middle. A byte whose stop bit is 1 is ``data``
    with ``arrived``, and ``data`` stays until the next byte begins; one whose stop bit is 0 is ``broken``, and nothing
    begins until the line has been 1 again. ``silent`` is 1 while the line has been 1, and no byte under way, for
    ``gap_bits`` bits.
    """
    builder = ModuleBuilder()
    seen, width = whole("seen", 4), max(1, (line.divisor - 1).bit_length())
    builder.control("seen", join([whole("rx", 1), Slice("seen", 0, 3, 4)]), reset=15)
    level = builder.wire("level", _majority(seen.part(1, 1), seen.part(2, 1), seen.part(3, 1)))
    earlier = builder.control("earlier", level, reset=1)
    active, phase, number = whole("active", 1), whole("phase", width), whole("number", 4)
    begins = builder.wire("begins", both(invert(active), both(earlier, invert(level))))
    tick = builder.wire("tick", equal(phase, Constant(0, width)))
    sampled = builder.wire("sampled", both(active, tick))
    stops = builder.wire("stops", equal(number, Constant(_STOP, 4)))
    half = (line.divisor - 1) // 2 - 1  # one edge passes until the byte is under way
    onwards = mux(tick, Constant(line.divisor - 1, width), subtract(phase, Constant(1, width)))
    builder.control("phase", mux(begins, Constant(half, width), onwards))
    builder.control(
        "number", mux(begins, Constant(0, 4), add(number, Constant(1, 4), width=4)), either(begins, sampled)
    )
    was_none = both(equal(number, Constant(0, 4)), level)
    ends = both(sampled, either(stops, was_none))
    builder.control("active", either(begins, both(active, invert(ends))))
    builder.data("data_in", join([Slice("data_in", 1, 7, 8), level]), both(sampled, invert(stops)))
    whole_byte = both(sampled, stops)
    outputs: dict[str, Expression] = {
        "data": whole("data_in", 8),
        "arrived": builder.control("has_arrived", both(whole_byte, level)),
        "broken": builder.control("is_broken", both(whole_byte, invert(level))),
        "silent": _silence(builder, line.gap_bits, both(level, invert(active)), tick),
    }
    ports = (
        Port("rx", 1, True, "the line, not synchronous"),
        Port("data", 8, False, "a byte"),
        Port("arrived", 1, False, "data is new"),
        Port("broken", 1, False, "a byte without a stop bit went by"),
        Port("silent", 1, False, f"nothing came for {line.gap_bits} bits"),
    )
    about = f"Receives 8 data bits, no parity, one stop bit, {line.divisor} edges of the clock a bit."
    return builder.module(name, about, ports, outputs)


def _silence(builder: ModuleBuilder, gap_bits: int, quiet: Expression, tick: Expression) -> Expression:
    """Whether the line has been quiet for so many ticks; the counter stays at its end."""
    width = gap_bits.bit_length()
    count = whole("quiet_bits", width)
    reached = builder.wire("silence", equal(count, Constant(gap_bits, width)))
    one_more = add(count, Constant(1, width), width=width)
    counts = either(invert(quiet), both(tick, invert(reached)))
    builder.control("quiet_bits", mux(quiet, one_more, Constant(0, width)), counts)
    return reached


def _majority(first: Expression, second: Expression, third: Expression) -> Expression:
    return either(both(first, second), both(third, either(first, second)))
