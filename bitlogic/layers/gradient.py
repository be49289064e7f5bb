"""Scaling a gradient on its way back, the value unchanged."""

from typing import Any, cast

import torch
from torch import Tensor


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The tensor itself, whose gradient is multiplied by ``factor``."""
    if factor == 1.0 or not x.requires_grad:
        return x
    return cast(Tensor, _ScaleGradient.apply(x, factor))  # type: ignore[no-untyped-call]


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.factor, None
