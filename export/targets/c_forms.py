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
    vector_bits: int = 0  # samples of a word that is a vector; word, cell, sum and input are not used then
    ternary_condition: str = ""  # of the preprocessor: there is an operation of three words
    ternary_intrinsic: str = ""
    ternary_type: str = ""

    @property
    def one_sample(self) -> bool:
        """Whether a word holds one sample, in its sign; a byte of the work buffer is loaded and widened at once."""
        return self.word == "int32_t"

    @property
    def vector_bytes(self) -> int:
        return self.vector_bits // 8


def forms_of(netlist: Netlist, kind: InputKind, prefix: str) -> list[Form]:
    """The forms of an export; that which reads numbers needs the encoder inside and its integer grid."""
    word = f"{prefix}_word"
    forms = [
        Form(
            name="bits",
            template="c_one.c.j2",
            purpose="One sample a call, from the encoder's output bits.",
            word="int32_t",
            cell="int8_t",
            sum="int32_t",
            sum_purpose="the ones of a class",
            input="uint64_t",
            argument="bits",
            extent="BITS_WORDS",
            suffix="_bits",
            # Two plain shifts of one half of the word, where a core of 32 bits would need more for any bit of it.
            read_input=f"({word})((uint32_t)(in[(bit) / 64] >> ((bit) % 64 & 32)) << (31 - (bit) % 32))",
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
                word="int32_t",
                cell="int8_t",
                sum="int32_t",
                sum_purpose="the ones of a class",
                input=value_type(netlist.encoder) or "",
                argument="x",
                extent="NUM_FEATURES",
                suffix="",
                read_input=f"({word})(threshold) - ({word})in[feature]",
                reads_x=True,
            )
        )
    return forms


_VECTOR_TYPES = {128: "__m128i", 256: "__m256i", 512: "__m512i"}


def batch_form(width: int) -> Form:
    """The form whose word is ``width`` samples, 32 or 128 and more; 64 has the form of ``bits64``."""
    word = f"uint{width}_t"
    vector = width in _VECTOR_TYPES
    intrinsic = f"_mm{'' if width == 128 else width}_ternarylogic_epi64"
    return Form(
        name="batch",
        template="c_batch.c.j2",
        purpose=f"{width} samples at a time.",
        word=word,
        cell=word,
        sum=word,
        sum_purpose=f"one bit of the ones of a class, for {width} samples",
        input=word,
        argument="planes",
        extent="NUM_BITS",
        suffix="_batch",
        read_input="in[bit]",
        vector_bits=width if vector else 0,
        ternary_condition=f"defined({'__AVX512F__' if width == 512 else '__AVX512VL__'})" if vector else "",
        ternary_intrinsic=intrinsic if vector else "",
        ternary_type=_VECTOR_TYPES.get(width, ""),
    )


def value_type(encoder: Encoder | None) -> str | None:
    """The C type of one of the encoder's integers; None without a grid."""
    if encoder is None or encoder.input_bits == 0:
        return None
    return "uint8_t" if encoder.input_bits <= 8 else "uint16_t"
