"""A netlist as C computes it: in operations of two or three operands, with few inversions."""

from dataclasses import replace

import numpy as np

from bitlogic.export.mapping.operations import to_operations
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import all_ones, inverted_pin
from bitlogic.export.targets.c_order import by_shared_pins


def operations_of(netlist: Netlist, size: int) -> Netlist:
    """The same scores by LUTs of at most ``size`` pins, 2 or 3, each of them an operation.

    Their ``origins`` are the number of the LUT that they were made from first, and 0. What is 1 where all that it is
    made of is 0 stands complemented, but for the outputs, so that no inversion is an operation of its own.
    """
    netlist = by_shared_pins(netlist)
    numbers = np.arange(netlist.num_luts, dtype=np.int32)
    marked = replace(netlist, origins=np.stack([numbers, np.zeros_like(numbers)], axis=1))
    return without_inversions(to_operations(marked, size))


def without_inversions(netlist: Netlist) -> Netlist:
    """The netlist in which every LUT but an output gives 0 for zeros; one that did not is complemented."""
    tables = netlist.tables.copy()
    is_output = np.zeros(netlist.num_nets, dtype=np.bool_)
    is_output[netlist.outputs] = True
    complemented = np.zeros(netlist.num_nets, dtype=np.bool_)
    ones = all_ones(netlist.rank)
    for luts in netlist.luts_by_level():
        some = tables[luts]
        for pin in range(netlist.rank):
            reads = complemented[netlist.pins[luts, pin]]
            some = np.where(reads, inverted_pin(some, pin, netlist.rank), some)
        nets = netlist.first_lut + luts
        complemented[nets] = (some & np.uint64(1) == 1) & ~is_output[nets]
        tables[luts] = np.where(complemented[nets], some ^ ones, some)
    return replace(netlist, tables=tables)
