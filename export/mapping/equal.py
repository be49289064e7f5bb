"""Operations that are there twice, looked for only where they can be."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.equal_rows import first_equal
from bitlogic.export.passes.rewiring import keep_luts, read_instead

Array = npt.NDArray[Any]


def merge_equal(netlist: Netlist, luts: Array) -> Netlist:
    """The netlist in which of ``luts``, int64 ``(n,)`` ascending, those with the same table and pins are one.

    As ``merge_duplicates``, which looks at all LUTs by levels: where few of millions can be equal this is much quicker.
    """
    instead = np.arange(netlist.num_nets, dtype=np.int32)
    nets = netlist.first_lut + luts
    settled = False
    while not settled:  # equal sources make equal readers, one level further each time
        first = first_equal([*instead[netlist.pins[luts]].T, netlist.tables[luts]])
        settled = bool((instead[nets] == nets[first]).all())
        instead[nets] = nets[first]
    kept = np.ones(netlist.num_luts, dtype=np.bool_)
    kept[luts] = instead[nets] == nets
    return keep_luts(read_instead(netlist, instead), kept)
