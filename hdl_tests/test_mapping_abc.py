"""Mapping with ABC: what it gives is checked, and it is never worse than either way alone."""

from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import TargetError
from bitlogic.export.equivalence import prove_equal
from bitlogic.export.mapping import LutMapping, abc
from bitlogic.export.mapping.mappings import apply_mapping
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from tests.nets import DEGENERATE, random_netlist
from tests.trained import trained_like

pytestmark = pytest.mark.abc

NETS = {
    "trained_like_rank4": trained_like(4, rank=4),
    "trained_like_rank6": trained_like(6, rank=6),
    "narrow": random_netlist(3, num_features=4, rank=3, widths=(24, 20, 16)),
    "random": random_netlist(0),
}


@pytest.mark.formal
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [4, 6])
def test_with_abc_no_more_luts_than_abc_makes_of_the_plain_netlist_nor_than_without(name: str, size: int) -> None:
    plain, before = NETS[name].without_encoder(), optimize(NETS[name])
    after = apply_mapping(before, LutMapping(f"abc{size}"))
    assert after.rank <= size
    assert after.num_luts <= optimize(abc.abc_merge(plain, size)).num_luts
    assert after.num_luts <= apply_mapping(before, LutMapping(f"lut{size}")).num_luts
    assert prove_equal(NETS[name], after).holds is True
    assert (after.origins is None) == (NETS[name].origins is None)


@pytest.mark.parametrize("name", ["one_input", "no_lut", "constant_luts_in_a_class", "weights_at_both_ends"])
def test_degenerate_netlists_come_back_from_abc(name: str) -> None:
    before = DEGENERATE[name]
    after = abc.abc_merge(before, 4)
    assert (after.num_inputs, after.num_outputs, after.head) == (before.num_inputs, before.num_outputs, before.head)


def test_an_abc_that_gives_other_outputs_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def flipped(program: str, text: str, flow: str, netlist: Netlist) -> Netlist:
        return replace(netlist, tables=netlist.tables ^ np.uint64(1))

    monkeypatch.setattr(abc, "_run", flipped)
    with pytest.raises(TargetError, match="other outputs"):
        abc.abc_merge(NETS["random"], 4)


def test_an_abc_that_fails_or_does_not_finish_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abc, "FLOWS", ("no_such_command",))
    with pytest.raises(TargetError, match="ABC failed"):
        abc.abc_merge(NETS["random"], 4)
    monkeypatch.setattr(abc, "TIMEOUT_SECONDS", 0.001)
    with pytest.raises(TargetError, match="did not finish"):
        abc.abc_merge(NETS["random"], 4)
