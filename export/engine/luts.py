"""A netlist's LUTs as the kernels' functions: no wires, constants and inversions, and no pin that does not count."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.engine.kernels import kernels
from bitlogic.export.mapping.decompose import decompose
from bitlogic.export.mapping.npn import NUM_INPUTS
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.pins import drop_unused_pins

Array = npt.NDArray[Any]
# The table of each input: the addresses at which it is 1.
_INPUTS = tuple(sum(1 << at for at in range(16) if at >> pin & 1) for pin in range(NUM_INPUTS))


@dataclass(frozen=True)
class Luts:
    """What is left to compute; a signal has the number of the net that first has it, and signal 0 is the constant 0."""

    netlist: Netlist  # of rank 4 at most
    kernel: Array  # int16 (num_luts,): NO_KERNEL where a LUT is no signal of its own
    reads: Array  # int32 (num_luts, 4): signals, by position of the kernel's record; 0 beyond its arity
    negations: Array  # uint8 (num_luts,): bit i where position i is inverted
    signal: Array  # int32 (num_nets,): the signal of each net
    inverted: Array  # bool (num_nets,): whether the net is its signal's complement
    live: Array  # bool (num_nets,): signals that reach an output


def simplified(netlist: Netlist) -> Luts:
    """The netlist's LUTs; those of rank 5 and 6 as several of rank 4.

    A LUT that turns out to be a constant, a wire or an inverter becomes its source; a signal is stored in whatever
    polarity its kernel computes, and those that read it make up for that.
    """
    netlist = decompose(drop_unused_pins(netlist))
    table = kernels()
    signal = np.arange(netlist.num_nets, dtype=np.int32)
    inverted = np.zeros(netlist.num_nets, dtype=np.bool_)
    signal[1], inverted[1] = 0, True
    kernel = np.zeros(netlist.num_luts, dtype=np.int16)
    reads = np.zeros((netlist.num_luts, NUM_INPUTS), dtype=np.int32)
    negations = np.zeros(netlist.num_luts, dtype=np.uint8)
    levels = netlist.luts_by_level()
    tables, all_pins = _widened(netlist)
    for luts in levels:
        pins = all_pins[luts]
        sources = signal[pins]
        functions = _without_inversions(tables[luts], inverted[pins])
        functions = _without_repetitions(functions, sources)
        nets = netlist.first_lut + luts
        kernel[luts] = table.kernel[functions]
        reads[luts] = np.take_along_axis(sources, table.reads[functions].astype(np.intp), axis=1)
        reads[luts] *= np.arange(NUM_INPUTS) < table.arity[functions, None]
        negations[luts] = table.negations[functions]
        inverted[nets] = table.inverted[functions]
        gone = np.flatnonzero(table.arity[functions] < 2)
        from_source = reads[luts[gone], 0]  # 0 for a constant
        signal[nets[gone]] = from_source
    live = np.zeros(netlist.num_nets, dtype=np.bool_)
    live[signal[netlist.outputs]] = True
    for luts in reversed(levels):
        live[reads[luts[live[netlist.first_lut + luts]]]] = True
    return Luts(netlist, kernel, reads, negations, signal, inverted, live)


def _widened(netlist: Netlist) -> tuple[Array, Array]:
    """Tables int64 ``(num_luts,)`` and pins ``(num_luts, 4)``, with pins on net 0 for those that are missing."""
    tables, missing = netlist.tables, NUM_INPUTS - netlist.rank
    for pin in range(netlist.rank, NUM_INPUTS):
        tables = tables | tables << np.uint64(1 << pin)
    return tables.astype(np.int64), np.pad(netlist.pins, ((0, 0), (0, missing)))


def _without_inversions(functions: Array, inverted: Array) -> Array:
    """The functions of the sources themselves; ``inverted`` is ``(num, 4)``."""
    for pin, high in enumerate(_INPUTS):
        low, step = high >> (1 << pin), 1 << pin
        functions = np.where(inverted[:, pin], (functions & low) << step | (functions & high) >> step, functions)
    return functions


def _without_repetitions(functions: Array, sources: Array) -> Array:
    """The functions that do not depend on an input whose source is the constant 0 or that of an input before it."""
    for pin, high in enumerate(_INPUTS):
        low, step = high >> (1 << pin), 1 << pin
        at_zero = (functions & low) | (functions & low) << step
        at_one = (functions & high) | (functions & high) >> step
        for before in range(pin):
            same = sources[:, pin] == sources[:, before]
            if same.any():
                chosen = (at_zero & ~_INPUTS[before]) | (at_one & _INPUTS[before])
                functions = np.where(same, chosen, functions)
                at_zero, at_one = np.where(same, chosen, at_zero), np.where(same, chosen, at_one)
        functions = np.where(sources[:, pin] == 0, at_zero, functions)
    return functions
