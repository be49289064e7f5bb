"""Bits as a tensor of words that the layers take in place of a float tensor, on any device.

    bits = PackBitsTensor.pack(model[0](x).flatten(1))  # the encoder's output
    scores = model[2:](bits)                            # LogicDense layers and the head, in eval mode

What a layer does to take part: its `forward` starts with

    if isinstance(x, PackBitsTensor):
        return x.for_eval(self).map_words(self._forward_words)

or with one of the ready-made methods here. `words` are signal-major, so the words of one signal stand side by side and
each word operation works on 64 samples of it. nn.Flatten, nn.Identity and nn.Sequential take it as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bitlogic.inference.bitslice import apply_luts, leaf_masks
from bitlogic.inference.counting import count_ones
from bitlogic.inference.pack import WORD_BITS, pack_rows, unpack_bits


@dataclass(frozen=True, eq=False)
class PackBitsTensor:
    """Bits of `num_samples` samples, 64 in a word; stands for a bit tensor of shape (num_samples, *signal_shape).

    In evaluation mode the LUT layers and pooling take it and give it back, and heads give scores for it, the same bit
    for bit as for the unpacked bits. In training mode they raise a TypeError: words have no gradient.

    Attributes:
        words: int64 (*signal_shape, num_words); bit b of word w is sample 64 * w + b. Bits beyond the last sample mean
            nothing.
        num_samples: the length of the batch axis.

    Raises:
        ValueError: words that are not int64, or another number of words than the samples fill.
    """

    words: Tensor
    num_samples: int

    def __post_init__(self) -> None:
        if self.words.dtype != torch.int64 or self.words.ndim == 0:
            given = f"{self.words.dtype} {tuple(self.words.shape)}"
            raise ValueError(f"PackBitsTensor takes int64 words (*signal_shape, num_words), not {given}")
        if self.num_samples < 0 or -(-self.num_samples // WORD_BITS) != self.words.shape[-1]:
            raise ValueError(f"{self.num_samples} samples do not fit {self.words.shape[-1]} words of {WORD_BITS}")

    @staticmethod
    def pack(x: Tensor) -> "PackBitsTensor":
        """The bits (batch, ...) of any dtype as words; ValueError for a value that is neither 0 nor 1."""
        if x.ndim == 0:
            raise ValueError("PackBitsTensor.pack needs a batch axis, not a single number")
        return PackBitsTensor(pack_rows(x).view(*x.shape[1:], -(-len(x) // WORD_BITS)), len(x))

    def unpack(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The bits (batch, ...) as 0 and 1 of that dtype."""
        return unpack_bits(self.words.movedim(-1, 0), self.num_samples, dtype)

    @property
    def shape(self) -> torch.Size:
        """The shape of the bits: (num_samples, *signal_shape)."""
        return torch.Size((self.num_samples, *self.words.shape[:-1]))

    @property
    def ndim(self) -> int:
        return self.words.ndim

    @property
    def device(self) -> torch.device:
        return self.words.device

    def __len__(self) -> int:
        return self.num_samples

    def __repr__(self) -> str:
        return f"PackBitsTensor(shape={tuple(self.shape)}, device={str(self.device)!r})"

    def to(self, device: torch.device | str) -> "PackBitsTensor":
        """The same bits on another device."""
        return PackBitsTensor(self.words.to(device), self.num_samples)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "PackBitsTensor":
        """Signal axes joined into one, counted with the batch axis as axis 0; ValueError where that would join."""
        start, end = (axis + self.ndim if axis < 0 else axis for axis in (start_dim, end_dim))
        if start == end == 0:
            return self
        if not 1 <= start <= end < self.ndim:
            raise ValueError(f"packed bits of shape {tuple(self.shape)} cannot flatten axes {start_dim} to {end_dim}")
        return PackBitsTensor(self.words.flatten(start - 1, end - 1), self.num_samples)

    # What layers are made of.

    def for_eval(self, module: nn.Module) -> "PackBitsTensor":
        """Itself, for a module in evaluation mode; TypeError that names the module in training mode."""
        if module.training:
            raise TypeError(f"{type(module).__name__} takes packed bits in evaluation mode only: call eval() first")
        return self

    def map_words(self, function: Callable[[Tensor], Tensor]) -> "PackBitsTensor":
        """What the function makes of the words: (*signal_shape, num_words) to (*other_shape, num_words)."""
        return PackBitsTensor(function(self.words), self.num_samples)

    def look_up(self, luts: Tensor, ids: Tensor) -> "PackBitsTensor":
        """The outputs (batch, ..., num_luts) of LUTs that read the last signal axis.

        Args:
            luts: (num_luts, 2**rank) of {0, 1}, slot 0 at the most significant bit of the address.
            ids: int64 (rank, num_luts), places in the last signal axis.
        """
        constants, factors = (mask.to(self.device) for mask in leaf_masks(luts))
        rows, others = self._rows()
        outputs = apply_luts(rows, constants, factors, ids.to(self.device)).reshape(len(luts), *others)
        return PackBitsTensor(outputs.movedim(0, -2).contiguous(), self.num_samples)

    def count_groups(self, groups: int) -> Tensor:
        """The number of ones in each of equal groups of the last signal axis, int64 (batch, ..., groups)."""
        rows, others = self._rows()
        counts = count_ones(rows.reshape(groups, len(rows) // groups, rows.shape[1]))
        by_word = counts.reshape(*others, WORD_BITS, groups).movedim(-3, 0)  # (num_words, ..., 64, groups)
        return by_word.movedim(-2, 1).flatten(0, 1)[: self.num_samples]

    def _rows(self) -> tuple[Tensor, tuple[int, ...]]:
        """The words as (last signal axis, everything else), and the shape of everything else, words last."""
        if self.ndim < 2:
            raise ValueError(f"packed bits of shape {tuple(self.shape)} have no axis to read")
        rows = self.words.movedim(-2, 0)
        return rows.flatten(1), tuple(rows.shape[1:])
