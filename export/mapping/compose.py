"""Tables of whole cones: LUTs behind LUTs as one."""

import numpy as np

from bitlogic.export.mapping.cuts import Cut
from bitlogic.export.netlist import Netlist
from bitlogic.export.words import table_of, variables


def merge_cones(netlist: Netlist, chosen: dict[int, Cut], size: int) -> Netlist:
    """The netlist of the LUTs in ``chosen``, each as a function of its cut; of rank ``size``.

    The order, and with it the origin of each LUT that stays, is kept.
    """
    new_net = {net: net for net in range(netlist.first_lut)}
    new_net |= {netlist.first_lut + lut: netlist.first_lut + place for place, lut in enumerate(chosen)}
    tables_before, pins_before = netlist.tables.tolist(), netlist.pins.tolist()
    tables, pins = [], []
    for lut, cut in chosen.items():
        tables.append(_cone_table(lut, cut, size, netlist.first_lut, tables_before, pins_before))
        pins.append([new_net[net] for net in cut] + [0] * (size - len(cut)))
    kept = np.fromiter(chosen, dtype=np.int64, count=len(chosen))
    return Netlist(
        num_inputs=netlist.num_inputs,
        tables=np.array(tables, dtype=np.uint64),
        pins=np.array(pins, dtype=np.int32).reshape(len(tables), size),
        outputs=np.array([new_net[net] for net in netlist.outputs.tolist()], dtype=np.int32),
        head=netlist.head,
        encoder=netlist.encoder,
        origins=None if netlist.origins is None else netlist.origins[kept],
    )


def _cone_table(lut: int, cut: Cut, size: int, first: int, tables: list[int], pins: list[list[int]]) -> int:
    ones = (1 << (1 << size)) - 1
    known = {0: 0, 1: ones, **dict(zip(cut, variables(size), strict=False))}
    waiting = [lut]
    while waiting:
        top = waiting[-1]
        missing = [net - first for net in pins[top] if net not in known]
        if missing:
            waiting += missing
        else:
            known[first + top] = table_of(tables[top], [known[net] for net in pins[top]], ones)
            waiting.pop()
    return known[first + lut]
