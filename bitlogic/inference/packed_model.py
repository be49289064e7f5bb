"""A trained model as word operations, built from the layers' tables and independent of any netlist."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from bitlogic.encoders import Encoder
from bitlogic.heads import Head
from bitlogic.inference.counting import count_ones
from bitlogic.inference.pack import WORD_BITS, check_bits, unpack_bits
from bitlogic.inference.packed_blocks import CompiledBlocks
from bitlogic.inference.packed_entry import PackedEntry
from bitlogic.inference.packed_layers import PACKED_LAYERS, PackedLayer, pack_layer
from bitlogic.inference.packed_tensor import PackBitsTensor

_SUPPORTED = (
    f"an encoder (first), {', '.join(kind.__name__ for kind in PACKED_LAYERS)}, GroupSum or GroupedDSP (last), "
    "Flatten, Identity, nested in nn.Sequential"
)
# A signal's words in a block of samples, at most: a row of them is long enough to come from memory at full speed.
_ROW_WORDS = 512
_BLOCK_WORDS = 2**23  # of all rows of the widest layer: 64 MB
_COMPILED_WORDS = 15 * 2**16  # of what a LUT layer gives and what the next one makes of it: nearly 8 MB


class PackedLogicNet(nn.Module):
    """The model's discrete function, 64 samples in a word; equal to `model.eval()` bit for bit, on CPU and CUDA.

    It is a copy: training the model further does not change it. `forward` gives what the model gives: (batch, k) of
    float scores with a head, bits (batch, out_dim) without one. Every method takes the model's own input, or with
    `ready_bits=True` the encoder's output (batch, ...); a model without an encoder always takes bits, fastest as bool.
    A `PackBitsTensor` is such bits, packed, and several times as fast to read.
    `compile=True` is what `compile()` does: several times as fast, after a compilation of seconds to minutes.
    Up to 32,768 samples are one block, of which the bits of a layer take at most 64 MB, or 8 bytes for each neuron.

    Raises:
        TypeError: a module that it does not know, named with its position among the layers counted through nested
            Sequentials.
        ValueError: layers whose widths do not fit together.
        RuntimeError: an encoder that is not fitted.
    """

    def __init__(self, model: nn.Module, *, compile: bool = False) -> None:
        super().__init__()
        self._compile_options: dict[str, Any] | None = {} if compile else None
        self._compiled: dict[str, CompiledBlocks] = {}  # by what it does
        self.front = nn.Sequential()  # Flatten before the encoder
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

    def compile(self, *args: Any, **options: Any) -> None:
        """From now on runs behind torch.compile, which takes seconds at the first batch of more samples than before.

        Blocks of a few sizes are compiled, and a batch runs in these, so that a new batch size compiles nothing. On a
        CPU without a C++ compiler it warns and runs without. The options are those of torch.compile; with `mode` its
        code checks every index as it reads, which takes up to twice as long.
        """
        if args:
            raise TypeError("PackedLogicNet.compile takes the options of torch.compile as keywords")
        self._compile_options, self._compiled = options, {}

    def forward(self, x: Tensor | PackBitsTensor, *, ready_bits: bool = False) -> Tensor:
        dtype = x.dtype if isinstance(x, Tensor) and x.is_floating_point() else torch.float32
        if self.head is None:
            results = self._results(x, ready_bits)
            bits = torch.cat([unpack_bits(words.T[: -(-n // WORD_BITS)], n, dtype) for words, n in results])
            return bits.reshape(len(bits), *(self._shape or ()))
        scores = self.scores(x, ready_bits=ready_bits)
        return self.head.floats(scores, torch.promote_types(dtype, torch.float32))

    def scores(self, x: Tensor | PackBitsTensor, *, ready_bits: bool = False) -> Tensor:
        """The head's integers before tau and beta, int64 (batch, k); ValueError for a model without a head."""
        if self.head is None:
            raise ValueError("the model has no head, so that it has no scores")
        return self.head.combine(torch.cat([sums[:n] for sums, n in self._results(x, ready_bits)]))

    def class_ids(self, x: Tensor | PackBitsTensor, *, ready_bits: bool = False) -> Tensor:
        """The class with the highest score of each sample, int64 (batch,); the lowest index of equal ones."""
        scores = self.scores(x, ready_bits=ready_bits)
        # torch.argmax does not say which of equal values it takes.
        num_classes = scores.shape[1]
        index = torch.arange(num_classes, device=scores.device)
        return torch.where(scores == scores.amax(1, keepdim=True), index, num_classes).amin(1)

    def layer_bits(self, x: Tensor | PackBitsTensor, *, ready_bits: bool = False) -> list[tuple[int, Tensor]]:
        """The output of every LUT of every layer: the layer's position in the model, and bits, uint8 (batch, rows).

        A row is a neuron of the layer in an extracted netlist's `origins`; the layer's own outputs are the last rows. A
        LogicDense has one row for each LUT, a convolution one for each LUT of each level at each position, a pooling
        one for each output, a residual block those of its parts and of the or that joins them.
        """
        found: dict[int, list[Tensor]] = {layer.position: [] for layer in self._lut_layers()}
        are_bits: list[Tensor] = []
        for block, num in self._checked_blocks(x, ready_bits, self._block_words):
            words, said = self._words(block, ready_bits)
            are_bits += said
            for layer in self._lut_layers():
                rows = layer.lut_rows(words)
                found[layer.position].append(unpack_bits(rows.T, num, torch.uint8))
                words = rows[-math.prod(layer.out_shape) :]
        check_bits(are_bits)
        return [(position, torch.cat(blocks)) for position, blocks in found.items()]

    def __getstate__(self) -> dict[str, Any]:
        """Without what is compiled, which belongs to this object alone."""
        return {**self.__dict__, "_compiled": {}}

    def _load_from_state_dict(self, *args: Any) -> None:
        self._compiled.clear()  # it relies on the rows that LUTs read
        super()._load_from_state_dict(*args)

    def _results(self, x: Tensor | PackBitsTensor, ready_bits: bool) -> list[tuple[Tensor, int]]:
        """For each block of samples what `_outputs` gives, and the number of samples."""
        compiled = not torch.compiler.is_compiling() and self._compile_options is not None
        largest = self._compiled_words if compiled else self._block_words
        if torch.compiler.is_compiling():  # torch.compile(packed): one graph for the whole batch
            largest = max(1, -(-len(x) // WORD_BITS))
        results, are_bits = [], []
        for block, num in self._checked_blocks(x, ready_bits, largest):
            words, said = self._words(block, ready_bits, compiled)
            if compiled:
                results.append((self._compiled_outputs(words), num))
            else:
                with nullcontext() if torch.compiler.is_compiling() else torch.inference_mode():  # calls cost less
                    results.append((self._outputs(words), num))
            are_bits += said
        check_bits(are_bits)
        return results

    def _outputs(self, words: Tensor) -> Tensor:
        """The sums of the groups, int64 (64 * num_words, k), or without a head the words, of the input bits' words."""
        for layer in self.layers:
            words = layer(words)
        if self.head is None:
            return words
        return count_ones(words.view(self.head.k, len(words) // self.head.k, words.shape[1]))

    def _compiled_outputs(self, words: Tensor) -> Tensor:
        if "outputs" not in self._compiled:
            for layer in self._lut_layers():
                layer.check_rows()
            self._compiled["outputs"] = self._blocks(self._outputs, axis=1, unit=1)
        outputs: Tensor = self._compiled["outputs"](words)
        return outputs

    def _blocks(self, function: Callable[..., Any], axis: int, unit: int) -> CompiledBlocks:
        options = self._compile_options or {}
        return CompiledBlocks(function, options, axis=axis, unit=unit, largest=unit * self._compiled_words)

    def _words(
        self, block: Tensor | PackBitsTensor, ready_bits: bool, compiled: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """The input bits (num_inputs, num_words) of some samples, and `as_bits`' verdicts."""
        if isinstance(block, PackBitsTensor):
            return block.words, []
        entry = PackedEntry(self.front, None if ready_bits else self.encoder, self._num_inputs)
        if not compiled or entry.is_fast(block):
            return entry.words(block)
        key = f"pack {ready_bits}"
        if key not in self._compiled:
            self._compiled[key] = self._blocks(entry.words, axis=0, unit=WORD_BITS)
        words, said = self._compiled[key](block)
        return words, said

    def _checked_blocks(
        self, x: Tensor | PackBitsTensor, ready_bits: bool, num_words: int
    ) -> Iterator[tuple[Tensor | PackBitsTensor, int]]:
        """Blocks of that many words, at least one, with their numbers of samples; ValueError for another shape."""
        shape, size = self._in_shape or (), WORD_BITS * num_words
        ready_bits = ready_bits or isinstance(x, PackBitsTensor)
        if self.encoder is None and not self.front and tuple(x.shape[1:]) != shape:
            raise ValueError(f"the model takes (batch, {', '.join(map(str, shape))}), not {tuple(x.shape)}")
        if (ready_bits or self.encoder is None) and x.shape[1:].numel() != self._num_inputs:
            raise ValueError(f"the model takes {self._num_inputs} bits a sample, not {tuple(x.shape[1:])}")
        for start in range(0, max(1, len(x)), size):
            num = min(size, len(x) - start)
            if isinstance(x, Tensor):
                yield x[start : start + size], num
            else:
                words = x.words.reshape(self._num_inputs, x.words.shape[-1])[:, start // WORD_BITS :][:, :num_words]
                yield PackBitsTensor(words, num), num

    @property
    def _block_words(self) -> int:
        return min(_ROW_WORDS, max(1, _BLOCK_WORDS // self._widest))

    @property
    def _compiled_words(self) -> int:
        rows = [layer.num_rows for layer in self._lut_layers()] or [self._num_inputs]
        most = _COMPILED_WORDS // max(map(sum, pairwise(rows)), default=rows[0])
        return min(128, max(16, 1 << most.bit_length() >> 1))

    @property
    def _widest(self) -> int:
        return max([self._num_inputs, *(layer.num_rows for layer in self._lut_layers())])

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
