"""difflogic (raw): a distribution over the sixteen functions of two inputs."""

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import RESIDUAL_NOISE, Parametrization, full_precision_product
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.sampling import gumbel_noise, straight_through

_PASS_SLOT_0 = 3  # the number of the function A


class DiffLogicParametrization(Parametrization):
    """``sum_g softmax(w / tau)_g f_g(x0, x1)`` over the functions of two inputs (arXiv:2210.08277).

    ``weight`` is ``(out_dim, 16)``; function number g has its table's entry 0 as the most significant bit. The sum over
    functions is contracted to a table of four entries first. Hard sampling rounds the distribution. The table is the
    function of the highest weight, ties to the lowest number.
    """

    ranks = range(2, 3)

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        if self.weight_init == "random":
            return torch.randn(self.out_dim, 16, generator=generator) * self.temperature
        # Of the fifteen other functions seven agree with slot 0 at any corner: the probability q of function A follows
        # from p = q + (1 - q) * 7 / 15. The default p gives A a weight of 5, as in arXiv:2411.04732.
        surety = (15 * self.residual_probability - 7) / 8
        highest = math.log(15 * surety / (1 - surety))
        weight = RESIDUAL_NOISE * (2 * torch.rand(self.out_dim, 16, generator=generator) - 1)
        weight[:, _PASS_SLOT_0] += highest
        return weight * self.temperature

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        logits: Tensor = self.weight
        if self.forward_sampling.startswith("gumbel"):
            logits = logits + gumbel_noise(logits)
        shares = torch.softmax(logits if self.temperature == 1.0 else logits / self.temperature, -1)
        if self.forward_sampling.endswith("hard"):
            shares = straight_through(one_hot(logits.detach().argmax(-1), 16), shares)
        return interpolate(signals, full_precision_product(shares, truth_tables(shares)), wiring)

    def relaxed_table(self) -> Tensor:
        shares = torch.softmax(self.weight / self.temperature, -1)
        return full_precision_product(shares, truth_tables(shares))

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        weight = self.weight.to("cpu", torch.float64)
        return truth_tables(weight)[weight.argmax(-1)].to(torch.uint8)


def truth_tables(like: Tensor) -> Tensor:
    """The tables ``(16, 4)`` of all functions of two inputs, of a tensor's dtype and device."""
    numbers = torch.arange(16)[:, None]
    return (numbers >> torch.arange(3, -1, -1) & 1).to(like)
