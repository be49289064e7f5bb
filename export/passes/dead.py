"""LUTs that no output needs."""

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.rewiring import keep_luts


def remove_dead(netlist: Netlist) -> Netlist:
    """The netlist without the LUTs that no output reads, directly or through others.

    Outputs stay, constant ones too: a class adds up as many nets as before. Input bits stay, read or not.
    """
    live = np.zeros(netlist.num_nets, dtype=np.bool_)
    reached = np.unique(netlist.outputs)
    while len(reached):
        live[reached] = True
        read = np.unique(netlist.pins[reached[reached >= netlist.first_lut] - netlist.first_lut])
        reached = read[~live[read]]
    return keep_luts(netlist, live[netlist.first_lut :])
