"""linear: a neuron with one weight for each slot and a bias."""

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import Parametrization
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.parametrizations.monomials import at_corners, initial_polynomials
from bitlogic.sampling import sampled_sigmoid


class LinearParametrization(Parametrization):
    """``sigma((w . x + b) / tau)``, the neuron of LogicNets (arXiv:2004.03021).

    ``weight`` is ``(out_dim, lut_rank + 1)``: column 0 is b, column 1 + j the weight of slot j. Only threshold
    functions can be learned. Hard sampling rounds the output. An entry is 1 where its logit is above 0.
    """

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        return initial_polynomials(self, 1, generator)

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        logits = interpolate(signals, at_corners(self.weight, self.lut_rank, 1), wiring)
        return sampled_sigmoid(logits, self.temperature, self.forward_sampling)

    def relaxed_table(self) -> Tensor:
        return torch.sigmoid(at_corners(self.weight, self.lut_rank, 1) / self.temperature)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        return (at_corners(self.weight.to("cpu", torch.float64), self.lut_rank, 1) > 0).to(torch.uint8)
