"""Thresholds at the quantiles of the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.base import Encoder


class DistributiveThermometer(Encoder):
    """Threshold i of b, counted from 1, is the quantile sorted[n * i // (b + 1)] of the n values (arXiv:2410.11112).

    Args:
        num_bits: see `Encoder`, as for the next three.
        encode_axis: see there.
        fit_axes: see there.
        input_bits: see there.
        distinct: take the quantiles of the values above the minimum only. Where most values are the minimum, as the
            background of an image is, plain quantiles coincide there and their bits are copies of each other.
    """

    def __init__(
        self,
        num_bits: int,
        encode_axis: int = 1,
        fit_axes: Sequence[int] = (1,),
        input_bits: int = 8,
        distinct: bool = False,
    ) -> None:
        super().__init__(num_bits, encode_axis, fit_axes, input_bits)
        self.distinct = bool(distinct)

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return quantile_thresholds(values[values > values.min()] if self.distinct else values, self.num_bits)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "distinct": self.distinct}


def quantile_thresholds(values: NDArray[np.float32], num_thresholds: int) -> NDArray[np.float32]:
    """float32 (num_thresholds,), ascending values that split all of them into parts of equal size."""
    places = [len(values) * i // (num_thresholds + 1) for i in range(1, num_thresholds + 1)]
    chosen: NDArray[np.float32] = np.partition(values, sorted(set(places)))[places]
    return chosen
