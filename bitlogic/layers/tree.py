"""Trees of LUTs that are shared over positions: which rows each level of a convolution reads.

Signals are rows ``(num_rows, batch)``. A level's LUT n at position p is row ``n * num_positions + p`` of its output, so
that the level above reads rows as well, and the output of the root is ``(num_kernels, positions, batch)`` in memory.
Level i of a kernel has ``lut_rank ** (tree_depth - 1 - i)`` LUTs; child 0 feeds slot 0. LUT n of a level is of kernel
``n % num_kernels``, and its slot j reads LUT ``j * num_luts + n`` of the level below: a level's slots read all rows
below it in order, so that nothing is scattered on the way back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bitlogic.inference.bitslice import apply_luts
from bitlogic.layers.lookup import look_up_bits


@dataclass(frozen=True)
class TreeShape:
    """The sizes of the trees of one convolution."""

    num_kernels: int
    tree_depth: int
    lut_rank: int
    num_positions: int

    def luts_of_level(self, level: int) -> int:
        """The LUTs of a level in one kernel."""
        return int(self.lut_rank ** (self.tree_depth - 1 - level))

    def in_order(self, level: int) -> Tensor:
        """For each LUT of a kernel its place in the other usual numbering, int64 ``(luts_of_level,)``.

        There the children of LUT l are ``l * lut_rank + j``. A number is a path from the root, one digit to the base
        ``lut_rank`` for each slot on the way; the two numberings have the digits in opposite orders.
        """
        digits = self.tree_depth - 1 - level
        numbers = torch.arange(self.luts_of_level(level)).view([self.lut_rank] * digits)
        return numbers.permute(list(reversed(range(digits)))).flatten()

    @property
    def num_leaves(self) -> int:
        """The leaves of one kernel."""
        return int(self.lut_rank**self.tree_depth)

    def child_ids(self, level: int) -> Tensor:
        """For a level from 1 up, the LUT of the level below that feeds each slot, int64 ``(lut_rank, num_luts)``."""
        num_luts = self.num_kernels * self.luts_of_level(level)
        return torch.arange(self.lut_rank * num_luts).view(self.lut_rank, num_luts)

    def child_rows(self, ids: Tensor) -> Tensor:
        """The rows of these LUTs at every position, int64 ``(lut_rank, num_luts * num_positions)``."""
        positions = torch.arange(self.num_positions, device=ids.device)
        return (ids.unsqueeze(-1) * self.num_positions + positions).flatten(1)


def leaf_rows(ids: Tensor, starts: Tensor, places: Tensor, input_area: int, num_channels: int) -> Tensor:
    """The signal that an input of the receptive field is at each position, int64 ``(..., num_luts * num_positions)``.

    What lies in the padding is row ``num_channels * input_area``, one past the signals: a row of zeros.

    Args:
        ids: int64 ``(..., num_luts)``, inputs of the receptive field; LUT n is of kernel ``n % num_kernels``.
        starts: int64 ``(num_kernels,)``, the first channel of each kernel.
        places: int64 ``(window area, num_positions)`` of `window_places`.
        input_area: the places of one channel.
        num_channels: of the input.
    """
    area, ids = places.shape[0], ids.contiguous()
    channels = ids // area + starts.repeat(ids.shape[-1] // starts.shape[0])
    within = places[ids % area]
    rows = channels.unsqueeze(-1) * input_area + within
    return torch.where(within < 0, num_channels * input_area, rows).flatten(-2)


def look_up_tree(
    signals: Tensor, luts: Sequence[Tensor], leaves: Tensor, tree: TreeShape, dtype: torch.dtype
) -> Tensor:
    """The discrete outputs ``(num_kernels * positions, batch)`` on bits, in the wanted dtype.

    Args:
        signals: ``(num_rows, batch)``, with the row of zeros where the leaves read it; see `look_up_bits`.
        luts: of each level the tables, uint8 ``(num_luts, 2**lut_rank)``.
        leaves: int64 ``(lut_rank, luts of level 0 * positions)``, the rows that the leaves read.
        tree: the sizes.
        dtype: of the outputs.
    """
    rows, read = signals, leaves
    for level, tables in enumerate(luts):
        if level:
            read = tree.child_rows(tree.child_ids(level).to(signals.device))
        everywhere = tables.to(signals.device).repeat_interleave(tree.num_positions, 0)
        rows = look_up_bits(rows, everywhere, read, dtype if level == len(luts) - 1 else torch.uint8)
    return rows


def tree_words(words: Tensor, masks: Sequence[tuple[Tensor, Tensor]], rows: Tensor, tree: TreeShape) -> list[Tensor]:
    """The outputs of each level ``(luts of the level * positions, num_words)`` on words of 64 samples.

    Args:
        words: int64 ``(num_rows, num_words)``, with the row of zeros where the leaves read it.
        masks: of each level what `leaf_masks` gives for its tables.
        rows: int64 ``(lut_rank, luts of level 0 * positions)``, what the leaves read.
        tree: the sizes.
    """
    outputs: list[Tensor] = []
    for level, (constants, factors) in enumerate(masks):
        if not level:
            constants, factors = (mask.repeat_interleave(tree.num_positions, 1) for mask in (constants, factors))
            outputs.append(apply_luts(words, constants, factors, rows))
            continue
        # All positions of a LUT stand side by side, as more words of the same LUT.
        below = outputs[-1].view(-1, tree.num_positions * words.shape[1])
        above = apply_luts(below, constants, factors, tree.child_ids(level).to(words.device))
        outputs.append(above.view(-1, words.shape[1]))
    return outputs


def with_zero_row(signals: Tensor, padded: bool) -> Tensor:
    """The signals as contiguous rows, and behind them one of zeros where leaves may read the padding."""
    if not padded:
        return signals.contiguous()
    return torch.cat([signals, signals.new_zeros(1, signals.shape[1])])
