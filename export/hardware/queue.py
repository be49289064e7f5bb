"""A queue of two places, behind which a taker may wait without whoever fills it seeing that at once."""

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.rtl import (
    Kind,
    Module,
    Operation,
    Port,
    both,
    either,
    invert,
    mux,
    whole,
)


def queue_module(width: int, name: str, *, has_clear: bool) -> Module:
    """``width`` bits from ``data_in`` to ``data_out``, an edge later or more, with a handshake on both sides.

    What comes in is taken at an edge where ``valid_in`` and ``ready_in`` are 1, what goes out where ``valid_out`` and
    ``ready_out`` are; both may be one edge, every time. ``ready_in`` is a register, so it may enable thousands of
    others; so are the enables of the places, each of which takes whatever comes while its turn lasts.
    """
    builder = ModuleBuilder(has_clear=has_clear)
    some, ready, turn = whole("some", 1), whole("ready", 1), whole("turn", 1)
    incoming = whole("data_in", width)
    push = builder.wire("push", both(whole("valid_in", 1), ready))
    pop = builder.wire("pop", both(some, whole("ready_out", 1)))
    waits = both(invert(pop), either(invert(ready), both(some, push)))
    ready_next = builder.wire("ready_next", invert(waits))
    turn_next = builder.wire("turn_next", Operation(Kind.XOR, (turn, push), 1))
    builder.control("some", either(either(push, invert(ready)), both(some, invert(pop))))
    builder.control("ready", ready_next, reset=1)
    builder.control("turn", turn_next)
    fill0 = builder.control("fill0", both(ready_next, invert(turn_next)), reset=1)
    fill1 = builder.control("fill1", both(ready_next, turn_next))
    place0, place1 = builder.data("place0", incoming, fill0), builder.data("place1", incoming, fill1)
    shown = whole("shown", 1)
    builder.control("shown", mux(pop, invert(shown), shown))
    ports = (
        Port("valid_in", 1, True),
        Port("ready_in", 1, False),
        Port("data_in", width, True),
        Port("valid_out", 1, False),
        Port("ready_out", 1, True),
        Port("data_out", width, False),
    )
    outputs = {"ready_in": ready, "valid_out": some, "data_out": mux(shown, place1, place0)}
    return builder.module(name, f"Two places for {width} bits that wait.", ports, outputs)
