"""LUTs merged into those that read them, as far as their pins fit."""

from dataclasses import replace

import numpy as np

from bitlogic.export.mapping.compose import merge_cones
from bitlogic.export.mapping.cover import cover
from bitlogic.export.mapping.subject import subject_of
from bitlogic.export.netlist import Netlist

MAX_WHOLE = 40_000  # LUTs up to which cuts may run through the middle of a LUT; above, only along LUTs


def merge_luts(netlist: Netlist, size: int) -> Netlist:
    """The netlist in LUTs of at most ``size`` pins, never more of them than before and never deeper.

    ``netlist`` is optimised and of rank ``size`` at most. A LUT has the origin of the one whose output it gives, or in
    whose middle its output lies. Above 40,000 LUTs none is cut through, which finds less and takes a tenth of the time.
    """
    if netlist.num_luts > MAX_WHOLE:
        return merge_cones(netlist, cover(netlist, size), size)
    subject = subject_of(netlist)
    origins = None if netlist.origins is None else netlist.origins[np.array(subject.made_for, dtype=np.int64)]
    pieces = replace(subject.netlist, origins=origins)
    return merge_cones(pieces, cover(pieces, size, subject.start), size)
