"""Nets that look trained: full of wires, inverters, constants, ignored and repeated pins, and duplicates."""

from dataclasses import replace

import numpy as np

from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.tables import all_ones, held_pin, low_half
from tests.nets import random_netlist


def trained_like(seed: int, *, rank: int = 4, widths: tuple[int, int] = (60, 40), num_features: int = 6) -> Netlist:
    """A net of two layers with the origins of its LUTs, of which the passes remove most."""
    netlist = random_netlist(seed, widths=widths, rank=rank, num_features=num_features)
    rng = np.random.default_rng([seed, 1])
    tables, pins, full = netlist.tables.copy(), netlist.pins.copy(), all_ones(rank)

    def some(share: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.flatnonzero(rng.random(len(tables)) < share)

    for pin in range(rank):
        ignoring, repeating = some(0.2), some(0.1)
        tables[ignoring] = held_pin(tables[ignoring], pin, 1, rank)
        pins[repeating, pin] = pins[repeating, 0]
        tables[some(0.08)] = low_half(pin, rank) ^ full  # wires
        tables[some(0.04)] = low_half(pin, rank)  # inverters
    tables[some(0.06)] = 0
    tables[some(0.06)] = full
    for layer in (np.arange(widths[0]), np.arange(widths[0], len(tables))):
        copies, originals = rng.choice(layer, size=(2, len(layer) // 6))
        tables[copies], pins[copies] = tables[originals], pins[originals]
    neurons = np.concatenate([np.arange(width) for width in widths])
    origins = np.stack([np.repeat([0, 1], widths), neurons], axis=1).astype(np.int32)
    return replace(netlist, tables=tables, pins=pins, origins=origins)
