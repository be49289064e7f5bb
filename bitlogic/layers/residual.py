"""ResidualLogicBlock: two convolutions and a way around them."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.inference.packed_tensor import PackBitsTensor
from bitlogic.layers.conv import LogicConv, LogicConv2d, LogicConv3d
from bitlogic.layers.pooling import OrPooling2d, OrPooling3d
from bitlogic.layers.window import Size, as_sizes
from bitlogic.parametrizations import PARAMETRIZATION_ALIASES, PARAMETRIZATIONS

_CONVOLUTIONS: dict[int, type[LogicConv]] = {2: LogicConv2d, 3: LogicConv3d}
_POOLINGS = {2: OrPooling2d, 3: OrPooling3d}


class ResidualLogicBlock(nn.Module):
    """convolution - [pooling] - convolution - [pooling], and the input or a short form of it, joined by an or.

    ``(batch, in_channels, *in_dim)`` to ``(batch, num_kernels, *out_dim)`` with ``a + b - a * b`` of the two ways, the
    logical or on bits: the gradient that reaches the shortcut is what the main way leaves undecided. The convolutions
    keep the extent: an odd receptive field, its half as padding, stride 1. Each pooling divides it. The shortcut is the
    identity; where the block pools, an OrPooling of the same stride, and where the channels change, behind it a
    convolution of one rank-1 LUT on one channel, which starts as a wire with the ``residual`` initialisation. Its
    parametrization is the block's own where that has rank 1, else light.

    Args:
        in_dim: the input's extent: one integer for a square, two or three for an image or a volume.
        in_channels: the input's channels.
        num_kernels: the channels of both convolutions.
        tree_depth: of both convolutions.
        receptive_field_size: an odd integer or one for each axis.
        pool_sizes: window and stride of the pooling behind each convolution; 1: none.
        lut_rank: of both convolutions.
        channel_group_size: of both convolutions, or None.
        keywords: further keywords of `LogicConv2d` for all convolutions of the block.

    Raises:
        ValueError: an even receptive field, or what `LogicConv2d` and `OrPooling2d` refuse.
        TypeError: a keyword that `LogicConv2d` does not know.
    """

    def __init__(
        self,
        in_dim: Size,
        in_channels: int,
        num_kernels: int,
        tree_depth: int,
        receptive_field_size: Size = 3,
        pool_sizes: Sequence[int] = (1, 1),
        lut_rank: int = 2,
        channel_group_size: int | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        num_axes = 2 if isinstance(in_dim, int) else len(tuple(in_dim))
        if num_axes not in _CONVOLUTIONS:
            raise ValueError(f"in_dim must be one integer, two or three of them, got {in_dim!r}")
        for own in ("stride", "padding"):
            if own in keywords:
                raise TypeError(f"ResidualLogicBlock sets {own} itself: its convolutions keep the extent")
        self.in_dim = as_sizes("in_dim", in_dim, num_axes, 1)
        self.in_channels = in_channels
        self.num_kernels = num_kernels
        self.pool_sizes = as_sizes("pool_sizes", tuple(pool_sizes), 2, 1)
        size = as_sizes("receptive_field_size", receptive_field_size, num_axes, 1)
        if any(width % 2 == 0 for width in size):
            raise ValueError(f"a residual block needs an odd receptive_field_size, got {receptive_field_size!r}")
        convolution, pooling = _CONVOLUTIONS[num_axes], _POOLINGS[num_axes]
        extent, channels = self.in_dim, in_channels
        main: list[nn.Module] = []
        for pool in self.pool_sizes:
            same = tuple(width // 2 for width in size)
            group = None if channel_group_size is None else min(channel_group_size, channels)
            main.append(
                convolution(extent, channels, num_kernels, tree_depth, size, 1, same, lut_rank, group, **keywords)
            )
            if pool > 1:
                main.append(pooling(pool))
                extent = pooling(pool).positions(extent)
            channels = num_kernels
        shortcut: list[nn.Module] = []
        if math.prod(self.pool_sizes) > 1:
            shortcut.append(pooling(math.prod(self.pool_sizes)))
        if in_channels != num_kernels:
            shortcut.append(
                convolution(extent, in_channels, num_kernels, 1, 1, lut_rank=1, **_at_rank_1(keywords, in_channels))
            )
        self.out_dim = extent
        self.main = nn.Sequential(*main)
        self.shortcut = nn.Sequential(*shortcut)
        self._channel_group_size = channel_group_size

    def forward(self, x: Tensor | PackBitsTensor) -> Tensor | PackBitsTensor:
        """``(batch, num_kernels, *out_dim)`` for ``(batch, in_channels, *in_dim)``."""
        if isinstance(x, PackBitsTensor):
            words: Tensor = self.shortcut(x.for_eval(self)).words
            joined: PackBitsTensor = self.main(x).map_words(lambda main: main | words)
            return joined
        main: Tensor = self.main(x)
        shortcut: Tensor = self.shortcut(x)
        if self.training:
            return main + shortcut * (1 - main)
        return (main > 0.5).logical_or_(shortcut > 0.5).to(main.dtype)

    def convolutions(self) -> list[LogicConv]:
        """The convolutions of the main way, then that of the shortcut, where there is one."""
        return [module for module in [*self.main, *self.shortcut] if isinstance(module, LogicConv)]

    def update_temperature(self, temperature: float) -> None:
        """Sets the temperature of every convolution; ValueError unless finite and positive."""
        for convolution in self.convolutions():
            convolution.update_temperature(temperature)

    def update_connection_temperature(self, temperature: float) -> None:
        """Sets the softness of learnable connections, of no effect on fixed ones; ValueError as above."""
        for convolution in self.convolutions():
            convolution.update_connection_temperature(temperature)

    def get_regularization_loss(self, kind: str) -> Tensor:
        """A scalar to add to the loss: the mean over the convolutions of ``entropy``, ``l1`` or ``l2``."""
        losses = [convolution.get_regularization_loss(kind) for convolution in self.convolutions()]
        return torch.stack(losses).mean()

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able; with ``load_state_dict`` they rebuild the block."""
        convolution = self.convolutions()[0].get_config()
        for own in ("stride", "padding"):
            del convolution[own]
        return {
            **convolution,
            "pool_sizes": list(self.pool_sizes),
            "channel_group_size": self._channel_group_size,
        }

    def extra_repr(self) -> str:
        return f"in_dim={self.in_dim}, in_channels={self.in_channels}, num_kernels={self.num_kernels}"


def _at_rank_1(keywords: dict[str, Any], in_channels: int) -> dict[str, Any]:
    """The keywords of the shortcut's convolution, whose receptive field is one place of each channel."""
    own = dict(keywords)
    name = own.get("parametrization", "light")
    strategy = PARAMETRIZATIONS.get(PARAMETRIZATION_ALIASES.get(name, name))
    if strategy is not None and 1 not in strategy.ranks:
        own["parametrization"] = "light"
    if isinstance(own.get("init_method"), Tensor):
        del own["init_method"]
    own["num_candidates"] = min(own.get("num_candidates", -1), in_channels)
    return own
