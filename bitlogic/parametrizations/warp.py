"""warp: the Walsh coefficients of a LUT's logit."""

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import Parametrization, full_precision_product
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.sampling import sampled_sigmoid


class WarpParametrization(Parametrization):
    """``y = sigma(-z / tau)`` with ``z = sum_S c_S prod_{i in S} (1 - 2 x_i)`` (arXiv:2602.03527).

    ``weight`` is ``(out_dim, 2**lut_rank)``: bit ``lut_rank - 1 - i`` of a column's number S says whether slot i is in
    S. z is multilinear, so it is the interpolation of its values at the corners, ``c @ hadamard``. Hard sampling rounds
    the output. An entry is 1 where its z is below 0.

    ``weight_init="residual-catalog"``: a fraction `residual_probability` of the LUTs pass slot 0 through, the others
    start as random tables, all equally sure.
    """

    weight_inits = ("random", "residual", "residual-catalog")

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        if self.weight_init == "random":
            return torch.randn(self.out_dim, 1 << self.lut_rank, generator=generator) * self.temperature
        logits = self.residual_logits(generator)
        if self.weight_init == "residual-catalog":
            num_other = round(self.out_dim * (1 - self.residual_probability))
            other = torch.randperm(self.out_dim, generator=generator)[:num_other]
            signs = 2 * torch.randint(2, (num_other, logits.shape[1]), generator=generator) - 1
            logits[other] = logits[other].abs() * signs
        # A Hadamard matrix is its own inverse but for its size; z is minus the logit.
        return -(logits @ hadamard(logits)) / logits.shape[1] * self.temperature

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        logits = interpolate(signals, -self._at_corners(self.weight), wiring)
        return sampled_sigmoid(logits, self.temperature, self.forward_sampling)

    def relaxed_table(self) -> Tensor:
        return torch.sigmoid(-self._at_corners(self.weight) / self.temperature)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        return (self._at_corners(self.weight.to("cpu", torch.float64)) < 0).to(torch.uint8)

    def _at_corners(self, weight: Tensor) -> Tensor:
        """z at every address, ``(out_dim, 2**lut_rank)``."""
        return full_precision_product(weight, hadamard(weight))


def hadamard(like: Tensor) -> Tensor:
    """``H[S, k] = (-1) ** (number of ones in S & k)``, of the dtype, device and last dimension of a tensor."""
    matrix = like.new_ones(1, 1)
    while matrix.shape[0] < like.shape[-1]:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix
