"""The order of LUTs in C code: the same scores, and neighbours that read the same."""

import numpy as np
import pytest

from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets import c_order
from bitlogic.export.targets.c_order import by_shared_pins
from tests.edge.workload import layered_netlist
from tests.nets import random_netlist


def shared(netlist: Netlist) -> int:
    """Pins that a LUT has in common with the one before it."""
    return sum(
        len({*one} & {*other}) for one, other in zip(netlist.pins[1:].tolist(), netlist.pins.tolist(), strict=False)
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_order_changes_no_score(seed: int) -> None:
    netlist = random_netlist(seed, rank=1 + seed)
    ordered = by_shared_pins(netlist)
    values = np.random.default_rng(seed).integers(0, 2, (200, netlist.num_inputs)).astype(np.uint8)
    samples = Samples(InputKind.BITS, values)
    assert np.array_equal(evaluate(ordered, samples).scores, evaluate(netlist, samples).scores)
    assert sorted(ordered.tables.tolist()) == sorted(netlist.tables.tolist())


def test_neighbours_share_more_and_levels_stay_in_order() -> None:
    netlist = layered_netlist(0, num_pixels=60, widths=(300, 300))
    ordered = by_shared_pins(netlist)
    assert shared(ordered) > 2 * shared(netlist) + 100
    levels = ordered.levels[ordered.first_lut :]
    assert (np.diff(levels) >= 0).all()
    assert (ordered.outputs.reshape(10, -1)[:, :-1] < ordered.outputs.reshape(10, -1)[:, 1:]).all()


def test_a_large_network_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = random_netlist(0)
    monkeypatch.setattr(c_order, "_MAX_LUTS", netlist.num_luts - 1)
    assert by_shared_pins(netlist) is netlist
