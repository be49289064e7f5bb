"""What goes into a network and what comes out of it, the same for the reference, every target and verify."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class InputKind(StrEnum):
    """Which side of the encoder a sample is given on."""

    X = "x"  # numbers, before the encoder
    BITS = "bits"  # the encoder's output


@dataclass(frozen=True)
class Samples:
    """A batch of inputs of one kind, read-only.

    ``X``: ``(n, num_features)``, features in C order of one sample; an unsigned dtype holds the encoder's integers
    (``q(x)``, 0 to ``2**input_bits - 1``), float32 the numbers themselves. ``BITS``: uint8 ``(n, num_inputs)`` of {0,
    1}.
    """

    kind: InputKind
    values: Array

    def __post_init__(self) -> None:
        values = np.array(self.values)
        allowed = "u" if self.kind is InputKind.BITS else "uf"
        if (
            values.ndim != 2
            or values.dtype.kind not in allowed
            or (values.dtype.kind == "f" and values.dtype != np.float32)
        ):
            raise ValueError(
                f"samples of kind {self.kind}: {values.dtype} {values.shape}; "
                "allowed are unsigned integers (n, width), and float32 for x"
            )
        if self.kind is InputKind.BITS and values.size and values.max() > 1:
            raise ValueError(f"samples of kind bits hold {values.max()}; only 0 and 1 are bits")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> "Samples":
        return Samples(self.kind, self.values[rows])


@dataclass(frozen=True)
class Result:
    """What a network says of a batch: both as the target gave them, the class never recomputed by a reader."""

    scores: Array  # int64 (n, num_classes)
    class_ids: Array  # int64 (n,)
