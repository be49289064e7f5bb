"""The LUT layers on words of 64 samples, each signal a row of words, built from the layers' tables."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from bitlogic.inference.bitslice import apply_luts, leaf_masks
from bitlogic.layers import LogicConv2d, LogicConv3d, LogicDense, OrPooling2d, OrPooling3d, ResidualLogicBlock
from bitlogic.layers.conv import LogicConv
from bitlogic.layers.pooling import OrPooling
from bitlogic.layers.tree import tree_words, with_zero_row

Shape = tuple[int, ...]


class PackedLayer(nn.Module, ABC):
    """One LUT layer: words ``(inputs, num_words)`` to ``(outputs, num_words)``, both in C order of a sample's axes.

    Attributes:
        in_shape: of a sample's bits.
        out_shape: of a sample's bits behind the layer.
        num_rows: the rows of `lut_rows`.
        position: the layer's place in the model.
    """

    in_shape: Shape
    out_shape: Shape
    num_rows: int
    position: int

    @abstractmethod
    def lut_rows(self, words: Tensor) -> Tensor:
        """The output of every LUT ``(num_rows, num_words)``; the layer's own outputs are the last rows.

        Row i is the neuron i of the layer in an extracted netlist's ``origins``.
        """

    def forward(self, words: Tensor) -> Tensor:
        return self.lut_rows(words)[-math.prod(self.out_shape) :]

    def check_rows(self) -> None:
        """ValueError where a LUT reads a row that is not there, for code that relies on it."""


def pack_layer(layer: nn.Module, in_shape: Shape | None, position: int) -> PackedLayer | None:
    """The packed form of a LUT layer for bits of that shape, or None for a module that is no LUT layer.

    ``in_shape`` is None where nothing before the layer says it. Raises ValueError where the layer reads another one.
    """
    for kind, pack in PACKED_LAYERS.items():
        if isinstance(layer, kind):
            packed: PackedLayer = pack(layer, in_shape)
            packed.position = position
            return packed
    return None


class PackedDense(PackedLayer):
    """One row for each LUT."""

    constants: Tensor
    factors: Tensor
    ids: Tensor

    def __init__(self, layer: LogicDense, in_shape: Shape | None) -> None:
        super().__init__()
        self.in_shape, self.out_shape, self.num_rows = (layer.in_dim,), (layer.out_dim,), layer.out_dim
        if in_shape is not None and len(in_shape) > 1:
            raise ValueError("reads the last axis of an image; put nn.Flatten before it")
        if in_shape not in (None, self.in_shape):
            raise ValueError(f"reads {layer.in_dim} bits but gets {in_shape[0] if in_shape else 0}")
        luts, ids = layer.get_luts_and_ids()
        device = next(iter(layer.state_dict().values())).device
        for name, value in zip(("constants", "factors", "ids"), (*leaf_masks(luts), ids), strict=True):
            self.register_buffer(name, value.to(device))

    def lut_rows(self, words: Tensor) -> Tensor:
        return apply_luts(words, self.constants, self.factors, self.ids)

    def check_rows(self) -> None:
        _check_rows(self.ids, math.prod(self.in_shape))


class PackedConv(PackedLayer):
    """Level by level the rows of each LUT at each position: row ``lut * positions + position`` of its level."""

    rows: Tensor

    def __init__(self, layer: LogicConv, in_shape: Shape | None) -> None:
        super().__init__()
        self.tree, self.padded = layer.tree, any(layer.padding)
        self.in_shape, self.out_shape = (layer.in_channels, *layer.in_dim), (layer.num_kernels, *layer.out_dim)
        _check_image(in_shape, self.in_shape)
        masks, rows = layer.tables_of_words()
        self.register_buffer("rows", rows)
        for level, (constants, factors) in enumerate(masks):
            self.register_buffer(f"even_{level}", constants)
            self.register_buffer(f"differs_{level}", factors)
        self.num_rows = sum(constants.shape[1] for constants, _ in masks) * layer.tree.num_positions

    def lut_rows(self, words: Tensor) -> Tensor:
        return torch.cat(self._levels(words))

    def forward(self, words: Tensor) -> Tensor:
        return self._levels(words)[-1]

    def check_rows(self) -> None:
        _check_rows(self.rows, math.prod(self.in_shape) + self.padded)

    def _levels(self, words: Tensor) -> list[Tensor]:
        levels = range(self.tree.tree_depth)
        masks = [(self.get_buffer(f"even_{level}"), self.get_buffer(f"differs_{level}")) for level in levels]
        return tree_words(with_zero_row(words, self.padded), masks, self.rows, self.tree)


class PackedPooling(PackedLayer):
    """One row for each output; the LUTs within an or have no rows."""

    def __init__(self, layer: OrPooling, in_shape: Shape | None) -> None:
        super().__init__()
        if in_shape is None or len(in_shape) != layer.num_axes + 1:
            raise ValueError(f"pools {layer.num_axes} axes behind the channels but gets bits of shape {in_shape}")
        self.pooling = type(layer)(**layer.get_config()).eval()
        self.in_shape, self.out_shape = in_shape, (in_shape[0], *layer.positions(in_shape[1:]))
        self.num_rows = math.prod(self.out_shape)

    def lut_rows(self, words: Tensor) -> Tensor:
        return self.pooling.pool_rows(words.view(*self.in_shape, words.shape[1])).flatten(0, -2)


class PackedBlock(PackedLayer):
    """The rows of the main way's layers, of the shortcut's, and of the or that joins them."""

    def __init__(self, layer: ResidualLogicBlock, in_shape: Shape | None) -> None:
        super().__init__()
        self.in_shape, self.out_shape = (layer.in_channels, *layer.in_dim), (layer.num_kernels, *layer.out_dim)
        _check_image(in_shape, self.in_shape)
        self.main, self.shortcut = (_pack_way(way, self.in_shape) for way in (layer.main, layer.shortcut))
        parts = sum(_packed(part).num_rows for part in [*self.main, *self.shortcut])
        self.num_rows = parts + math.prod(self.out_shape)

    def forward(self, words: Tensor) -> Tensor:
        main, shortcut = words, words
        for part in self.main:
            main = part(main)
        for part in self.shortcut:
            shortcut = part(shortcut)
        return main | shortcut

    def check_rows(self) -> None:
        for part in [*self.main, *self.shortcut]:
            _packed(part).check_rows()

    def lut_rows(self, words: Tensor) -> Tensor:
        rows = []
        for way in (self.main, self.shortcut):
            end = words
            for part in map(_packed, way):
                rows.append(part.lut_rows(end))
                end = rows[-1][-math.prod(part.out_shape) :]
        return torch.cat([*rows, self(words)])


PACKED_LAYERS: dict[type[nn.Module], type] = {
    LogicDense: PackedDense,
    LogicConv2d: PackedConv,
    LogicConv3d: PackedConv,
    OrPooling2d: PackedPooling,
    OrPooling3d: PackedPooling,
    ResidualLogicBlock: PackedBlock,
}


def _pack_way(way: nn.Sequential, shape: Shape) -> nn.ModuleList:
    parts = nn.ModuleList()
    for layer in way:
        packed = pack_layer(layer, shape, 0)
        parts.append(_packed(packed))
        shape = _packed(packed).out_shape
    return parts


def _packed(part: nn.Module | None) -> PackedLayer:
    if not isinstance(part, PackedLayer):
        raise TypeError(f"a {type(part).__name__} is no packed layer")
    return part


def _check_rows(rows: Tensor, num_rows: int) -> None:
    if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < num_rows:
        raise ValueError(f"a LUT reads row {int(rows.min())} or {int(rows.max())}; rows 0 to {num_rows - 1} are there")


def _check_image(in_shape: Shape | None, wanted: Shape) -> None:
    if in_shape not in (None, wanted):
        raise ValueError(f"reads bits of shape {wanted} but gets {in_shape}")
