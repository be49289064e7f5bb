"""The passes in the order they run. A new one is a file with a function ``Netlist -> Netlist``, and a line here.

A pass keeps the scores of every input, gives a valid netlist, changes nothing when it runs a second time, and carries
``origins`` along.
"""

from collections.abc import Callable

from bitlogic.errors import NetlistError
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes.complements import merge_complements
from bitlogic.export.passes.constants import fold_constants
from bitlogic.export.passes.dead import remove_dead
from bitlogic.export.passes.duplicates import merge_duplicates
from bitlogic.export.passes.encoder_bits import share_encoder_bits
from bitlogic.export.passes.pins import drop_unused_pins
from bitlogic.export.passes.rank import narrow_rank
from bitlogic.export.passes.thermometer import use_thermometer
from bitlogic.export.passes.wires import absorb_wires

Pass = Callable[[Netlist], Netlist]

PASSES: tuple[Pass, ...] = (
    share_encoder_bits,
    fold_constants,
    use_thermometer,
    drop_unused_pins,
    absorb_wires,
    merge_duplicates,
    merge_complements,
    remove_dead,
    narrow_rank,
)


def optimize(netlist: Netlist, *, on_pass: Callable[[str, Netlist, Netlist], None] | None = None) -> Netlist:
    """The netlist after all passes, round after round until a round leaves the digest as it is.

    ``on_pass`` is called after each pass with its name, what it was given and its result. NetlistError if the passes
    do not settle, which only a faulty pass can cause: what one round leaves to the next moves up by levels.
    """
    digest = netlist.digest()
    for _ in range(8 + 2 * netlist.depth):
        for run in PASSES:
            result = run(netlist)
            if on_pass is not None:
                on_pass(run.__name__, netlist, result)
            netlist = result
        before, digest = digest, netlist.digest()
        if digest == before:
            return netlist
    raise NetlistError("the passes do not settle: some pass undoes what another one does")
