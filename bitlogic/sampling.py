"""Noise, straight-through rounding and the clamp: how a training forward makes its choices."""

import math
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor

FORWARD_SAMPLINGS = ("soft", "hard", "gumbel_soft", "gumbel_hard")


def sampled_sigmoid(logits: Tensor, temperature: float, forward_sampling: str) -> Tensor:
    """``sigma(logits / temperature)``, for gumbel after logistic noise; hard is rounded to ``logits > 0``.

    The rounding is straight-through: the gradient is the sigmoid's in every mode.
    """
    if forward_sampling.startswith("gumbel"):
        logits = logits + logistic_noise(logits)
    soft = torch.sigmoid(logits if temperature == 1.0 else logits / temperature)
    return straight_through(logits.detach() > 0, soft) if forward_sampling.endswith("hard") else soft


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of ``hard``, exactly, with the gradient of ``soft`` (arXiv:1308.3432)."""
    return cast(Tensor, _StraightThrough.apply(hard, soft))  # type: ignore[no-untyped-call]


def clamp_with_return(value: Tensor, low: float, high: float) -> Tensor:
    """``value`` clamped to the range, with a gradient that leads a value outside back into it.

    Inside, ends included, the gradient passes. Outside it passes only where a descent step moves the value towards the
    range, so that nothing is stuck there and nothing is driven further away.
    """
    return cast(Tensor, _ClampWithReturn.apply(value, low, high))  # type: ignore[no-untyped-call]


def gumbel_noise(like: Tensor) -> Tensor:
    """Standard Gumbel noise of a tensor's shape, dtype and device, from torch's seed (arXiv:1611.01144)."""
    noise: Tensor = -(-_uniform(like).log()).log()
    return noise.to(like.dtype)


def logistic_noise(like: Tensor) -> Tensor:
    """The difference of two Gumbel variables, what Gumbel-softmax becomes for a yes or no (arXiv:1611.00712)."""
    return torch.logit(_uniform(like)).to(like.dtype)


def _uniform(like: Tensor) -> Tensor:
    """Numbers in (0, 1) without the ends, whose logarithms are infinite; in float32 at least.

    Drawn by `torch.rand`: compilers merge equal calls of ``exponential_`` into one (torch 2.13, aot_eager).
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    end = torch.finfo(dtype).eps / 2
    return torch.rand(like.shape, dtype=dtype, device=like.device).clamp_(end, 1 - end)


def check_choice(what: str, given: str, choices: Iterable[str]) -> str:
    """The given name.

    Raises:
        ValueError: it is none of the choices, which the message lists.
    """
    if given not in choices:
        raise ValueError(f"unknown {what} {given!r}; choices: {', '.join(choices)}")
    return given


def check_temperature(temperature: float) -> float:
    """The temperature as a float.

    Raises:
        ValueError: it is not finite and positive.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"a temperature must be finite and positive, got {temperature}")
    return float(temperature)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hard: Tensor, soft: Tensor) -> Tensor:
        return hard.to(soft.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, grad


class _ClampWithReturn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(value)
        ctx.range = low, high
        return value.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (value,) = ctx.saved_tensors
        low, high = ctx.range
        passes = ((value >= low) | (grad < 0)) & ((value <= high) | (grad > 0))
        return grad * passes, None, None
