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
    """The nets that one C function computes, in this order, the n-th into cell ``cells[n]``; with -1 it stays local.

    With a ``class_id`` the ``count`` cells from ``first_cell`` on are outputs of that class, to be added to its score
    as soon as the function has run; what was known before is copied there.
    """

    nets: Array  # int64 (n,)
    cells: Array  # int64 (n,)
    class_id: int | None
    first_cell: int = 0
    count: int = 0


@dataclass(frozen=True)
class Layout:
    """The chunks in the order they run, and the work buffer they share.

    A net that only its own chunk reads has no cell. Another has one while it is needed and then a later net takes it
    over, so the buffer holds about the two widest neighbouring layers, not the whole net. The outputs of a chunk of a
    class stand in the last cells until they are added. LUTs that nothing reads are not computed.
    """

    chunks: tuple[Chunk, ...]
    cell_of: (
        Array  # int64 (num_nets,): the cell a net is read from; -1 for constants, input bits, local and unread nets
    )
    num_cells: int
    staging: int  # the cells from here on hold the outputs of the chunk that is being added


def lay_out(netlist: Netlist, chunk_luts: int) -> Layout:
    """The layout with at most ``chunk_luts`` LUTs a function, in the netlist's own order.

    LUTs of the same origin, where they have one, count as one and are together in a function.
    """
    origins = np.arange(netlist.num_luts) if netlist.origins is None else netlist.origins[:, 0].astype(np.int64)
    live, is_output = live_nets(netlist), np.bincount(netlist.outputs, minlength=netlist.num_nets)
    num_parts = -(-netlist.group_size // chunk_luts)  # equal parts, so that none is a small rest
    groups = netlist.outputs.reshape(netlist.head.num_classes, -1).astype(np.int64)
    parts = [part for group in groups for part in np.array_split(group, num_parts)]
    home, added = _homes(netlist, live, origins, parts)
    hidden = live & (home < 0)
    hidden[: netlist.first_lut] = False
    nets = np.flatnonzero(hidden)
    of = origins[nets - netlist.first_lut]
    chunk_of = home + len(nets) + 1
    chunk_of[nets] = np.cumsum(np.r_[False, of[1:] != of[:-1]][: len(nets)]) // chunk_luts
    low, high = _of_readers(netlist, live, chunk_of)
    local = (low == high) & (low == chunk_of) & (is_output == 0)
    cell_of, staging = assign_cells(netlist, live, hidden & ~local, hidden)
    starts = np.flatnonzero(np.diff(chunk_of[nets])) + 1
    chunks = [Chunk(some, cell_of[some], None) for some in np.split(nets, starts) if len(some)]
    computed = np.flatnonzero(home >= 0)
    computed = computed[np.argsort(home[computed], kind="stable")]
    bounds = np.searchsorted(home[computed], np.arange(len(parts) + 1)).tolist()
    for number, part in enumerate(parts):
        here = computed[bounds[number] : bounds[number + 1]]
        places = dict(zip(part.tolist(), range(len(part)), strict=False))
        cells = [staging + places[net] if added[net] else -1 for net in here.tolist()]
        known = np.flatnonzero(~added[part])
        both = np.r_[here, part[known]], np.r_[np.array(cells, dtype=np.int64), staging + known]
        chunks.append(Chunk(*both, number // num_parts, staging, len(part)))
    return Layout(tuple(chunks), cell_of, staging + max(map(len, parts)), staging)


def _homes(netlist: Netlist, live: Array, origins: Array, parts: list[Array]) -> tuple[Array, Array]:
    """The part of the outputs in which each net is computed, else -1; and which nets are outputs computed there.

    These are the LUTs that are an output once and else unread, and what only they read and has their origin.
    """
    output_uses = np.bincount(netlist.outputs, minlength=netlist.num_nets)
    low, high = _of_readers(netlist, live, np.r_[np.full(netlist.first_lut, -1), origins])
    added = live & (high < 0) & (output_uses == 1)
    added[: netlist.first_lut] = False
    home = np.full(netlist.num_nets, -1, dtype=np.int64)
    for number, part in enumerate(parts):
        home[part[added[part]]] = number
    alone = output_uses == 0
    alone[netlist.first_lut :] &= (low == high)[netlist.first_lut :] & (low[netlist.first_lut :] == origins)
    first = np.full(netlist.num_nets, _NEVER, dtype=np.int64)
    last = np.full(netlist.num_nets, -1, dtype=np.int64)
    for luts in reversed(netlist.luts_by_level()):
        nets = netlist.first_lut + luts[live[netlist.first_lut + luts]]
        home[nets] = np.where(alone[nets] & (first[nets] == last[nets]), last[nets], home[nets])
        for pins in netlist.pins[nets - netlist.first_lut].T:
            np.minimum.at(first, pins, home[nets])
            np.maximum.at(last, pins, home[nets])
    return home, added


def _of_readers(netlist: Netlist, live: Array, values: Array) -> tuple[Array, Array]:
    """The lowest and the highest of the values, one for each net, that the live LUTs reading a net have; else -2."""
    low = np.full(netlist.num_nets, _NEVER, dtype=np.int64)
    high = np.full(netlist.num_nets, -2, dtype=np.int64)
    luts = np.flatnonzero(live[netlist.first_lut :])
    own = values[netlist.first_lut + luts]
    for pins in netlist.pins[luts].T:
        np.minimum.at(low, pins, own)
        np.maximum.at(high, pins, own)
    return low, high


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


def assign_cells(netlist: Netlist, live: Array, stored: Array, computed: Array | None = None) -> tuple[Array, int]:
    """The cell of each stored net by linear scan, the lowest free one first, and how many there are.

    ``computed`` are the nets that statements in the netlist's order compute, by default the stored ones. A cell is free
    for the very LUT that reads it last: the C statement reads before it writes.
    """
    nets = np.flatnonzero(stored if computed is None else computed)
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
    is_stored = stored.tolist()
    cell_of = [-1] * netlist.num_nets
    free: list[int] = []
    num_cells = next_dying = 0
    for index, net in enumerate(nets.tolist()):
        while dying_at[next_dying] <= index:
            if is_stored[dying_nets[next_dying]]:
                heapq.heappush(free, cell_of[dying_nets[next_dying]])
            next_dying += 1
        if not is_stored[net]:
            continue
        if free:
            cell_of[net] = heapq.heappop(free)
        else:
            cell_of[net] = num_cells
            num_cells += 1
    return np.array(cell_of, dtype=np.int64), num_cells
