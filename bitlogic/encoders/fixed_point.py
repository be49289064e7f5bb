"""The bits of a fixed-point number."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.encoders.code import CodeEncoder, digits_of


class UniformFixedPoint(CodeEncoder):
    """The integer round(x / step), saturated, in `num_bits` bits, bit 0 the least significant.

    The step is the smallest power of two at which the samples fit, for each pool its own: what a fixed-point unit or a
    converter with that many bits would hand over.

    Args:
        num_bits: see `Encoder`, as for the next three.
        encode_axis: see there.
        fit_axes: see there.
        input_bits: see there.
        signed: two's complement, -2**(num_bits - 1) .. 2**(num_bits - 1) - 1, or 0 .. 2**num_bits - 1. None: signed as
            soon as one sample is negative.

    Raises:
        ValueError: in `fit`, a negative sample with `signed=False`, or a single bit for signed numbers.
    """

    def __init__(
        self,
        num_bits: int,
        encode_axis: int = 1,
        fit_axes: Sequence[int] = (1,),
        input_bits: int = 8,
        signed: bool | None = None,
    ) -> None:
        super().__init__(num_bits, encode_axis, fit_axes, input_bits)
        self.signed = signed
        self._lowest = 0

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = float(values.min()), float(values.max())
        highest = self._lowest + self.num_thresholds
        # The range in steps: -1/2 + lowest <= low and high < highest + 1/2. Rounding a tie goes to the lower level.
        needed = high / (highest + 0.5)
        if self._lowest:
            needed = max(needed, low / (self._lowest - 0.5))
        step = 2.0 ** math.ceil(math.log2(needed))
        return ((self._lowest + np.arange(self.num_thresholds) + 0.5) * step).astype(np.float32)

    def choose_codewords(self) -> NDArray[np.uint8]:
        return digits_of(self._lowest + np.arange(1 << self.num_bits), self.num_bits)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "signed": self.signed}

    def _thresholds_of(self, pools: Tensor, low: Tensor, high: Tensor) -> Tensor:
        negative = bool((low < 0).any())
        if negative and self.signed is False:
            raise ValueError(f"UniformFixedPoint(signed=False) cannot hold the sample {float(low.min()):g}")
        if self.num_bits == 1 and (negative or self.signed):
            raise ValueError("UniformFixedPoint with num_bits=1 has no room for a sign")
        self._lowest = -(1 << (self.num_bits - 1)) if negative or self.signed else 0
        return super()._thresholds_of(pools, low, high)
