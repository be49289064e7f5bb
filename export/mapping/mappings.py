"""The mappings by name, and the loop that all share."""

from collections.abc import Callable
from functools import partial

from bitlogic.export.mapping import LutMapping
from bitlogic.export.mapping.abc import abc_merge
from bitlogic.export.mapping.decompose import decompose
from bitlogic.export.mapping.merge import merge_luts
from bitlogic.export.mapping.windows import use_windows
from bitlogic.export.netlist import MAX_RANK, Netlist
from bitlogic.export.passes import optimize

OnPass = Callable[[str, Netlist, Netlist], None]
Step = Callable[[Netlist], Netlist]


def apply_mapping(netlist: Netlist, mapping: LutMapping, *, on_pass: OnPass | None = None) -> Netlist:
    """The optimised ``netlist`` after the mapping; ``on_pass`` as for ``optimize``.

    Rounds of the mapping's steps, each optimised, until a round leaves no fewer LUTs, levels or pins; a step that makes
    the netlist worse is not taken. Half a minute for 128,000 LUTs of rank 4; minutes where so many of rank 6 are split.

    Raises:
        MissingToolError: ABC is not installed, for a mapping that uses it.
    """
    size, steps = MAPPINGS[mapping]
    if not steps:
        return netlist
    if size == 4:
        netlist = _taken(decompose, netlist, on_pass)
    while True:
        before = netlist
        for step in steps:
            changed = _taken(step, netlist, on_pass)
            netlist = changed if _cost(changed) < _cost(netlist) else netlist
        if _cost(netlist) == _cost(before):
            return netlist


def _taken(step: Step, netlist: Netlist, on_pass: OnPass | None) -> Netlist:
    result = step(netlist)
    if on_pass is not None:
        function = step.func if isinstance(step, partial) else step
        on_pass(function.__name__, netlist, result)
    return optimize(result, on_pass=on_pass)


def _cost(netlist: Netlist) -> tuple[int, int, int]:
    """LUTs, then levels, then pins."""
    return netlist.num_luts, netlist.depth, int((netlist.pins > 1).sum())


# Pins of the device's LUTs, and the steps of a round.
MAPPINGS: dict[LutMapping, tuple[int, tuple[Step, ...]]] = {
    LutMapping.NONE: (MAX_RANK, ()),
    LutMapping.LUT4: (4, (use_windows, partial(merge_luts, size=4))),
    LutMapping.LUT6: (6, (use_windows, partial(merge_luts, size=6))),
    LutMapping.ABC4: (4, (use_windows, partial(merge_luts, size=4), partial(abc_merge, size=4))),
    LutMapping.ABC6: (6, (use_windows, partial(merge_luts, size=6), partial(abc_merge, size=6))),
}
