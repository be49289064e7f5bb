"""Wires and inverters absorbed into the LUTs that read them."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import all_ones, inverted_pin, low_half

Array = npt.NDArray[Any]


def absorb_wires(netlist: Netlist) -> Netlist:
    """The netlist in which no pin reads a wire or an inverter, and no output a wire.

    A wire is a LUT whose table copies one pin, an inverter one whose table inverts it. Readers read the source instead,
    with the inversion in their own table. An output cannot invert: one on an inverter stays there.
    """
    source, inverts = _sources(netlist)
    tables, rank = netlist.tables.copy(), netlist.rank
    for pin in range(rank):
        rows = np.flatnonzero(inverts[netlist.pins[:, pin]])
        tables[rows] = inverted_pin(tables[rows], pin, rank)
    outputs = np.where(inverts[netlist.outputs], netlist.outputs, source[netlist.outputs])
    return replace(netlist, tables=tables, pins=source[netlist.pins], outputs=outputs)


def _sources(netlist: Netlist) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Behind all wires and inverters: the net that each net copies, and whether it copies it inverted."""
    source = np.arange(netlist.num_nets, dtype=np.int32)
    inverts = np.zeros(netlist.num_nets, dtype=np.bool_)
    own_source, own_inverts = source[netlist.first_lut :], inverts[netlist.first_lut :]  # views
    for pin in range(netlist.rank):
        inverter = low_half(pin, netlist.rank)
        is_inverter, is_wire = netlist.tables == inverter, netlist.tables == inverter ^ all_ones(netlist.rank)
        copies = is_wire | is_inverter
        own_source[copies] = netlist.pins[copies, pin]
        own_inverts |= is_inverter
    while not np.array_equal(further := source[source], source):  # the jumps double: a chain of n settles in log2(n)
        inverts ^= inverts[source]
        source = further
    return source, inverts
