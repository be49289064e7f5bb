"""The canonical form of a LUT's pins."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import ignores_pin, joined_pin, swapped_pins


def drop_unused_pins(netlist: Netlist) -> Netlist:
    """The netlist whose LUTs read each net once, only where it matters, in ascending order.

    A repeated pin joins the first one that reads the net, a pin that the table ignores reads net 0, and the unused pins
    stand last. Two LUTs that compute the same function of the same nets have the same table and pins afterwards.
    """
    tables, pins, rank = netlist.tables.copy(), netlist.pins.copy(), netlist.rank
    for first, second in combinations(range(rank), 2):
        rows = np.flatnonzero(pins[:, first] == pins[:, second])
        tables[rows] = joined_pin(tables[rows], second, first, rank)
    unused = netlist.num_nets  # above every net, so that unused pins come last
    for pin in range(rank):
        pins[ignores_pin(tables, pin, rank), pin] = unused
    for end in range(rank - 1, 0, -1):  # bubble sort: the tables follow one exchange of neighbours at a time
        for pin in range(end):
            rows = np.flatnonzero(pins[:, pin] > pins[:, pin + 1])
            pins[rows, pin], pins[rows, pin + 1] = pins[rows, pin + 1], pins[rows, pin]
            tables[rows] = swapped_pins(tables[rows], pin, pin + 1, rank)
    pins[pins == unused] = 0
    return replace(netlist, tables=tables, pins=pins)
