"""hybrid: a table looked up forwards, light's relaxation backwards."""

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import Parametrization
from bitlogic.parametrizations.interpolation import look_up


class HybridParametrization(Parametrization):
    """The entry at the address ``x > 0.5``, with the gradient of `light` at the unrounded x (arXiv:2602.07400).

    ``weight`` is ``(out_dim, 2**lut_rank)``. The output is a bit in every forward sampling; the temperature is that of
    the gradient. An entry is 1 where its weight is above 0.
    """

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        if self.weight_init == "random":
            return torch.randn(self.out_dim, 1 << self.lut_rank, generator=generator) * self.temperature
        return self.residual_logits(generator) * self.temperature

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        return look_up(signals, self.weight.detach() > 0, self.relaxed_table(), wiring, slopes="interpolation")

    def relaxed_table(self) -> Tensor:
        return torch.sigmoid(self.weight / self.temperature)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        return (self.weight.to("cpu", torch.float64) > 0).to(torch.uint8)
