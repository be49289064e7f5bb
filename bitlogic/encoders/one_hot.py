"""One bit for each interval of the range."""

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.code import CodeEncoder


class OneHot(CodeEncoder):
    """Bit b, counted from 0, is one where the value lies in interval b of `num_bits` equal ones from min to max.

    An upper end belongs to its interval, and values outside of the range to the first and the last. At least 2 bits.
    `CodeEncoder` has the rest, `Encoder` the arguments.
    """

    FEWEST_BITS = 2

    @property
    def num_thresholds(self) -> int:
        return self.num_bits - 1

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = float(values.min()), float(values.max())
        return (low + np.arange(1, self.num_bits) * (high - low) / self.num_bits).astype(np.float32)

    def choose_codewords(self) -> NDArray[np.uint8]:
        return np.eye(self.num_bits, dtype=np.uint8)
