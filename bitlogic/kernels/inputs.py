"""What both paths of the kernels take: the LUTs of a layer and the signals they read."""

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor


class View(IntEnum):
    """What the interpolation sees of a signal x; ``lut.c`` has the same numbers."""

    AS_IS = 0
    BITS = 1  # 1 where x > 0.5, else 0
    # 3/4 where x > 0.5, else 1/4: there the interpolation's slope is twice the extended finite difference
    # (arXiv:2410.11112), whose weights 0.75**(R - 1) * (1/3)**distance are the minterms of the other slots.
    NUDGED = 2


@dataclass(frozen=True)
class Inputs:
    """One pass over a layer's LUTs."""

    signals: Tensor  # (in_dim, batch), contiguous
    table: Tensor  # float32 or float64 (num_luts / sharing, 2**lut_rank), contiguous; sums are made in its dtype
    indices: Tensor  # int64 (lut_rank, num_luts), contiguous: the signal each slot reads
    view: View = View.AS_IS

    @property
    def sharing(self) -> int:
        """How many LUTs in a row have one table."""
        return self.indices.shape[1] // self.table.shape[0]

    def repeats(self, grad: Tensor) -> int:
        """How many LUTs in a row have one row of a gradient, ``(num_luts / repeats, batch)``."""
        return self.indices.shape[1] // grad.shape[0]


def sum_dtype(*dtypes: torch.dtype) -> torch.dtype:
    """float64 where one of the dtypes is, else float32."""
    return torch.float64 if torch.float64 in dtypes else torch.float32
