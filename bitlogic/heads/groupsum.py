"""GroupSum: a class's score is the number of ones in its group of outputs."""

import torch
from torch import Tensor

from bitlogic.heads.base import Head


class GroupSum(Head):
    """Sums ``k`` equal groups of consecutive outputs (arXiv:2210.08277).

    The float score is ``sum / tau + beta``, in training and evaluation alike. ``tau`` and ``beta`` stay on the host:
    what hardware gives are the integers of `scores`.

    Args:
        k: the number of classes; group c is the outputs ``c * n .. (c + 1) * n - 1``.
        tau: the scale of the sum; about ``0.55 * sqrt(outputs per class)`` suits cross-entropy.
        beta: added to every float score.

    Raises:
        ValueError: see `Head`.
    """

    def combine(self, sums: Tensor) -> Tensor:
        return sums

    def floats(self, scores: Tensor, dtype: torch.dtype) -> Tensor:
        return scores.to(dtype) / self.tau + self.beta

    def matrix(self) -> None:
        return None
