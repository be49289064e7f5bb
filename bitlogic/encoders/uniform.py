"""Thresholds at equal distances."""

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.base import Encoder


class Thermometer(Encoder):
    """Threshold i of b, counted from 1, is min + i * (max - min) / (b + 1); `Encoder` has the arguments.

    The thermometer code of arXiv:2410.11112, section 3, before its distributive form.
    """

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return uniform_thresholds(float(values.min()), float(values.max()), self.num_bits)


def uniform_thresholds(low: float, high: float, num_thresholds: int) -> NDArray[np.float32]:
    """float32 (num_thresholds,), at equal distances from each other and from low and high."""
    steps = np.arange(1, num_thresholds + 1, dtype=np.float64)
    return (low + steps * (high - low) / (num_thresholds + 1)).astype(np.float32)
