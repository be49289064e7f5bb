"""The discrete look-up: what a layer computes once it is trained."""

import torch
from torch import Tensor

from bitlogic.kernels import native
from bitlogic.kernels.inputs import Inputs, View, sum_dtype

# Elements of a block's addresses (int64) that exist at one time.
_BLOCK_ELEMENTS = 2**20


def look_up_bits(signals: Tensor, luts: Tensor, indices: Tensor, dtype: torch.dtype) -> Tensor:
    """The outputs ``(out_dim, batch)`` of LUTs on bits: 0 and 1, in the wanted dtype.

    Args:
        signals: ``(in_dim, batch)`` of {0, 1}; a float is a one when it is above 0.5, any other number when not zero.
        luts: uint8 ``(out_dim, 2**lut_rank)``, slot 0 at the most significant bit of the address.
        indices: int64 ``(lut_rank, out_dim)``.
        dtype: of the outputs.
    """
    if torch.compiler.is_compiling():
        # What a compiler fuses or an exported program runs anywhere: torch's own operators, without blocks.
        return luts.gather(1, _addresses(_bits(signals), indices).long()).to(dtype)
    if native.serves(signals) and dtype in native.OUTPUTS:
        # Interpolation at bits, between bits, is the look-up: exact in any float. Signals are compared in their own
        # precision, as everywhere.
        table = luts.to(sum_dtype(signals.dtype)).contiguous()
        return native.forward(Inputs(signals.contiguous(), table, indices.contiguous(), View.BITS), dtype)
    bits = _bits(signals)
    output = torch.empty(luts.shape[0], signals.shape[1], dtype=dtype, device=signals.device)
    width = max(1, _BLOCK_ELEMENTS // max(1, signals.shape[1]))
    for start in range(0, luts.shape[0], width):
        block = slice(start, start + width)
        output[block] = luts[block].gather(1, _addresses(bits, indices[:, block]).long())
    return output


def _bits(signals: Tensor) -> Tensor:
    ones = signals > 0.5 if signals.is_floating_point() else signals != 0
    return ones.to(torch.uint8)


def _addresses(bits: Tensor, indices: Tensor) -> Tensor:
    """The address of every LUT and sample, uint8: at most 63."""
    address = bits[indices[0]]
    for slot in indices[1:]:
        address = address.mul_(2).add_(bits[slot])
    return address
