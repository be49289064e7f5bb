"""Mapping to operations of three and of two inputs: the same outputs, as few operations as are claimed."""

import tracemalloc
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bitlogic.export.equivalence import prove_equal
from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.folder import NETLIST, export, options_from
from bitlogic.export.mapping import LutMapping, mappings, operations
from bitlogic.export.mapping.counts import Counts, TableCosts, operation_counts
from bitlogic.export.mapping.divide import divide
from bitlogic.export.mapping.equal import merge_equal
from bitlogic.export.mapping.joint import is_one_more, joint_networks
from bitlogic.export.mapping.mappings import apply_mapping
from bitlogic.export.mapping.operations import to_operations
from bitlogic.export.mapping.pairs import pair_costs, pair_networks
from bitlogic.export.mapping.sharing import luts_with_common_pins
from bitlogic.export.mapping.smallest import smallest_networks
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind
from bitlogic.export.verify import verify
from bitlogic.export.words import table_of, variables
from tests.nets import AND, DEGENERATE, XOR, bits_netlist, random_netlist, samples_for
from tests.networks import values_of
from tests.trained import trained_like

SIZES = {LutMapping.LUT2: 2, LutMapping.LUT3: 3}
NETS: dict[str, Netlist] = {
    **DEGENERATE,
    **{f"random_rank{rank}": random_netlist(rank, rank=rank) for rank in range(1, 7)},
    **{f"trained_like_rank{rank}": trained_like(rank, rank=rank) for rank in (2, 4, 6)},
    "narrow": random_netlist(4, num_features=3, rank=4, widths=(30, 24)),
    "deep": random_netlist(7, widths=(6,) * 12, rank=5),
    "thermometer": random_netlist(9, num_features=3, bits_per_feature=8, widths=(40, 24)),
}


def assert_same_outputs(before: Netlist, after: Netlist) -> None:
    samples = samples_for(before, InputKind.BITS if before.encoder is None else InputKind.X)
    np.testing.assert_array_equal(
        evaluate_nets(before, samples)[before.outputs], evaluate_nets(after, samples)[after.outputs]
    )


def random_tables(rank: int, number: int, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int.from_bytes(rng.bytes(max(1, 1 << rank >> 3))) for _ in range(number)]


def apart(rank: int, tables: list[int]) -> Netlist:
    """One LUT for each table, none of which reads what another one does."""
    pins = [list(range(FIRST_INPUT + rank * lut, FIRST_INPUT + rank * (lut + 1))) for lut in range(len(tables))]
    first = FIRST_INPUT + rank * len(tables)
    return bits_netlist(rank * len(tables), tables, pins, list(range(first, first + len(tables))), 1)


@pytest.mark.parametrize("mapping", SIZES)
@pytest.mark.parametrize("name", NETS)
def test_a_netlist_in_operations_keeps_the_outputs_fits_and_settles(mapping: LutMapping, name: str) -> None:
    before = optimize(NETS[name])
    after = apply_mapping(before, mapping)
    assert_same_outputs(NETS[name], after)
    assert after.rank <= SIZES[mapping]
    assert apply_mapping(after, mapping).digest() == after.digest()
    assert after.head == before.head and after.encoder is before.encoder
    assert_same_outputs(NETS[name], to_operations(NETS[name], SIZES[mapping]))  # constants and repeated pins inside


@pytest.mark.formal
@pytest.mark.parametrize("mapping", SIZES)
@pytest.mark.parametrize("name", ["random_rank6", "trained_like_rank4", "thermometer", "deep"])
def test_a_netlist_in_operations_is_proven(mapping: LutMapping, name: str) -> None:
    assert prove_equal(NETS[name], apply_mapping(optimize(NETS[name]), mapping)).holds is True


def test_a_lut_of_three_pins_takes_as_many_operations_as_one_of_four_that_ignores_one() -> None:
    tables = random_tables(3, 100, 3)
    counts = smallest_networks(2).num_steps[[table | table << 8 for table in tables]]
    assert to_operations(apart(3, tables), 2).num_luts == counts.sum()
    assert operation_counts(apart(3, tables)).binary_operations == counts.sum()


@pytest.mark.parametrize("size", [2, 3])
def test_a_lut_of_four_pins_takes_the_fewest_operations(size: int) -> None:
    tables = [table for table in random_tables(4, 300, size) if table not in (0, 0xFFFF)]
    counts = smallest_networks(size).num_steps[tables]
    assert to_operations(apart(4, tables), size).num_luts == counts.sum()


@pytest.mark.parametrize(("rank", "size", "most"), [(5, 3, 4.9), (6, 3, 9.9), (5, 2, 10.8), (6, 2, 21.7)])
def test_random_luts_of_five_and_six_pins_take_few_operations(rank: int, size: int, most: float) -> None:
    """Shannon's expansion alone takes 5.3 and 10.9 of three inputs."""
    before = apart(rank, random_tables(rank, 500, rank))
    after = optimize(to_operations(before, size))
    assert after.num_luts <= 500 * most
    assert_same_outputs(before, after)


def test_a_table_that_splits_is_split() -> None:
    # two majorities of three pins each, and the second function of their results
    every, ones = variables(6), (1 << 64) - 1
    majorities = [table_of(0b1110_1000, list(some), ones) for some in (every[:3], every[3:])]
    before = apart(6, [majorities[0] ^ majorities[1]])
    after = to_operations(before, 3)
    assert after.num_luts == 3
    assert_same_outputs(before, after)


def test_luts_with_the_same_inputs_choose_what_they_can_share() -> None:
    # a ^ b ^ c is a LUT; a ^ b ^ c ^ d can begin with any three of its inputs, and begins with these
    parity = 0b1001_0110
    before = bits_netlist(4, [parity | parity << 8, 0x6996], [[2, 3, 4, 0], [2, 3, 4, 5]], [6, 7], 2)
    assert to_operations(before, 3).num_luts == 2
    for one, other in combinations([2, 3, 4, 5], 2):
        pair = bits_netlist(4, [XOR * 0x1111, 0x6996], [[one, other, 0, 0], [2, 3, 4, 5]], [6, 7], 2)
        assert to_operations(pair, 2).num_luts == 3


def test_choosing_finds_what_no_choice_misses() -> None:
    """Of one pair of nets in each LUT: the operation of it that the others take."""
    rng = np.random.default_rng(5)
    tables = random_tables(4, 200, 5)
    pins = [[2, 3, *sorted(rng.choice(np.arange(4, 400), 2, replace=False).tolist())] for _ in tables]
    before = bits_netlist(400, tables, pins, list(range(402, 602)), 1)
    counts = smallest_networks(2).num_steps[tables].sum()
    assert to_operations(before, 2).num_luts < 0.9 * counts
    assert_same_outputs(before, to_operations(before, 2))


def test_only_luts_with_two_common_nets_can_share() -> None:
    pins = np.array([[2, 3, 4, 5], [2, 6, 7, 8], [4, 5, 9, 0], [9, 0, 0, 0], [9, 0, 0, 0], [0, 0, 0, 0]])
    assert luts_with_common_pins(pins).tolist() == [0, 2]


def test_equal_luts_become_one_with_their_readers() -> None:
    before = bits_netlist(3, [AND, AND, XOR, XOR], [[2, 3], [2, 3], [5, 4], [6, 4]], [7, 8], 2)
    after = merge_equal(before, np.arange(4))
    assert after.num_luts == 2 and after.outputs.tolist() == [6, 6]
    assert merge_equal(before, np.array([2, 3])).num_luts == 4


@pytest.mark.parametrize("size", [2, 3])
def test_many_luts_keep_the_outputs_without_a_choice(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = optimize(NETS["narrow"])
    chosen = apply_mapping(before, LutMapping(f"lut{size}"))
    monkeypatch.setattr(operations, "MAX_CHOSEN", 0)
    monkeypatch.setattr(mappings, "MAX_OPTIMIZED", 0)
    monkeypatch.setattr(mappings, "MAX_WHOLE", 0)
    after = apply_mapping(before, LutMapping(f"lut{size}"))
    assert_same_outputs(before, after)
    assert after.num_luts > chosen.num_luts


def test_a_second_function_behind_the_first_ones_steps_is_one_more() -> None:
    rng = np.random.default_rng(11)
    first, second = rng.integers(0, 1 << 16, (2, 20_000))
    rows = np.flatnonzero(is_one_more(first, second))
    assert 2_000 < len(rows) < 10_000
    found = joint_networks(first[rows], second[rows])
    np.testing.assert_array_equal(values_of(found), second[rows])
    before = replace(found, num_steps=found.num_steps - 1)
    np.testing.assert_array_equal(values_of(before), first[rows])
    np.testing.assert_array_equal(before.num_steps, smallest_networks(3).num_steps[first[rows]])


def test_pairs_cost_what_their_networks_have() -> None:
    one, other = np.random.default_rng(12).integers(0, 1 << 16, (2, 2_000))
    costs, orders = pair_costs(one, other, 3)
    networks, (place_one, place_other) = pair_networks(one, other, orders)
    joint = orders > 0
    assert 0 < joint.sum() < len(one)
    np.testing.assert_array_equal(networks.num_steps[joint], costs[joint])
    np.testing.assert_array_equal(np.maximum(place_one, place_other), networks.num_steps + 5)


def test_a_divided_netlist_has_at_most_four_pins_and_the_same_outputs() -> None:
    for rank in (5, 6):
        for size in (2, 3):
            before = optimize(random_netlist(rank, rank=rank))
            after = divide(before, size)
            assert after.rank <= 4
            assert_same_outputs(before, after)


def test_counts_are_the_fewest_of_each_lut_and_are_those_of_the_mapping_where_none_is_shared() -> None:
    tables = [table for table in random_tables(4, 100, 1) if table not in (0, 0xFFFF)]
    netlist = apart(4, tables)
    counts = operation_counts(netlist)
    assert counts == Counts(
        len(tables), to_operations(netlist, 3).num_luts, to_operations(netlist, 2).num_luts, depth=1
    )
    parity = bits_netlist(6, [sum((a.bit_count() & 1) << a for a in range(64))], [[2, 3, 4, 5, 6, 7]], [8], 1)
    assert operation_counts(parity).binary_operations <= 5 + 2
    wide = bits_netlist(6, [0xAAAA_AAAA_CCCC_CCCC], [[2, 3, 4, 5, 6, 7]], [8], 1)  # a choice: three pins matter
    assert operation_counts(wide) == Counts(1, 1, 3, 1)


@pytest.mark.parametrize("rank", [5, 6])
def test_counts_of_large_luts_are_what_mapping_needs_at_most_and_hardly_more(rank: int) -> None:
    netlist = apart(rank, random_tables(rank, 100, rank))
    counts = operation_counts(netlist)
    for size, counted in ((3, counts.ternary_operations), (2, counts.binary_operations)):
        needed = optimize(to_operations(netlist, size)).num_luts
        assert needed <= counted <= 1.12 * needed


def test_costs_of_tables_are_remembered() -> None:
    costs = TableCosts()
    netlists = [optimize(random_netlist(seed, rank=5 + seed % 2)) for seed in range(3)]
    assert [costs.counts(netlist) for netlist in netlists * 2] == [operation_counts(net) for net in netlists] * 2


@pytest.mark.parametrize("mapping", SIZES)
def test_an_export_in_operations_verifies(mapping: LutMapping) -> None:
    artifacts = export(trained_like(1, rank=4), "blif", options_from("blif", {"map": str(mapping)}))
    assert Netlist.from_bytes(artifacts.files[NETLIST]).rank == SIZES[mapping]
    assert verify(artifacts).holds


@pytest.mark.parametrize("mapping", SIZES)
def test_operations_have_the_origin_of_their_lut(mapping: LutMapping) -> None:
    before = optimize(trained_like(3, rank=5))
    assert before.origins is not None
    after = apply_mapping(before, mapping)
    assert after.origins is not None
    assert {tuple(origin) for origin in after.origins.tolist()} <= {tuple(origin) for origin in before.origins.tolist()}
    assert apply_mapping(replace(before, origins=None), mapping).digest() == after.digest()


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_a_million_luts_become_operations_in_two_gigabytes(size: int) -> None:
    before = optimize(random_netlist(1, num_features=784, bits_per_feature=8, widths=(250_000,) * 4))
    tracemalloc.start()
    after = to_operations(before, size)
    assert tracemalloc.get_traced_memory()[1] < 2e9
    tracemalloc.stop()
    counts = operation_counts(before)
    one_by_one = counts.ternary_operations if size == 3 else counts.binary_operations
    assert 0.999 * one_by_one < after.num_luts <= one_by_one
