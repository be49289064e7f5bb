"""The reference interpreter: what a netlist means, in numpy. Every target must give these integers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import NetlistError
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.samples import InputKind, Result, Samples

Array = npt.NDArray[Any]
_BLOCK_BYTES = 1 << 25  # of net values at a time: blocks that stay near the caches are also the quickest


def evaluate(netlist: Netlist, samples: Samples) -> Result:
    """The scores and classes of the samples; ties go to the lowest class."""
    block = max(1, _BLOCK_BYTES // netlist.num_nets)
    scores = np.zeros((len(samples), netlist.head.num_classes), dtype=np.int64)
    for start in range(0, len(samples), block):
        nets = evaluate_nets(netlist, samples[start : start + block])
        groups = nets[netlist.outputs].reshape(netlist.head.num_classes, netlist.group_size, -1)
        scores[start : start + block] = netlist.head.combine(groups.sum(axis=1, dtype=np.int64).T)
    return Result(scores, scores.argmax(axis=1))  # numpy's argmax gives the first of equal values


def evaluate_nets(netlist: Netlist, samples: Samples) -> Array:
    """uint8 ``(num_nets, n)``: the value of every net for every sample."""
    bits = input_bits(netlist, samples)
    nets = np.zeros((netlist.num_nets, len(bits)), dtype=np.uint8)
    nets[1] = 1
    nets[FIRST_INPUT : netlist.first_lut] = bits.T
    for luts in netlist.luts_by_level():
        address = np.zeros((len(luts), len(bits)), dtype=np.uint8)
        for pin in range(netlist.rank):
            address |= nets[netlist.pins[luts, pin]] << np.uint8(pin)
        entries = (netlist.tables[luts, None] >> np.arange(1 << netlist.rank, dtype=np.uint64)).astype(np.uint8) & 1
        nets[netlist.first_lut + luts] = np.take_along_axis(entries, address.astype(np.intp), axis=1)
    return nets


def input_bits(netlist: Netlist, samples: Samples) -> Array:
    """uint8 ``(n, num_inputs)``: the samples behind the encoder."""
    if samples.kind is InputKind.X and netlist.encoder is None:
        raise NetlistError("the netlist has no encoder: give it samples of kind bits")
    bits = (
        encode(netlist.encoder, samples.values) if samples.kind is InputKind.X and netlist.encoder else samples.values
    )
    if bits.shape[1] != netlist.num_inputs:
        raise NetlistError(f"samples of {bits.shape[1]} bits; the netlist has {netlist.num_inputs} inputs")
    return bits


def encode(encoder: Encoder, x: Array) -> Array:
    """uint8 ``(n, num_bits)``: the comparators' outputs for float32 numbers or for integers of the grid."""
    if x.shape[1] != encoder.num_features:
        raise NetlistError(f"samples of {x.shape[1]} features; the encoder has {encoder.num_features}")
    if x.dtype.kind == "f":
        return (x[:, encoder.features] > encoder.thresholds).astype(np.uint8)
    if encoder.integer_thresholds is None:
        raise NetlistError("the encoder has no integer grid (input_bits=0): give it float32 numbers")
    if x.size and x.max() > encoder.max_input:
        raise NetlistError(f"an input of {x.max()}; the encoder's grid ends at {encoder.max_input}")
    return (x[:, encoder.features] > encoder.integer_thresholds).astype(np.uint8)


def quantize(encoder: Encoder, x: Array) -> Array:
    """uint16 ``(n, num_features)``: float32 numbers on the encoder's grid, as hardware takes them; NaN becomes 0."""
    if encoder.input_bits == 0:
        raise NetlistError("the encoder has no integer grid (input_bits=0)")
    top = np.float32(encoder.max_input)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = (x - encoder.input_min) / (encoder.input_max - encoder.input_min) * top
        grid = np.floor(scaled + np.float32(0.5))
    grid = np.where(np.isnan(grid) | (encoder.input_min == encoder.input_max), np.float32(0), grid)
    return np.clip(grid, 0, top).astype(np.uint16)
