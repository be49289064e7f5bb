"""The AXI4-Lite register file that ``register_map`` describes, in registers and choices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bitlogic.export.hardware.builder import ModuleBuilder
from bitlogic.export.hardware.fold import choose
from bitlogic.export.hardware.register_map import CONTROL, SCORES, WORD_BYTES, MappedRegister
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
    extend,
    invert,
    join,
    less,
    mux,
    whole,
)

LITE_PORTS = "s_axil_"
_DATA_BITS = 8 * WORD_BYTES
_SLVERR = 2
_ZERO = Constant(0, _DATA_BITS)


@dataclass(frozen=True)
class Identity:
    """The registers and the bits of an address."""

    registers: tuple[MappedRegister, ...]
    address_width: int


def register_file_module(identity: Identity, scores: Port, class_id: Port, name: str, *, signed: bool) -> Module:
    """The register file; it takes ``taken``, ``dropped`` and ``result`` as events, 1 for a cycle each.

    All outputs come from registers alone. A read is answered an edge after its address, a write an edge after both its
    address and its data were taken, in either order; the next one waits until the answer is taken. ``clear_counts`` and
    ``forget`` are 1 in the cycle after a write to ``control`` with bit 0 or bit 1 was carried out.
    """
    builder = ModuleBuilder()
    clear = whole("counts_cleared", 1)
    frame_count = _count(builder, "frame_count", whole("taken", 1), clear)
    error_count = _count(builder, "error_count", whole("dropped", 1), clear)
    result = whole("result", 1)
    last_class = builder.control("last_class", whole(class_id.name, class_id.width), result)
    last_scores = builder.control("last_scores", whole(scores.name, scores.width), result)
    num_classes = next(register.count for register in identity.registers if register.address == SCORES)
    width = scores.width // num_classes
    words: dict[str, Expression] = {
        "frame_count": frame_count,
        "error_count": error_count,
        "last_class": extend(last_class, _DATA_BITS),
    }
    fixed = [register for register in identity.registers if register.address < SCORES]
    low_words: list[Expression] = [_ZERO] * (SCORES // WORD_BYTES)
    for register in fixed:
        value = words.get(register.name, _ZERO if register.value is None else Constant(register.value, _DATA_BITS))
        low_words[register.address // WORD_BYTES] = value
    score_words = [_extended(last_scores.part(c * width, width), signed) for c in range(num_classes)]
    answers = _reads(builder, identity.address_width, low_words, score_words, len(fixed))
    answers |= _writes(builder, identity.address_width)
    ports = (*_ports(identity.address_width), *_events(scores, class_id))
    outputs = {**answers, "clear_counts": clear, "forget": whole("forgets", 1)}
    return builder.module(name, "An AXI4-Lite register file.", ports, outputs)


def _ports(address_width: int) -> tuple[Port, ...]:
    shapes = (
        ("awaddr", address_width, True),
        ("awvalid", 1, True),
        ("awready", 1, False),
        ("wdata", _DATA_BITS, True),
        ("wstrb", WORD_BYTES, True),
        ("wvalid", 1, True),
        ("wready", 1, False),
        ("bresp", 2, False),
        ("bvalid", 1, False),
        ("bready", 1, True),
        ("araddr", address_width, True),
        ("arvalid", 1, True),
        ("arready", 1, False),
        ("rdata", _DATA_BITS, False),
        ("rresp", 2, False),
        ("rvalid", 1, False),
        ("rready", 1, True),
    )
    return tuple(Port(LITE_PORTS + name, width, is_input) for name, width, is_input in shapes)


def _events(scores: Port, class_id: Port) -> tuple[Port, ...]:
    return (
        Port("taken", 1, True, "a frame was taken whole"),
        Port("dropped", 1, True, "a frame was dropped"),
        Port("result", 1, True, "a result is there"),
        replace(scores, is_input=True),
        replace(class_id, is_input=True),
        Port("clear_counts", 1, False, "control bit 0 was written"),
        Port("forget", 1, False, "control bit 1 was written"),
    )


def _count(builder: ModuleBuilder, name: str, event: Expression, clear: Expression) -> Slice:
    """A count of events; one in the cycle of a clear is the first of the new count."""
    before = mux(clear, _ZERO, whole(name, _DATA_BITS))
    return builder.control(name, add(before, event, width=_DATA_BITS))


def _extended(score: Slice, signed: bool) -> Expression:
    sign: Expression = score.part(score.width - 1, 1) if signed else Constant(0, 1)
    return join([score, *[sign] * (_DATA_BITS - score.width)])


def _reads(
    builder: ModuleBuilder,
    address_width: int,
    low_words: Sequence[Expression],
    score_words: Sequence[Expression],
    num_fixed: int,
) -> dict[str, Expression]:
    valid, answered = whole("read_answered", 1), whole("s_axil_rready", 1)
    takes = builder.wire("read_taken", both(whole("s_axil_arvalid", 1), invert(valid)))
    number = Slice("s_axil_araddr", 2, address_width - 2, address_width)
    first_score = SCORES // WORD_BYTES
    low = choose(number.part(0, (first_score - 1).bit_length()), low_words)
    in_low = less(number, Constant(first_score, number.width))
    offset = Operation(Kind.SUBTRACT, (number, Constant(first_score, number.width)), number.width)
    place = builder.wire("score_number", offset)
    score = choose(place, score_words)
    known = less(number, Constant(num_fixed, number.width))
    scored = both(invert(in_low), less(place, Constant(len(score_words), number.width)))
    hit = builder.wire("read_known", either(known, scored))
    data = mux(hit, mux(in_low, low, score), _ZERO)
    response = mux(hit, Constant(0, 2), Constant(_SLVERR, 2))
    builder.control("read_answered", mux(valid, invert(answered), takes))
    return {
        "s_axil_arready": invert(valid),
        "s_axil_rdata": builder.data("read_data", data, takes),
        "s_axil_rresp": builder.data("read_response", response, takes),
        "s_axil_rvalid": valid,
    }


def _writes(builder: ModuleBuilder, address_width: int) -> dict[str, Expression]:
    has_address, has_data, valid = whole("has_address", 1), whole("has_data", 1), whole("write_answered", 1)
    number = Slice("s_axil_awaddr", 2, address_width - 2, address_width)
    written = both(has_address, has_data)
    carried_out = builder.wire("carried_out", both(written, invert(valid)))
    takes_address = both(whole("s_axil_awvalid", 1), invert(has_address))
    takes_data = both(whole("s_axil_wvalid", 1), invert(has_data))
    builder.control("has_address", mux(has_address, invert(carried_out), takes_address))
    builder.control("has_data", mux(has_data, invert(carried_out), takes_data))
    to_control = builder.data("to_control", equal(number, Constant(CONTROL // WORD_BYTES, number.width)), takes_address)
    low = join([Slice("s_axil_wdata", 0, 2, _DATA_BITS), Slice("s_axil_wstrb", 0, 1, WORD_BYTES)])
    data = builder.data("written", low, takes_data)
    allowed = builder.wire("write_allowed", both(to_control, data.part(2, 1)))
    acts = both(carried_out, allowed)
    builder.control("counts_cleared", both(acts, data.part(0, 1)))
    builder.control("forgets", both(acts, data.part(1, 1)))
    builder.control("write_answered", either(carried_out, both(valid, invert(whole("s_axil_bready", 1)))))
    response = mux(allowed, Constant(0, 2), Constant(_SLVERR, 2))
    return {
        "s_axil_awready": invert(has_address),
        "s_axil_wready": invert(has_data),
        "s_axil_bresp": builder.data("write_response", response, carried_out),
        "s_axil_bvalid": valid,
    }
