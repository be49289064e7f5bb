"""The file of the ``packed`` target: a netlist sorted by level, in plain arrays.

Signals are integers: 0 and 1 are the constants, then the input bits, then the LUTs level by level, so that the LUTs of
a level are consecutive rows and read only rows before them. An ``.npz`` without pickles holds

    header               UTF-8 bytes of a JSON object: format, version, input ("x" or "bits"), num_inputs, num_classes,
                         and for "x" also input_bits and num_features
    tables               uint64 (num_luts,): bit a is the output at address a
    pins                 int32 (num_luts, rank): signals; pin 0 is bit 0 of the address
    level_starts         int32 (num_levels + 1,): the LUTs of level i are level_starts[i] to level_starts[i + 1]
    outputs              int32 (num_outputs,): signals, as many consecutive ones a class as there are
    weights              int32 (num_classes, num_classes), from version 2 on, for a head with weights: score c is the
                         sum over g of (ones of group g) * weights[g, c]; without it the ones of group c
    features             int32 (num_inputs,), for "x": the feature of each comparator
    thresholds           float32 (num_inputs,), for "x": an input bit is x[feature] > threshold
    integer_thresholds   int32 (num_inputs,), for "x" with input_bits > 0: the same bit from the encoder's integers
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import FormatError
from bitlogic.export.head import WEIGHT_RANGE
from bitlogic.export.netlist import FIRST_INPUT, MAX_RANK, Netlist
from bitlogic.export.npz import npz_arrays, npz_bytes
from bitlogic.export.samples import InputKind

Array = npt.NDArray[Any]
FORMAT = "bitlogic-packed"
VERSION = 2
_DTYPES: dict[str, type[np.generic]] = {
    "tables": np.uint64,
    "pins": np.int32,
    "level_starts": np.int32,
    "outputs": np.int32,
    "weights": np.int32,
    "features": np.int32,
    "thresholds": np.float32,
    "integer_thresholds": np.int32,
}
_MATRICES = ("pins", "weights")


@dataclass(frozen=True)
class PackedLayout:
    """The arrays and numbers that the module's docstring defines."""

    input: InputKind
    num_inputs: int
    num_classes: int
    tables: Array
    pins: Array
    level_starts: Array
    outputs: Array
    weights: Array | None = None
    input_bits: int = 0
    num_features: int = 0  # 0 for bits
    features: Array | None = None
    thresholds: Array | None = None
    integer_thresholds: Array | None = None

    @property
    def num_luts(self) -> int:
        return len(self.tables)

    @property
    def first_lut(self) -> int:
        """The signal of LUT 0."""
        return FIRST_INPUT + self.num_inputs

    @property
    def num_signals(self) -> int:
        return self.first_lut + self.num_luts

    @property
    def input_width(self) -> int:
        """Values of one sample."""
        return self.num_features if self.input is InputKind.X else self.num_inputs

    @property
    def max_input(self) -> int:
        """The largest integer that a sample may hold."""
        return (1 << self.input_bits) - 1 if self.input is InputKind.X else 1

    def to_bytes(self) -> bytes:
        """The file; the same layout gives the same bytes."""
        header: dict[str, Any] = {
            "format": FORMAT,
            "version": 1 if self.weights is None else 2,
            "input": self.input.value,
            "num_inputs": self.num_inputs,
            "num_classes": self.num_classes,
        }
        if self.input is InputKind.X:
            header |= {"input_bits": self.input_bits, "num_features": self.num_features}
        arrays = {name: getattr(self, name) for name in _DTYPES if getattr(self, name) is not None}
        text = json.dumps(header, sort_keys=True).encode()
        return npz_bytes({"header": np.frombuffer(text, dtype=np.uint8), **arrays})

    @staticmethod
    def from_bytes(data: bytes, where: str) -> "PackedLayout":
        """The layout of a file; FormatError, naming ``where``, for anything that does not hold together."""
        arrays: dict[str, Any] = npz_arrays(data, where)
        try:
            header = json.loads(arrays.pop("header").tobytes().decode())
            if header.pop("format") != FORMAT:
                raise ValueError("another format")
            version = header.pop("version")
            if version > VERSION:
                raise FormatError(f"{where}: packed format {version} is newer than this bitlogic reads ({VERSION})")
            layout = PackedLayout(input=InputKind(header.pop("input")), **header, **arrays)
            _check(layout)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise FormatError(f"{where}: not a packed netlist of bitlogic: {error}") from error
        return layout


def pack(netlist: Netlist) -> PackedLayout:
    """The netlist sorted by level; with its encoder where it has one."""
    levels = netlist.luts_by_level()
    order = np.concatenate([np.zeros(0, dtype=np.int64), *levels])
    signals = np.arange(netlist.num_nets, dtype=np.int32)
    signals[netlist.first_lut + order] = np.arange(netlist.first_lut, netlist.num_nets, dtype=np.int32)
    encoder = netlist.encoder
    layout = PackedLayout(
        input=InputKind.BITS,
        num_inputs=netlist.num_inputs,
        num_classes=netlist.head.num_classes,
        tables=netlist.tables[order],
        pins=signals[netlist.pins[order]],
        level_starts=np.cumsum([0, *map(len, levels)]).astype(np.int32),
        outputs=signals[netlist.outputs],
        weights=netlist.head.weights,
    )
    if encoder is None:
        return layout
    with_encoder = {
        "input": InputKind.X,
        "input_bits": encoder.input_bits,
        "num_features": encoder.num_features,
        "features": encoder.features,
        "thresholds": encoder.thresholds,
        "integer_thresholds": encoder.integer_thresholds,
    }
    return PackedLayout(**{**vars(layout), **with_encoder})


def _check(layout: PackedLayout) -> None:
    """ValueError unless the arrays fit each other and nothing reads what is not there."""
    for name in ("input_bits", "num_features", "num_inputs", "num_classes"):
        value = getattr(layout, name)
        _require(type(value) is int and value >= 0, f"{name} is {value!r}")
    for name, dtype in _DTYPES.items():
        array = getattr(layout, name)
        if array is not None:
            _require(array.dtype == dtype, f"{name} has dtype {array.dtype}")
            _require(array.ndim == (2 if name in _MATRICES else 1), f"{name} has shape {array.shape}")
    _require(layout.num_classes >= 1 and layout.num_inputs >= 1, "no class or no input")
    _require(len(layout.pins) == layout.num_luts, "tables and pins of different lengths")
    _require(1 <= layout.pins.shape[1] <= MAX_RANK, f"a rank of {layout.pins.shape[1]}")
    _require(
        len(layout.outputs) > 0 and len(layout.outputs) % layout.num_classes == 0, "outputs do not fit the classes"
    )
    _require(_inside(layout.outputs, layout.num_signals), "an output is no signal")
    square = (layout.num_classes, layout.num_classes)
    if layout.weights is not None:
        _require(layout.weights.shape == square, "weights that do not fit the classes")
        inside = (layout.weights >= WEIGHT_RANGE[0]) & (layout.weights <= WEIGHT_RANGE[1])
        _require(bool(inside.all()), "a weight of more than 16 bits")
    _check_levels(layout)
    _check_encoder(layout)


def _check_levels(layout: PackedLayout) -> None:
    starts = layout.level_starts.astype(np.int64)
    _require(len(starts) > 0 and starts[0] == 0 and starts[-1] == layout.num_luts, "levels that miss LUTs")
    _require(bool((np.diff(starts) > 0).all()), "a level without LUTs")
    before = np.repeat(starts[:-1], np.diff(starts)) + layout.first_lut
    _require(
        bool(((layout.pins >= 0) & (layout.pins < before[:, None])).all()), "a pin reads its own level or a later one"
    )


def _check_encoder(layout: PackedLayout) -> None:
    arrays = (layout.features, layout.thresholds, layout.integer_thresholds)
    if layout.input is InputKind.BITS:
        _require(all(array is None for array in arrays), "an encoder beside an input of bits")
        return
    if layout.features is None or layout.thresholds is None:
        raise ValueError("an input of x without an encoder")
    _require(layout.input_bits <= 16, f"input_bits is {layout.input_bits}")
    _require((layout.integer_thresholds is None) == (layout.input_bits == 0), "a grid needs integer thresholds")
    _require(all(array is None or len(array) == layout.num_inputs for array in arrays), "comparators of another number")
    _require(_inside(layout.features, layout.num_features), "a feature out of range")
    _require(not np.isnan(layout.thresholds).any(), "a threshold is NaN")


def _inside(numbers: Array, limit: int) -> bool:
    return bool(((numbers >= 0) & (numbers < limit)).all())


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
