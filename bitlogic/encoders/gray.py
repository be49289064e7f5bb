"""The reflected binary code of a value's level."""

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.code import CodeEncoder, digits_of, nearest_level_thresholds


class GrayCode(CodeEncoder):
    """The Gray code n ^ (n >> 1) of n = round((x - min) / (max - min) * (2**num_bits - 1)).

    Bit 0 is the least significant. Neighbouring levels differ in one bit, so every comparator belongs to one bit.
    `CodeEncoder` has the rest, `Encoder` the arguments.
    """

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return nearest_level_thresholds(float(values.min()), float(values.max()), self.num_thresholds)

    def choose_codewords(self) -> NDArray[np.uint8]:
        levels = np.arange(1 << self.num_bits)
        return digits_of(levels ^ levels >> 1, self.num_bits)
