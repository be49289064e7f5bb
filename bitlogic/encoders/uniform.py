"""Thresholds at equal distances."""

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.base import Encoder


class Thermometer(Encoder):
    """Threshold i of b, counted from 1, is min + i * (max - min) / (b + 1); `Encoder` has the arguments.

    The thermometer code of arXiv:2410.11112, section 3, before its distributive form.
    """

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = float(values.min()), float(values.max())
        steps = np.arange(1, self.num_bits + 1, dtype=np.float64)
        return (low + steps * (high - low) / (self.num_bits + 1)).astype(np.float32)
