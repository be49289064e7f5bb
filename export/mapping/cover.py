"""The cover: which LUTs stay, each as the function of one of its cuts, so that as few as possible are needed."""

from collections.abc import Sequence
from typing import Any

from bitlogic.export.mapping.cuts import Cut, own_pins, priority_cuts
from bitlogic.export.netlist import Netlist

ROUNDS = 4  # of exact recovery at most; later ones hardly find anything


def cover(netlist: Netlist, size: int, start: Sequence[Cut] | None = None) -> dict[int, Cut]:
    """For each LUT that stays, ascending, the cut of at most ``size`` nets that it becomes a function of.

    ``start`` is a cut for each LUT (its own pins when None): never more LUTs than these need, and never deeper. Two
    covers, the start and one chosen by area flow, are each improved LUT by LUT, and the smaller one wins.
    """
    first_lut = netlist.first_lut
    outputs = [net - first_lut for net in netlist.outputs.tolist() if net >= first_lut]
    given = own_pins(netlist) if start is None else list(start)
    fanouts = _Cover(own_pins(netlist), first_lut, outputs).counts
    cuts = priority_cuts(netlist, size, fanouts)
    for choices, cut in zip(cuts, given, strict=True):
        if cut not in choices:
            choices.append(cut)
    as_given = _Cover(given, first_lut, outputs)
    depth = as_given.depth()
    by_flow = _Cover(_chosen_by_flow(as_given, cuts, fanouts, depth), first_lut, outputs)
    covers = [as_given] if by_flow.depth() > depth else [by_flow, as_given]
    for improved in covers:
        for _ in range(ROUNDS):
            if not improved.recover(cuts, depth):
                break
    best = min(covers, key=lambda improved: improved.cost())
    return {lut: best.chosen[lut] for lut, count in enumerate(best.counts) if count}


class _Cover:
    """A chosen cut for each LUT, and how many cuts in use and outputs read each LUT, from the outputs down."""

    def __init__(self, chosen: list[Cut], first_lut: int, outputs: list[int]) -> None:
        self.first_lut, self.outputs = first_lut, outputs
        self.chosen = list(chosen)
        self.counts = [0] * len(chosen)
        for lut in outputs:
            self.counts[lut] += 1
        for lut in range(len(chosen) - 1, -1, -1):  # readers stand above what they read
            if self.counts[lut]:
                for net in chosen[lut]:
                    if net >= first_lut:
                        self.counts[net - first_lut] += 1

    def cost(self) -> tuple[int, int]:
        """LUTs, then pins."""
        used = [lut for lut, count in enumerate(self.counts) if count]
        return len(used), sum(len(self.chosen[lut]) for lut in used)

    def depth(self) -> int:
        arrivals = [0] * (self.first_lut + len(self.chosen))
        for lut, cut in enumerate(self.chosen):
            arrivals[self.first_lut + lut] = _arrival(cut, arrivals)
        return max((arrivals[self.first_lut + lut] for lut in self.outputs), default=0)

    def required(self, depth: int) -> list[Any]:
        """For each LUT in use the level that it may stand at so that no output is deeper; None for others."""
        required: list[Any] = [None] * len(self.chosen)
        for lut in self.outputs:
            required[lut] = depth
        for lut in range(len(self.chosen) - 1, -1, -1):
            if self.counts[lut]:
                for net in self.chosen[lut]:
                    source = net - self.first_lut
                    if source >= 0 and (required[source] is None or required[source] >= required[lut]):
                        required[source] = required[lut] - 1
        return required

    def recover(self, cuts: list[list[Cut]], depth: int) -> bool:
        """Gives each LUT in use the cut that needs the fewest LUTs, then pins; whether any changed."""
        changed = False
        required = self.required(depth)
        arrivals = [0] * (self.first_lut + len(self.chosen))
        for lut, choices in enumerate(cuts):
            present = self.chosen[lut]
            if len(choices) > 1 and self.counts[lut]:
                self._release(present)
                best, least = present, (len(self.chosen), 0, True, present)
                for cut in choices:
                    if cut == present or _arrival(cut, arrivals) <= required[lut]:
                        needed = self._take(cut)
                        self._release(cut)
                        price = (needed, len(cut), cut != present, cut)
                        if price < least:
                            best, least = cut, price
                self.chosen[lut] = best
                self._take(best)
                changed |= best != present
            arrivals[self.first_lut + lut] = _arrival(self.chosen[lut], arrivals)
        return changed

    def _take(self, cut: Cut) -> int:
        """Reads the cut's nets once more; the number of LUTs that are needed for it and were not before."""
        needed, waiting = 0, [cut]
        while waiting:
            for net in waiting.pop():
                lut = net - self.first_lut
                if lut >= 0:
                    if not self.counts[lut]:
                        needed += 1
                        waiting.append(self.chosen[lut])
                    self.counts[lut] += 1
        return needed

    def _release(self, cut: Cut) -> None:
        """Undoes ``_take``."""
        waiting = [cut]
        while waiting:
            for net in waiting.pop():
                lut = net - self.first_lut
                if lut >= 0:
                    self.counts[lut] -= 1
                    if not self.counts[lut]:
                        waiting.append(self.chosen[lut])


def _chosen_by_flow(start: _Cover, cuts: list[list[Cut]], fanouts: list[int], depth: int) -> list[Cut]:
    """The cut of the least area flow that comes in time; for a LUT not in use, of those that come first."""
    required = start.required(depth)
    arrivals = [0] * (start.first_lut + len(cuts))
    flows = [0.0] * len(arrivals)
    chosen = []
    for lut, choices in enumerate(cuts):
        priced = [(_arrival(cut, arrivals), sum(flows[net] for net in cut), len(cut), cut) for cut in choices]
        if required[lut] is not None:
            priced = [(0, *price[1:]) for price in priced if price[0] <= required[lut]] or priced
        _, flow, _, best = min(priced)
        chosen.append(best)
        arrivals[start.first_lut + lut] = _arrival(best, arrivals)
        flows[start.first_lut + lut] = (1.0 + flow) / max(1, fanouts[lut])
    return chosen


def _arrival(cut: Cut, arrivals: list[int]) -> int:
    """The level of a LUT on this cut."""
    return 1 + max((arrivals[net] for net in cut), default=0)
