"""A sign and the binary number of the absolute value."""

import numpy as np
from numpy.typing import NDArray

from bitlogic.encoders.code import CodeEncoder, digits_of


class SignMagnitude(CodeEncoder):
    """Sign and magnitude of n = round(x / max(abs(x)) * (2**(num_bits - 1) - 1)), the maximum taken over the samples.

    Bits 0 .. num_bits - 2 are abs(n), bit 0 the least significant; the last bit is one where n < 0, so that values
    rounded to 0 give zero bits. At least 2 bits. `CodeEncoder` has the rest, `Encoder` the arguments.
    """

    FEWEST_BITS = 2

    @property
    def num_thresholds(self) -> int:
        return 2 * self._largest

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        step = float(np.abs(values).max()) / self._largest
        return ((np.arange(-self._largest, self._largest) + 0.5) * step).astype(np.float32)

    def choose_codewords(self) -> NDArray[np.uint8]:
        levels = np.arange(-self._largest, self._largest + 1)
        return digits_of(np.abs(levels) | (levels < 0).astype(np.int64) << (self.num_bits - 1), self.num_bits)

    @property
    def _largest(self) -> int:
        return (1 << (self.num_bits - 1)) - 1
