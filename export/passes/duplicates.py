"""LUTs that are there twice."""

from dataclasses import replace

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.equal_rows import first_equal
from bitlogic.export.passes.rewiring import keep_luts


def merge_duplicates(netlist: Netlist) -> Netlist:
    """The netlist with one LUT for each distinct (table, pins) pair.

    Later duplicates leave, and what reads them reads the first. One walk by levels, so LUTs that become duplicates
    because their sources were merged go with them. The order of the LUTs is kept: a second run changes nothing.
    """
    pins = netlist.pins.copy()
    instead = np.arange(netlist.num_nets, dtype=np.int32)
    for luts in netlist.luts_by_level():  # equal pins mean equal levels: duplicates meet in one level
        pins[luts] = instead[pins[luts]]
        instead[netlist.first_lut + luts] = netlist.first_lut + luts[first_equal([*pins[luts].T, netlist.tables[luts]])]
    kept = instead[netlist.first_lut :] == np.arange(netlist.first_lut, netlist.num_nets)
    return keep_luts(replace(netlist, pins=pins, outputs=instead[netlist.outputs]), kept)
