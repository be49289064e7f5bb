"""The mappings by name, and the loop that all share."""

from collections.abc import Callable
from functools import partial

from bitlogic.export.mapping import LutMapping
from bitlogic.export.mapping.abc import abc_merge
from bitlogic.export.mapping.decompose import decompose
from bitlogic.export.mapping.merge import MAX_WHOLE, merge_luts
from bitlogic.export.mapping.operations import to_operations
from bitlogic.export.mapping.windows import use_windows
from bitlogic.export.netlist import MAX_RANK, Netlist
from bitlogic.export.passes import optimize

OnPass = Callable[[str, Netlist, Netlist], None]
Step = Callable[[Netlist], Netlist]
MAX_OPTIMIZED = 1_000_000  # operations up to which these go through the passes


def apply_mapping(netlist: Netlist, mapping: LutMapping, *, on_pass: OnPass | None = None) -> Netlist:
    """The optimised ``netlist`` after the mapping; ``on_pass`` as for ``optimize``.

    Rounds of the mapping's steps, each optimised, until a round leaves no fewer LUTs, levels or pins; a step that makes
    the netlist worse is not taken. Half a minute for 128,000 LUTs of rank 4; minutes where so many of rank 6 are split.

    ``lut2`` and ``lut3`` begin with the smallest network of every LUT. Above 40,000 operations there are no rounds, and
    above a million no passes either: some seconds for a million LUTs of rank 4.

    Raises:
        MissingToolError: ABC is not installed, for a mapping that uses it.
    """
    size, steps = MAPPINGS[mapping]
    if not steps:
        return netlist
    if size < 4:
        if netlist.num_luts <= MAX_WHOLE:
            netlist = _better(_taken(use_windows, netlist, on_pass), netlist)
        netlist = _stepped(partial(to_operations, size=size), netlist, on_pass)
        if netlist.num_luts > MAX_OPTIMIZED:
            return netlist
        netlist = optimize(netlist, on_pass=on_pass)
        if netlist.num_luts > MAX_WHOLE:
            return netlist
    if size == 4:
        netlist = _taken(decompose, netlist, on_pass)
    while True:
        before = netlist
        for step in steps:
            netlist = _better(_taken(step, netlist, on_pass), netlist)
        if _cost(netlist) == _cost(before):
            return netlist


def _taken(step: Step, netlist: Netlist, on_pass: OnPass | None) -> Netlist:
    return optimize(_stepped(step, netlist, on_pass), on_pass=on_pass)


def _stepped(step: Step, netlist: Netlist, on_pass: OnPass | None) -> Netlist:
    result = step(netlist)
    if on_pass is not None:
        function = step.func if isinstance(step, partial) else step
        on_pass(function.__name__, netlist, result)
    return result


def _better(changed: Netlist, netlist: Netlist) -> Netlist:
    return changed if _cost(changed) < _cost(netlist) else netlist


def _cost(netlist: Netlist) -> tuple[int, int, int]:
    """LUTs, then levels, then pins."""
    return netlist.num_luts, netlist.depth, int((netlist.pins > 1).sum())


# Pins of the device's LUTs, and the steps of a round.
MAPPINGS: dict[LutMapping, tuple[int, tuple[Step, ...]]] = {
    LutMapping.NONE: (MAX_RANK, ()),
    LutMapping.LUT2: (2, (use_windows, partial(merge_luts, size=2))),
    LutMapping.LUT3: (3, (use_windows, partial(merge_luts, size=3))),
    LutMapping.LUT4: (4, (use_windows, partial(merge_luts, size=4))),
    LutMapping.LUT6: (6, (use_windows, partial(merge_luts, size=6))),
    LutMapping.ABC4: (4, (use_windows, partial(merge_luts, size=4), partial(abc_merge, size=4))),
    LutMapping.ABC6: (6, (use_windows, partial(merge_luts, size=6), partial(abc_merge, size=6))),
}
