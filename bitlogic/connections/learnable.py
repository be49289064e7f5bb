"""Connections that training chooses among candidates."""

from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.connections.base import Connections
from bitlogic.connections.routing import Routing, stored_method
from bitlogic.connections.wiring import Wiring
from bitlogic.sampling import FORWARD_SAMPLINGS, check_choice, check_temperature, gumbel_noise


class LearnableDenseConnections(Connections):
    """Each slot reads the candidate of highest weight; the gradient sees them all (arXiv:2410.11112).

    The forward is the plain argmax, ties to the first candidate. The gradient of a candidate's weight is
    ``sum over the batch of (2 x - 1) * g`` with x that candidate's input and g the slot's gradient: what the loss gains
    were the slot to read x. At the small temperatures in use the softmax's own derivative underflows and would learn
    nothing. The gradient g reaches the inputs in proportion to ``softmax(weights / temperature)``.

    Args:
        in_dim: the number of inputs.
        out_dim: the number of LUTs.
        lut_rank: the slots of a LUT.
        temperature: of the softmax that shares out the input gradient.
        num_candidates: distinct candidates for each slot, ``1..in_dim``; -1: every input, with dense weights.
        forward_sampling: ``soft``; ``hard``, where the input gradient goes to the chosen input alone; ``gumbel_soft``
            and ``gumbel_hard``, where the choice and the softmax see Gumbel noise, in training only.
        device: where parameters and buffers live.
        init_method: how the first choice of each slot is drawn, see `routing.Routing`, or an index tensor.
        num_groups: blocks of the grouped methods.
        group_bias: probability of the own block in ``grouped-biased``.
        input_runs, lut_runs: equal runs of inputs and LUTs that the grouped methods cut into blocks each.
        generator: a CPU generator; default torch's own.

    Raises:
        ValueError: ``num_candidates`` is neither -1 nor ``1..in_dim``, or another option is not allowed.
    """

    weights: nn.Parameter  # (num_candidates or in_dim, lut_rank, out_dim)
    candidates: Tensor | None  # int64 (num_candidates, lut_rank, out_dim); None: candidate k is input k

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        lut_rank: int = 2,
        temperature: float = 0.001,
        num_candidates: int = -1,
        forward_sampling: str = "soft",
        device: torch.device | str | None = None,
        init_method: str | Tensor = "random-unique",
        num_groups: int | None = None,
        group_bias: float | None = None,
        input_runs: int = 1,
        lut_runs: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(in_dim, out_dim, lut_rank)
        if num_candidates != -1 and not 1 <= num_candidates <= in_dim:
            raise ValueError(f"num_candidates must be -1 (every input) or 1..{in_dim}, got {num_candidates}")
        self.temperature = check_temperature(temperature)
        self.forward_sampling = check_choice("connection sampling", forward_sampling, FORWARD_SAMPLINGS)
        self._num_candidates = num_candidates
        self._init_method = stored_method(init_method)
        self._num_groups = num_groups
        self._group_bias = group_bias
        self._input_runs = input_runs
        self._lut_runs = lut_runs
        routing = Routing(in_dim, out_dim, lut_rank, num_groups, group_bias, input_runs, lut_runs)
        if num_candidates == -1:
            candidates, first = None, routing.draw(init_method, generator)
        else:
            candidates = routing.draw_candidates(init_method, num_candidates, generator).to(device)
            first = torch.zeros(lut_rank, out_dim, dtype=torch.int64)
        self.register_buffer("candidates", candidates)
        num = in_dim if num_candidates == -1 else num_candidates
        self.weights = nn.Parameter(_initial_weights(num, first, generator).to(device))

    def get_indices(self) -> Tensor:
        return self._resolve(self.weights.detach())

    def draw(self) -> Wiring:
        noise, noisy = None, self.weights.detach()
        if self.forward_sampling.startswith("gumbel"):
            noise = gumbel_noise(noisy)
            noisy = noisy + noise
        temperature = None if self.forward_sampling.endswith("hard") else self.temperature
        return Wiring(self._resolve(noisy), self.weights, self.candidates, noise, temperature)

    def update_temperature(self, temperature: float) -> None:
        self.temperature = check_temperature(temperature)

    def get_config(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "num_candidates": self._num_candidates,
            "forward_sampling": self.forward_sampling,
            "init_method": self._init_method,
            "num_groups": self._num_groups,
            "group_bias": self._group_bias,
            "input_runs": self._input_runs,
            "lut_runs": self._lut_runs,
        }

    def _resolve(self, weights: Tensor) -> Tensor:
        """The inputs chosen by the highest weights, ties to the first candidate."""
        choice = weights.max(0).indices  # on the CPU ten times as fast as argmax over a leading dimension
        return choice if self.candidates is None else self.candidates.gather(0, choice[None])[0]


def _initial_weights(num: int, first: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform weights in [0, 1), ``(num, lut_rank, out_dim)``; candidate ``first`` of each slot is the highest."""
    weights = torch.rand(num, *first.shape, generator=generator)
    highest, place = weights.max(0, keepdim=True)
    weights.scatter_(0, place, weights.gather(0, first[None]))
    return weights.scatter_(0, first[None], highest)
