"""What every parametrization of a layer's LUTs offers."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bitlogic.connections.wiring import Wiring, gather
from bitlogic.sampling import FORWARD_SAMPLINGS, check_choice, check_temperature

# Residual weights differ by up to this fraction, so that LUTs with equal inputs do not stay equal.
RESIDUAL_NOISE = 0.1


class Parametrization(nn.Module, ABC):
    """The trainable form of ``out_dim`` look-up tables of ``2**lut_rank`` entries.

    Entry k of a table is the output when slot j reads bit ``lut_rank - 1 - j`` of k: slot 0 is the most significant.

    Args:
        lut_rank: the slots of a LUT, 1 to 6 where a parametrization allows no less.
        out_dim: the number of LUTs.
        device: where the parameters live.
        forward_sampling: how a training forward chooses: ``soft``, ``hard`` (straight-through), ``gumbel_soft`` or
            ``gumbel_hard``. Evaluation never samples.
        temperature: tau, the softness of the relaxation.
        weight_init: ``random`` (zero mean), ``residual`` (every table passes slot 0 through) and what else the
            parametrization lists.
        residual_probability: how surely a residual LUT's output is slot 0, in (0.5, 1).
        generator: a CPU generator for the weights; default torch's own.

    Raises:
        ValueError: an option that is not allowed.
    """

    ranks: ClassVar[range] = range(1, 7)
    weight_inits: ClassVar[tuple[str, ...]] = ("random", "residual")
    weight: nn.Parameter  # (out_dim, ...)

    def __init__(
        self,
        lut_rank: int,
        out_dim: int = 1,
        device: torch.device | str | None = None,
        forward_sampling: str = "soft",
        temperature: float = 1.0,
        weight_init: str = "residual",
        residual_probability: float = 0.951,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if lut_rank not in self.ranks:
            allowed = f"{self.ranks[0]} to {self.ranks[-1]}" if len(self.ranks) > 1 else str(self.ranks[0])
            raise ValueError(f"{type(self).__name__} takes lut_rank {allowed}, got {lut_rank}")
        if out_dim < 1:
            raise ValueError(f"out_dim must be at least 1, got {out_dim}")
        if not 0.5 < residual_probability < 1.0:
            raise ValueError(f"residual_probability must lie between 0.5 and 1, got {residual_probability}")
        self.lut_rank = lut_rank
        self.out_dim = out_dim
        self.forward_sampling = check_choice("forward_sampling", forward_sampling, FORWARD_SAMPLINGS)
        self.temperature = check_temperature(temperature)
        self.weight_init = check_choice("weight_init", weight_init, self.weight_inits)
        self.residual_probability = residual_probability
        self.weight = nn.Parameter(self.initial_weight(generator).to(device))

    @abstractmethod
    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        """Fresh weights by `weight_init`, on the CPU."""

    @abstractmethod
    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        """The relaxed outputs ``(out_dim, batch)`` of signals ``(in_dim, batch)``, in [0, 1].

        A wiring of n times ``out_dim`` LUTs gives that many outputs, n in a row with the weights of one: a convolution
        shares them over positions.
        """

    @abstractmethod
    def relaxed_table(self) -> Tensor:
        """The probability that an entry is one, ``(out_dim, 2**lut_rank)``, without sampling; differentiable."""

    @abstractmethod
    def get_luts(self) -> Tensor:
        """The discrete tables, uint8 ``(out_dim, 2**lut_rank)`` on the CPU, decided in float64; a tie is 0."""

    def update_temperature(self, temperature: float) -> None:
        """Sets tau; ValueError unless finite and positive."""
        self.temperature = check_temperature(temperature)

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords beside `lut_rank` and `out_dim`, JSON-able."""
        return {
            "forward_sampling": self.forward_sampling,
            "temperature": self.temperature,
            "weight_init": self.weight_init,
            "residual_probability": self.residual_probability,
        }

    def extra_repr(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.get_config().items())
        return f"lut_rank={self.lut_rank}, out_dim={self.out_dim}, {options}"

    def residual_logits(self, generator: torch.Generator | None) -> Tensor:
        """Slightly unequal logits ``(out_dim, 2**lut_rank)`` that give slot 0 with `residual_probability`."""
        half = 1 << (self.lut_rank - 1)
        passed = torch.tensor([-1.0] * half + [1.0] * half)
        logit = torch.logit(torch.tensor(self.residual_probability, dtype=torch.float64)).item()
        return passed * logit * residual_spread((self.out_dim, 2 * half), generator)


def residual_spread(shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    """Factors around one, uniform within `RESIDUAL_NOISE`."""
    return 1 + RESIDUAL_NOISE * (2 * torch.rand(shape, generator=generator) - 1)


def full_precision_product(weight: Tensor, basis: Tensor) -> Tensor:
    """``weight @ basis`` in the weights' dtype, under autocast too, where a small step would be rounded away."""
    with torch.autocast(weight.device.type, enabled=False):
        return torch.matmul(weight, basis.to(weight))


def gather_by_weights(signals: Tensor, wiring: Wiring, out_dim: int) -> Tensor:
    """The signals at the slots, ``(lut_rank, out_dim, samples)``: LUTs that share weights are more samples of one."""
    num_samples = wiring.indices.shape[1] // out_dim * signals.shape[1]
    return gather(signals, wiring).view(len(wiring.indices), out_dim, num_samples)
