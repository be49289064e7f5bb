"""polylut: a neuron on products of its slots."""

from typing import Any

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import Parametrization
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.parametrizations.monomials import at_corners, initial_polynomials
from bitlogic.sampling import sampled_sigmoid


class PolyLUTParametrization(Parametrization):
    """``sigma(p(x) / tau)`` with p the multilinear polynomial of at most a given degree (arXiv:2309.02334).

    On bits ``x * x = x``: higher powers of one slot would add nothing. ``weight`` is ``(out_dim, num_monomials)``, the
    columns as in `bitlogic.parametrizations.monomials`. With a degree of the rank or more every function can be
    learned. Hard sampling rounds the output. An entry is 1 where its logit is above 0.

    Args:
        lut_rank: the slots of a LUT, 1 to 6.
        degree: the most slots that a product has, at least 1; 1 is `linear`.
        options: those of `Parametrization`.

    Raises:
        ValueError: an option that is not allowed.
    """

    def __init__(self, lut_rank: int, *, degree: int = 2, **options: Any) -> None:
        if degree < 1:
            raise ValueError(f"degree must be at least 1, got {degree}")
        self.degree = degree  # before the base class, which draws the weights
        super().__init__(lut_rank, **options)

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        return initial_polynomials(self, self.degree, generator)

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        logits = interpolate(signals, at_corners(self.weight, self.lut_rank, self.degree), wiring)
        return sampled_sigmoid(logits, self.temperature, self.forward_sampling)

    def relaxed_table(self) -> Tensor:
        return torch.sigmoid(at_corners(self.weight, self.lut_rank, self.degree) / self.temperature)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        return (at_corners(self.weight.to("cpu", torch.float64), self.lut_rank, self.degree) > 0).to(torch.uint8)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "degree": self.degree}
