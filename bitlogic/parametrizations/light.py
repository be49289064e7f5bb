"""light: one logit for each entry of the table."""

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import Parametrization
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.sampling import sampled_sigmoid


class LightParametrization(Parametrization):
    """``sum_a sigma(w_a / tau) B_a(x)`` over the corners a, with minterms B_a (arXiv:2510.03250).

    ``weight`` is ``(out_dim, 2**lut_rank)``. Hard sampling rounds the table, not the output: on bits the output is the
    rounded table's entry. An entry is 1 where its weight is above 0.
    """

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        if self.weight_init == "random":
            return torch.randn(self.out_dim, 1 << self.lut_rank, generator=generator) * self.temperature
        return self.residual_logits(generator) * self.temperature

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        table = sampled_sigmoid(self.weight, self.temperature, self.forward_sampling)
        return interpolate(signals, table, wiring)

    def relaxed_table(self) -> Tensor:
        return torch.sigmoid(self.weight / self.temperature)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        return (self.weight.to("cpu", torch.float64) > 0).to(torch.uint8)
