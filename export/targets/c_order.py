"""The order in which C code computes LUTs: beside each other those that read the same, so that it is read once."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Netlist

Array = npt.NDArray[Any]
_MAX_LUTS = 1 << 15  # larger networks have no place on a core whose loads count one by one
_MAX_READERS = 24  # of a net or a number that are looked at for the next place
_NET, _NUMBER = 2, 1  # instructions that a shared net saves, and a shared number with another threshold


def reordered(netlist: Netlist, order: Array) -> Netlist:
    """The same scores by the LUTs in another order, in which none stands before what it reads."""
    renumbered = np.arange(netlist.num_nets)
    renumbered[netlist.first_lut + order] = netlist.first_lut + np.arange(len(order))
    return replace(
        netlist,
        tables=netlist.tables[order],
        pins=renumbered[netlist.pins[order]].astype(np.int32),
        outputs=renumbered[netlist.outputs].astype(np.int32),
        origins=None if netlist.origins is None else netlist.origins[order],
    )


def by_shared_pins(netlist: Netlist) -> Netlist:
    """The same scores with the LUTs of a level in an order in which a LUT often reads what the one before it read.

    Such a net is loaded once, and so is a number that is compared with two thresholds. The outputs of a class follow
    the order of their LUTs. A network of more than 32,768 LUTs stays as it is.
    """
    if not 0 < netlist.num_luts <= _MAX_LUTS:
        return netlist
    levels = netlist.levels[netlist.first_lut :]
    class_of = np.full(netlist.num_nets, -1)
    class_of[netlist.outputs] = np.repeat(np.arange(netlist.head.num_classes), netlist.group_size)
    class_of = class_of[netlist.first_lut :]
    order = []
    for run in np.split(np.arange(netlist.num_luts), np.flatnonzero(np.diff(levels)) + 1):
        for number in np.unique(class_of[run]):
            luts = run[class_of[run] == number]
            order.append(luts[_walk(netlist.pins[luts], _numbers(netlist))])
    netlist = reordered(netlist, np.concatenate(order))
    groups = netlist.outputs.reshape(netlist.head.num_classes, -1)
    return replace(netlist, outputs=np.sort(groups, axis=1).ravel())


def _numbers(netlist: Netlist) -> Array:
    """For each net a number of its own for the number that it is a comparison of, -1 where there is none."""
    numbers = np.full(netlist.num_nets, -1, dtype=np.int64)
    if netlist.encoder is not None:
        numbers[FIRST_INPUT : netlist.first_lut] = netlist.num_nets + netlist.encoder.features
    return numbers


def _walk(pins: Array, numbers: Array) -> Array:
    """An order of LUTs with the pins ``(n, rank)``: next comes the one that shares most with the last two.

    Of equal ones it is the one that shares least with those that are left, which hardly finds a place later.
    """
    reads = [
        [(net, _NET) for net in dict.fromkeys(row) if net >= FIRST_INPUT]
        + [(number, _NUMBER) for number in dict.fromkeys(numbers[row].tolist()) if number >= 0]
        for row in pins.tolist()
    ]
    readers: dict[int, list[int]] = defaultdict(list)
    for lut in range(len(reads) - 1, -1, -1):
        for read, _ in reads[lut]:
            readers[read].append(lut)
    can_share = [sum(saved * len(readers[read]) for read, saved in of_lut) for of_lut in reads]
    is_left = [True] * len(reads)
    order: list[int] = []
    first = 0  # no LUT before it is left
    while len(order) < len(reads):
        shares: dict[int, int] = defaultdict(int)
        for read, saved in dict.fromkeys(read for lut in order[-2:] for read in reads[lut]):
            for lut in readers[read][-_MAX_READERS:]:
                shares[lut] += saved
        while not is_left[first]:
            first += 1
        lut = min(shares, key=lambda lut: (-shares[lut], can_share[lut], lut), default=first)
        is_left[lut] = False
        for read, saved in reads[lut]:
            readers[read].remove(lut)
            for other in readers[read][-_MAX_READERS:]:
                can_share[other] -= saved
        order.append(lut)
    return np.array(order, dtype=np.int64)
