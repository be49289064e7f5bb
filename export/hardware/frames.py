"""What an AXI4-Stream carries: the frame of a sample and the frame of a result, byte by byte."""

from dataclasses import dataclass
from typing import Any

from bitlogic.errors import ExportError
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind

BYTE_BITS = 8
INTEGER_BYTES = (1, 2, 4)  # of a number in a result


@dataclass(frozen=True)
class Field:
    """``count`` equal numbers, one behind the other, each ``num_bytes`` bytes little endian.

    Of a number that comes in, only the lowest ``bits`` bits are read. A number that goes out fills its bytes, in two's
    complement where it is ``signed``.
    """

    name: str
    count: int
    num_bytes: int
    bits: int
    signed: bool = False


@dataclass(frozen=True)
class Frame:
    """The fields of a frame, without gaps, in beats of ``beat_bytes`` bytes; byte 0 is in the lowest lane.

    The last beat is padded: its bytes beyond the fields are not read, and 0 in a result. It has ``tlast``.
    """

    fields: tuple[Field, ...]
    beat_bytes: int

    @property
    def num_bytes(self) -> int:
        return sum(field.count * field.num_bytes for field in self.fields)

    @property
    def num_beats(self) -> int:
        return -(-self.num_bytes // self.beat_bytes)

    def described(self) -> dict[str, Any]:
        """For a manifest."""
        fields, offset = [], 0
        for field in self.fields:
            fields.append(
                {
                    "name": field.name,
                    "offset_bytes": offset,
                    "count": field.count,
                    "bytes": field.num_bytes,
                    "bits": field.bits,
                    "signed": field.signed,
                }
            )
            offset += field.count * field.num_bytes
        return {
            "byte_order": "little",
            "beat_bytes": self.beat_bytes,
            "num_bytes": self.num_bytes,
            "num_beats": self.num_beats,
            "fields": fields,
        }


def input_frame(netlist: Netlist, kind: InputKind, beat_bytes: int) -> Frame:
    """The frame of a sample.

    ``x``: the features in order, of up to 8 bits in one byte, of more in two. ``bits``: one field of a byte for every
    8 bits, bit ``j`` at bit ``j % 8`` of byte ``j // 8``.
    """
    if kind is InputKind.X and netlist.encoder is not None:
        bits = netlist.encoder.input_bits
        return Frame((Field("x", netlist.encoder.num_features, -(-bits // BYTE_BITS), bits),), beat_bytes)
    return Frame((Field("bits", -(-netlist.num_inputs // BYTE_BITS), 1, BYTE_BITS),), beat_bytes)


def result_frame(netlist: Netlist, beat_bytes: int) -> Frame:
    """The frame of a result: the class, unsigned in 1 or 2 bytes, then each score in 1, 2 or 4, in two's complement.

    Raises:
        ExportError: More than 65,536 classes.
    """
    class_bytes = -(-netlist.class_width // BYTE_BITS)
    if class_bytes > 2:
        raise ExportError(f"{netlist.head.num_classes} classes: a class number of a result frame has 2 bytes")
    signed_width = netlist.score_width + int(not netlist.score_signed)  # a scores's sign needs a bit of its own
    score_bytes = next(size for size in INTEGER_BYTES if size * BYTE_BITS >= min(signed_width, 32))
    return Frame(
        (
            Field("class_id", 1, class_bytes, class_bytes * BYTE_BITS),
            Field("scores", netlist.head.num_classes, score_bytes, score_bytes * BYTE_BITS, signed=True),
        ),
        beat_bytes,
    )
