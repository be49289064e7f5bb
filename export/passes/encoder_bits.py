"""Input bits that the encoder makes constant or makes twice."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.passes.equal_rows import first_equal
from bitlogic.export.passes.rewiring import read_instead

Array = npt.NDArray[Any]


def share_encoder_bits(netlist: Netlist) -> Netlist:
    """The netlist that reads net 0 for a comparator that no input exceeds, and the first of equal comparators.

    A comparator is never exceeded, or equal to another of its feature, only where the float threshold and, with a grid,
    the integer threshold both say so: the change holds for either form of ``x``. The input bits keep their numbers and
    ``num_inputs`` stays; some of them are no longer read. Without an encoder inside nothing is known of the bits and
    nothing changes.
    """
    if netlist.encoder is None:
        return netlist
    instead = np.arange(netlist.num_nets, dtype=np.int32)
    instead[FIRST_INPUT : netlist.first_lut] = FIRST_INPUT + first_equal(_comparators(netlist.encoder))
    never = np.flatnonzero(_never_exceeded(netlist.encoder))
    instead[FIRST_INPUT + never] = 0
    return read_instead(netlist, instead)


def _never_exceeded(encoder: Encoder) -> npt.NDArray[np.bool_]:
    never = np.isposinf(encoder.thresholds)
    return never if encoder.integer_thresholds is None else never & (encoder.integer_thresholds == encoder.max_input)


def _comparators(encoder: Encoder) -> list[Array]:
    """What makes two bits the same: feature and thresholds, as columns."""
    columns = [encoder.features, encoder.thresholds]
    return columns if encoder.integer_thresholds is None else [*columns, encoder.integer_thresholds]
