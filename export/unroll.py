"""Convolutions and poolings as LUTs of a netlist: shared tables written out at every position.

A layer's LUTs come in the order of the rows of `PackedLayer.lut_rows`: a convolution's level by level, each LUT of a
level at all positions in turn. The LUTs of one or share the number of its output, of which they are the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_FALSE = 0  # net 0 is the constant


@dataclass(frozen=True)
class Unrolled:
    """A block of LUTs whose first gets the net number given when it was made."""

    tables: Array  # uint64 (num_luts,)
    pins: Array  # (num_luts, rank) net numbers
    neurons: Array  # (num_luts,) the row of the layer that each belongs to


def pack_tables(luts: Array) -> Array:
    """uint64 ``(num_luts,)``: bit j is entry j of ``(num_luts, 2**rank)``."""
    entries = luts.astype(np.uint64)
    tables: Array = (entries << np.arange(entries.shape[1], dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    return tables


def unroll_tree(
    levels: Sequence[tuple[Array, Array]], leaf_rows: Array, num_positions: int, nets: Array, first: int
) -> list[Unrolled]:
    """A convolution's trees at every position, one block for each level.

    Args:
        levels: for each level the tables ``(num_luts, 2**rank)`` and the ids ``(rank, num_luts)``.
        leaf_rows: ``(rank, luts of level 0 * num_positions)``; one past the last net is the padding.
        num_positions: of a kernel.
        nets: ``(inputs,)``, the net of each input.
        first: the net of the first LUT.
    """
    blocks, below, neuron = [], np.append(nets, _FALSE), 0
    for level, (luts, ids) in enumerate(levels):
        rows = leaf_rows
        if level:
            rows = (ids[:, :, None] * num_positions + np.arange(num_positions)).reshape(len(ids), -1)
        tables = np.repeat(pack_tables(luts), num_positions)
        # Slot 0 is the most significant bit of the address, pin 0 the least.
        blocks.append(Unrolled(tables, below[rows[::-1].T], np.arange(neuron, neuron + len(tables))))
        below = np.arange(first, first + len(tables))
        first, neuron = first + len(tables), neuron + len(tables)
    return blocks


def or_trees(groups: Array, rank: int, first: int) -> tuple[list[Unrolled], Array]:
    """Trees of ors of at most ``rank`` inputs over each row of nets ``(outputs, inputs)``, and the net of each output.

    Net 0 stands for no input. An input that is left over at a level goes to the next one as it is.
    """
    blocks = []
    while groups.shape[1] > 1:
        above = []
        for start in range(0, groups.shape[1], rank):
            pins = groups[:, start : start + rank]
            if pins.shape[1] == 1:
                above.append(pins[:, 0])
                continue
            tables = np.full(len(pins), _or_table(pins.shape[1]), dtype=np.uint64)
            blocks.append(Unrolled(tables, pins, np.arange(len(pins))))
            above.append(np.arange(first, first + len(pins)))
            first += len(pins)
        groups = np.stack(above, axis=1)
    return blocks, groups[:, 0]


def window_nets(nets: Array, places: Array) -> Array:
    """The nets that each output of a pooling reads, ``(channels * positions, window)``, net 0 in the padding.

    Args:
        nets: ``(channels, places of a channel)``.
        places: ``(window, positions)``, the place at each position or -1.
    """
    padded = np.concatenate([nets, np.full((len(nets), 1), _FALSE, dtype=nets.dtype)], axis=1)
    return np.moveaxis(padded[:, places], 1, 2).reshape(-1, len(places))


def _or_table(rank: int) -> int:
    return (1 << (1 << rank)) - 2
