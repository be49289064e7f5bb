"""The discrete look-up: what a layer computes once it is trained."""

import torch
from torch import Tensor

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
    ones = signals > 0.5 if signals.is_floating_point() else signals != 0
    bits = ones.to(torch.uint8)
    output = torch.empty(luts.shape[0], signals.shape[1], dtype=dtype, device=signals.device)
    width = max(1, _BLOCK_ELEMENTS // max(1, signals.shape[1]))
    for start in range(0, luts.shape[0], width):
        block = slice(start, start + width)
        address = bits[indices[0, block]]
        for slot in indices[1:, block]:
            address = address.mul_(2).add_(bits[slot])  # at most 63: a byte holds it
        output[block] = luts[block].gather(1, address.long())
    return output
