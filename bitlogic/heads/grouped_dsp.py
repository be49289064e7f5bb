"""GroupedDSP: group sums times a small matrix of integers, the one place of a network with multiplications."""

from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.heads.base import Head

MAX_WBITS = 16


class GroupedDSP(Head):
    """Multiplies the sums of ``k`` groups of outputs by a learned ``k x k`` matrix of ``wbits``-bit integers.

    ``score_c = sum_g sum_of_group_g * M[g, c]`` with M in ``[-2**(wbits - 1), 2**(wbits - 1) - 1]``, and the float
    score is ``scale * score / tau + beta``. M is ``weight / scale``, rounded; the scale is the smallest one at which no
    weight leaves the range. Training and evaluation use the same M, so there is no discretisation gap in the head; the
    gradient of the rounding is 1 (straight through) and that of the scale is not taken. It starts as the identity: as
    GroupSum.

    Args:
        k: the number of classes and of groups; group g is the outputs ``g * n .. (g + 1) * n - 1``.
        tau: divides the float score; about ``0.55 * sqrt(outputs per class)`` suits cross-entropy.
        beta: added to every float score.
        wbits: bits of an integer, 2 to 16.

    Raises:
        ValueError: ``wbits`` out of range; see also `Head`.
    """

    def __init__(self, k: int, tau: float = 1.0, beta: float = 0.0, wbits: int = 8) -> None:
        super().__init__(k, tau, beta)
        if isinstance(wbits, bool) or not isinstance(wbits, int) or not 2 <= wbits <= MAX_WBITS:
            raise ValueError(f"GroupedDSP's wbits must be a whole number from 2 to {MAX_WBITS}, got {wbits!r}")
        self.wbits = wbits
        self.weight = nn.Parameter(torch.eye(k))

    def combine(self, sums: Tensor) -> Tensor:
        # In float64 every integer up to 2**53 is exact, on every device, and autocast leaves float64 alone.
        return (sums.double() @ self._integers()).to(sums.dtype)

    def floats(self, scores: Tensor, dtype: torch.dtype) -> Tensor:
        return self._scale().to(dtype) * scores.to(dtype) / self.tau + self.beta

    def matrix(self) -> tuple[Tensor, float]:
        with torch.no_grad():
            return self._integers().to(torch.int64), float(self._scale())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "wbits": self.wbits}

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, wbits={self.wbits}"

    def _scale(self) -> Tensor:
        """float32 (): the value of one step, at which the largest weight is the largest integer; never 0."""
        weight = self.weight.detach().double()
        top = 2 ** (self.wbits - 1)
        scale = torch.maximum(weight.amax() / (top - 1), -weight.amin() / top)
        return scale.float().clamp_min(torch.finfo(torch.float32).tiny)

    def _integers(self) -> Tensor:
        """float64 (k, k) of whole numbers; its gradient is that of ``weight / scale``."""
        ratio = self.weight.double() / self._scale().double()
        top = 2 ** (self.wbits - 1)
        rounded = ratio.detach().round().clamp(-top, top - 1)
        # The difference of neighbours is exact in floating point, so the sum is the whole number itself.
        return ratio + (rounded - ratio.detach())
