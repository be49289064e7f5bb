"""dwn: a table that is looked up in training too, with finite differences for slopes."""

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import Parametrization
from bitlogic.parametrizations.interpolation import look_up
from bitlogic.sampling import clamp_with_return


class DWNParametrization(Parametrization):
    """The entry at the address ``x > 0.5``, with extended finite differences for a gradient (arXiv:2410.11112, eq. 5).

    ``weight`` is ``(out_dim, 2**lut_rank)`` and read clamped to [-1, 1], here and in the gradient; it stays as it is:
    a weight that an optimiser moved out of the range has a gradient only towards it, so that no forward changes a
    parameter. The output is a bit in every forward sampling, and the temperature is not used. An entry is 1 where its
    weight is above 0; `relaxed_table` takes -1 .. 1 for probabilities 0 .. 1.
    """

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        if self.weight_init == "random":
            return 2 * torch.rand(self.out_dim, 1 << self.lut_rank, generator=generator) - 1
        surety = 2 * self.residual_probability - 1
        logits = self.residual_logits(generator)
        return (logits * (surety / logits.abs().mean())).clamp(-1, 1)

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        table = clamp_with_return(self.weight, -1.0, 1.0)
        return look_up(signals, self.weight.detach() > 0, table, wiring, slopes="finite_differences")

    def relaxed_table(self) -> Tensor:
        return (1 + clamp_with_return(self.weight, -1.0, 1.0)) / 2

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        return (self.weight.to("cpu", torch.float64) > 0).to(torch.uint8)
