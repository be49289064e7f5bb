"""The head of a netlist: from the number of ones in each group of outputs to the scores of the classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.checks import freeze_field, freeze_integer, require

Array = npt.NDArray[Any]
MAX_CLASSES = 2**31 - 1
WEIGHT_RANGE = (-(2**15), 2**15 - 1)
SCORE_RANGE = (-(2**31), 2**31 - 1)  # a score is an int32 in every target


@dataclass(frozen=True, eq=False)
class Head:
    """``num_classes`` integers from as many group sums; ``tau``, ``beta`` and ``scale`` are applied by the host only.

    Without ``weights`` the score of class ``c`` is the sum of group ``c``. With them it is the sum over ``g`` of (sum
    of group ``g``) * ``weights[g, c]``, in two's complement. The host's float score is ``scale * score / tau + beta``.
    """

    num_classes: int
    tau: float = 1.0
    beta: float = 0.0
    weights: Array | None = None  # int32 (num_classes, num_classes) in -2**15 .. 2**15 - 1
    scale: float = 1.0

    def __post_init__(self) -> None:
        freeze_integer(self, "num_classes", 1, MAX_CLASSES)
        for name in ("tau", "beta", "scale"):
            object.__setattr__(self, name, float(getattr(self, name)))
        require(bool(np.isfinite(self.tau)) and self.tau > 0, f"head: tau is above 0, not {self.tau}")
        require(bool(np.isfinite(self.beta)), f"head: beta is finite, not {self.beta}")
        require(bool(np.isfinite(self.scale)) and self.scale > 0, f"head: scale is above 0, not {self.scale}")
        if self.weights is None:
            require(self.scale == 1.0, "head: only weights have a scale")
            return
        freeze_field(self, "weights", np.int32)
        square = (self.num_classes, self.num_classes)
        require(self.weights.shape == square, f"head: weights is {square}, not {self.weights.shape}")
        low, high = WEIGHT_RANGE
        inside = (self.weights >= low) & (self.weights <= high)
        require(bool(inside.all()), f"head: a weight outside {low}..{high}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Head) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def combine(self, sums: Array) -> Array:
        """int64 ``(n, num_classes)``: the scores of the group sums ``(n, num_classes)``."""
        sums = sums.astype(np.int64)
        return sums if self.weights is None else sums @ self.weights.astype(np.int64)

    def score_range(self, group_size: int) -> tuple[int, int]:
        """The lowest and the highest score of any class, every group sum being anything from 0 to ``group_size``."""
        if self.weights is None:
            return 0, group_size
        weights = self.weights.astype(np.int64)
        low = group_size * int(weights.clip(max=0).sum(axis=0).min())
        return low, group_size * int(weights.clip(min=0).sum(axis=0).max())

    def _key(self) -> tuple[Any, ...]:
        weights = None if self.weights is None else self.weights.tobytes()
        return self.num_classes, self.tau, self.beta, self.scale, weights


def width_of(low: int, high: int, *, signed: bool) -> int:
    """Bits for every integer from ``low`` to ``high``, at least 1; two's complement when ``signed``."""
    if not signed:
        return max(1, high.bit_length())
    return 1 + max(high.bit_length(), (-1 - low).bit_length() if low < 0 else 0)
