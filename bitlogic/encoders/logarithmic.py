"""Thresholds whose distances grow from one to the next."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.base import Encoder


class LogarithmicThermometer(Encoder):
    """Thresholds that stand close near the minimum; the b + 1 intervals between min and max grow by `base` each.

    Threshold i of b, counted from 1, is min + (max - min) * (base**i - 1) / (base**(b + 1) - 1).

    Args:
        num_bits: see `Encoder`, as for the next three.
        encode_axis: see there.
        fit_axes: see there.
        input_bits: see there.
        base: above 1. With 2 the grid of `input_bits` tells apart about `input_bits` thresholds.
    """

    def __init__(
        self,
        num_bits: int,
        encode_axis: int = 1,
        fit_axes: Sequence[int] = (1,),
        input_bits: int = 8,
        base: float = 2.0,
    ) -> None:
        super().__init__(num_bits, encode_axis, fit_axes, input_bits)
        if not (math.isfinite(base) and base > 1):
            raise ValueError(f"base is {base}, it must be above 1; equal distances are those of Thermometer")
        self.base = float(base)

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = float(values.min()), float(values.max())
        count = self.num_bits + 1
        # Divided through by base**count, which overflows for many bits.
        grown = self.base ** (np.arange(1, count) - float(count))
        least = self.base ** -float(count)
        chosen: NDArray[np.float32] = (low + (high - low) * (grown - least) / (1.0 - least)).astype(np.float32)
        return chosen

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "base": self.base}
