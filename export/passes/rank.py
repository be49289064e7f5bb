"""The rank that the LUTs need."""

from dataclasses import replace

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import all_ones, ignores_pin


def narrow_rank(netlist: Netlist) -> Netlist:
    """The netlist of the smallest rank that holds its LUTs: last pins that every table ignores go; at least rank 1."""
    tables, rank = netlist.tables, netlist.rank
    while rank > 1 and ignores_pin(tables, rank - 1, rank).all():
        rank -= 1
        tables = tables & all_ones(rank)
    return replace(netlist, tables=tables, pins=netlist.pins[:, :rank])
