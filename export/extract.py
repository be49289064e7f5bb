"""Model to netlist: the only file of the deployment toolchain that knows the torch layers.

It also holds the one reversal of bit order: slot 0 of a layer's LUT is the most significant bit of its table address,
pin 0 of the netlist's the least, so pin ``i`` is slot ``rank - 1 - i`` and the table's entries keep their places.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bitlogic.connections.receptive import window_places
from bitlogic.encoders.base import Encoder as EncoderLayer
from bitlogic.errors import ExportError, NetlistError
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Head, Netlist
from bitlogic.export.parities import Parities, parity_luts
from bitlogic.export.unroll import Unrolled, or_trees, pack_tables, unroll_tree, window_nets
from bitlogic.heads import Head as HeadLayer
from bitlogic.inference.packed_model import encoded_shape
from bitlogic.layers import LogicDense, ResidualLogicBlock
from bitlogic.layers.conv import LogicConv
from bitlogic.layers.pooling import OrPooling

Array = npt.NDArray[Any]
SUPPORTED = (
    "an encoder (first), LogicDense, LogicConv2d, LogicConv3d, OrPooling2d, OrPooling3d, ResidualLogicBlock, Flatten, "
    "Identity, GroupSum or GroupedDSP (last), nested in nn.Sequential"
)


def extract(model: nn.Module) -> Netlist:
    """The netlist of a model: encoder or none, LUT layers, a head; not optimised.

    A LogicDense gives one LUT for each neuron. A convolution's LUTs are written out at every position, what lies in the
    padding is net 0; a pooling is a tree of ors and an encoder's code trees of exclusive ors, of at most the model's
    highest rank. ``origins`` holds the layer's position (counted through nested Sequentials from 0; a residual block is
    one layer) and the neuron: the row of `PackedLogicNet.layer_bits`, an encoder's output bit; the LUTs of one or share
    a number, the last of them is its output. Raises ExportError that names the layer and its position for one that
    cannot be exported, an encoder that was never fitted, NaN in thresholds or weights, widths that do not fit together,
    or a model without a head.
    """
    walk = _Walk(or_rank=_highest_rank(model))
    for position, layer in enumerate(flat_layers(model)):
        where = f"layer {position} ({type(layer).__name__})"
        if walk.head is not None:
            raise ExportError(f"{where} stands behind the head; supported: {SUPPORTED}")
        _check_numbers(layer, where)
        if isinstance(layer, EncoderLayer):
            walk.encode(layer, position, where)
        elif isinstance(layer, LogicDense):
            walk.dense(layer, position, where)
        elif isinstance(layer, LogicConv | OrPooling | ResidualLogicBlock):
            walk.image(layer, position, where)
        elif isinstance(layer, HeadLayer):
            walk.finish(layer, where)
        elif isinstance(layer, nn.Flatten):
            walk.flatten(layer, where)
        elif not isinstance(layer, nn.Identity):
            raise ExportError(f"{where} cannot be exported; supported: {SUPPORTED}")
    return walk.netlist()


def flat_layers(model: nn.Module) -> list[nn.Module]:
    """The layers of nested Sequentials in the order in which they run."""
    if not isinstance(model, nn.Sequential):
        return [model]
    return [layer for child in model for layer in flat_layers(child)]


@dataclass
class _Walk:
    """What has been read so far: ``current`` are the nets that the next layer reads, None before the first."""

    or_rank: int  # inputs of an or within a pooling
    encoder: Encoder | None = None
    shape: tuple[int, ...] | None = None  # of a sample's bits; None: no layer has said it
    flat: bool = False  # whether a Flatten stands before everything that says a shape
    num_inputs: int = 0
    current: Array | None = None
    tables: list[Array] = field(default_factory=list)
    pins: list[Array] = field(default_factory=list)
    origins: list[Array] = field(default_factory=list)
    head: Head | None = None

    def encode(self, layer: EncoderLayer, position: int, where: str) -> None:
        if self.current is not None:
            raise ExportError(f"{where} is not the first layer; supported: {SUPPORTED}")
        try:
            flat = layer.comparators()
        except RuntimeError as error:
            raise ExportError(f"{where} is not fitted: call fit(x) before exporting") from error
        self.encoder = Encoder(
            input_shape=flat.input_shape,
            features=flat.features,
            thresholds=flat.thresholds,
            input_bits=flat.input_bits,
            integer_thresholds=flat.integer_thresholds,
            input_min=flat.input_min,
            input_max=flat.input_max,
        )
        self._inputs((len(flat.features),))
        assert self.current is not None
        outputs = self.current
        if flat.code is not None:
            code = flat.code
            parities = Parities(self.current[code.comparators], code.bits, code.toggles, code.starts)
            blocks, outputs = parity_luts(parities, self.or_rank, self._next())
            self._append(blocks, position)
        self._leave(outputs, encoded_shape(layer))

    def flatten(self, layer: nn.Flatten, where: str) -> None:
        if (layer.start_dim, layer.end_dim) != (1, -1):
            raise ExportError(f"{where} keeps axes apart; supported is nn.Flatten(), from axis 1 to the last")
        if self.shape is None:
            self.flat = True
        else:
            self.shape = (math.prod(self.shape),)

    def dense(self, layer: LogicDense, position: int, where: str) -> None:
        nets = self._read((layer.in_dim,), where)
        luts, ids = layer.get_luts_and_ids()
        pins = nets[ids.cpu().numpy()[::-1].T]
        self._append([Unrolled(pack_tables(luts.cpu().numpy()), pins, np.arange(len(luts)))], position)
        self._leave(self._next() - len(luts) + np.arange(len(luts)), (layer.out_dim,))

    def image(self, layer: LogicConv | OrPooling | ResidualLogicBlock, position: int, where: str) -> None:
        """A layer of images; the neurons of a residual block count through its parts."""
        if isinstance(layer, OrPooling) and (self.shape is None or len(self.shape) != layer.num_axes + 1):
            raise ExportError(f"{where} pools {layer.num_axes} axes but gets bits of shape {self.shape}")
        if not isinstance(layer, OrPooling):
            self._read((layer.in_channels, *layer.in_dim), where)
        self._image(layer, position, 0)

    def _image(self, layer: nn.Module, position: int, neuron: int) -> int:
        """The number of neurons that the layer's rows end at, when they start at the given one."""
        assert self.current is not None and self.shape is not None
        if isinstance(layer, ResidualLogicBlock):
            return self._block(layer, position, neuron)
        if isinstance(layer, OrPooling):
            out_dim = layer.positions(self.shape[1:])
            places = window_places(self.shape[1:], layer.kernel_size, layer.stride, layer.padding).numpy()
            groups = window_nets(self.current.reshape(self.shape[0], -1), places)
            blocks, outputs = or_trees(groups, self.or_rank, self._next())
            self._append(blocks, position, neuron)
            self._leave(outputs, (self.shape[0], *out_dim))
            return neuron + len(outputs)
        assert isinstance(layer, LogicConv)
        levels = [(luts.cpu().numpy(), ids.cpu().numpy()) for luts, ids in layer.get_luts_and_ids()]
        rows = layer.leaf_rows(torch.from_numpy(levels[0][1])).numpy()
        blocks = unroll_tree(levels, rows, math.prod(layer.out_dim), self.current, self._next())
        self._append(blocks, position, neuron)
        num_outputs = len(blocks[-1].tables)
        self._leave(self._next() - num_outputs + np.arange(num_outputs), (layer.num_kernels, *layer.out_dim))
        return neuron + sum(len(block.tables) for block in blocks)

    def _block(self, block: ResidualLogicBlock, position: int, neuron: int) -> int:
        entered, ends = (self.current, self.shape), []
        for way in (block.main, block.shortcut):
            self.current, self.shape = entered
            for part in way:
                neuron = self._image(part, position, neuron)
            ends.append(self.current)
        blocks, outputs = or_trees(np.stack([end for end in ends if end is not None], axis=1), 2, self._next())
        self._append(blocks, position, neuron)
        self._leave(outputs, (block.num_kernels, *block.out_dim))
        return neuron + len(outputs)

    def finish(self, layer: HeadLayer, where: str) -> None:
        if self.current is None:
            raise ExportError(f"{where} has nothing to add up; supported: {SUPPORTED}")
        if self.shape is not None and len(self.shape) > 1:
            raise ExportError(f"{where} reads samples of shape {self.shape} axis by axis; put nn.Flatten before it")
        if len(self.current) % layer.k:
            raise ExportError(f"{where} has {layer.k} classes; {len(self.current)} bits do not split evenly")
        product = layer.matrix()
        weights, scale = (None, 1.0) if product is None else (product[0].cpu().numpy(), product[1])
        try:
            self.head = Head(int(layer.k), float(layer.tau), float(layer.beta), weights, scale)
        except NetlistError as error:
            raise ExportError(f"{where}: {error}") from error

    def netlist(self) -> Netlist:
        if self.head is None or self.current is None:
            raise ExportError(f"the model has no head at its end; supported: {SUPPORTED}")
        rank = max((pins.shape[1] for pins in self.pins), default=1)
        widened = [widen(tables, pins, rank) for tables, pins in zip(self.tables, self.pins, strict=True)]
        return Netlist(
            num_inputs=self.num_inputs,
            tables=np.concatenate([np.zeros(0, np.uint64), *(tables for tables, _ in widened)]),
            pins=np.concatenate([np.zeros((0, rank), np.int32), *(pins for _, pins in widened)]).astype(np.int32),
            outputs=self.current.astype(np.int32),
            head=self.head,
            encoder=self.encoder,
            origins=np.concatenate([np.zeros((0, 2), np.int32), *self.origins]).astype(np.int32),
        )

    def _inputs(self, shape: tuple[int, ...]) -> None:
        self.num_inputs = math.prod(shape)
        self._leave(np.arange(FIRST_INPUT, FIRST_INPUT + self.num_inputs), shape)

    def _read(self, shape: tuple[int, ...], where: str) -> Array:
        """The nets of bits of that shape; the first layer of a model without an encoder says what the inputs are."""
        if self.current is None:
            if self.flat and len(shape) > 1:
                raise ExportError(f"{where} reads an image of bits, which nn.Flatten before it joins into one axis")
            self._inputs(shape)
        assert self.current is not None and self.shape is not None
        if len(shape) == 1 and len(self.shape) > 1:
            raise ExportError(f"{where} reads samples of shape {self.shape} axis by axis; put nn.Flatten before it")
        if shape != self.shape:
            wanted, given = (s[0] if len(s) == 1 else s for s in (shape, self.shape))
            raise ExportError(f"{where} reads {wanted} bits but gets {given}")
        return self.current

    def _leave(self, nets: Array, shape: tuple[int, ...]) -> None:
        self.current, self.shape = nets, shape

    def _next(self) -> int:
        """The net of the next LUT."""
        return FIRST_INPUT + self.num_inputs + sum(map(len, self.tables))

    def _append(self, blocks: Sequence[Unrolled], position: int, neuron: int = 0) -> None:
        for block in blocks:
            self.tables.append(block.tables)
            self.pins.append(block.pins)
            self.origins.append(np.stack([np.full(len(block.tables), position), neuron + block.neurons], axis=1))


def _highest_rank(model: nn.Module) -> int:
    """The highest rank of the model's LUTs, at least 2."""
    layers = [module for module in model.modules() if isinstance(module, LogicDense | LogicConv)]
    return max([2, *(layer.lut_rank for layer in layers)])


def widen(tables: Array, pins: Array, rank: int) -> tuple[Array, Array]:
    """The same LUTs at a higher rank: more pins, on net 0, over which the tables repeat."""
    for own in range(pins.shape[1], rank):
        tables = tables | tables << np.uint64(1 << own)
    return tables, np.pad(pins, ((0, 0), (0, rank - pins.shape[1])))


def _check_numbers(layer: nn.Module, where: str) -> None:
    """Refuses NaN, which every comparison would read as an innocent 0."""
    for name, value in [*layer.named_parameters(), *layer.named_buffers()]:
        if value.is_floating_point() and bool(torch.isnan(value).any()):
            raise ExportError(f"{where} has NaN in {name}")
