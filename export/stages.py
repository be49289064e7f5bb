"""Where a clocked form of a netlist has its registers: one schedule for every hardware target."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.netlist import FIRST_INPUT, Netlist

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Schedule:
    """The pipeline of a netlist's LUTs; with no boundary it is combinational.

    Stage 0 is the encoder (or nothing, when the bits come in), stages 1 to ``len(boundaries) - 1`` are LUT levels. At
    the end of stage ``s`` the nets ``boundaries[s]`` are held in registers: those made in stages up to ``s`` that a
    later stage or the head still reads. The last boundary feeds the head. Without an encoder inside, boundary 0 is
    where the ports are and has no register.
    """

    lut_stages: Array  # int32 (num_luts,): 1-based stage in which a LUT is computed; all 1 when combinational
    boundaries: tuple[Array, ...]  # int32 nets, ascending, without the constants
    registers_inputs: bool  # whether boundary 0 is a register (the encoder is inside) or the input ports


def schedule(netlist: Netlist, levels_per_stage: int, *, encoder_inside: bool) -> Schedule:
    """The pipeline with a register after every ``levels_per_stage`` LUT levels and after the last; 0: combinational."""
    levels = netlist.levels[netlist.first_lut :].astype(np.int32)
    if levels_per_stage == 0:
        return Schedule(np.ones_like(levels), (), False)
    lut_stages = ((levels - 1) // levels_per_stage + 1).astype(np.int32)
    num_stages = int(lut_stages.max(initial=0))
    made = np.zeros(netlist.num_nets, dtype=np.int32)
    made[netlist.first_lut :] = lut_stages
    last_use = np.full(netlist.num_nets, -1, dtype=np.int32)
    np.maximum.at(last_use, netlist.pins.ravel(), np.repeat(lut_stages, netlist.rank))
    last_use[netlist.outputs] = num_stages + 1  # the head reads behind the last boundary
    nets = np.arange(netlist.num_nets, dtype=np.int32)
    boundaries = tuple(
        nets[(nets >= FIRST_INPUT) & (made <= stage) & (last_use > stage)] for stage in range(num_stages + 1)
    )
    return Schedule(lut_stages, boundaries, encoder_inside)
