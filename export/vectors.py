"""Test vectors: inputs, what is expected of them and the seed, made at export and kept in ``vectors.npz``.

The saved form is an ``.npz`` without pickles: ``samples`` (the values of Samples), ``scores`` int64 ``(n,
num_classes)``, ``class_ids`` int64 ``(n,)``, ``numbers`` float32 ``(n, num_features)`` where the samples are encoder
integers, and ``header``, the UTF-8 bytes of a JSON object with ``format``, ``version``, ``kind``, ``seed`` and
``source``.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import ExportError, FormatError
from bitlogic.export.evaluate import encode, quantize
from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.npz import npz_arrays, npz_bytes
from bitlogic.export.samples import InputKind, Result, Samples

Array = npt.NDArray[Any]
FORMAT = "bitlogic-vectors"
VERSION = 1
VECTORS = "vectors.npz"
EXHAUSTIVE_BITS = 12
_NUM_ONE_HOT = 32


@dataclass(frozen=True)
class Inputs:
    """Samples for a target, and for a model with an encoder the float32 numbers that they came from."""

    samples: Samples
    numbers: Array | None  # float32 (n, num_features); None where the samples are bits that no number need give

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class Vectors:
    """Inputs with the result that is expected of every target."""

    inputs: Inputs
    expected: Result
    seed: int
    source: str  # who gave the expected result: PackedLogicNet, or evaluate where there was no model

    def to_bytes(self) -> bytes:
        """The saved form; equal vectors give equal bytes."""
        samples = self.inputs.samples
        header = {
            "format": FORMAT,
            "version": VERSION,
            "kind": samples.kind.value,
            "seed": self.seed,
            "source": self.source,
        }
        arrays = {
            "header": np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8),
            "samples": samples.values,
            "scores": self.expected.scores,
            "class_ids": self.expected.class_ids,
        }
        if self.inputs.numbers is not None:
            arrays["numbers"] = self.inputs.numbers
        return npz_bytes(arrays)

    @staticmethod
    def from_bytes(data: bytes, where: str = VECTORS) -> "Vectors":
        """The vectors of a saved form; FormatError, naming ``where``, for anything else or for no vectors at all."""
        arrays = npz_arrays(data, where)
        try:
            header = json.loads(arrays["header"].tobytes().decode())
            if header["format"] != FORMAT:
                raise FormatError(f"{where}: the format is {header['format']!r}, not {FORMAT!r}")
            if header["version"] > VERSION:
                raise FormatError(f"{where}: vectors format {header['version']} is newer than this bitlogic reads")
            samples = Samples(InputKind(header["kind"]), arrays["samples"])
            expected = Result(arrays["scores"], arrays["class_ids"])
            if not len(samples) or not len(samples) == len(expected.scores) == len(expected.class_ids):
                raise FormatError(f"{where}: holds {len(samples)} samples and {len(expected.scores)} expected results")
            numbers = arrays.get("numbers")
            return Vectors(Inputs(samples, numbers), expected, int(header["seed"]), str(header["source"]))
        except (KeyError, ValueError, TypeError) as error:
            raise FormatError(f"{where}: not bitlogic vectors: {error}") from error


def make_inputs(netlist: Netlist, kind: InputKind, *, num_random: int, seed: int) -> Inputs:
    """Every input up to 12 bits (then the vectors are a proof); above, corners and ``num_random`` random inputs.

    The corners are all-0, all-1, some one-hot inputs and, in front of an encoder, every threshold with its two float
    neighbours.
    """
    rng = np.random.default_rng(seed)
    if kind is InputKind.BITS:
        return Inputs(Samples(kind, _bits(netlist.num_inputs, num_random, rng)), None)
    if netlist.encoder is None:
        raise ExportError("the model has no encoder; export it with --input bits")
    return inputs_from_numbers(netlist, kind, _numbers(netlist.encoder, num_random, rng))


def inputs_from_numbers(netlist: Netlist, kind: InputKind, numbers: Array) -> Inputs:
    """The inputs of samples ``(n, …)``: numbers of the encoder's size, or without an encoder the bits themselves."""
    numbers = numbers.reshape(len(numbers), -1)
    encoder = netlist.encoder
    width = netlist.num_inputs if encoder is None else encoder.num_features
    if numbers.shape[1] != width:
        raise ExportError(f"the data has {numbers.shape[1]} values a sample; the network takes {width}")
    if encoder is None:
        if not np.isin(numbers, (0, 1)).all():
            raise ExportError("the network takes bits; the data holds other numbers, and only 0 and 1 are bits")
        return Inputs(Samples(kind, numbers.astype(np.uint8)), None)
    numbers = numbers.astype(np.float32)
    if kind is InputKind.BITS:
        return Inputs(Samples(kind, encode(encoder, numbers)), numbers)
    if encoder.input_bits == 0:
        return Inputs(Samples(kind, numbers), numbers)
    dtype = np.uint8 if encoder.input_bits <= 8 else np.uint16
    return Inputs(Samples(kind, quantize(encoder, numbers).astype(dtype)), numbers)


def _bits(width: int, num_random: int, rng: np.random.Generator) -> Array:
    if width <= EXHAUSTIVE_BITS:
        return (np.arange(1 << width)[:, None] >> np.arange(width) & 1).astype(np.uint8)
    one_hot = np.zeros((min(width, _NUM_ONE_HOT), width), np.uint8)
    one_hot[np.arange(len(one_hot)), np.linspace(0, width - 1, len(one_hot)).astype(int)] = 1
    corners = [np.zeros((1, width), np.uint8), np.ones((1, width), np.uint8), one_hot]
    return np.concatenate([*corners, rng.integers(0, 2, size=(num_random, width), dtype=np.uint8)])


def _numbers(encoder: Encoder, num_random: int, rng: np.random.Generator) -> Array:
    width, low = encoder.num_features, encoder.input_min
    span = encoder.input_max - low
    if encoder.input_bits and width * encoder.input_bits <= EXHAUSTIVE_BITS:
        every = np.arange(1 << width * encoder.input_bits)[:, None] >> np.arange(width) * encoder.input_bits
        return np.asarray(low + (every & encoder.max_input) / np.float32(encoder.max_input) * span, dtype=np.float32)
    one_hot = np.tile(low, (min(width, _NUM_ONE_HOT), 1))
    hot = np.linspace(0, width - 1, len(one_hot)).astype(int)
    one_hot[np.arange(len(one_hot)), hot] = encoder.input_max[hot]
    rows = [low[None], encoder.input_max[None], one_hot, _around_thresholds(encoder)]
    random = low + rng.random((num_random, width), dtype=np.float32) * span
    return np.concatenate([*rows, random]).astype(np.float32)


def _around_thresholds(encoder: Encoder) -> Array:
    """Rows in which every feature stands at one of its thresholds, or at a float neighbour of it."""
    order = np.argsort(encoder.features, kind="stable")
    counts = np.bincount(encoder.features, minlength=encoder.num_features)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    at = np.tile(encoder.input_min, (int(counts.max(initial=0)), 1))
    at[rank, encoder.features[order]] = encoder.thresholds[order]
    at = np.where(np.isfinite(at), at, encoder.input_max)
    below, above = np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))
    return np.concatenate([below, at, above])
