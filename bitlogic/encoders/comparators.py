"""An encoder flattened to comparisons and parities: the form that the export reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Code:
    """Output bits that are parities of comparators, the same ones for every value of a sample.

    Output bit `bits[v, b]` is `starts[v, b]` XOR comparator `comparators[v, i]` for each i with `toggles[i, b] == 1`.
    The arrays are read-only.
    """

    comparators: NDArray[np.int32]  # (num_values, num_thresholds)
    bits: NDArray[np.int32]  # (num_values, num_bits)
    toggles: NDArray[np.uint8]  # (num_thresholds, num_bits)
    starts: NDArray[np.uint8]  # (num_values, num_bits)


@dataclass(frozen=True)
class Comparators:
    """An encoder flattened: comparator j of a sample is `x[features[j]] > thresholds[j]`.

    With a grid it is equally `q(x)[features[j]] > integer_thresholds[j]`. Features, comparators and output bits count
    in C order of one sample without its batch axis. Without a code output bit j is comparator j. The arrays are
    read-only.
    """

    features: NDArray[np.int32]  # (num_comparators,)
    thresholds: NDArray[np.float32]  # (num_comparators,), +inf is never exceeded
    integer_thresholds: NDArray[np.int32] | None  # (num_comparators,), None without a grid
    input_min: NDArray[np.float32]  # (num_features,)
    input_max: NDArray[np.float32]  # (num_features,)
    input_bits: int  # 0: no grid
    input_shape: tuple[int, ...]  # of one sample
    code: Code | None = None

    def output_bits(self, exceeded: NDArray[Any]) -> NDArray[np.uint8]:
        """The encoder's output, uint8 (n, num_bits_total), from what its comparators say, (n, num_comparators) of 0, 1.

        Any combination of comparators does, also one that no value gives.
        """
        exceeded = exceeded.astype(np.uint8)
        if self.code is None:
            return exceeded
        bits = np.empty((len(exceeded), self.code.bits.size), dtype=np.uint8)
        for bit, toggles in enumerate(self.code.toggles.T):
            own = exceeded[:, self.code.comparators[:, np.flatnonzero(toggles)]]
            bits[:, self.code.bits[:, bit]] = np.bitwise_xor.reduce(own, axis=2) ^ self.code.starts[:, bit]
        return bits


def frozen(values: NDArray[Any]) -> NDArray[Any]:
    """A read-only copy in C order."""
    copy = np.array(values, order="C")
    copy.flags.writeable = False
    return copy
