"""Netlists for tests: random ones by seed, the degenerate ones by name, and the samples to drive them with."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Encoder, Head, Netlist
from bitlogic.export.samples import InputKind, Samples

Array = npt.NDArray[Any]
EXHAUSTIVE_BITS = 12


def random_netlist(
    seed: int,
    *,
    num_features: int = 6,
    bits_per_feature: int = 3,
    widths: tuple[int, ...] = (20, 16),
    rank: int = 4,
    num_classes: int = 4,
    input_bits: int = 8,
) -> Netlist:
    """A layered net of random tables and wiring that also reads constants, repeats pins and skips levels."""
    rng = np.random.default_rng(seed)
    encoder = random_encoder(rng, num_features, bits_per_feature, input_bits)
    num_inputs = len(encoder.features)
    pins, before = [], FIRST_INPUT + num_inputs
    for width in widths:
        layer = rng.integers(FIRST_INPUT, before, size=(width, rank))
        anywhere = rng.random(layer.shape) < 0.05
        layer[anywhere] = rng.integers(0, before, size=int(anywhere.sum()))
        pins.append(layer)
        before += width
    num_luts = sum(widths)
    entries = rng.integers(0, 2, size=(num_luts, 1 << rank), dtype=np.uint64)
    tables = (entries << np.arange(1 << rank, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    num_outputs = widths[-1] - widths[-1] % num_classes
    return Netlist(
        num_inputs=num_inputs,
        tables=tables,
        pins=np.concatenate(pins).astype(np.int32),
        outputs=np.arange(before - num_outputs, before, dtype=np.int32),
        head=Head(num_classes, tau=1.5, beta=0.25),
        encoder=encoder,
    )


def random_encoder(rng: np.random.Generator, num_features: int, bits_per_feature: int, input_bits: int = 8) -> Encoder:
    """Thermometer thresholds on the grid 0 .. 2**input_bits - 1 of the range 0 .. 1, one of them never exceeded."""
    top = (1 << input_bits) - 1
    integer = np.sort(rng.integers(0, top, size=(num_features, bits_per_feature)), axis=1).astype(np.int32)
    integer[0, -1] = top
    integer = integer.T.ravel()  # bits of a threshold number stand together, as behind a channel axis
    return Encoder(
        input_shape=(num_features,),
        features=np.tile(np.arange(num_features, dtype=np.int32), bits_per_feature),
        thresholds=np.where(integer == top, np.inf, (integer + 0.25) / top).astype(np.float32),
        input_bits=input_bits,
        integer_thresholds=integer,
        input_min=np.zeros(num_features, dtype=np.float32),
        input_max=np.ones(num_features, dtype=np.float32),
    )


def with_weights(netlist: Netlist, seed: int, *, low: int = -128, high: int = 127) -> Netlist:
    """The same with a head of random weights, the lowest and the highest among them where there is room."""
    num_classes = netlist.head.num_classes
    weights = np.random.default_rng(seed).integers(low, high + 1, size=(num_classes, num_classes))
    weights[0, 0], weights[-1, -1] = low, high
    return replace(netlist, head=replace(netlist.head, weights=weights.astype(np.int32), scale=0.375))


def bits_netlist(
    num_inputs: int,
    tables: list[int],
    pins: list[list[int]],
    outputs: list[int],
    num_classes: int,
    weights: list[list[int]] | None = None,
) -> Netlist:
    """A netlist without an encoder, written by hand; net 2 is input bit 0."""
    rank = len(pins[0]) if pins else 2
    return Netlist(
        num_inputs=num_inputs,
        tables=np.array(tables, dtype=np.uint64),
        pins=np.array(pins, dtype=np.int32).reshape(len(tables), rank),
        outputs=np.array(outputs, dtype=np.int32),
        head=Head(num_classes, weights=None if weights is None else np.array(weights, dtype=np.int32)),
    )


AND, OR, XOR, NAND = 0b1000, 0b1110, 0b0110, 0b0111

DEGENERATE: dict[str, Netlist] = {
    "one_lut": bits_netlist(2, [AND], [[2, 3]], [4], 1),
    "one_input": bits_netlist(1, [0b01], [[2]], [3, 2], 2),
    "no_lut": bits_netlist(4, [], [], [2, 3, 5, 4], 2),
    "constant_luts_in_a_class": bits_netlist(2, [0b1111, 0b0000, XOR, 0b1111], [[2, 3]] * 4, [4, 5, 6, 7], 2),
    "constant_nets_as_outputs": bits_netlist(2, [XOR], [[2, 3]], [1, 4, 0, 1], 2),
    "ignored_pin": bits_netlist(3, [0b1100, 0b1010], [[2, 3], [4, 3]], [5, 6], 2),
    "repeated_pin": bits_netlist(2, [0b01101001, 0b10000001], [[2, 2, 3], [3, 3, 3]], [4, 5], 2),
    "output_from_an_input": bits_netlist(3, [NAND], [[2, 3]], [4, 2, 3, 4], 2),
    "equal_scores": bits_netlist(3, [OR], [[2, 3]], [5, 4, 5, 4, 4, 5], 3),
    "wire_and_inverter_chain": bits_netlist(2, [0b10, 0b01, 0b01, 0b01], [[2], [4], [5], [3]], [6, 7], 2),
    "dead_luts": bits_netlist(3, [AND, OR, XOR], [[2, 3], [3, 4], [5, 4]], [7, 2], 2),
    "pins_on_constants": bits_netlist(2, [0b11100100, 0b10010110], [[0, 2, 1], [1, 3, 0]], [4, 5], 1),
    "unused_pins": bits_netlist(3, [0b0101010101010101, 0x8888], [[2, 0, 0, 0], [3, 4, 0, 0]], [5, 6], 2),
    "three_classes": bits_netlist(3, [AND, OR, XOR], [[2, 3], [3, 4], [2, 4]], [5, 6, 7, 2, 6, 5], 3),
    "weights_of_one_class": bits_netlist(3, [OR], [[2, 3]], [5, 2, 4], 1, [[-128]]),
    "weights_at_both_ends": bits_netlist(2, [AND, XOR], [[2, 3], [2, 3]], [4, 2, 5, 3], 2, [[-128, 127], [127, -128]]),
    "weights_all_negative": bits_netlist(3, [NAND], [[2, 3]], [5, 2, 3, 4], 2, [[-3, -1], [-1, -2]]),
    "weights_all_zero": bits_netlist(3, [AND], [[2, 3]], [5, 2, 3], 3, [[0, 0, 0]] * 3),
    "weights_that_tie": bits_netlist(3, [OR], [[2, 3]], [5, 2, 4], 3, [[-5, -5, -5], [4, 4, 4], [1, 1, 1]]),
    "weights_of_16_bits": bits_netlist(2, [XOR], [[2, 3]], [4, 2, 3, 4], 2, [[-32768, 32767], [32767, -32768]]),
}


def samples_for(netlist: Netlist, kind: InputKind, *, num: int = 200, seed: int = 0) -> Samples:
    """Every input up to 12 bits (a proof); above, random and all-0, all-1, one-hot and the thresholds' neighbours."""
    rng = np.random.default_rng(seed)
    if kind is InputKind.BITS:
        width = netlist.num_inputs
        if width <= EXHAUSTIVE_BITS:
            every = np.arange(1 << width)
            return Samples(kind, (every[:, None] >> np.arange(width) & 1).astype(np.uint8))
        corners = [np.zeros((1, width), np.uint8), np.ones((1, width), np.uint8), np.eye(width, dtype=np.uint8)]
        return Samples(kind, np.concatenate([*corners, rng.integers(0, 2, size=(num, width), dtype=np.uint8)]))
    encoder = netlist.encoder
    if encoder is None or encoder.integer_thresholds is None:
        raise ValueError("samples of kind x need an encoder with a grid")
    width, top = encoder.num_features, encoder.max_input
    dtype = np.uint8 if encoder.input_bits <= 8 else np.uint16
    near = np.zeros((3, width), dtype=np.int64)
    near[:, encoder.features] = encoder.integer_thresholds + np.array([[-1], [0], [1]])
    edges: list[Array] = [np.zeros((1, width)), np.full((1, width), top), np.eye(width) * top, near.clip(0, top)]
    random = rng.integers(0, top + 1, size=(num, width))
    return Samples(kind, np.concatenate([*edges, random]).astype(dtype))
