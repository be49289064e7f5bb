"""Thresholds at the quantiles of a normal distribution."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.base import Encoder


class GaussianThermometer(Encoder):
    """Threshold i of b, counted from 1, is the quantile i / (b + 1) of the normal distribution fitted to the values.

    Its mean and (population) deviation are those of the values, so each bit splits them as evenly as a normal
    distribution allows, and few outliers do not stretch the thresholds; `Encoder` has the arguments.
    """

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        normal = NormalDist()
        quantiles = [normal.inv_cdf(i / (self.num_bits + 1)) for i in range(1, self.num_bits + 1)]
        return (mean + deviation * np.array(quantiles)).astype(np.float32)
