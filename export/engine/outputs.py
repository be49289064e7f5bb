"""What a caller gets: tensors for tensors, arrays for arrays, and the head's floats of integer scores."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import Head

Array = npt.NDArray[Any]


def like(x: Any, values: Array) -> Any:
    """The values as an array where ``x`` is one or Planes of them, else as a tensor."""
    is_array = isinstance(getattr(x, "words", x), np.ndarray)
    return values if is_array else sys.modules["torch"].from_numpy(values)  # who has a tensor has imported it


def head_floats(x: Any, scores: Array, head: Head) -> Any:
    """``scale * score / tau + beta`` of int64 scores ``(n, num_classes)``, float32 or the wider dtype of ``x``."""
    numbers = like(x, scores)
    if numbers is scores:
        given = x.dtype if isinstance(x, np.ndarray) and x.dtype.kind == "f" else np.float32
        numbers = scores.astype(np.promote_types(given, np.float32))
    else:
        torch = sys.modules["torch"]
        given = x.dtype if isinstance(x, torch.Tensor) and x.is_floating_point() else torch.float32
        numbers = numbers.to(torch.promote_types(given, torch.float32))
    return (numbers if head.weights is None else head.scale * numbers) / head.tau + head.beta
