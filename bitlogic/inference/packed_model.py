"""A trained model as word operations, built from the layers' tables and independent of any netlist."""

import copy
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from bitlogic.encoders import Encoder
from bitlogic.heads import GroupSum
from bitlogic.inference.bitslice import apply_luts, count_ones, leaf_masks
from bitlogic.inference.pack import WORD_BITS, pack_bits, pack_lanes, unpack_bits
from bitlogic.layers import LogicDense

_SUPPORTED = "an encoder (first), LogicDense, GroupSum (last), Flatten, Identity, nested in nn.Sequential"
# Words of one block of samples over all rows of the widest layer: a few megabytes.
_BLOCK_WORDS = 2**20


class PackedLogicNet(nn.Module):
    """The model's discrete function, 64 samples in a word; equal to `model.eval()` bit for bit, on CPU and CUDA.

    It is a copy: training the model further does not change it. `forward` gives what the model gives: (batch, k) of
    `sum / tau + beta` with a head, bits (batch, out_dim) without one. Every method takes the model's own input, or with
    `ready_bits=True` the encoder's output (batch, ...); a model without an encoder always takes bits.

    Raises:
        TypeError: a module that it does not know, named with its position among the layers counted through nested
            Sequentials.
        ValueError: layers whose widths do not fit together.
        RuntimeError: an encoder that is not fitted.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.front = nn.ModuleList()  # Flatten before the encoder
        self.encoder: Encoder | None = None
        self.layers = nn.ModuleList()
        self.head: GroupSum | None = None
        self._num_inputs = 0  # bits of a sample, 0 as long as no layer has said it
        self._width = 0  # bits that the next layer reads
        self._flat = False  # whether these stand in one axis, whatever the shape of a sample
        for position, layer in enumerate(_flat_layers(model)):
            self._add(layer, position, f"layer {position} ({type(layer).__name__})")
        if not self._num_inputs:
            raise ValueError(f"the model has nothing to pack; supported: {_SUPPORTED}")

    def _add(self, layer: nn.Module, position: int, where: str) -> None:
        if self.head is not None:
            raise TypeError(f"{where} stands behind the head; supported: {_SUPPORTED}")
        if isinstance(layer, nn.Flatten):
            if (layer.start_dim, layer.end_dim) != (1, -1):
                raise TypeError(f"{where} keeps axes apart; only Flatten(1, -1) is supported")
            self._flat = True
            if self.encoder is None and not self.layers:
                self.front.append(layer)
        elif isinstance(layer, Encoder):
            if self.encoder is not None or self.layers:
                raise TypeError(f"{where} is not the first; supported: {_SUPPORTED}")
            self.encoder = copy.deepcopy(layer)
            self._num_inputs = self._width = layer.num_outputs
            self._flat = len(layer.comparators().input_shape) == 1
        elif isinstance(layer, LogicDense):
            self._check_width(layer.in_dim, where)
            self.layers.append(_LutLayer(layer, position))
            self._num_inputs = self._num_inputs or layer.in_dim
            self._width = layer.out_dim
        elif isinstance(layer, GroupSum):
            if self._width % layer.k:
                raise ValueError(f"{where} has {layer.k} classes; {self._width} bits do not split evenly")
            self._check_width(self._width, where)
            self.head = copy.deepcopy(layer)
        elif not isinstance(layer, nn.Identity):
            raise TypeError(f"{where} is not known; supported: {_SUPPORTED}")

    def _check_width(self, wanted: int, where: str) -> None:
        if self.encoder is not None and not self._flat:
            raise ValueError(f"{where} reads the last axis of an image; put nn.Flatten behind the encoder")
        if self._width not in (0, wanted):
            raise ValueError(f"{where} reads {wanted} bits but gets {self._width}")

    def forward(self, x: Tensor, *, ready_bits: bool = False) -> Tensor:
        dtype = x.dtype if x.is_floating_point() else torch.float32
        if self.head is None:
            return torch.cat([unpack_bits(words.T, n, dtype) for words, n in self._outputs(x, ready_bits)])
        scores = self.scores(x, ready_bits=ready_bits).to(torch.promote_types(dtype, torch.float32))
        return scores / self.head.tau + self.head.beta

    def scores(self, x: Tensor, *, ready_bits: bool = False) -> Tensor:
        """The head's integers before tau and beta, int64 (batch, k); ValueError for a model without a head."""
        if self.head is None:
            raise ValueError("the model has no head, so that it has no scores")
        k, blocks = self.head.k, []
        for words, n in self._outputs(x, ready_bits):
            blocks.append(count_ones(words.view(k, len(words) // k, words.shape[1]))[:n])
        return torch.cat(blocks)

    def class_ids(self, x: Tensor, *, ready_bits: bool = False) -> Tensor:
        """The class with the highest score of each sample, int64 (batch,); the lowest index of equal ones."""
        scores = self.scores(x, ready_bits=ready_bits)
        # torch.argmax does not say which of equal values it takes.
        num_classes = scores.shape[1]
        index = torch.arange(num_classes, device=scores.device)
        return torch.where(scores == scores.amax(1, keepdim=True), index, num_classes).amin(1)

    def layer_bits(self, x: Tensor, *, ready_bits: bool = False) -> list[tuple[int, Tensor]]:
        """The output of every LUT layer: its position in the model, and its bits, uint8 (batch, out_dim)."""
        found: dict[int, list[Tensor]] = {layer.position: [] for layer in self._lut_layers()}
        for words, n in self._inputs(x, ready_bits):
            for layer in self._lut_layers():
                words = layer(words)
                found[layer.position].append(unpack_bits(words.T, n, torch.uint8))
        return [(position, torch.cat(blocks)) for position, blocks in found.items()]

    def _outputs(self, x: Tensor, ready_bits: bool) -> Iterator[tuple[Tensor, int]]:
        for words, n in self._inputs(x, ready_bits):
            for layer in self.layers:
                words = layer(words)
            yield words, n

    def _inputs(self, x: Tensor, ready_bits: bool) -> Iterator[tuple[Tensor, int]]:
        """Blocks of packed input bits (num_bits, num_words) and their numbers of samples, at least one block."""
        encoder = None if ready_bits else self.encoder
        if self.encoder is None and not self.front and x.ndim != 2:
            raise ValueError(f"the model takes (batch, {self._num_inputs}), not {tuple(x.shape)}")
        if encoder is None and x[:1].flatten(1).shape[1] != self._num_inputs:
            raise ValueError(f"the model takes {self._num_inputs} bits a sample, not {tuple(x.shape[1:])}")
        widest = max([self._num_inputs, *(layer.num_luts for layer in self._lut_layers())])
        block = WORD_BITS * min(128, max(8, _BLOCK_WORDS // widest))
        for start in range(0, max(1, len(x)), block):
            samples = x[start : start + block]
            words = pack_bits(samples.flatten(1)) if encoder is None else self._encode(samples, encoder)
            yield words.T.contiguous(), len(samples)

    def _encode(self, samples: Tensor, encoder: Encoder) -> Tensor:
        for layer in self.front:
            samples = layer(samples)

        def lane_bits(lane: int) -> Tensor:
            bits = encoder.bits(samples[lane::WORD_BITS]).flatten(1)
            if bits.shape[1] != self._num_inputs:
                raise ValueError(f"the encoder was fitted on another shape than {tuple(samples.shape[1:])}")
            return bits

        return pack_lanes(lane_bits, len(samples), samples.new_empty(0, self._num_inputs))

    def _lut_layers(self) -> list["_LutLayer"]:
        return [cast(_LutLayer, layer) for layer in self.layers]


class _LutLayer(nn.Module):
    """A LogicDense on words (in_dim, num_words) -> (out_dim, num_words)."""

    even: Tensor
    differs: Tensor
    ids: Tensor

    def __init__(self, layer: LogicDense, position: int) -> None:
        super().__init__()
        luts, ids = layer.get_luts_and_ids()
        device = next(iter(layer.state_dict().values())).device
        for name, value in zip(("even", "differs", "ids"), (*leaf_masks(luts), ids), strict=True):
            self.register_buffer(name, value.to(device))
        self.position = position
        self.num_luts = len(luts)

    def forward(self, words: Tensor) -> Tensor:
        return apply_luts(words, self.even, self.differs, self.ids)


def _flat_layers(model: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(model, nn.Sequential):
        yield model
        return
    for child in model:
        yield from _flat_layers(child)
