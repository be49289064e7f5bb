"""Addresses that a LUT never sees because of what stands behind its pins, found in a window around each LUT."""

from dataclasses import replace
from itertools import permutations

import numpy as np

from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.passes.dont_cares import fewest_pins
from bitlogic.export.passes.tables import all_ones
from bitlogic.export.passes.thermometer import implies
from bitlogic.export.words import table_of, variables

MAX_LEAVES = 12  # nets around a window; every combination of them is tried
MAX_LUTS = 24  # inside a window
_FAR = 2  # levels behind a pin in which common sources are looked for


def use_windows(netlist: Netlist) -> Netlist:
    """The netlist whose LUTs depend on no pin that the LUTs behind the pins make needless.

    A window holds a LUT and those behind its pins that have common sources: the same nets or, with the encoder inside,
    thresholds of one feature. The nets around it, at most 12, are taken as free but for the order of the thresholds. So
    an address that is found not to occur never does, and its entry is free; some that never occur are not found.
    """
    windows = _Windows(netlist)
    care = np.full(netlist.num_luts, all_ones(netlist.rank), dtype=np.uint64)
    for lut in range(netlist.num_luts):
        care[lut] = windows.occurring(lut)
    return replace(netlist, tables=fewest_pins(netlist.tables, care, netlist.rank))


class _Windows:
    """A netlist as Python's lists, and which sources each net has."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._first = netlist.first_lut
        self._tables: list[int] = netlist.tables.tolist()
        self._pins: list[list[int]] = netlist.pins.tolist()
        self._everything = int(all_ones(netlist.rank))
        features = [] if netlist.encoder is None else netlist.encoder.features.tolist()
        # A feature is a source of its own, below all nets: its bits are related.
        self._own = [{net} if net > 1 else set[int]() for net in range(netlist.num_nets)]
        for bit, feature in enumerate(features):
            self._own[FIRST_INPUT + bit] = {-1 - feature}
        self._sources = self._own
        for _ in range(_FAR):
            self._sources = [
                own.union(*(self._sources[pin] for pin in self._pins[net - self._first])) if net >= self._first else own
                for net, own in enumerate(self._own)
            ]

    def occurring(self, lut: int) -> int:
        """The addresses of a LUT that can occur, as the bits of an integer."""
        nets = sorted(set(self._pins[lut]) - {0, 1})
        related = [
            net
            for net in nets
            if net >= self._first and any(self._sources[net] & self._sources[other] for other in nets if other != net)
        ]
        if not related:
            return self._everything
        leaves, inside = self._window(set(nets), related)
        values = {0: 0, 1: (1 << (1 << len(leaves))) - 1}
        values |= zip(leaves, variables(len(leaves)), strict=True)
        for net in inside:
            number = net - self._first
            values[net] = table_of(self._tables[number], [values[pin] for pin in self._pins[number]], values[1])
        found = [(self._ordered(leaves, values), 0)]
        for place, pin in enumerate(self._pins[lut]):
            split = [(cases & values[pin], address | 1 << place) for cases, address in found]
            split += [(cases & ~values[pin], address) for cases, address in found]
            found = [(cases, address) for cases, address in split if cases]
        return sum(1 << address for _, address in found)

    def _window(self, leaves: set[int], related: list[int]) -> tuple[list[int], list[int]]:
        """The nets around a window that starts with the pins, and the LUTs inside, both ascending."""
        inside: list[int] = []
        waiting = set(related)
        while waiting and len(inside) < MAX_LUTS:
            grown = {net: leaves - {net} | set(self._pins[net - self._first]) - {0, 1, *inside} for net in waiting}
            net = min(waiting, key=lambda net: (len(grown[net]), -net))
            if len(grown[net]) > MAX_LEAVES:
                break
            waiting.remove(net)
            inside.append(net)
            leaves = grown[net]
            waiting |= {
                new
                for new in self._pins[net - self._first]
                if new >= self._first and new not in inside and self._is_related(new, leaves)
            }
        return sorted(leaves), sorted(inside)

    def _is_related(self, net: int, leaves: set[int]) -> bool:
        return any(self._sources[net] & self._sources[other] for other in leaves if other != net)

    def _ordered(self, leaves: list[int], values: dict[int, int]) -> int:
        """The cases that the order of thresholds leaves possible."""
        cases, encoder = values[1], self._netlist.encoder
        bits = [net - FIRST_INPUT for net in leaves if net < self._first]
        if encoder is not None and len(bits) > 1:
            pairs = np.array(list(permutations(bits, 2)))
            for high, low in pairs[implies(encoder, pairs[:, 0], pairs[:, 1])].tolist():
                cases &= ~values[FIRST_INPUT + high] | values[FIRST_INPUT + low]
        return cases
