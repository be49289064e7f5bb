"""Two changes that passes share: nets read in place of others, and LUTs that leave."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import Netlist

Array = npt.NDArray[Any]


def read_instead(netlist: Netlist, instead: Array) -> Netlist:
    """The netlist in which every pin and output reads net ``instead[n]`` where it read net ``n``.

    ``instead`` is integer ``(num_nets,)`` and no entry is above its own index.
    """
    return replace(netlist, pins=instead[netlist.pins], outputs=instead[netlist.outputs])


def keep_luts(netlist: Netlist, kept: npt.NDArray[np.bool_]) -> Netlist:
    """The netlist with the LUTs of ``kept``, bool ``(num_luts,)``, in their order; nothing kept may read another."""
    if kept.all():
        return netlist
    new_net = np.zeros(netlist.num_nets, dtype=np.int32)
    new_net[: netlist.first_lut] = np.arange(netlist.first_lut)
    new_net[netlist.first_lut :] = netlist.first_lut + np.cumsum(kept) - 1
    return replace(
        netlist,
        tables=netlist.tables[kept],
        pins=new_net[netlist.pins[kept]],
        outputs=new_net[netlist.outputs],
        origins=None if netlist.origins is None else netlist.origins[kept],
    )
