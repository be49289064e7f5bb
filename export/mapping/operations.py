"""A netlist in operations: LUTs of at most three pins, or of two, as few as its functions need one by one."""

import numpy as np

from bitlogic.export.mapping.divide import divide
from bitlogic.export.mapping.equal import merge_equal
from bitlogic.export.mapping.networks import replaced, taken
from bitlogic.export.mapping.npn import NUM_INPUTS
from bitlogic.export.mapping.pieces import in_pieces
from bitlogic.export.mapping.sharing import choose_networks, luts_with_common_pins
from bitlogic.export.mapping.smallest import library, smallest_networks, widened_tables
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.constants import fold_constants
from bitlogic.export.passes.pins import drop_unused_pins

MAX_CHOSEN = 300_000  # LUTs up to which networks are chosen


def to_operations(netlist: Netlist, size: int) -> Netlist:
    """The netlist in LUTs of at most ``size`` pins, 2 or 3; the steps of a LUT follow each other and have its origin.

    Every LUT of up to four pins takes the fewest operations there are; one of five or six is divided first. LUTs with
    two nets in common take the same operations where they can choose, and what is equal then is there once. Above
    300,000 LUTs nothing is chosen: a million of rank 4 take some seconds.
    """
    netlist = drop_unused_pins(fold_constants(netlist))
    if netlist.rank <= size:
        return netlist
    netlist = drop_unused_pins(divide(netlist, size))
    functions = widened_tables(netlist.tables, netlist.rank, NUM_INPUTS).astype(np.int64)
    networks = taken(smallest_networks(size), functions)
    sharing = luts_with_common_pins(netlist.pins)
    if netlist.num_luts <= MAX_CHOSEN and len(sharing):
        pins = np.zeros((len(sharing), NUM_INPUTS), dtype=np.int32)
        pins[:, : netlist.rank] = netlist.pins[sharing]
        rows = choose_networks(functions[sharing], pins, library(size))
        networks = replaced(networks, sharing, library(size).placed(rows, functions[sharing]))
    common = np.zeros(netlist.num_luts, dtype=np.bool_)
    common[sharing] = True
    pieces = in_pieces(netlist, networks, NUM_INPUTS)
    return merge_equal(pieces, np.flatnonzero(np.repeat(common, networks.num_steps)))
