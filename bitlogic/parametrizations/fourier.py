"""fourier: a sum of cosines of the slots."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import RESIDUAL_NOISE, Parametrization, full_precision_product, gather_by_weights
from bitlogic.parametrizations.cosines import sum_cosines
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.parametrizations.warp import hadamard
from bitlogic.sampling import clamp_with_return, logistic_noise, straight_through

# The deviation of the values at the corners from 1/2 with random weights: nearly all lie in [0, 1].
_RANDOM_DEVIATION = 0.25


class FourierParametrization(Parametrization):
    """``clamp(bias + sum_k a_k cos(2 pi <k, x> + phi_k), 0, 1)`` over k in {0, 1/2}^R without 0 (arXiv:2602.07400).

    ``weight`` is ``(out_dim, 2**lut_rank)``: bit ``lut_rank - 1 - j`` of a column's number says whether k_j is 1/2, the
    column holds a_k, and column 0 holds ``bias - 1/2``, so that zero weights are undecided. ``phase`` is ``(out_dim,
    2**lut_rank - 1)``, in radians, for columns 1 and on. l1 and l2 regularisers see the weight alone.

    The clamp's gradient leads values outside back into the range. Gumbel sampling adds logistic noise of scale tau / 4
    to the value, which makes it greater than 1/2 as often as ``sigma(4 (value - 1/2) / tau)``; the temperature has no
    other use. Hard sampling rounds the output. Its inputs are bits behind the first layer, where the slopes of all
    cosines of phase 0 vanish and no gradient would pass: there the value is the interpolation of the corners' values,
    the same on bits. An entry is 1 where the value is above 1/2.
    """

    phase: nn.Parameter  # (out_dim, 2**lut_rank - 1)

    def __init__(self, lut_rank: int, *, generator: torch.Generator | None = None, **options: Any) -> None:
        super().__init__(lut_rank, generator=generator, **options)
        # At bits a phase only scales its amplitude, and the further from 0 the less.
        phase = RESIDUAL_NOISE * (2 * torch.rand(self.out_dim, (1 << lut_rank) - 1, generator=generator) - 1)
        self.phase = nn.Parameter(phase.to(self.weight.device))

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        num = 1 << self.lut_rank
        if self.weight_init == "random":
            return torch.randn(self.out_dim, num, generator=generator) * (_RANDOM_DEVIATION / math.sqrt(num))
        logits = self.residual_logits(generator)
        values = logits * ((self.residual_probability - 0.5) / logits.abs().mean())
        return full_precision_product(values, hadamard(values)) / num

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        hard = self.forward_sampling.endswith("hard")
        if hard:
            above = interpolate(signals, _at_corners(self.weight, self._phases()), wiring)
        else:
            dtype = torch.promote_types(torch.promote_types(signals.dtype, self.weight.dtype), torch.float32)
            weight, phases = self.weight.to(dtype), self._phases().to(dtype)
            inputs = gather_by_weights(signals, wiring, self.out_dim).to(dtype)
            above = sum_cosines(inputs, weight, phases).view(wiring.indices.shape[1], signals.shape[1])
        if self.forward_sampling.startswith("gumbel"):
            above = above + logistic_noise(above) * (self.temperature / 4)
        output = clamp_with_return(above + 0.5, 0.0, 1.0)
        return straight_through(above.detach() > 0, output) if hard else output

    def relaxed_table(self) -> Tensor:
        return clamp_with_return(_at_corners(self.weight, self._phases()) + 0.5, 0.0, 1.0)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        weight, phases = (tensor.to("cpu", torch.float64) for tensor in (self.weight, self._phases()))
        return (_at_corners(weight, phases) > 0).to(torch.uint8)

    def _phases(self) -> Tensor:
        """Phases for all columns, 0 for the bias."""
        return nn.functional.pad(self.phase, (1, 0))


def _at_corners(weight: Tensor, phases: Tensor) -> Tensor:
    """The values less 1/2 at every address: at bits a cosine is turned by whole multiples of pi."""
    return full_precision_product(weight * phases.cos(), hadamard(weight))
