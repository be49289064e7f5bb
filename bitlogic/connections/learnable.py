"""Connections that training chooses among candidates."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.connections.base import Connections
from bitlogic.connections.candidates import candidate_dots
from bitlogic.connections.routing import Routing, stored_method
from bitlogic.connections.wiring import Wiring, scatter_sum
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
        routing = Routing(in_dim, out_dim, lut_rank, num_groups, group_bias)
        if num_candidates == -1:
            candidates, first = None, routing.draw(init_method, generator)
        else:
            candidates = routing.draw_candidates(init_method, num_candidates, generator).to(device)
            first = torch.zeros(lut_rank, out_dim, dtype=torch.int64)
        self.register_buffer("candidates", candidates)
        num = in_dim if num_candidates == -1 else num_candidates
        self.weights = nn.Parameter(_initial_weights(num, first, generator).to(device))

    def get_indices(self) -> Tensor:
        return self._resolve(self.weights.detach().argmax(0))

    def draw(self) -> Wiring:
        noise = None
        if self.forward_sampling.startswith("gumbel"):
            noise = gumbel_noise(self.weights)
        noisy = self.weights.detach() if noise is None else self.weights.detach() + noise
        choice = noisy.argmax(0)
        return Wiring(self._resolve(choice), self.weights, partial(self._pull_back, choice, noise))

    def get_config(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "num_candidates": self._num_candidates,
            "forward_sampling": self.forward_sampling,
            "init_method": self._init_method,
            "num_groups": self._num_groups,
            "group_bias": self._group_bias,
        }

    def _resolve(self, choice: Tensor) -> Tensor:
        return choice if self.candidates is None else self.candidates.gather(0, choice[None])[0]

    def _pull_back(
        self,
        choice: Tensor,
        noise: Tensor | None,
        signals: Tensor,
        weights: Tensor | None,
        grad: Tensor,
        needs_signals: bool,
        needs_weights: bool,
    ) -> tuple[Tensor | None, Tensor | None]:
        if weights is None:
            raise RuntimeError("learnable connections lost their weights on the way to the backward pass")
        grad_weights = self._weight_gradient(signals, grad).to(weights.dtype) if needs_weights else None
        if not needs_signals:
            return None, grad_weights
        if self.forward_sampling.endswith("hard"):
            shares = torch.zeros_like(weights).scatter_(0, choice[None], 1.0)
        else:
            noisy = weights if noise is None else weights + noise
            shares = torch.softmax(noisy / self.temperature, 0)
        grad_signals = self._signal_gradient(shares.to(grad.dtype), grad, signals.shape[0])
        return grad_signals.to(signals.dtype), grad_weights

    def _weight_gradient(self, signals: Tensor, grad: Tensor) -> Tensor:
        flat = grad.flatten(0, 1)
        if self.candidates is None:
            dots = (signals.to(grad.dtype) @ flat.t()).view(-1, *grad.shape[:2])
        else:
            dots = candidate_dots(signals, self.candidates, grad)
        return dots.mul_(2.0).sub_(grad.sum(-1))

    def _signal_gradient(self, shares: Tensor, grad: Tensor, num_signals: int) -> Tensor:
        flat = grad.flatten(0, 1)
        if self.candidates is None:
            return shares.flatten(1) @ flat
        # At a small temperature nearly every loser's share is exactly zero.
        kept = shares.flatten().nonzero()[:, 0]
        slots = kept % flat.shape[0]
        return scatter_sum(flat, slots, self.candidates.flatten()[kept], num_signals, shares.flatten()[kept])


def _initial_weights(num: int, first: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform weights in [0, 1), ``(num, lut_rank, out_dim)``; candidate ``first`` of each slot is the highest."""
    weights = torch.rand(num, *first.shape, generator=generator)
    highest, place = weights.max(0, keepdim=True)
    weights.scatter_(0, place, weights.gather(0, first[None]))
    return weights.scatter_(0, first[None], highest)
