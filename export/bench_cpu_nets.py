"""The networks that `bitlogic bench cpu` measures, and the samples that all contenders are given."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bitlogic.encoders import DistributiveThermometer
from bitlogic.encoders.base import Encoder as EncoderLayer
from bitlogic.errors import OptionError
from bitlogic.export.evaluate import evaluate, input_bits
from bitlogic.export.extract import extract, flat_layers
from bitlogic.export.folder import optimize_for
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.sources import load_source
from bitlogic.heads import GroupSum
from bitlogic.inference.packed_model import encoded_shape
from bitlogic.layers import LogicDense
from bitlogic.layers.conv import LogicConv
from bitlogic.layers.residual import ResidualLogicBlock

Array = npt.NDArray[Any]
_NUM_CLASSES = 10
_NUM_CHECKED = (
    256  # samples of a batch whose results are compared; `evaluate` takes seconds for them on a large network
)


@dataclass(frozen=True)
class _Shape:
    num_pixels: int
    bits_per_pixel: int  # 0: the inputs are bits
    width: int  # LUTs of each of the two layers
    rank: int


_SHAPES = {
    "W1": _Shape(784, 0, 8000, 2),
    "W2": _Shape(784, 8, 2000, 4),
    "M": _Shape(784, 8, 16_000, 4),
    "W3": _Shape(784, 8, 64_000, 4),
}
NAMES = tuple(_SHAPES)


@dataclass(frozen=True)
class CpuWorkload:
    """A network in evaluation mode, its encoder first where it has one."""

    name: str
    model: nn.Sequential
    trained: bool = False

    @cached_property
    def netlist(self) -> Netlist:
        """As extracted, before the passes."""
        return extract(self.model)

    @cached_property
    def optimized(self) -> Netlist:
        """After the passes, which use what the encoder's bits cannot be; it takes pixels, or those bits."""
        return optimize_for(self.netlist, InputKind.BITS if self.encoder is None else InputKind.X)

    @cached_property
    def encoder(self) -> EncoderLayer | None:
        first = flat_layers(self.model)[0]
        return first if isinstance(first, EncoderLayer) else None

    @cached_property
    def layers(self) -> nn.Sequential:
        """What stands behind the encoder."""
        return nn.Sequential(*flat_layers(self.model)[self.encoder is not None :])

    @cached_property
    def bits_shape(self) -> tuple[int, ...]:
        """A sample's bits as the first layer takes them."""
        if self.encoder is not None:
            return encoded_shape(self.encoder)
        first = flat_layers(self.model)[0]
        if isinstance(first, LogicConv | ResidualLogicBlock):
            return (first.in_channels, *first.in_dim)
        return (self.netlist.num_inputs,)

    @property
    def takes_bytes(self) -> bool:
        """Whether the encoder reads uint8."""
        return self.netlist.encoder is not None and self.netlist.encoder.input_bits == 8


@dataclass(frozen=True)
class Batch:
    """Samples in every form, and the results that some of them must give."""

    bits: Array  # bool (n, num_inputs)
    pixels: Array | None  # uint8 (n, num_features); None where the network takes no bytes
    checked: Array  # int64: the rows whose results are compared
    expected: Result  # of those rows, by ``evaluate``

    def __len__(self) -> int:
        return len(self.bits)

    def first(self, num: int) -> "Batch":
        """The first samples, of which those that the whole batch checks are checked."""
        keep = self.checked < num
        expected = Result(self.expected.scores[keep], self.expected.class_ids[keep])
        pixels = None if self.pixels is None else self.pixels[:num]
        return Batch(self.bits[:num], pixels, self.checked[keep], expected)

    def repeated(self, times: int) -> "Batch":
        """The samples so many times, of which the last time is checked."""
        pixels = None if self.pixels is None else np.tile(self.pixels, (times, 1))
        checked = self.checked + (times - 1) * len(self)
        return Batch(np.tile(self.bits, (times, 1)), pixels, checked, self.expected)

    def words(self) -> Array:
        """The bits as planes, uint64 ``(num_inputs, ceil(n / 64))``: bit b of word w is sample ``64 * w + b``."""
        padded = np.zeros((self.bits.shape[1], -(-len(self) // 64) * 64), dtype=np.uint8)
        padded[:, : len(self)] = self.bits.T
        return np.packbits(padded, axis=1, bitorder="little").view("<u8")


def random_workload(name: str, divisor: int = 1) -> CpuWorkload:
    """The workload of that name: two layers of random tables and wiring whose last one is read by the head as a whole.

    ``divisor`` makes every width so many times smaller, for trying things out. The seed is fixed.
    """
    shape = _SHAPES[name]
    width = max(_NUM_CLASSES, shape.width // divisor // _NUM_CLASSES * _NUM_CLASSES)
    num_pixels = max(36, shape.num_pixels // divisor)
    num_bits = num_pixels * max(1, shape.bits_per_pixel)
    with _seeded():
        layers: list[nn.Module] = [
            LogicDense(in_dim, width, lut_rank=shape.rank, weight_init="random") for in_dim in (num_bits, width)
        ]
        if shape.bits_per_pixel:
            pixels = torch.rand(200, 1, 1, num_pixels)
            pixels[0], pixels[1] = 0.0, 1.0  # the range of the grid, so that a byte is its own step
            layers = [DistributiveThermometer(shape.bits_per_pixel).fit(pixels), nn.Flatten(), *layers]
    return CpuWorkload(name, nn.Sequential(*layers, GroupSum(_NUM_CLASSES)).eval())


def trained_workload(text: str) -> CpuWorkload:
    """The model of ``NAME=model.pt``."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise OptionError(f"--model {text!r}: NAME=model.pt")
    model, _ = load_source(Path(path))
    if model is None:
        raise OptionError(f"--model {text!r}: the contenders are made from a trained model, not from a netlist")
    return CpuWorkload(name, nn.Sequential(*flat_layers(model)).eval(), trained=True)


def make_batch(workload: CpuWorkload, num: int) -> Batch:
    """Random pixels of all 256 values behind the encoder, or random bits without one; the seed is fixed."""
    rng = np.random.default_rng(1)
    netlist = workload.netlist
    checked = np.unique(np.linspace(0, num - 1, min(num, _NUM_CHECKED)).round().astype(np.int64))
    if netlist.encoder is None:
        bits = rng.integers(0, 2, size=(num, netlist.num_inputs), dtype=np.uint8)
        return Batch(bits.view(bool), None, checked, _expected(netlist, bits[checked]))
    if not workload.takes_bytes:
        raise OptionError(f"{workload.name}: the encoder has input_bits={netlist.encoder.input_bits}, not 8")
    pixels = rng.integers(0, 256, size=(num, netlist.encoder.num_features), dtype=np.uint8)
    bits = np.empty((num, netlist.num_inputs), dtype=np.uint8)
    for start in range(0, num, 1024):  # the encoder makes indices of eight bytes on the way
        bits[start : start + 1024] = input_bits(netlist, Samples(InputKind.X, pixels[start : start + 1024]))
    return Batch(bits.view(bool), pixels, checked, _expected(netlist, bits[checked]))


def random_layers(num_inputs: int, widths: Sequence[int], rank: int) -> nn.Sequential:
    """Layers of random tables and wiring that take bits, with the head."""
    with _seeded():
        ins = [num_inputs, *widths[:-1]]
        layers = [
            LogicDense(n, width, lut_rank=rank, weight_init="random") for n, width in zip(ins, widths, strict=True)
        ]
    return nn.Sequential(*layers, GroupSum(_NUM_CLASSES)).eval()


def _expected(netlist: Netlist, bits: Array) -> Result:
    return evaluate(netlist.without_encoder(), Samples(InputKind.BITS, bits))


@contextmanager
def _seeded() -> Iterator[None]:
    """The same weights every time, and torch's own generator as it was afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
