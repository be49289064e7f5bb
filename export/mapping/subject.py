"""The netlist in small pieces: every LUT as LUTs of two pins, so that cuts can be drawn through the middle of one.

The pieces are the ands of an and-inverter graph in which equal ands are one; inversions are in the tables. An output
that is the complement of an and has it with the inversion; where both are outputs, one is an inverter.
"""

from dataclasses import dataclass, replace

import numpy as np

from bitlogic.export.exchange.aiger import Graph
from bitlogic.export.mapping.cuts import Cut
from bitlogic.export.netlist import FIRST_INPUT, Netlist


@dataclass(frozen=True)
class Subject:
    """A netlist of rank 2 with the same outputs, and how the LUTs it was made of lie in it."""

    netlist: Netlist
    start: list[Cut]  # for each piece that is the output of a whole LUT that LUT's pins, else its own
    made_for: list[int]  # for each piece the LUT it was made for


def subject_of(netlist: Netlist) -> Subject:
    """The pieces of ``netlist``; LUTs that are constant or copy a net have none."""
    graph = Graph(netlist.num_inputs)
    literals = [0, 1, *(graph.input(bit) for bit in range(netlist.num_inputs))]
    made_for: list[int] = []
    for lut, (table, pins) in enumerate(zip(netlist.tables.tolist(), netlist.pins.tolist(), strict=True)):
        literals.append(graph.lut(table, [literals[net] for net in pins]))
        made_for += [lut] * (len(graph.ands) - len(made_for))
    outputs = [literals[net] for net in netlist.outputs.tolist()]
    seen = set(outputs)
    flipped = {literal >> 1 for literal in seen if literal & 1 and literal ^ 1 not in seen and literal > 1}
    flipped -= set(range(1, netlist.num_inputs + 1))  # an input bit cannot be had inverted
    tables, rows = [], []
    for place, (large, small) in enumerate(graph.ands):
        reads = [(literal & 1) ^ (literal >> 1 in flipped) for literal in (large, small)]
        table = 1 << ((1 - reads[0]) | (1 - reads[1]) << 1)
        tables.append(table ^ 15 if netlist.num_inputs + 1 + place in flipped else table)
        rows.append([(literal >> 1) + 1 for literal in (large, small)])
    inverters: dict[int, int] = {}
    nets = []
    for literal, lut in zip(outputs, (netlist.outputs - netlist.first_lut).tolist(), strict=True):
        node = literal >> 1
        if node and (literal & 1) ^ (node in flipped):
            if node not in inverters:
                inverters[node] = FIRST_INPUT + netlist.num_inputs + len(tables)
                tables.append(0b0101)
                rows.append([node + 1, 0])
                made_for.append(lut)
            nets.append(inverters[node])
        else:
            nets.append(node + 1 if node else literal)
    pieces = replace(
        netlist,
        tables=np.array(tables, dtype=np.uint64),
        pins=np.array(rows, dtype=np.int32).reshape(len(tables), 2),
        outputs=np.array(nets, dtype=np.int32),
        origins=None,
    )
    boundaries = _boundaries(netlist, literals)
    start = [boundaries.get(piece, tuple(sorted(set(row) - {0}))) for piece, row in enumerate(rows)]
    for node, net in inverters.items():
        start[net - pieces.first_lut] = (
            start[node - 1 - netlist.num_inputs] if node > netlist.num_inputs else (node + 1,)
        )
    return Subject(pieces, start, made_for)


def _boundaries(netlist: Netlist, literals: list[int]) -> dict[int, Cut]:
    found: dict[int, Cut] = {}
    for lut, pins in enumerate(netlist.pins.tolist()):
        piece = (literals[netlist.first_lut + lut] >> 1) - 1 - netlist.num_inputs
        if piece >= 0:
            cut = tuple(sorted({(literals[net] >> 1) + 1 for net in pins if literals[net] > 1}))
            found.setdefault(piece, cut)
    return found
