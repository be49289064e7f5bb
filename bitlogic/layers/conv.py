"""LogicConv2d and LogicConv3d: kernels that are trees of look-up tables, shared over positions."""

import math
from abc import ABC
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from bitlogic.connections import CONNECTION_ALIASES, setup_connections
from bitlogic.connections.positions import over_positions
from bitlogic.connections.receptive import ReceptiveField, draw_channel_starts, window_places
from bitlogic.connections.routing import stored_method
from bitlogic.connections.wiring import Wiring
from bitlogic.inference.bitslice import leaf_masks
from bitlogic.inference.packed_tensor import PackBitsTensor
from bitlogic.kernels.layout import signal_major
from bitlogic.keywords import refuse_unknown_keywords
from bitlogic.layers.gradient import scale_gradient
from bitlogic.layers.numbers import lut_numbers
from bitlogic.layers.precision import activation_dtype
from bitlogic.layers.tree import TreeShape, leaf_rows, look_up_tree, tree_words, with_zero_row
from bitlogic.layers.window import Size, as_sizes, num_positions
from bitlogic.parametrizations import (
    PARAMETRIZATION_ALIASES,
    PARAMETRIZATIONS,
    Parametrization,
    setup_parametrization,
)
from bitlogic.parametrizations.regularization import regularization_loss


class LogicConv(nn.Module, ABC):
    """``num_kernels`` trees of LUTs that slide over the input (arXiv:2411.04732).

    ``(batch, in_channels, *in_dim)`` to ``(batch, num_kernels, *out_dim)``, zero padding. A kernel is a tree of
    ``tree_depth`` levels: its ``lut_rank**tree_depth`` leaves read the receptive field, level i has
    ``lut_rank**(tree_depth-1-i)`` LUTs, and child 0 feeds slot 0. The weights are shared over positions. Training and
    evaluation are those of `LogicDense`: relaxed tables on numbers in [0, 1], then the discrete look-up on bits.

    In memory the output is ``(num_kernels, *out_dim, batch)``: a following layer reads it without a copy.

    Args:
        in_dim: the input's extent, one integer or one for each axis of space.
        in_channels: the input's channels.
        num_kernels: trees, which are the output's channels.
        tree_depth: levels of LUTs, at least 1.
        receptive_field_size: the window's extent.
        stride: steps between positions.
        padding: zeros on both sides of each axis.
        lut_rank: the slots of a LUT, 1 to 6; slot 0 is the most significant bit of the table's address.
        channel_group_size: a kernel reads this many consecutive channels, the first of them drawn and kept in the
            buffer ``channel_starts``; None: all channels. The leaves are balanced over a kernel's channels.
        init_method: ``random-unique`` or ``random``, see `ReceptiveField.draw`, or an index tensor
            ``(lut_rank, num_kernels * lut_rank**(tree_depth-1))`` of inputs of the receptive field.
        num_candidates: inputs of the receptive field that each leaf of learnable connections chooses from; -1: all.
        num_groups, group_bias: of `LogicDense`'s grouped methods, which a convolution does not have; ignored.

    The other keywords are those of `LogicDense`.

    Raises:
        TypeError: an option that no parametrization takes.
        ValueError: a name or value that is not allowed.
    """

    num_axes: ClassVar[int]
    channel_starts: Tensor  # int64 (num_kernels,)
    places: Tensor  # int64 (window area, positions)

    def __init__(
        self,
        in_dim: Size,
        in_channels: int,
        num_kernels: int,
        tree_depth: int,
        receptive_field_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        lut_rank: int = 2,
        channel_group_size: int | None = None,
        *,
        parametrization: str = "light",
        connections: str = "fixed",
        device: torch.device | str | None = None,
        forward_sampling: str = "soft",
        temperature: float = 1.0,
        weight_init: str = "residual",
        residual_probability: float = 0.951,
        num_candidates: int = -1,
        init_method: str | Tensor = "random-unique",
        num_groups: int | None = None,
        group_bias: float | None = None,
        connection_temperature: float = 0.001,
        connection_sampling: str = "soft",
        grad_factor: float = 1.0,
        generator: torch.Generator | None = None,
        **parametrization_extras: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        counts = {"in_channels": in_channels, "num_kernels": num_kernels, "tree_depth": tree_depth}
        for what, value in {**counts, "lut_rank": lut_rank}.items():
            if value < 1:
                raise ValueError(f"{what} must be at least 1, got {value}")
        if channel_group_size is not None and not 1 <= channel_group_size <= in_channels:
            raise ValueError(f"channel_group_size must be None or 1..{in_channels}, got {channel_group_size}")
        refuse_unknown_keywords(name, PARAMETRIZATIONS, parametrization_extras)
        self.in_dim = as_sizes("in_dim", in_dim, self.num_axes, 1)
        self.in_channels = in_channels
        self.num_kernels = num_kernels
        self.tree_depth = tree_depth
        self.receptive_field_size = as_sizes("receptive_field_size", receptive_field_size, self.num_axes, 1)
        self.stride = as_sizes("stride", stride, self.num_axes, 1)
        self.padding = as_sizes("padding", padding, self.num_axes, 0)
        self.lut_rank = lut_rank
        self.channel_group_size = channel_group_size
        self.grad_factor = float(grad_factor)
        self.out_dim = num_positions(self.in_dim, self.receptive_field_size, self.stride, self.padding)
        self.tree = TreeShape(num_kernels, tree_depth, lut_rank, math.prod(self.out_dim))
        self._parametrization_name = PARAMETRIZATION_ALIASES.get(parametrization, parametrization)
        self._connections_name = CONNECTION_ALIASES.get(connections, connections)
        self._init_method = stored_method(init_method)

        self.levels = nn.ModuleList(
            setup_parametrization(
                parametrization,
                lut_rank,
                out_dim=num_kernels * self.tree.luts_of_level(level),
                device=device,
                forward_sampling=forward_sampling,
                temperature=temperature,
                weight_init=weight_init,
                residual_probability=residual_probability,
                generator=generator,
                **parametrization_extras,
            )
            for level in range(tree_depth)
        )
        group = in_channels if channel_group_size is None else channel_group_size
        field = ReceptiveField(group, self.receptive_field_size, num_kernels)
        starts = draw_channel_starts(in_channels, group, num_kernels, generator)
        self.register_buffer("channel_starts", starts.to(device))
        places = window_places(self.in_dim, self.receptive_field_size, self.stride, self.padding)
        self.register_buffer("places", places.to(device), persistent=False)
        leaves = init_method
        if not isinstance(leaves, Tensor):
            drawn = field.draw(leaves, self.tree.num_leaves, lut_rank, generator)
            leaves = drawn.reshape(num_kernels, -1, lut_rank).permute(2, 1, 0).flatten(1)
        # Leaves choose among the inputs of their receptive field as a dense layer's slots choose among its inputs.
        self.connections = setup_connections(
            connections,
            field.num_inputs,
            num_kernels * self.tree.luts_of_level(0),
            lut_rank,
            device,
            init_method=leaves,
            num_candidates=num_candidates,
            temperature=connection_temperature,
            forward_sampling=connection_sampling,
            generator=generator,
        )

    def forward(self, x: Tensor | PackBitsTensor) -> Tensor | PackBitsTensor:
        """``(batch, num_kernels, *out_dim)`` for ``(batch, in_channels, *in_dim)``; ValueError for another shape."""
        if tuple(x.shape[1:]) != (self.in_channels, *self.in_dim):
            expected = ", ".join(map(str, ("batch", self.in_channels, *self.in_dim)))
            raise ValueError(f"{type(self).__name__} expects an input of shape ({expected}), got {tuple(x.shape)}")
        if isinstance(x, PackBitsTensor):
            return x.for_eval(self).map_words(self._forward_words)
        dtype = activation_dtype(x, self.parametrizations()[0].weight)
        signals = signal_major((x.to(dtype) if x.is_floating_point() else x).flatten(1))
        if not self.training:
            output = self._look_up(signals, dtype)
        else:
            output = self._relax(scale_gradient(signals, self.grad_factor)).to(dtype)
        return output.t().reshape(x.shape[0], self.num_kernels, *self.out_dim)

    def parametrizations(self) -> list[Parametrization]:
        """The parametrization of each level, the leaves' first."""
        return [cast(Parametrization, level) for level in self.levels]

    def get_luts(self) -> list[Tensor]:
        """The discrete tables of each level, uint8 ``(num_kernels * luts of the level, 2**lut_rank)`` on the CPU.

        LUT n is of kernel ``n % num_kernels``. Entry k is the output when slot j reads bit ``lut_rank - 1 - j`` of k.
        """
        return [parametrization.get_luts() for parametrization in self.parametrizations()]

    def get_luts_and_ids(self) -> list[tuple[Tensor, Tensor]]:
        """For each level its tables and what feeds each slot, int64 ``(lut_rank, num_luts)``, on the CPU.

        The ids of level 0 are inputs of the kernel's receptive field, numbered in C order of (channel, dy, dx), in
        three dimensions (channel, dz, dy, dx), where channel 0 is ``channel_starts[kernel]``. Those of a higher level
        are LUTs of the level below: slot j of LUT n reads LUT ``j * num_luts + n``.
        """
        ids = [self.connections.get_indices().cpu()]
        ids += [self.tree.child_ids(level) for level in range(1, self.tree_depth)]
        return list(zip(self.get_luts(), ids, strict=True))

    def get_lut_ids(self) -> list[Tensor]:
        """Each table of each level as a number, as `LogicDense.get_lut_ids` gives it."""
        return [lut_numbers(luts) for luts in self.get_luts()]

    def leaf_rows(self, ids: Tensor) -> Tensor:
        """Where inputs of the receptive field ``(..., num_luts)`` lie at every position, int64 on the ids' device.

        ``(..., num_luts * positions)``: the input's number in C order of (channel, y, x), or one past the last for the
        padding, which reads 0.
        """
        starts, places = self.channel_starts.to(ids.device), self.places.to(ids.device)
        return leaf_rows(ids, starts, places, math.prod(self.in_dim), self.in_channels)

    def tables_of_words(self) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """What `tree_words` needs of the layer, on its device: each level's masks and the rows the leaves read."""
        levels, device = self.get_luts_and_ids(), self.places.device
        masks = [leaf_masks(luts) for luts, _ in levels]
        return [(constants.to(device), factors.to(device)) for constants, factors in masks], self.leaf_rows(
            levels[0][1].to(device)
        )

    def update_temperature(self, temperature: float) -> None:
        """Sets the temperature of every level; ValueError unless finite and positive."""
        for parametrization in self.parametrizations():
            parametrization.update_temperature(temperature)

    def update_connection_temperature(self, temperature: float) -> None:
        """Sets the softness of learnable connections, of no effect on fixed ones; ValueError as above."""
        self.connections.update_temperature(temperature)

    def get_regularization_loss(self, kind: str) -> Tensor:
        """A scalar to add to the loss, averaged over the LUTs: ``entropy``, ``l1`` or ``l2``."""
        losses = [regularization_loss(level, kind) * level.out_dim for level in self.parametrizations()]
        return torch.stack(losses).sum() / sum(level.out_dim for level in self.parametrizations())

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able; with ``load_state_dict`` they rebuild the layer."""
        connections = self.connections.get_config()
        for ours, theirs in (("connection_temperature", "temperature"), ("connection_sampling", "forward_sampling")):
            if theirs in connections:
                connections[ours] = connections.pop(theirs)
        for of_dense in ("num_groups", "group_bias", "input_runs", "lut_runs"):
            connections.pop(of_dense)
        return {
            **connections,
            "in_dim": list(self.in_dim),
            "in_channels": self.in_channels,
            "num_kernels": self.num_kernels,
            "tree_depth": self.tree_depth,
            "receptive_field_size": list(self.receptive_field_size),
            "stride": list(self.stride),
            "padding": list(self.padding),
            "lut_rank": self.lut_rank,
            "channel_group_size": self.channel_group_size,
            "parametrization": self._parametrization_name,
            "connections": self._connections_name,
            "init_method": self._init_method,
            "grad_factor": self.grad_factor,
            **self.parametrizations()[0].get_config(),
        }

    def extra_repr(self) -> str:
        return (
            f"in_dim={self.in_dim}, in_channels={self.in_channels}, num_kernels={self.num_kernels}, "
            f"tree_depth={self.tree_depth}, receptive_field_size={self.receptive_field_size}, stride={self.stride}, "
            f"padding={self.padding}, lut_rank={self.lut_rank}, channel_group_size={self.channel_group_size}, "
            f"grad_factor={self.grad_factor:g}"
        )

    def _relax(self, signals: Tensor) -> Tensor:
        rows = with_zero_row(signals, any(self.padding))
        wiring = over_positions(self.connections.draw(), self.connections.in_dim, self.leaf_rows)
        for level, parametrization in enumerate(self.parametrizations()):
            if level:
                wiring = Wiring(self.tree.child_rows(self.tree.child_ids(level).to(rows.device)))
            rows = parametrization(rows, wiring)
        return rows

    @torch.no_grad()
    def _look_up(self, signals: Tensor, dtype: torch.dtype) -> Tensor:
        luts, device = self.get_luts(), signals.device
        leaves = self.leaf_rows(self.connections.get_indices().to(device))
        return look_up_tree(with_zero_row(signals, any(self.padding)), luts, leaves, self.tree, dtype)

    @torch.no_grad()
    def _forward_words(self, words: Tensor) -> Tensor:
        masks, rows = self.tables_of_words()
        signals = with_zero_row(words.flatten(0, -2), any(self.padding))
        output = tree_words(signals, masks, rows, self.tree)[-1]
        return output.view(self.num_kernels, *self.out_dim, words.shape[-1])


class LogicConv2d(LogicConv):
    __doc__ = LogicConv.__doc__
    num_axes = 2


class LogicConv3d(LogicConv):
    __doc__ = LogicConv.__doc__
    num_axes = 3
