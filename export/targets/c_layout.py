"""The order and the memory of the C code: the chunk that computes a LUT, and its cell of the work buffer."""

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import Netlist

Array = npt.NDArray[Any]
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Chunk:
    """The nets that one C function computes, the n-th into cell ``cells[n]``.

    With a ``class_id`` they are output nets of that class, to be added to its score as soon as the function has run.
    """

    nets: Array  # int64 (n,)
    cells: Array  # int64 (n,)
    class_id: int | None


@dataclass(frozen=True)
class Layout:
    """The chunks in the order they run, and the work buffer they share.

    A net has a cell while it is needed and then a later net takes it over, so the buffer holds about the two widest
    neighbouring layers, not the whole net. The outputs of a chunk of a class stand in the last cells until they are
    added. LUTs that nothing reads are not computed.
    """

    chunks: tuple[Chunk, ...]
    cell_of: (
        Array  # int64 (num_nets,): the cell a net is read from; -1 for constants, input bits and nets that nobody reads
    )
    num_cells: int
    staging: int  # the cells from here on hold the outputs of the chunk that is being added


def lay_out(netlist: Netlist, chunk_luts: int) -> Layout:
    """The layout with at most ``chunk_luts`` LUTs a function, in the netlist's own order."""
    live = live_nets(netlist)
    readers = np.bincount(netlist.pins[live[netlist.first_lut :]].ravel(), minlength=netlist.num_nets)
    output_uses = np.bincount(netlist.outputs, minlength=netlist.num_nets)
    stored = live & ((readers > 0) | (output_uses > 1))  # the other outputs are computed where they are added
    stored[: netlist.first_lut] = False
    nets = np.flatnonzero(stored)
    cell_of, staging = _cells(netlist, live, stored)
    hidden = [
        Chunk(part, cell_of[part], None)
        for part in np.split(nets, range(chunk_luts, len(nets), chunk_luts))
        if len(part)
    ]
    num_parts = -(-netlist.group_size // chunk_luts)  # equal parts, so that none is a small rest
    summed = [
        Chunk(part.astype(np.int64), staging + np.arange(len(part)), class_id)
        for class_id, group in enumerate(netlist.outputs.reshape(netlist.head.num_classes, -1))
        for part in np.array_split(group, num_parts)
    ]
    num_cells = staging + max(len(chunk.nets) for chunk in summed)
    return Layout((*hidden, *summed), cell_of, num_cells, staging)


def live_nets(netlist: Netlist) -> Array:
    """bool ``(num_nets,)``: the nets that an output depends on."""
    live = np.zeros(netlist.num_nets, dtype=np.bool_)
    frontier = np.unique(netlist.outputs)
    while len(frontier):
        live[frontier] = True
        luts = frontier[frontier >= netlist.first_lut] - netlist.first_lut
        read = np.unique(netlist.pins[luts])
        frontier = read[~live[read]]
    return live


def _cells(netlist: Netlist, live: Array, stored: Array) -> tuple[Array, int]:
    """The cell of each stored net by linear scan, the lowest free one first, and how many there are.

    A cell is free for the very LUT that reads it last: the C statement reads before it writes.
    """
    nets = np.flatnonzero(stored)
    position = np.full(netlist.num_nets, _NEVER, dtype=np.int64)
    position[nets] = np.arange(len(nets))
    last_read = np.full(netlist.num_nets, -1, dtype=np.int64)
    # LUTs that are not stored sit behind all stored ones, at _NEVER: what they read is kept to the end.
    live_luts = np.flatnonzero(live[netlist.first_lut :])
    at = np.repeat(position[netlist.first_lut + live_luts], netlist.rank)
    np.maximum.at(last_read, netlist.pins[live_luts].ravel(), at)
    last_read[netlist.outputs] = _NEVER
    ends = last_read[nets]
    dying = np.argsort(ends, kind="stable")
    dying_nets, dying_at = nets[dying].tolist(), ends[dying].tolist()
    cell_of = [-1] * netlist.num_nets
    free: list[int] = []
    num_cells = next_dying = 0
    for index, net in enumerate(nets.tolist()):
        while dying_at[next_dying] <= index:
            heapq.heappush(free, cell_of[dying_nets[next_dying]])
            next_dying += 1
        if free:
            cell_of[net] = heapq.heappop(free)
        else:
            cell_of[net] = num_cells
            num_cells += 1
    return np.array(cell_of, dtype=np.int64), num_cells
