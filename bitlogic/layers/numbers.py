"""Tables as numbers, for people who know their gates by number."""

import torch
from torch import Tensor


def lut_numbers(luts: Tensor) -> Tensor:
    """Each table ``(num_luts, 2**rank)`` as a number ``(num_luts,)``, entry 0 as its most significant bit.

    For rank 2: 0 = False, 1 = AND, 3 = A, 5 = B, 6 = XOR, 7 = OR, 14 = NAND, 15 = True. The dtype is int64, but uint64
    for rank 6, whose numbers int64 cannot hold.
    """
    places = torch.arange(luts.shape[1] - 1, -1, -1)
    numbers = (luts.to(torch.int64) << places).sum(1)
    return numbers.view(torch.uint64) if luts.shape[1] == 64 else numbers
