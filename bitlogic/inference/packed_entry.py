"""From a model's own samples to the words of its first layer."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from bitlogic.encoders import Encoder
from bitlogic.inference.pack import as_bits, by_kernel, rows_of


class PackedEntry:
    """What stands before the LUT layers, for samples or, where there is no encoder, for bits.

    Args:
        front: the layers before the encoder.
        encoder: a fitted one, or None: the samples are bits.
        num_inputs: the bits of a sample.
    """

    def __init__(self, front: nn.Module, encoder: Encoder | None, num_inputs: int) -> None:
        self.front, self.encoder, self.num_inputs = front, encoder, num_inputs

    def is_fast(self, samples: Tensor) -> bool:
        """Whether `words` has something faster for the samples than what torch.compile would make of it."""
        return by_kernel(samples) if self.encoder is None else self._packs_by_numpy(samples)

    def words(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The input bits (num_inputs, num_words) of some samples, and `as_bits`' verdicts.

        ValueError for samples of another shape than the encoder was fitted on.
        """
        if self.encoder is None:
            return rows_of(samples, self.num_inputs, as_bits)
        if not self._packs_by_numpy(samples):
            return rows_of(samples, self.num_inputs, self._encoded)
        samples = self.front(samples)
        octets = self.encoder.packed_bits(samples)
        self._check(len(octets), samples)
        octets = pad(octets, (0, -octets.shape[1] % 8))
        return octets.flatten().view(torch.int64).view(len(octets), octets.shape[1] // 8), []

    def _packs_by_numpy(self, samples: Tensor) -> bool:
        """Whether the encoder packs its bits, which costs a fraction of making words of them afterwards."""
        return samples.device.type == "cpu" and not torch.compiler.is_compiling()

    def _encoded(self, samples: Tensor) -> tuple[Tensor, None]:
        assert self.encoder is not None
        samples = self.front(samples)
        bits = self.encoder.bits(samples, torch.float32).flatten(1)
        self._check(bits.shape[1], samples)
        return bits, None

    def _check(self, num_bits: int, samples: Tensor) -> None:
        if num_bits != self.num_inputs:
            raise ValueError(f"the encoder was fitted on another shape than {tuple(samples.shape[1:])}")
