"""The AXI4-Lite register file of a network: which word is at which address.

| address | name | access | what |
| --- | --- | --- | --- |
| 0x00 | ``magic`` | read | 0x424C4731, ``BLG1`` from the highest byte |
| 0x04 | ``netlist_digest`` | read | the first 32 bits of the netlist's digest, its first hex digit highest |
| 0x08 | ``num_features`` | read | numbers in a sample: features, or bits with ``--input bits`` |
| 0x0C | ``num_classes`` | read | classes |
| 0x10 | ``frame_count`` | read | frames taken whole, modulo 2**32 |
| 0x14 | ``error_count`` | read | frames dropped because ``tlast`` came at the wrong beat, modulo 2**32 |
| 0x18 | ``last_class`` | read | the class of the latest result that left the core |
| 0x1C | ``control`` | write | bit 0: counts and ``frame_error`` become 0; bit 1: all samples inside are forgotten |
| 0x40 + 4 * c | ``score`` | read | score of class c of that result, in two's complement |

A word is 32 bits; the two lowest bits of an address are not read. Reading ``control`` gives 0. Any other address, and a
write elsewhere or without the lowest byte, is answered with SLVERR and changes nothing. What bit 1 of ``control``
forgets is the frame that is coming in, all in the core, and what is left of a result that is going out; the next beat
is the first of a frame.
"""

from dataclasses import asdict, dataclass
from typing import Any

from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind

MAGIC = 0x424C4731
WORD_BYTES = 4
CONTROL = 0x1C
SCORES = 0x40


@dataclass(frozen=True)
class MappedRegister:
    """``count`` words from ``address`` on; ``value`` is what a constant one reads."""

    name: str
    address: int
    access: str  # "read" or "write"
    count: int = 1
    value: int | None = None
    signed: bool = False

    def described(self) -> dict[str, Any]:
        """For a manifest."""
        return asdict(self)


def register_map(netlist: Netlist, kind: InputKind) -> tuple[MappedRegister, ...]:
    """The registers of ``netlist``, by rising address."""
    encoder = netlist.encoder if kind is InputKind.X else None
    num_features = netlist.num_inputs if encoder is None else encoder.num_features
    return (
        MappedRegister("magic", 0x00, "read", value=MAGIC),
        MappedRegister("netlist_digest", 0x04, "read", value=int(netlist.digest()[:8], 16)),
        MappedRegister("num_features", 0x08, "read", value=num_features),
        MappedRegister("num_classes", 0x0C, "read", value=netlist.head.num_classes),
        MappedRegister("frame_count", 0x10, "read"),
        MappedRegister("error_count", 0x14, "read"),
        MappedRegister("last_class", 0x18, "read"),
        MappedRegister("control", CONTROL, "write"),
        MappedRegister("score", SCORES, "read", netlist.head.num_classes, signed=True),
    )


def address_width(netlist: Netlist) -> int:
    """The bits of ``s_axil_awaddr`` and ``s_axil_araddr``."""
    return (SCORES + WORD_BYTES * netlist.head.num_classes - 1).bit_length()
