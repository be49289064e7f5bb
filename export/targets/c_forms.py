"""The forms of the C code: the same LUTs over one sample given as numbers, one given as bits, or 64 given as bits."""

from dataclasses import dataclass

from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.samples import InputKind


@dataclass(frozen=True)
class Form:
    """What a form header defines, as C text."""

    name: str  # of its files and private symbols
    template: str  # of its entry points
    purpose: str
    word: str  # the type a statement computes in
    cell: str  # the type of the work buffer
    sum: str
    sum_purpose: str
    input: str
    argument: str  # the entry points' name of the input
    extent: str  # the macro, without the prefix, that is the input's length
    suffix: str  # of the entry points' names
    read_input: str  # the IN macro
    reads_x: bool = False


def forms_of(netlist: Netlist, kind: InputKind, prefix: str) -> list[Form]:
    """The forms of an export; that which reads numbers needs the encoder inside and its integer grid."""
    word = f"{prefix}_word"
    forms = [
        Form(
            name="bits",
            template="c_one.c.j2",
            purpose="One sample a call, from the encoder's output bits.",
            word="uint_fast8_t",
            cell="uint8_t",
            sum="int32_t",
            sum_purpose="the ones of a class",
            input="uint64_t",
            argument="bits",
            extent="BITS_WORDS",
            suffix="_bits",
            read_input=f"({word})(in[(bit) / 64] >> ((bit) % 64))",
        ),
        Form(
            name="bits64",
            template="c_bits64.c.j2",
            purpose="64 samples a call, from planes of the encoder's output bits.",
            word="uint64_t",
            cell="uint64_t",
            sum="uint64_t",
            sum_purpose="one bit of the ones of a class, for 64 samples",
            input="uint64_t",
            argument="planes",
            extent="NUM_BITS",
            suffix="_bits64",
            read_input="in[bit]",
        ),
    ]
    if kind is InputKind.X and netlist.encoder is not None and netlist.encoder.input_bits > 0:
        forms.append(
            Form(
                name="x",
                template="c_one.c.j2",
                purpose="One sample a call, from the encoder's integers.",
                word="uint_fast8_t",
                cell="uint8_t",
                sum="int32_t",
                sum_purpose="the ones of a class",
                input=value_type(netlist.encoder) or "",
                argument="x",
                extent="NUM_FEATURES",
                suffix="",
                read_input=f"({word})(((uint32_t)(threshold) - in[feature]) >> 31)",
                reads_x=True,
            )
        )
    return forms


def value_type(encoder: Encoder | None) -> str | None:
    """The C type of one of the encoder's integers; None without a grid."""
    if encoder is None or encoder.input_bits == 0:
        return None
    return "uint8_t" if encoder.input_bits <= 8 else "uint16_t"
