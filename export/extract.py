"""Model to netlist: the only file of the deployment toolchain that knows the torch layers.

It also holds the one reversal of bit order: slot 0 of a layer's LUT is the most significant bit of its table address,
pin 0 of the netlist's the least, so pin ``i`` is slot ``rank - 1 - i`` and the table's entries keep their places.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bitlogic.encoders.base import Encoder as EncoderLayer
from bitlogic.errors import ExportError, NetlistError
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Head, Netlist
from bitlogic.heads import GroupSum
from bitlogic.layers import LogicDense

Array = npt.NDArray[Any]
SUPPORTED = "an encoder (first), Flatten, Identity, LogicDense, GroupSum (last), nested in nn.Sequential"


def extract(model: nn.Module) -> Netlist:
    """The netlist of a model: encoder or none, LogicDense layers, GroupSum; not optimised, one LUT for each neuron.

    ``origins`` holds the layer's position (counted through nested Sequentials from 0) and the neuron. Raises
    ExportError that names the layer and its position for one that cannot be exported, an encoder that was never
    fitted, NaN in thresholds or weights, widths that do not fit together, or a model without a head.
    """
    walk = _Walk()
    for position, layer in enumerate(flat_layers(model)):
        where = f"layer {position} ({type(layer).__name__})"
        if walk.head is not None:
            raise ExportError(f"{where} stands behind the head; supported: {SUPPORTED}")
        _check_numbers(layer, where)
        if isinstance(layer, EncoderLayer):
            walk.encode(layer, where)
        elif isinstance(layer, LogicDense):
            walk.dense(layer, position, where)
        elif isinstance(layer, GroupSum):
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

    encoder: Encoder | None = None
    flat: bool = False  # whether the bits of a sample stand in one axis, whatever its shape
    num_inputs: int = 0
    current: Array | None = None
    tables: list[Array] = field(default_factory=list)
    pins: list[Array] = field(default_factory=list)
    origins: list[Array] = field(default_factory=list)
    head: Head | None = None

    def encode(self, layer: EncoderLayer, where: str) -> None:
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
        self._inputs(len(flat.features))

    def flatten(self, layer: nn.Flatten, where: str) -> None:
        if (layer.start_dim, layer.end_dim) != (1, -1):
            raise ExportError(f"{where} keeps axes apart; supported is nn.Flatten(), from axis 1 to the last")
        self.flat = True

    def dense(self, layer: LogicDense, position: int, where: str) -> None:
        if self.current is None:
            self._inputs(layer.in_dim)
        assert self.current is not None
        if layer.in_dim != len(self.current):
            raise ExportError(f"{where} reads {layer.in_dim} bits but gets {len(self.current)}")
        if self.encoder is not None and len(self.encoder.input_shape) > 1 and not self.flat:
            shape = self.encoder.input_shape
            raise ExportError(f"{where} reads samples of shape {shape} axis by axis; put nn.Flatten behind the encoder")
        luts, ids = layer.get_luts_and_ids()
        entries = luts.cpu().numpy().astype(np.uint64)
        first = FIRST_INPUT + self.num_inputs + sum(map(len, self.tables))
        self.tables.append((entries << np.arange(entries.shape[1], dtype=np.uint64)).sum(axis=1, dtype=np.uint64))
        self.pins.append(self.current[ids.cpu().numpy()[::-1].T])
        self.origins.append(np.stack([np.full(len(luts), position), np.arange(len(luts))], axis=1))
        self.current = np.arange(first, first + len(luts))

    def finish(self, layer: GroupSum, where: str) -> None:
        if self.current is None:
            raise ExportError(f"{where} has nothing to add up; supported: {SUPPORTED}")
        if len(self.current) % layer.k:
            raise ExportError(f"{where} has {layer.k} classes; {len(self.current)} bits do not split evenly")
        try:
            self.head = Head(int(layer.k), float(layer.tau), float(layer.beta))
        except NetlistError as error:
            raise ExportError(f"{where}: {error}") from error

    def netlist(self) -> Netlist:
        if self.head is None or self.current is None:
            raise ExportError(f"the model has no GroupSum at its end; supported: {SUPPORTED}")
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

    def _inputs(self, num_inputs: int) -> None:
        self.num_inputs = num_inputs
        self.current = np.arange(FIRST_INPUT, FIRST_INPUT + num_inputs)


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
