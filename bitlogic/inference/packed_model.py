"""A trained model as word operations, built from the layers' tables and independent of any netlist."""

import copy
import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from bitlogic.encoders import Encoder
from bitlogic.heads import Head
from bitlogic.inference.bitslice import count_ones
from bitlogic.inference.pack import WORD_BITS, pack_bits, pack_lanes, unpack_bits
from bitlogic.inference.packed_layers import PACKED_LAYERS, PackedLayer, pack_layer

_SUPPORTED = (
    f"an encoder (first), {', '.join(kind.__name__ for kind in PACKED_LAYERS)}, GroupSum or GroupedDSP (last), "
    "Flatten, Identity, nested in nn.Sequential"
)
# Words of one block of samples over all rows of the widest layer: a few megabytes.
_BLOCK_WORDS = 2**20


class PackedLogicNet(nn.Module):
    """The model's discrete function, 64 samples in a word; equal to `model.eval()` bit for bit, on CPU and CUDA.

    It is a copy: training the model further does not change it. `forward` gives what the model gives: (batch, k) of
    float scores with a head, bits (batch, out_dim) without one. Every method takes the model's own input, or with
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
        self.head: Head | None = None
        self._in_shape: tuple[int, ...] | None = None  # of a sample's bits, None as long as no layer has said it
        self._shape: tuple[int, ...] | None = None  # of the bits that the next layer reads
        for position, layer in enumerate(_flat_layers(model)):
            self._add(layer, position, f"layer {position} ({type(layer).__name__})")
        if self._in_shape is None:
            raise ValueError(f"the model has nothing to pack; supported: {_SUPPORTED}")

    def _add(self, layer: nn.Module, position: int, where: str) -> None:
        if self.head is not None:
            raise TypeError(f"{where} stands behind the head; supported: {_SUPPORTED}")
        if isinstance(layer, nn.Flatten):
            if (layer.start_dim, layer.end_dim) != (1, -1):
                raise TypeError(f"{where} keeps axes apart; only Flatten(1, -1) is supported")
            if self.encoder is None and not self.layers:
                self.front.append(layer)
            if self._shape is not None:
                self._shape = (math.prod(self._shape),)
        elif isinstance(layer, Encoder):
            if self.encoder is not None or self.layers:
                raise TypeError(f"{where} is not the first; supported: {_SUPPORTED}")
            self.encoder = copy.deepcopy(layer)
            self._in_shape = self._shape = encoded_shape(layer)
        elif isinstance(layer, Head):
            if self._shape is None:
                raise ValueError(f"the model has nothing to pack; supported: {_SUPPORTED}")
            if len(self._shape) > 1:
                raise ValueError(f"{where} reads the last axis of an image; put nn.Flatten before it")
            if self._shape[0] % layer.k:
                raise ValueError(f"{where} has {layer.k} classes; {self._shape[0]} bits do not split evenly")
            self.head = copy.deepcopy(layer)
        elif not isinstance(layer, nn.Identity):
            self._add_luts(layer, position, where)

    def _add_luts(self, layer: nn.Module, position: int, where: str) -> None:
        try:
            packed = pack_layer(layer, self._shape, position)
        except ValueError as error:
            raise ValueError(f"{where} {error}") from error
        if packed is None:
            raise TypeError(f"{where} is not known; supported: {_SUPPORTED}")
        if self._in_shape is None:
            if self.front and len(packed.in_shape) > 1:
                raise ValueError(f"{where} reads an image of bits, which nn.Flatten before it joins into one axis")
            self._in_shape = packed.in_shape
        self.layers.append(packed)
        self._shape = packed.out_shape

    def forward(self, x: Tensor, *, ready_bits: bool = False) -> Tensor:
        dtype = x.dtype if x.is_floating_point() else torch.float32
        if self.head is None:
            bits = torch.cat([unpack_bits(words.T, n, dtype) for words, n in self._outputs(x, ready_bits)])
            return bits.reshape(len(bits), *(self._shape or ()))
        scores = self.scores(x, ready_bits=ready_bits)
        return self.head.floats(scores, torch.promote_types(dtype, torch.float32))

    def scores(self, x: Tensor, *, ready_bits: bool = False) -> Tensor:
        """The head's integers before tau and beta, int64 (batch, k); ValueError for a model without a head."""
        if self.head is None:
            raise ValueError("the model has no head, so that it has no scores")
        k, blocks = self.head.k, []
        for words, n in self._outputs(x, ready_bits):
            blocks.append(count_ones(words.view(k, len(words) // k, words.shape[1]))[:n])
        return self.head.combine(torch.cat(blocks))

    def class_ids(self, x: Tensor, *, ready_bits: bool = False) -> Tensor:
        """The class with the highest score of each sample, int64 (batch,); the lowest index of equal ones."""
        scores = self.scores(x, ready_bits=ready_bits)
        # torch.argmax does not say which of equal values it takes.
        num_classes = scores.shape[1]
        index = torch.arange(num_classes, device=scores.device)
        return torch.where(scores == scores.amax(1, keepdim=True), index, num_classes).amin(1)

    def layer_bits(self, x: Tensor, *, ready_bits: bool = False) -> list[tuple[int, Tensor]]:
        """The output of every LUT of every layer: the layer's position in the model, and bits, uint8 (batch, rows).

        A row is a neuron of the layer in an extracted netlist's `origins`; the layer's own outputs are the last rows. A
        LogicDense has one row for each LUT, a convolution one for each LUT of each level at each position, a pooling
        one for each output, a residual block those of its parts and of the or that joins them.
        """
        found: dict[int, list[Tensor]] = {layer.position: [] for layer in self._lut_layers()}
        for words, n in self._inputs(x, ready_bits):
            for layer in self._lut_layers():
                rows = layer.lut_rows(words)
                found[layer.position].append(unpack_bits(rows.T, n, torch.uint8))
                words = rows[-math.prod(layer.out_shape) :]
        return [(position, torch.cat(blocks)) for position, blocks in found.items()]

    def _outputs(self, x: Tensor, ready_bits: bool) -> Iterator[tuple[Tensor, int]]:
        for words, n in self._inputs(x, ready_bits):
            for layer in self.layers:
                words = layer(words)
            yield words, n

    def _inputs(self, x: Tensor, ready_bits: bool) -> Iterator[tuple[Tensor, int]]:
        """Blocks of packed input bits (num_bits, num_words) and their numbers of samples, at least one block."""
        encoder = None if ready_bits else self.encoder
        shape = self._in_shape or ()
        if self.encoder is None and not self.front and tuple(x.shape[1:]) != shape:
            raise ValueError(f"the model takes (batch, {', '.join(map(str, shape))}), not {tuple(x.shape)}")
        if encoder is None and x[:1].flatten(1).shape[1] != self._num_inputs:
            raise ValueError(f"the model takes {self._num_inputs} bits a sample, not {tuple(x.shape[1:])}")
        widest = max([self._num_inputs, *(layer.num_rows for layer in self._lut_layers())])
        block = WORD_BITS * min(128, max(1, _BLOCK_WORDS // widest))
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

    def _lut_layers(self) -> list[PackedLayer]:
        return [cast(PackedLayer, layer) for layer in self.layers]

    @property
    def _num_inputs(self) -> int:
        return math.prod(self._in_shape or ())


def encoded_shape(encoder: Encoder) -> tuple[int, ...]:
    """The shape of a sample's bits behind a fitted encoder; RuntimeError for one that is not fitted."""
    shape = encoder.comparators().input_shape
    device = next(iter([*encoder.parameters(), *encoder.buffers()])).device
    return tuple(encoder.bits(torch.zeros(1, *shape, device=device)).shape[1:])


def _flat_layers(model: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(model, nn.Sequential):
        yield model
        return
    for child in model:
        yield from _flat_layers(child)
