"""Constants folded into the LUTs that read them."""

from dataclasses import replace

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import all_ones, held_pin


def fold_constants(netlist: Netlist) -> Netlist:
    """The netlist in which no pin that matters reads a constant, and nothing reads a LUT with a constant table.

    Tables take the value of a pin on net 0 or 1, which then is an unused pin. Pins and outputs on a LUT whose table is
    constant read net 0 or 1; the LUT stays, dead. One walk by levels, so a constant goes through the whole netlist.
    """
    tables, pins = netlist.tables.copy(), netlist.pins.copy()
    instead = np.arange(netlist.num_nets, dtype=np.int32)
    for luts in netlist.luts_by_level():
        level_tables, level_pins = tables[luts], instead[pins[luts]]
        for pin in range(netlist.rank):
            for value in (0, 1):
                rows = np.flatnonzero(level_pins[:, pin] == value)
                level_tables[rows] = held_pin(level_tables[rows], pin, value, netlist.rank)
        level_pins[level_pins == 1] = 0
        tables[luts], pins[luts] = level_tables, level_pins
        instead[netlist.first_lut + luts[level_tables == 0]] = 0
        instead[netlist.first_lut + luts[level_tables == all_ones(netlist.rank)]] = 1
    return replace(netlist, tables=tables, pins=pins, outputs=instead[netlist.outputs])
