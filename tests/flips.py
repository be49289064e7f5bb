"""One flipped table bit that shows: the netlist with it, to be emitted in place of the right one."""

from dataclasses import replace

import numpy as np

from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import Samples


def with_a_flipped_bit(netlist: Netlist, samples: Samples) -> Netlist:
    """The netlist with the first flip of one table bit that changes a score of one of the samples."""
    right = evaluate(netlist, samples)
    for lut in range(netlist.num_luts):
        for bit in range(1 << netlist.rank):
            tables = netlist.tables.copy()
            tables[lut] ^= np.uint64(1 << bit)
            flipped = replace(netlist, tables=tables)
            if not np.array_equal(evaluate(flipped, samples).scores, right.scores):
                return flipped
    raise ValueError("no flip of one table bit changes a score of these samples")
