"""The sums of equal groups of outputs, with a gradient that is not written out."""

from typing import Any, cast

import torch
from torch import Tensor

from bitlogic.kernels.repeated import RepeatedRows

_FEW_ELEMENTS = 2**17  # below, writing the gradient out costs less than its detour through Python


def group_sums(x: Tensor, k: int, dtype: torch.dtype) -> Tensor:
    """``(..., k)`` of ``(..., k * n)`` in that dtype: sum g is that of elements ``g * n .. (g + 1) * n - 1``."""
    if x.ndim != 2 or x.stride(0) != 1:
        return x.reshape(*x.shape[:-1], k, x.shape[-1] // k).sum(-1, dtype=dtype)
    # Layers leave (outputs, batch) in memory: adding its rows is ten times as fast as adding across them.
    if _read_by_luts_alone(x):
        return cast(Tensor, _GroupSums.apply(x, k, dtype))  # type: ignore[no-untyped-call]
    return _sum_rows(x, k, dtype)


def _sum_rows(x: Tensor, k: int, dtype: torch.dtype) -> Tensor:
    batch, num_outputs = x.shape
    return x.t().reshape(k, num_outputs // k, batch).sum(1, dtype=dtype).t()


def _read_by_luts_alone(x: Tensor) -> bool:
    """Whether the gradient goes by views alone to a layer's LUTs, of which it can stay made of rows.

    Not for what traces, transforms or intercepts operations: all these have tensors or modes of their own.
    """
    plain = type(x) is Tensor and x.device.type == "cpu" and x.numel() >= _FEW_ELEMENTS
    if not plain or torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return False
    node = x.grad_fn
    for _ in range(_MOST_VIEWS):
        if node is None or not node.name().startswith(_VIEWS):
            break
        node = node.next_functions[0][0]
    return node is not None and _LUTS in node.name()


# Names of autograd's nodes: those of the views at the end of a layer, and that of the operator `bitlogic::luts`.
_VIEWS = ("TBackward", "ViewBackward", "ReshapeAliasBackward")
_MOST_VIEWS = 3
_LUTS = "bitlogic_luts"


class _GroupSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, k: int, dtype: torch.dtype) -> Tensor:
        ctx.repeats, ctx.dtype = x.shape[1] // k, x.dtype
        return _sum_rows(x, k, dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        rows = grad.t().to(ctx.dtype).contiguous()
        if type(rows) is not Tensor or torch.is_grad_enabled():
            return rows.repeat_interleave(ctx.repeats, 0).t(), None, None
        return RepeatedRows(rows, ctx.repeats, transposed=True), None, None
