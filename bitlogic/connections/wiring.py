"""One forward pass's choice of inputs, and the road its gradient takes back."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from bitlogic.connections.candidates import candidate_dots


class Wiring(NamedTuple):
    """What a forward pass reads, as plain data. Signals are ``(in_dim, batch)``, so that reading one is a row copy.

    The gradient at a slot reaches the signal of its index alone, unless there are weights and a temperature: then it is
    shared out over the candidates. A candidate's weight gets the sum over the batch of ``2 x - 1`` times the gradient
    at the slot, with x the candidate's signal.
    """

    indices: Tensor  # int64 (lut_rank, out_dim): the signal each slot reads
    weights: Tensor | None = None  # the parameter that chose, (num_candidates, lut_rank, out_dim); None: nothing learns
    candidates: Tensor | None = None  # int64, of the weights' shape; None: candidate k is signal k
    noise: Tensor | None = None  # of the weights' shape: what was added to them for this choice
    temperature: float | None = None  # of the softmax over candidates that shares out a slot's gradient

    def shares(self, dtype: torch.dtype) -> Tensor | None:
        """How a slot's gradient is shared out over its candidates, of the weights' shape; None: to its index alone."""
        if self.weights is None or self.temperature is None:
            return None
        noisy = self.weights.detach() if self.noise is None else self.weights.detach() + self.noise
        return torch.softmax(noisy / self.temperature, 0).to(dtype)


def gather(signals: Tensor, wiring: Wiring) -> Tensor:
    """The signal of every slot, ``(lut_rank, out_dim, batch)``, in the dtype of signals ``(in_dim, batch)``."""
    output: Tensor = torch.ops.bitlogic.gather(signals, *wiring)
    return output


def pull_back(
    wiring: Wiring, shares: Tensor | None, signals: Tensor, grad: Tensor, needs_signals: bool, needs_weights: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of signals and weights, either None when it is not needed, in grad's dtype.

    Args:
        wiring: the choice made in the forward pass.
        shares: what ``wiring.shares`` gives.
        signals: ``(in_dim, batch)``.
        grad: float ``(lut_rank, out_dim, batch)``, contiguous, the gradient at the slots.
        needs_signals, needs_weights: which of the two is wanted.
    """
    flat = grad.flatten(0, 1)
    grad_weights = None
    if needs_weights and wiring.weights is not None:
        if wiring.candidates is None:
            dots = (signals.to(grad.dtype) @ flat.t()).view(wiring.weights.shape)
        else:
            dots = candidate_dots(signals, wiring.candidates, grad)
        grad_weights = dots.mul_(2.0).sub_(grad.sum(-1))
    if not needs_signals:
        return None, grad_weights
    if shares is None:
        targets = wiring.indices.reshape(-1)
        slots = torch.arange(targets.numel(), device=targets.device)
        if signals.shape[0] == targets.numel() and torch.equal(targets, slots):
            return flat, grad_weights  # each signal is read once and in order, as within a tree
        return scatter_sum(flat, slots, targets, signals.shape[0], None), grad_weights
    if wiring.candidates is None:
        return shares.flatten(1) @ flat, grad_weights
    # At a small temperature nearly every loser's share is exactly zero.
    kept = shares.flatten().nonzero()[:, 0]
    slots, targets = kept % flat.shape[0], wiring.candidates.flatten()[kept]
    return scatter_sum(flat, slots, targets, signals.shape[0], shares.flatten()[kept]), grad_weights


def scatter_sum(grad: Tensor, slots: Tensor, targets: Tensor, num_targets: int, scale: Tensor | None) -> Tensor:
    """``out[targets[i]] += scale[i] * grad[slots[i]]`` for every i, ``(num_targets, batch)``.

    A segmented sum over sorted targets: on two cores twice as fast as ``index_add_``, and it needs no atomics.

    Args:
        grad: float ``(num_slots, batch)``, contiguous.
        slots, targets: int64 ``(n,)``.
        num_targets: the rows of the result; a row that no target names is zero.
        scale: ``(n,)`` of grad's dtype, or None for ones.
    """
    if not grad.shape[1]:
        return grad.new_zeros(num_targets, 0)  # torch's segmented sum refuses empty rows
    order = targets.argsort(stable=True)
    counts = torch.bincount(targets, minlength=num_targets)
    offsets = counts.cumsum(0) - counts
    sorted_scale = None if scale is None else scale[order]
    return embedding_bag(slots[order], grad, offsets, mode="sum", per_sample_weights=sorted_scale)


def gradient_or_empty(grad: Tensor | None, like: Tensor) -> Tensor:
    """The gradient in a tensor's dtype; an operator cannot return None and gives an empty tensor instead."""
    return like.new_empty(0) if grad is None else grad.to(like.dtype)


# Operators of torch, because a gradient that sorts and counts is nothing a tracer can follow.
WIRING_SCHEMA = "Tensor indices, Tensor? weights, Tensor? candidates, Tensor? noise, float? temperature"
torch.library.define("bitlogic::gather", f"(Tensor signals, {WIRING_SCHEMA}) -> Tensor")
torch.library.define(
    "bitlogic::gather_backward",
    f"(Tensor grad, Tensor signals, {WIRING_SCHEMA}, bool needs_signals, bool needs_weights) -> (Tensor, Tensor)",
)


def _gather(signals: Tensor, *wiring: Any) -> Tensor:
    indices: Tensor = wiring[0]
    return signals.index_select(0, indices.reshape(-1)).view(*indices.shape, signals.shape[1])


def _gather_backward(grad: Tensor, signals: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    wiring, needs = Wiring(*arguments[:5]), arguments[5:]
    wide = torch.promote_types(grad.dtype, torch.float32)
    grads = pull_back(wiring, wiring.shares(wide), signals, grad.to(wide).contiguous(), *needs)
    likes = (signals, signals if wiring.weights is None else wiring.weights)
    return gradient_or_empty(grads[0], likes[0]), gradient_or_empty(grads[1], likes[1])


def _gather_backward_fake(grad: Tensor, signals: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    weights, needs_signals, needs_weights = arguments[1], *arguments[5:]
    grad_weights = weights.new_empty(weights.shape) if needs_weights else signals.new_empty(0)
    return signals.new_empty(signals.shape if needs_signals else 0), grad_weights


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:5])
    ctx.temperature = inputs[5]


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    needs = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
    grads = torch.ops.bitlogic.gather_backward(grad, *ctx.saved_tensors, ctx.temperature, *needs)
    return grads[0] if needs[0] else None, None, grads[1] if needs[1] else None, None, None, None


torch.library.impl("bitlogic::gather", "CompositeExplicitAutograd", _gather)
torch.library.impl("bitlogic::gather_backward", "CompositeExplicitAutograd", _gather_backward)
torch.library.register_fake("bitlogic::gather", _gather)
torch.library.register_fake("bitlogic::gather_backward", _gather_backward_fake)
torch.library.register_autograd("bitlogic::gather", _differentiate, setup_context=_keep)
