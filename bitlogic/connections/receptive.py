"""Receptive fields of convolutions: which inputs a kernel's leaves may read, and where these lie at each position.

The field of a kernel is a window of ``channels`` consecutive channels and of a box in space. Its inputs are numbered in
C order of (channel within the window, dy, dx), for three dimensions (channel, dz, dy, dx).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bitlogic.connections.distinct import draw_distinct, draw_distinct_sets, shuffle_rows

LEAF_METHODS = ("random-unique", "random")

Generator = torch.Generator | None


@dataclass(frozen=True)
class ReceptiveField:
    """What the leaves of ``num_kernels`` trees are drawn from."""

    channels: int  # of the window
    size: tuple[int, ...]  # in space
    num_kernels: int

    @property
    def num_inputs(self) -> int:
        return self.channels * math.prod(self.size)

    def draw(self, method: str, num_leaves: int, lut_rank: int, generator: Generator) -> Tensor:
        """The field's input that each leaf reads, int64 ``(num_kernels, num_leaves)``, on the CPU.

        A kernel's leaves are balanced over its channels: each has floor or ceil(num_leaves / channels) of them, and
        where there are fewer leaves than channels, the kernels together use all channels they can.

        - ``random-unique``: the leaves of a kernel are distinct while the field has that many inputs; else the inputs
          of each LUT (``lut_rank`` consecutive leaves) are distinct and the field is used in turn.
        - ``random``: any place within the channel, repeats allowed.

        Raises:
            ValueError: another method, or a LUT that cannot read distinct inputs.
        """
        if method == "random":
            channels = self._deal_channels(num_leaves, generator)
            places = torch.randint(math.prod(self.size), channels.shape, generator=generator)
            return shuffle_rows(channels * math.prod(self.size) + places, generator)
        if method != "random-unique":
            raise ValueError(
                f"unknown init_method {method!r} for a convolution; choices: {', '.join(LEAF_METHODS)}, or an index "
                "tensor; groups of channels are channel_group_size"
            )
        if self.num_inputs < lut_rank:
            raise ValueError(
                f"a LUT of rank {lut_rank} cannot read distinct inputs of a receptive field of {self.num_inputs}; "
                "init_method='random' allows repeats"
            )
        if num_leaves > self.num_inputs:
            return self._deal_whole_fields(num_leaves, lut_rank, generator)
        return shuffle_rows(self._draw_distinct(num_leaves, generator), generator)

    def _deal_channels(self, num_leaves: int, generator: Generator) -> Tensor:
        """The channel of each leaf before they are shuffled: whole rounds of all channels, then a part of one."""
        rounds, rest = divmod(num_leaves, self.channels)
        whole = torch.arange(self.channels).repeat(rounds).expand(self.num_kernels, -1)
        if not rest:
            return whole
        return torch.cat([whole, draw_distinct_sets(self.channels, self.num_kernels, rest, generator)], 1)

    def _draw_distinct(self, num_leaves: int, generator: Generator) -> Tensor:
        """Distinct inputs: the leaves that share a channel draw their places together, without replacement."""
        channels = self._deal_channels(num_leaves, generator)
        area = math.prod(self.size)
        rounds = -(-num_leaves // self.channels)
        if rounds == 1:
            return channels * area + torch.randint(area, channels.shape, generator=generator)
        rows = torch.full((self.num_kernels * self.channels,), area)
        places = draw_distinct(rows, rounds, generator).view(self.num_kernels, self.channels, rounds)
        turn = torch.arange(num_leaves) // self.channels
        kernel = torch.arange(self.num_kernels)[:, None]
        return channels * area + places[kernel, channels, turn]

    def _deal_whole_fields(self, num_leaves: int, lut_rank: int, generator: Generator) -> Tensor:
        """Shuffled decks of the whole field, each filled up from its own start, so that no LUT spans two decks."""
        per_deck = -(-self.num_inputs // lut_rank)
        num_decks = -(-num_leaves // (per_deck * lut_rank))
        keys = torch.rand(self.num_kernels, num_decks, self.num_inputs, generator=generator)
        decks = keys.argsort(2)
        filled = torch.cat([decks, decks[:, :, : per_deck * lut_rank - self.num_inputs]], 2)
        return filled.flatten(1)[:, :num_leaves]


def draw_channel_starts(in_channels: int, group_size: int, num_kernels: int, generator: Generator) -> Tensor:
    """The first channel of each kernel's group, int64 ``(num_kernels,)``: every possible start equally often."""
    num_starts = in_channels - group_size + 1
    rounds = -(-num_kernels // num_starts)
    dealt = torch.rand(rounds, num_starts, generator=generator).argsort(1).flatten()[:num_kernels]
    return dealt[torch.randperm(num_kernels, generator=generator)]


def window_places(
    in_dim: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
) -> Tensor:
    """Where each place of a window lies at each position, int64 ``(prod(size), num_positions)``.

    Both are numbered in C order; the entry is the number of the input place in C order of ``in_dim``, or -1 in the
    padding.
    """
    places = torch.zeros(1, 1, dtype=torch.int64)
    inside = torch.ones(1, 1, dtype=torch.bool)
    for extent, width, step, pad in zip(in_dim, size, stride, padding, strict=True):
        num_positions = (extent + 2 * pad - width) // step + 1
        along = torch.arange(width)[:, None] + step * torch.arange(num_positions) - pad
        shape = (places.shape[0] * width, places.shape[1] * num_positions)
        places = (places[:, None, :, None] * extent + along[None, :, None, :]).reshape(shape)
        within = (along >= 0) & (along < extent)
        inside = (inside[:, None, :, None] & within[None, :, None, :]).reshape(shape)
    return torch.where(inside, places, -1)
