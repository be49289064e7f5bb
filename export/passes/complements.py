"""LUTs that are there twice, once of them inverted."""

from dataclasses import replace

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.equal_rows import first_equal
from bitlogic.export.passes.tables import all_ones, inverted_pin


def merge_complements(netlist: Netlist) -> Netlist:
    """The netlist in which no pin reads the complement of an earlier LUT that has the same pins.

    Such a pin reads the earlier LUT, with the inversion in its reader's table. An output cannot invert: a complement
    that feeds the head stays, any other is dead. One walk by levels; the levels stay, since equal pins mean equal ones.
    """
    tables, pins, rank = netlist.tables.copy(), netlist.pins.copy(), netlist.rank
    instead = np.arange(netlist.num_nets, dtype=np.int32)
    inverts = np.zeros(netlist.num_nets, dtype=np.bool_)
    for luts in netlist.luts_by_level():
        level_tables, level_pins = tables[luts], pins[luts]
        for pin in range(rank):
            rows = np.flatnonzero(inverts[level_pins[:, pin]])
            level_tables[rows] = inverted_pin(level_tables[rows], pin, rank)
        level_pins = instead[level_pins]
        tables[luts], pins[luts] = level_tables, level_pins
        starts_high = (level_tables & np.uint64(1)).astype(np.bool_)
        either = np.where(starts_high, level_tables ^ all_ones(rank), level_tables)
        first = first_equal([*level_pins.T, either])
        complement = starts_high != starts_high[first]
        nets = netlist.first_lut + luts
        instead[nets[complement]] = nets[first[complement]]
        inverts[nets[complement]] = True
    return replace(netlist, tables=tables, pins=pins)
