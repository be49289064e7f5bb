"""What a thermometer code never shows: a bit that is 1 while a lower threshold of the same feature gives 0."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.passes.dont_cares import fewest_pins
from bitlogic.export.passes.tables import all_ones, low_half

Array = npt.NDArray[Any]


def use_thermometer(netlist: Netlist) -> Netlist:
    """The netlist whose LUTs depend on no pin that the order of the thresholds makes needless.

    ``x > 5`` implies ``x > 3``: a LUT that reads both never sees the addresses with the first 1 and the second 0, so
    these entries are free. An implication counts only where the float thresholds and, with a grid, the integer ones
    both have it: the change holds for either form of ``x``. Without an encoder inside nothing changes.
    """
    if netlist.encoder is None:
        return netlist
    return replace(netlist, tables=fewest_pins(netlist.tables, occurring(netlist, netlist.encoder), netlist.rank))


def occurring(netlist: Netlist, encoder: Encoder) -> Array:
    """uint64 ``(num_luts,)``: 1 at the addresses that the pins on input bits leave possible, as if others were free."""
    possible = np.full(netlist.num_luts, all_ones(netlist.rank), dtype=np.uint64)
    is_bit = (netlist.pins >= FIRST_INPUT) & (netlist.pins < netlist.first_lut)
    bits = np.where(is_bit, netlist.pins - FIRST_INPUT, 0)
    for high, low in permutations(range(netlist.rank), 2):
        rows = np.flatnonzero(is_bit[:, high] & is_bit[:, low])
        rows = rows[implies(encoder, bits[rows, high], bits[rows, low])]
        possible[rows] &= low_half(high, netlist.rank) | ~low_half(low, netlist.rank)
    return possible & all_ones(netlist.rank)


def implies(encoder: Encoder, high: Array, low: Array) -> npt.NDArray[np.bool_]:
    """Whether each input bit of ``high`` is 1 only where that of ``low`` is, by feature and thresholds."""
    result: npt.NDArray[np.bool_] = encoder.features[high] == encoder.features[low]
    result = result & (encoder.thresholds[high] >= encoder.thresholds[low])
    if encoder.integer_thresholds is not None:
        result = result & (encoder.integer_thresholds[high] >= encoder.integer_thresholds[low])
    return result
