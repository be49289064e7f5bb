"""Noise and straight-through rounding: the four ways a training forward makes its choices."""

import math
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor

FORWARD_SAMPLINGS = ("soft", "hard", "gumbel_soft", "gumbel_hard")


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of ``hard``, exactly, with the gradient of ``soft`` (arXiv:1308.3432)."""
    return cast(Tensor, _StraightThrough.apply(hard, soft))  # type: ignore[no-untyped-call]


def gumbel_noise(like: Tensor) -> Tensor:
    """Standard Gumbel noise of a tensor's shape, dtype and device, from torch's seed (arXiv:1611.01144)."""
    return -torch.empty_like(like, requires_grad=False).exponential_().log()


def logistic_noise(like: Tensor) -> Tensor:
    """The difference of two Gumbel variables, what Gumbel-softmax becomes for a yes or no (arXiv:1611.00712)."""
    return gumbel_noise(like) - gumbel_noise(like)


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
