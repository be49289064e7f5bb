"""The modules that compute bits: the encoder's comparators, and the LUTs of one level, in blocks of bounded size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.places import Places
from bitlogic.export.hardware.rtl import Comparators, Expression, Instance, Luts, Module, Port, Slice, Wire, join
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist

Array = npt.NDArray[Any]
MAX_LUTS = 8192  # of one module
MAX_PORT_BITS = 65_536  # of one module, in and out together; tools and simulators slow down or stop beyond it
MIN_LUTS = 1024  # of a block that is made smaller, so that it can take the vectors that it reads whole


@dataclass(frozen=True, eq=False)
class Block:
    """An instance, the wire that it drives, and the nets that stand in that wire."""

    instance: Instance
    wire: Wire
    nets: Array


def level_blocks(netlist: Netlist, places: Places, prefix: str, luts: Array, name: str) -> list[Block]:
    """The blocks that compute ``luts``, which are of one level; their wires are ``{name}_0``, ``{name}_1``, …"""
    blocks = []
    for number, part in enumerate(np.array_split(luts, -(-len(luts) // _block_size(netlist, places, luts)))):
        pins = netlist.pins[part]
        connection = places.connect(pins, MAX_PORT_BITS - len(part))
        nets = (netlist.first_lut + part).astype(np.int32)
        body = Luts(netlist.tables[part], connection.pins(pins), nets)
        what = f"LUTs of {name.replace('level', 'level ')}"
        blocks.append(_block(f"{prefix}_{name}_{number}", f"{name}_{number}", what, connection.value, body))
    return blocks


def encoder_blocks(encoder: Encoder, prefix: str, nets: Array, name: str, source: str = "x") -> list[Block]:
    """The comparators of the input bits ``nets``, which read the vector ``source`` of all features."""
    if encoder.integer_thresholds is None:
        raise ValueError("an encoder without a grid has no comparators in hardware")
    width = encoder.input_bits
    block_size = min(MAX_LUTS, MAX_PORT_BITS // (1 + width))
    blocks = []
    for number, part in enumerate(np.array_split(nets, -(-len(nets) // block_size))):
        bits = part - FIRST_INPUT
        value, places = _features(encoder, source, encoder.features[bits], len(part))
        lows = places[encoder.features[bits]]
        body = Comparators(width, lows, encoder.integer_thresholds[bits], part.astype(np.int32))
        what = "comparators of the encoder"
        blocks.append(_block(f"{prefix}_{name}_{number}", f"{name}_{number}", what, value, body))
    return blocks


def _block_size(netlist: Netlist, places: Places, luts: Array) -> int:
    """At most so many LUTs a block.

    A block that takes just the bits it reads has a port of many thousand pieces, and the time that Icarus 11 takes for
    these grows with their square. So where whole vectors leave little room beside them the blocks get smaller.
    """
    room = MAX_PORT_BITS - places.width_of_vectors(netlist.pins[luts])
    return room if MIN_LUTS <= room < MAX_LUTS else MAX_LUTS


def _block(module: str, wire: str, comment: str, value: Expression | None, body: Luts | Comparators) -> Block:
    inputs = () if value is None else (("i", value),)
    ports = tuple(Port(name, expression.width, True) for name, expression in inputs)
    ports += (Port("o", len(body.nets), False),)
    instance = Instance(f"u_{wire}", Module(module, comment, ports, body=body), inputs, (("o", wire),))
    return Block(instance, Wire(wire, len(body.nets)), body.nets)


def _features(encoder: Encoder, source: str, features: Array, num_outputs: int) -> tuple[Expression, Array]:
    """What a block of comparators reads of ``source``, all of it or the features that it needs; each one's low bit."""
    width, num_features = encoder.input_bits, encoder.num_features
    total = num_features * width
    lows = np.arange(num_features, dtype=np.int32) * width
    if total + num_outputs <= MAX_PORT_BITS:
        return Slice(source, 0, total, total), lows
    used = np.unique(features)
    places = np.zeros(num_features, dtype=np.int32)
    places[used] = np.arange(len(used)) * width
    return join([Slice(source, low, width, total) for low in lows[used].tolist()]), places
