"""Netlists as and-inverter graphs of aigverse, for proofs."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from bitlogic.errors import MissingToolError
from bitlogic.export.netlist import FIRST_INPUT, Netlist

Signal = Any  # aigverse.networks.AigSignal


def aigverse_modules() -> tuple[ModuleType, ModuleType]:
    """``aigverse.networks`` and ``aigverse.algorithms``; MissingToolError without them."""
    try:
        from aigverse import algorithms, networks
    except ImportError as error:
        raise MissingToolError("the proof needs aigverse: pip install 'bitlogic[formal]'") from error
    return networks, algorithms


def output_signals(aig: Any, netlist: Netlist, inputs: Mapping[int, Signal], outputs: Sequence[int]) -> list[Signal]:
    """The signals of the netlist's ``outputs`` (indices) in ``aig``, which grows by the LUTs they need.

    ``inputs`` gives the signal of each input bit that they read. aigverse finds structure that is already there, so a
    second netlist in the same ``aig`` shares what is built alike.
    """
    nets = netlist.outputs[list(outputs)]
    cone = cone_of(netlist, nets)
    signals: dict[int, Signal] = {0: aig.get_constant(False), 1: aig.get_constant(True)}
    for net in cone[(cone >= FIRST_INPUT) & (cone < netlist.first_lut)].tolist():
        signals[net] = inputs[net - FIRST_INPUT]
    luts = cone[cone >= netlist.first_lut] - netlist.first_lut
    tables: list[int] = netlist.tables[luts].tolist()
    pins: list[list[int]] = netlist.pins[luts].tolist()
    for lut, table, row in zip(luts.tolist(), tables, pins, strict=True):
        signals[netlist.first_lut + lut] = _lut_signal(aig, table, [signals[net] for net in row])
    return [signals[net] for net in nets.tolist()]


def cone_of(netlist: Netlist, nets: Any) -> Any:
    """The nets that ``nets`` depend on, themselves and constants included, ascending."""
    inside = np.zeros(netlist.num_nets, dtype=np.bool_)
    reached = np.unique(nets)
    while len(reached):
        inside[reached] = True
        read = np.unique(netlist.pins[reached[reached >= netlist.first_lut] - netlist.first_lut])
        reached = read[~inside[read]]
    return np.flatnonzero(inside)


def _lut_signal(aig: Any, table: int, pins: list[Signal]) -> Signal:
    """Shannon's expansion over the distinct nodes behind the pins, the youngest first.

    Pins on one node, on its complement or on a constant are no variables of their own. So equal functions of equal
    nodes become one signal, and the solver is left with what differs.
    """
    nodes = sorted({aig.get_node(pin) for pin in pins} - {0})  # node 0 is the constant
    place = {node: 1 << position for position, node in enumerate(nodes)}
    reads = [(place.get(aig.get_node(pin), 0), int(aig.is_complemented(pin))) for pin in pins]
    function = 0
    for values in range(1 << len(nodes)):
        address = sum((bool(values & bit) ^ flip) << pin for pin, (bit, flip) in enumerate(reads))
        function |= (table >> address & 1) << values
    variables = [aig.make_signal(node) for node in nodes]
    return _expand(aig, function, variables, {})


def _expand(aig: Any, function: int, variables: list[Signal], done: dict[tuple[int, int], Signal]) -> Signal:
    """The signal of ``function``, a table whose address bit ``i`` is ``variables[i]``."""
    num = len(variables)
    if (num, function) in done:
        return done[num, function]
    half = 1 << num >> 1
    if function in (0, (1 << (1 << num)) - 1):
        return aig.get_constant(function != 0)
    low, high = function & ((1 << half) - 1), function >> half
    below = variables[:-1]
    if low == high:
        signal = _expand(aig, low, below, done)
    else:
        signal = aig.create_ite(variables[-1], _expand(aig, high, below, done), _expand(aig, low, below, done))
    done[num, function] = signal
    return signal
