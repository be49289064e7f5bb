"""Every LUT of a netlist as a small network of its own, all at once."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.networks import Networks
from bitlogic.export.netlist import Netlist

Array = npt.NDArray[Any]


def in_pieces(netlist: Netlist, networks: Networks, num_inputs: int) -> Netlist:
    """The netlist with the steps of row ``i`` in place of LUT ``i``; they have its origin.

    An operand below ``num_inputs`` is that pin of the LUT, ``num_inputs + s`` the result of step ``s``.
    """
    num_steps = networks.num_steps.astype(np.int64)
    ends = np.cumsum(num_steps)
    lut_of = np.repeat(np.arange(netlist.num_luts), num_steps)
    step_of = np.arange(len(lut_of)) - (ends - num_steps)[lut_of]
    new_net = np.concatenate([np.arange(netlist.first_lut), netlist.first_lut - 1 + ends]).astype(np.int32)
    inputs = np.zeros((netlist.num_luts, num_inputs), dtype=np.int32)
    inputs[:, : netlist.rank] = new_net[netlist.pins]
    operands = networks.operands[lut_of, step_of]
    first_steps = (netlist.first_lut - num_inputs + ends - num_steps).astype(np.int32)[lut_of]
    pins = np.empty(operands.shape, dtype=np.int32)
    for place in range(operands.shape[1]):
        reads = operands[:, place]
        of_input = inputs[lut_of, np.minimum(reads, num_inputs - 1)]
        pins[:, place] = np.where(reads < num_inputs, of_input, first_steps + reads)
        if place:
            pins[reads == operands[:, 0], place] = 0
    return replace(
        netlist,
        tables=networks.tables[lut_of, step_of].astype(np.uint64),
        pins=pins,
        outputs=new_net[netlist.outputs],
        origins=None if netlist.origins is None else netlist.origins[lut_of],
    )
