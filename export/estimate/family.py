"""What the parts of a design cost on each family of devices, as plain data.

Costs are read off what Yosys 0.70 makes of each operation, popcount and comparison by itself; compressors on ECP5 off
whole designs of 2 x 500 and 2 x 1000 LUTs, where it maps for depth or for size as the rest of the design has it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Family:
    """A family. ``luts`` says by the number of inputs that a table depends on what it takes."""

    luts: Mapping[int, float]
    lut_inputs: int
    choice: float  # of a choice of two, where multiplexers are not LUTs
    widest: int  # inputs of a table that is one level: LUTs of which multiplexers choose
    add: Callable[[int, bool], float]  # the width of the sum; whether its highest bit is more than a carry
    sums_of_luts: int  # the widest sum that is no carry chain
    less: Callable[[int], float]  # the width of what is compared
    inverts: bool  # a comparison is a chain behind LUTs that invert, where the bits are not from a LUT anyway
    less_inputs: Callable[[int], int]  # what a LUT reads that takes in the result of the comparison
    less_constant: Callable[[int], float]  # the bits of the value that matter
    compressor: float  # LUTs of a full adder in a sum of several terms
    deep_compressor: float  # the same where three levels of them or more follow each other
    compressor_levels: float  # LUTs one behind the other in a full adder
    dsp_from: int  # the narrowest product that a DSP makes, 0: there is none
    memory_bits: int  # of a block memory, 0: constants become LUTs
    memory_widths: tuple[int, ...]
    memory_from_bits: int  # smaller memories of constants become LUTs


def _carry_chain(width: int, full: bool) -> float:
    """The carry out of a chain drives the highest bit, which costs nothing."""
    return float(width if full or width < 3 else width - 1)


def _whole_chain(width: int, full: bool) -> float:
    return float(width)


def _paired_chain(width: int, full: bool) -> float:
    """A CCU2C is two LUTs; Yosys makes sums of up to four bits of LUTs, the four bits of deep ones."""
    if width < 5:
        return {1: 1.0, 2: 2.0, 3: 6.0 if full else 3.0, 4: 14.0 if full else 10.0}[width]
    return float(2 * -(-width // 2))


def _paired_less(width: int) -> float:
    if width < 5:
        return {1: 0.0, 2: 0.0, 3: 3.0, 4: 8.0}[width]
    return float(2 * (width // 2))


def _tree_of_luts(size: int) -> float:
    return float(-(-(size - 1) // 3)) if size > 1 else 0.0


def _paired_less_constant(size: int) -> float:
    if size < 7:
        return (0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 4.0)[size]
    return float(2 * (size // 2) + size // 3)


_ICE40 = Family(
    luts={2: 1, 3: 1, 4: 1, 5: 4.4, 6: 9.7},
    lut_inputs=4,
    choice=1.0,
    widest=4,
    add=_carry_chain,
    sums_of_luts=2,
    less=float,
    inverts=True,
    less_inputs=lambda width: 1,
    less_constant=_tree_of_luts,
    compressor=2.0,
    deep_compressor=2.0,
    compressor_levels=1.0,
    dsp_from=0,
    memory_bits=4096,
    memory_widths=(2, 4, 8, 16),
    memory_from_bits=1024,
)
_ECP5 = Family(
    luts={2: 1, 3: 1, 4: 1, 5: 2, 6: 4},
    lut_inputs=4,
    choice=1.0,
    widest=6,
    add=_paired_chain,
    sums_of_luts=4,
    less=_paired_less,
    inverts=False,
    less_inputs=lambda width: 3 if width % 2 else 1,  # an odd width leaves its highest bits to the LUT behind
    less_constant=_paired_less_constant,
    compressor=3.0,  # LUT5 and LUT6 of two and four LUT4s here and there
    deep_compressor=4.0,  # mapped for depth: LUT5 to LUT7 of two to eight LUT4s
    compressor_levels=0.6,  # LUT5 to LUT7 hold more than one
    dsp_from=9,
    memory_bits=16_384,
    memory_widths=(1, 2, 4, 9, 18, 36),
    memory_from_bits=2048,
)

_GOWIN = Family(
    luts={2: 1, 3: 1, 4: 1, 5: 2, 6: 4},
    lut_inputs=4,
    choice=1.0,
    widest=6,
    add=_whole_chain,
    sums_of_luts=2,
    less=float,
    inverts=True,
    less_inputs=lambda width: 1,
    less_constant=_tree_of_luts,
    compressor=2.0,
    deep_compressor=9.0,  # mapped for depth: up to LUT8 of sixteen LUT4s
    compressor_levels=0.6,  # LUT5 to LUT7 hold more than one
    dsp_from=0,
    memory_bits=16_384,
    memory_widths=(1, 2, 4, 9, 18, 36),
    memory_from_bits=2048,
)
_GATEMATE = Family(
    luts={2: 1, 3: 0.9, 4: 2.3, 5: 4.4, 6: 8.6},  # with multiplexers beside them, which are no LUTs
    lut_inputs=4,
    choice=0.0,
    widest=4,
    add=_whole_chain,
    sums_of_luts=2,
    less=lambda width: 2.0 * width,  # a LUT inverts each bit
    inverts=True,
    less_inputs=lambda width: 1,
    less_constant=_tree_of_luts,
    compressor=3.0,
    deep_compressor=5.0,
    compressor_levels=1.0,
    dsp_from=0,
    memory_bits=16_384,
    memory_widths=(1, 2, 5, 10, 20, 40),
    memory_from_bits=2048,
)

_XILINX = Family(
    luts={2: 1, 3: 1, 4: 1, 5: 1, 6: 1},
    lut_inputs=6,
    choice=1.0,
    widest=6,
    add=_carry_chain,
    sums_of_luts=2,
    less=lambda width: 0.75 * width,
    inverts=False,
    less_inputs=lambda width: 1,
    less_constant=lambda size: float(-(-(size - 1) // 5)) if size > 1 else 0.0,
    compressor=2.0,
    deep_compressor=2.0,
    compressor_levels=1.0,
    dsp_from=9,
    memory_bits=16_384,
    memory_widths=(1, 2, 4, 9, 18, 36),
    memory_from_bits=8256,
)

# By the name of the flow in ``bitlogic.export.synthesis``. On Xilinx' devices a chain of registers becomes a LUT, so
# that there are fewer flip-flops than are estimated.
FAMILIES: dict[str, Family] = {
    "ice40-hx": _ICE40,
    "ice40-up": replace(_ICE40, dsp_from=11),
    "ecp5": _ECP5,
    "gowin": _GOWIN,
    "gatemate": _GATEMATE,
    "xc7": _XILINX,
    "xcup": _XILINX,
}
