"""The natural binary number of a value's level."""

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.code import CodeEncoder, digits_of, nearest_level_thresholds


class Binary(CodeEncoder):
    """The bits of round((x - min) / (max - min) * (2**num_bits - 1)), bit 0 the least significant.

    With `num_bits` equal to `input_bits` they are the bits of the integer that hardware reads. Neighbouring levels can
    differ in every bit, see `GrayCode`. `CodeEncoder` has the rest, `Encoder` the arguments.
    """

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return nearest_level_thresholds(float(values.min()), float(values.max()), self.num_thresholds)

    def choose_codewords(self) -> NDArray[np.uint8]:
        return digits_of(np.arange(1 << self.num_bits), self.num_bits)
