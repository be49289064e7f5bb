"""GroupSum: a class's score is the number of ones in its group of outputs."""

import math
from typing import Any

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
        ValueError: ``k`` < 1, ``tau`` not finite and positive, ``beta`` not finite; in the calls, a last dimension
            that is not a multiple of ``k``.
    """

    def __init__(self, k: int, tau: float = 1.0, beta: float = 0.0) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"GroupSum needs at least one class, got k={k}")
        if not (math.isfinite(tau) and tau > 0):
            raise ValueError(f"GroupSum's tau must be finite and positive, got {tau}")
        if not math.isfinite(beta):
            raise ValueError(f"GroupSum's beta must be finite, got {beta}")
        self.k = k
        self.tau = float(tau)
        self.beta = float(beta)

    def forward(self, x: Tensor) -> Tensor:
        """Float scores ``(..., k)``, accumulated and given in float32, or in float64 for float64 inputs."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        return self._groups(x).sum(-1, dtype=dtype) / self.tau + self.beta

    def scores(self, bits: Tensor) -> Tensor:
        """The number of ones in each group, ``(..., k)`` int64; a float counts as one when it is above 0.5."""
        ones = bits > 0.5 if bits.is_floating_point() else bits != 0
        return self._groups(ones).sum(-1, dtype=torch.int64)

    def get_config(self) -> dict[str, Any]:
        return {"k": self.k, "tau": self.tau, "beta": self.beta}

    def extra_repr(self) -> str:
        return f"k={self.k}, tau={self.tau:g}, beta={self.beta:g}"

    def _groups(self, x: Tensor) -> Tensor:
        if x.ndim == 0 or x.shape[-1] == 0 or x.shape[-1] % self.k:
            raise ValueError(f"GroupSum(k={self.k}) cannot cut an input of shape {tuple(x.shape)} into equal groups")
        return x.reshape(*x.shape[:-1], self.k, -1)
