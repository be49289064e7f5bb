"""Cuts: small sets of nets that a LUT's output is a function of, so that one LUT over them can stand for a whole cone.

A cut of a LUT is a set of at most ``size`` nets that every path from the inputs to the LUT crosses. The LUT's own pins
are one; putting a cut of a source in the place of that source gives more. A netlist has too many of them to keep:
each LUT keeps the few that cost least by area flow, an estimate of the LUTs behind a net with those that are shared
counted in shares (Mishchenko et al., "Combinational and sequential mapping with priority cuts", ICCAD 2007).
"""

from bitlogic.export.netlist import Netlist

Cut = tuple[int, ...]  # nets, ascending
MAX_CUTS = 8  # that a LUT keeps beside its own pins
MAX_PARTIAL = 64  # unions on the way to a cut


def own_pins(netlist: Netlist) -> list[Cut]:
    """The nets that each LUT reads, constants left out, for a netlist whose unused pins read net 0."""
    return [tuple(sorted({net for net in row if net > 1})) for row in netlist.pins.tolist()]


def priority_cuts(netlist: Netlist, size: int, fanouts: list[int]) -> list[list[Cut]]:
    """The cuts of each LUT, the cheapest first, its own pins always among them.

    ``fanouts`` estimates for each LUT how many LUTs and outputs will read it.
    """
    first = netlist.first_lut
    flows = [0.0] * netlist.num_nets
    cuts: list[list[Cut]] = []
    for lut, own in enumerate(own_pins(netlist)):
        partial: set[frozenset[int]] = {frozenset()}
        for net in own:
            choices = [frozenset((net,))]
            if net >= first:
                choices += [frozenset(cut) for cut in cuts[net - first]]
            partial = {union for cut in partial for choice in choices if len(union := cut | choice) <= size}
            if len(partial) > MAX_PARTIAL:
                partial = set(_cheapest([tuple(sorted(cut)) for cut in partial], flows, MAX_PARTIAL))
        kept = _cheapest([tuple(sorted(cut)) for cut in partial], flows, MAX_CUTS)
        cuts.append([tuple(sorted(cut)) for cut in kept])
        if own not in cuts[-1]:
            cuts[-1].append(own)
        flows[first + lut] = (1.0 + sum(flows[net] for net in cuts[-1][0])) / max(1, fanouts[lut])
    return cuts


def _cheapest(cuts: list[Cut], flows: list[float], number: int) -> list[frozenset[int]]:
    """The cuts of the least area flow, then the fewest nets, without those that contain another one."""
    priced = sorted((sum(flows[net] for net in cut), len(cut), cut) for cut in cuts)
    kept: list[frozenset[int]] = []
    for _, _, cut in priced:
        nets = frozenset(cut)
        if not any(other <= nets for other in kept):
            kept.append(nets)
            if len(kept) == number:
                break
    return kept
