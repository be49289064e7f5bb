"""What every head is: the last module of a model, whose integer scores leave the chip."""

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.heads.group_sums import group_sums
from bitlogic.inference.packed_tensor import PackBitsTensor


class Head(nn.Module, ABC):
    """Turns the last LUT layer's outputs into one score for each of ``k`` classes.

    Every head first adds up ``k`` equal groups of consecutive outputs: group g is the outputs ``g * n .. (g + 1) * n -
    1``. What it makes of these sums in integers (`combine`) leaves the chip; what it makes of those as floats
    (`floats`) stays on the host.

    Attributes:
        k: the number of classes.
        tau: divides the float score.
        beta: added to the float score.

    Raises:
        ValueError: ``k`` < 1, ``tau`` not finite and positive, ``beta`` not finite; in the calls, a last dimension
            that is not a multiple of ``k``.
        TypeError: bits as a PackBitsTensor in training mode.
    """

    def __init__(self, k: int, tau: float = 1.0, beta: float = 0.0) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"{type(self).__name__} needs at least one class, got k={k}")
        if not (math.isfinite(tau) and tau > 0):
            raise ValueError(f"{type(self).__name__}'s tau must be finite and positive, got {tau}")
        if not math.isfinite(beta):
            raise ValueError(f"{type(self).__name__}'s beta must be finite, got {beta}")
        self.k = k
        self.tau = float(tau)
        self.beta = float(beta)

    def forward(self, x: Tensor | PackBitsTensor) -> Tensor:
        """Float scores ``(..., k)`` of relaxed or discrete outputs ``(..., num_outputs)``.

        Accumulated and given in float32, or in float64 for float64 inputs. Packed bits give float32.
        """
        if isinstance(x, PackBitsTensor):
            return self.floats(self.scores(x), torch.float32)
        dtype = torch.promote_types(x.dtype, torch.float32)
        return self.floats(self.combine(self._group_sums(x, dtype)), dtype)

    def scores(self, bits: Tensor | PackBitsTensor) -> Tensor:
        """The integers ``(..., k)`` int64 that every target gives for bits ``(..., num_outputs)``.

        A float counts as one when it is above 0.5, any other number when it is not zero.
        """
        if isinstance(bits, PackBitsTensor):
            self._check_groups(bits.shape)
            return self.combine(bits.for_eval(self).count_groups(self.k))
        ones = bits > 0.5 if bits.is_floating_point() else bits != 0
        return self.combine(self._group_sums(ones, torch.int64))

    @abstractmethod
    def combine(self, sums: Tensor) -> Tensor:
        """The scores ``(..., k)`` of group sums ``(..., k)``, in the dtype of the sums: int64 or a float."""

    @abstractmethod
    def floats(self, scores: Tensor, dtype: torch.dtype) -> Tensor:
        """The float scores, in that dtype, of what `combine` gives."""

    @abstractmethod
    def matrix(self) -> tuple[Tensor, float] | None:
        """Integers int64 ``(k, k)`` with ``score_c = sum_g sum_of_group_g * matrix[g, c]`` and their scale, or None.

        None where the scores are the group sums. The float score is ``scale * score / tau + beta``.
        """

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able; ``type(self)(**config)`` and the state rebuild the head."""
        return {"k": self.k, "tau": self.tau, "beta": self.beta}

    def extra_repr(self) -> str:
        return f"k={self.k}, tau={self.tau:g}, beta={self.beta:g}"

    def _group_sums(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        self._check_groups(x.shape)
        return group_sums(x, self.k, dtype)

    def _check_groups(self, shape: tuple[int, ...]) -> None:
        if not shape or shape[-1] == 0 or shape[-1] % self.k:
            name = f"{type(self).__name__}(k={self.k})"
            raise ValueError(f"{name} cannot cut an input of shape {tuple(shape)} into equal groups")
