"""Technology mapping: every step keeps each output net, and what is left fits the device's LUTs."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import MissingToolError, OptionError
from bitlogic.export.equivalence import prove_equal
from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.folder import EXTRACTED, NETLIST, export, optimize_for, options_from
from bitlogic.export.mapping import LutMapping, abc
from bitlogic.export.mapping.cover import cover
from bitlogic.export.mapping.cuts import priority_cuts
from bitlogic.export.mapping.decompose import decompose
from bitlogic.export.mapping.mappings import MAPPINGS, apply_mapping
from bitlogic.export.mapping.merge import merge_luts
from bitlogic.export.mapping.splits import best_splits
from bitlogic.export.mapping.subject import subject_of
from bitlogic.export.mapping.windows import use_windows
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind
from bitlogic.export.trace import trace
from bitlogic.export.verify import contents, verify
from bitlogic.export.words import table_of, variables
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, samples_for
from tests.trained import trained_like

NETS: dict[str, Netlist] = {
    **DEGENERATE,
    **{f"random_rank{rank}": random_netlist(rank, rank=rank) for rank in range(1, 7)},
    **{f"trained_like_rank{rank}": trained_like(rank, rank=rank) for rank in range(1, 7)},
    **{
        f"narrow_rank{rank}": random_netlist(rank, num_features=4, rank=rank, widths=(24, 20, 16)) for rank in (2, 3, 5)
    },
    "deep": random_netlist(7, widths=(6,) * 12, rank=3),
    "thermometer": random_netlist(9, num_features=3, bits_per_feature=8, widths=(40, 24)),
}
STEPS: dict[str, Callable[[Netlist], Netlist]] = {
    "use_windows": use_windows,
    "decompose": decompose,
    "merge_luts_4": lambda netlist: merge_luts(decompose(netlist), 4),
    "merge_luts_6": lambda netlist: merge_luts(netlist, 6),
    "subject": lambda netlist: subject_of(netlist).netlist,
}
OWN = [LutMapping.LUT4, LutMapping.LUT6]
CHAIN = bits_netlist(5, [AND, OR, XOR, AND], [[2, 3], [7, 4], [8, 5], [9, 6]], [10], 1)


def assert_same_outputs(before: Netlist, after: Netlist) -> None:
    kind = InputKind.BITS if before.encoder is None else InputKind.X
    samples = samples_for(before, kind)
    np.testing.assert_array_equal(
        evaluate_nets(before, samples)[before.outputs], evaluate_nets(after, samples)[after.outputs]
    )


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", NETS)
def test_a_step_keeps_every_output(step: str, name: str) -> None:
    netlist = optimize(NETS[name])
    assert_same_outputs(netlist, STEPS[step](netlist))


@pytest.mark.parametrize("mapping", OWN)
@pytest.mark.parametrize("name", NETS)
def test_a_mapping_keeps_the_outputs_fits_the_luts_and_settles(mapping: LutMapping, name: str) -> None:
    before = optimize(NETS[name])
    after = apply_mapping(before, mapping)
    assert_same_outputs(NETS[name], after)
    size = MAPPINGS[mapping][0]
    assert after.rank <= size
    if before.rank <= size:
        assert after.num_luts <= before.num_luts and after.depth <= before.depth
    assert apply_mapping(after, mapping).digest() == after.digest()
    assert after.head == before.head and after.encoder is before.encoder


@pytest.mark.formal
@pytest.mark.parametrize("mapping", OWN)
@pytest.mark.parametrize("name", ["random_rank6", "trained_like_rank4", "thermometer", "deep", "weights_at_both_ends"])
def test_a_mapping_is_proven(mapping: LutMapping, name: str) -> None:
    assert prove_equal(NETS[name], apply_mapping(optimize(NETS[name]), mapping)).holds is True


def test_a_chain_of_two_pin_luts_merges_as_far_as_it_fits() -> None:
    assert [apply_mapping(CHAIN, mapping).num_luts for mapping in OWN] == [2, 1]
    assert apply_mapping(CHAIN, LutMapping.LUT6).pins.tolist() == [[2, 3, 4, 5, 6]]


def test_a_lut_with_several_readers_goes_into_all_of_them() -> None:
    before = bits_netlist(4, [AND, XOR, OR], [[2, 3], [6, 4], [6, 5]], [7, 8], 2)
    assert apply_mapping(before, LutMapping.LUT4).num_luts == 2


def test_a_lut_that_is_an_output_stays() -> None:
    before = bits_netlist(3, [AND, XOR], [[2, 3], [5, 4]], [5, 6], 2)
    assert apply_mapping(before, LutMapping.LUT6).num_luts == 2


def test_cuts_may_run_through_the_middle_of_a_lut() -> None:
    # The and of ten bits as 4, 3 and 3 pins: no LUT6 takes two of these whole, but six bits and four make two.
    every = 1 << 15
    before = bits_netlist(10, [every] * 3, [[2, 3, 4, 5], [6, 7, 8, 12], [9, 10, 11, 13]], [14], 1)
    assert len(cover(before, 6)) == 3
    assert apply_mapping(before, LutMapping.LUT6).num_luts == 2


def test_the_netlists_own_pins_are_always_among_the_cuts() -> None:
    netlist = optimize(random_netlist(3))
    for choices, row in zip(priority_cuts(netlist, 4, [1] * netlist.num_luts), netlist.pins.tolist(), strict=True):
        assert tuple(sorted(net for net in row if net)) in choices


@pytest.mark.parametrize("seed", range(4))
def test_a_cover_is_never_deeper_nor_larger_than_its_start(seed: int) -> None:
    netlist = optimize(random_netlist(seed, num_features=4, widths=(14, 12, 12), rank=3))
    for size in (3, 4, 6):
        assert len(cover(netlist, size)) <= netlist.num_luts
        assert merge_luts(netlist, size).depth <= netlist.depth


@pytest.mark.parametrize("num_pins", [5, 6])
def test_a_table_that_splits_is_split_and_the_parts_make_it_again(num_pins: int) -> None:
    rng = np.random.default_rng(num_pins)
    every = variables(num_pins)
    ones = (1 << (1 << num_pins)) - 1
    tables = []
    for bound in itertools.islice(itertools.permutations(range(num_pins)), 0, None, 37):
        inner = table_of(int(rng.integers(1 << 16)), [every[pin] for pin in bound[:4]], ones)
        top = int(rng.integers(1 << (1 << num_pins - 3)))
        tables.append(table_of(top, [inner, *(every[pin] for pin in bound[4:])], ones))
    for table, split in zip(tables, best_splits(tables, num_pins, 4), strict=True):
        assert split is not None and len(split.rest) <= 3
        inner = table_of(split.inner, [every[pin] for pin in split.bound], ones)
        assert table_of(split.top, [inner, *(every[pin] for pin in split.rest)], ones) == table


def test_random_tables_need_at_most_three_and_six_luts_of_four_pins() -> None:
    for rank, most in ((5, 3), (6, 6)):
        rng = np.random.default_rng(rank)
        tables = [int.from_bytes(rng.bytes(1 << rank >> 3)) for _ in range(20)]
        before = bits_netlist(rank, tables, [list(range(2, 2 + rank))] * 20, list(range(2 + rank, 22 + rank)), 2)
        after = decompose(before)
        assert after.rank == 4 and after.num_luts <= 20 * most
        assert_same_outputs(before, after)


def test_windows_find_what_stands_behind_the_pins() -> None:
    # 5 = a & b, 6 = a | b: 5 = 1 with 6 = 0 never occurs, so 5 xor 6 where c is free needs no more than it does
    before = bits_netlist(3, [AND, OR, AND], [[2, 3], [2, 3], [5, 6]], [7], 1)
    after = optimize(use_windows(before))
    assert after.num_luts == 1 and after.tables.tolist() == [AND]


@pytest.mark.formal
@pytest.mark.parametrize("seed", range(3))
def test_windows_use_the_encoder_and_are_proven(seed: int) -> None:
    before = optimize(random_netlist(seed, num_features=3, bits_per_feature=6, widths=(30, 24), rank=3))
    after = use_windows(before)
    assert (after.tables != before.tables).any()
    assert prove_equal(before, after).holds is True


@pytest.mark.parametrize("mapping", OWN)
def test_origins_are_those_of_the_netlist(mapping: LutMapping) -> None:
    before = optimize(trained_like(3, rank=5))
    assert before.origins is not None
    after = apply_mapping(before, mapping)
    assert after.origins is not None
    assert {tuple(origin) for origin in after.origins.tolist()} <= {tuple(origin) for origin in before.origins.tolist()}
    assert apply_mapping(replace(before, origins=None), mapping).digest() == after.digest()


@pytest.mark.parametrize("kind", list(InputKind))
def test_an_export_is_mapped_says_so_and_verifies(kind: InputKind) -> None:
    options = options_from("blif", {"map": "lut6", "input": kind.value})
    extracted = trained_like(1, rank=4)
    artifacts = export(extracted, "blif", options)
    mapped = optimize_for(extracted, kind, LutMapping.LUT6)
    assert Netlist.from_bytes(artifacts.files[NETLIST]).digest() == mapped.digest()
    assert artifacts.manifest["netlist"]["digest"] == mapped.digest()
    assert Netlist.from_bytes(artifacts.files[EXTRACTED]).digest() == extracted.digest()
    assert mapped.num_luts < optimize_for(extracted, kind).num_luts
    assert verify(artifacts).holds
    vectors, netlist, before = contents(artifacts)
    assert trace(artifacts, netlist, before, vectors.inputs.samples, None) is None


def test_the_walk_names_a_mapping_step_that_changes_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(netlist: Netlist) -> Netlist:
        return replace(netlist, outputs=np.zeros_like(netlist.outputs))

    artifacts = export(trained_like(1), "blif", options_from("blif", {"map": "lut4"}))
    vectors, netlist, extracted = contents(artifacts)
    monkeypatch.setitem(MAPPINGS, LutMapping.LUT4, (4, (spoiled,)))
    found = trace(artifacts, netlist, extracted, vectors.inputs.samples, None)
    assert found is not None and "pass spoiled changes the scores" in found.where


def test_every_name_has_a_mapping_and_another_is_refused() -> None:
    assert set(MAPPINGS) == set(LutMapping)
    assert apply_mapping(CHAIN, LutMapping.NONE) is CHAIN
    for target in ("verilog", "amaranth", "blif"):
        with pytest.raises(OptionError, match="none, lut2, lut3, lut4, lut6, abc4, abc6"):
            options_from(target, {"map": "lut5"})


def test_abc_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abc, "abc_program", lambda: None)
    with pytest.raises(MissingToolError, match="pip install"):
        apply_mapping(CHAIN, LutMapping.ABC4)
