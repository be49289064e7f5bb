"""OrPooling2d and OrPooling3d: the logical or of a window."""

from abc import ABC
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from bitlogic.inference.packed_tensor import PackBitsTensor
from bitlogic.layers.window import Size, WindowPlace, as_sizes, num_positions, place_slices


class OrPooling(nn.Module, ABC):
    """The maximum over a sliding window: the logical or on bits (arXiv:2411.04732).

    ``(batch, channels, *in_dim)`` to ``(batch, channels, *out_dim)``, in the input's dtype. What lies in the padding
    counts as 0, so the input holds no negative numbers. The gradient goes to the first of equal maxima, in C order of
    the window. Packed bits are taken and given back in evaluation mode.

    Args:
        kernel_size: the window's extent, one integer or one for each axis of space.
        stride: steps between positions; None: the kernel size.
        padding: zeros on both sides of each axis, at most half the window, so that no window lies in the padding alone.

    Raises:
        ValueError: a size that is not allowed; in the calls, an input of another rank or smaller than the window.
    """

    num_axes: ClassVar[int]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size = as_sizes("kernel_size", kernel_size, self.num_axes, 1)
        self.stride = self.kernel_size if stride is None else as_sizes("stride", stride, self.num_axes, 1)
        self.padding = as_sizes("padding", padding, self.num_axes, 0)
        if any(2 * pad > width for pad, width in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(f"padding {self.padding} is more than half of the window {self.kernel_size}")

    def forward(self, x: Tensor | PackBitsTensor) -> Tensor | PackBitsTensor:
        """``(batch, channels, *out_dim)`` for ``(batch, channels, *in_dim)``."""
        if x.ndim != self.num_axes + 2:
            expected = f"(batch, channels{', extent' * self.num_axes})"
            raise ValueError(f"{type(self).__name__} expects an input of shape {expected}, got {tuple(x.shape)}")
        if isinstance(x, PackBitsTensor):
            return x.for_eval(self).map_words(self.pool_rows)
        # Samples last, as convolutions write them: each place of the window is then a view with long rows.
        return self.pool_rows(x.movedim(0, -1)).movedim(-1, 0)

    def positions(self, in_dim: tuple[int, ...]) -> tuple[int, ...]:
        """The output's extent for an input's; ValueError where the window does not fit."""
        return num_positions(in_dim, self.kernel_size, self.stride, self.padding)

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able."""
        return {"kernel_size": list(self.kernel_size), "stride": list(self.stride), "padding": list(self.padding)}

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def pool_rows(self, x: Tensor) -> Tensor:
        """``(channels, *in_dim, batch)`` to ``(channels, *out_dim, batch)``; int64 are words of bits."""
        in_dim = tuple(x.shape[1:-1])
        places = place_slices(in_dim, self.kernel_size, self.stride, self.padding)
        shape = (x.shape[0], *self.positions(in_dim), x.shape[-1])
        if x.is_floating_point():
            return cast(Tensor, _Maximum.apply(x, shape, places))  # type: ignore[no-untyped-call]
        output = x.new_zeros(shape)
        for inside, at in places:
            output[at] |= x[inside]
        return output


class OrPooling2d(OrPooling):
    __doc__ = OrPooling.__doc__
    num_axes = 2


class OrPooling3d(OrPooling):
    __doc__ = OrPooling.__doc__
    num_axes = 3


class _Maximum(torch.autograd.Function):
    """The maximum over the places of a window, with one byte for each output to remember where it was."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shape: tuple[int, ...], places: list[WindowPlace]) -> Tensor:
        output = x.new_full(shape, -torch.inf)
        winner = torch.zeros(shape, dtype=torch.uint8 if len(places) <= 256 else torch.int32, device=x.device)
        for number, (inside, at) in enumerate(places):
            here = x[inside]
            winner[at] = torch.where(here > output[at], number, winner[at])
            output[at] = torch.maximum(here, output[at])
        ctx.save_for_backward(winner)
        ctx.places, ctx.shape = places, x.shape
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (winner,) = ctx.saved_tensors
        grad_x = grad.new_zeros(ctx.shape)
        for number, (inside, at) in enumerate(ctx.places):
            grad_x[inside] += grad[at] * (winner[at] == number)
        return grad_x, None, None
