"""What the passes find beyond equal LUTs: complements, and what a thermometer code never shows."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bitlogic.export.equivalence import prove_equal
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.passes.complements import merge_complements
from bitlogic.export.passes.dont_cares import fewest_pins
from bitlogic.export.passes.thermometer import occurring, use_thermometer
from bitlogic.export.samples import InputKind
from tests.nets import AND, NAND, OR, XOR, bits_netlist, random_netlist, samples_for


def thermometer(*thresholds: int) -> Encoder:
    """One feature of 4 bits with these integer thresholds."""
    integers = np.array(thresholds, dtype=np.int32)
    return Encoder(
        input_shape=(1,),
        features=np.zeros(len(integers), dtype=np.int32),
        thresholds=((integers + 0.25) / 15).astype(np.float32),
        input_bits=4,
        integer_thresholds=integers,
        input_min=np.zeros(1, dtype=np.float32),
        input_max=np.ones(1, dtype=np.float32),
    )


def dense(seed: int, rank: int = 4) -> Netlist:
    """Few features with many thresholds each: most LUTs read two of one feature."""
    return random_netlist(seed, num_features=3, bits_per_feature=8, rank=rank, widths=(40, 24))


def test_a_pin_on_a_complement_reads_the_first_lut_inverted() -> None:
    # 5 = and, 6 = nand of the same pins, 7 = nand | bit 2 = ~and | bit 2
    after = merge_complements(bits_netlist(3, [AND, NAND, OR], [[2, 3], [2, 3], [6, 4]], [5, 7], 2))
    assert after.pins.tolist() == [[2, 3], [2, 3], [5, 4]]
    assert after.tables.tolist() == [AND, NAND, 0b1101]
    assert optimize(after).num_luts == 2


def test_an_output_on_a_complement_stays_and_costs_no_level() -> None:
    before = bits_netlist(2, [AND, NAND], [[2, 3], [2, 3]], [4, 5], 2)
    assert merge_complements(before).digest() == before.digest()
    assert optimize(before).depth == 1


def test_complements_are_found_behind_complements() -> None:
    # 5, 6 complements; 7 = 5 & bit 2, 8 = ~(~6 & bit 2) = ~7
    before = bits_netlist(3, [XOR, XOR ^ 15, AND, 0b1011, OR], [[2, 3], [2, 3], [5, 4], [6, 4], [7, 8]], [9], 1)
    assert optimize(before).outputs.tolist() == [1]


def test_two_thresholds_of_a_feature_leave_three_of_four_addresses() -> None:
    encoder = thermometer(3, 5)
    netlist = replace(bits_netlist(2, [XOR, AND], [[2, 3], [3, 2]], [4, 5], 2), encoder=encoder)
    assert occurring(netlist, encoder).tolist() == [0b1011, 0b1101]
    after = optimize(netlist)  # x > 3 and x > 5 is x > 5; the xor keeps both pins
    assert after.num_luts == 1 and after.outputs.tolist() == [4, 3]


def test_tables_that_differ_only_where_nothing_occurs_become_one_lut() -> None:
    # pins x > 3, x > 5: xor and "greater" differ at x > 5 alone, which implies the other
    netlist = replace(bits_netlist(2, [XOR, 0b0010], [[2, 3]] * 2, [4, 5], 2), encoder=thermometer(3, 5))
    after = optimize(netlist)
    assert after.num_luts == 1 and after.outputs.tolist() == [4, 4]


def test_an_implication_must_hold_for_floats_and_for_integers() -> None:
    encoder = thermometer(3, 5)
    assert encoder.integer_thresholds is not None
    crossed = replace(encoder, thresholds=encoder.thresholds[::-1])
    netlist = replace(bits_netlist(2, [AND], [[2, 3]], [4], 1), encoder=crossed)
    assert use_thermometer(netlist).tables.tolist() == [AND]


def test_nothing_is_known_of_bits_without_an_encoder() -> None:
    netlist = bits_netlist(2, [XOR, AND], [[2, 3], [3, 2]], [4, 5], 2)
    assert use_thermometer(netlist) is netlist


@pytest.mark.formal
@pytest.mark.parametrize("seed", range(3))
def test_what_the_thermometer_frees_is_proven_for_every_x_and_refuted_for_free_bits(seed: int) -> None:
    before = dense(seed)
    after = use_thermometer(before)
    assert (after.tables != before.tables).any()
    assert prove_equal(before, after).holds is True
    assert prove_equal(before.without_encoder(), after.without_encoder()).holds is False


@pytest.mark.parametrize("rank", [2, 3, 4, 5, 6])
def test_the_thermometer_makes_dense_codes_smaller(rank: int) -> None:
    before = dense(rank, rank)
    after = optimize(before)
    samples = samples_for(before, InputKind.X)
    np.testing.assert_array_equal(evaluate(before, samples).scores, evaluate(after, samples).scores)
    assert (after.pins > 1).sum() < (optimize(before.without_encoder()).pins > 1).sum()


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_fewest_pins_keeps_what_matters_and_no_smaller_choice_exists(rank: int) -> None:
    rng = np.random.default_rng(rank)
    size = 1 << rank
    ones = (1 << size) - 1
    tables = rng.integers(0, ones, size=40, endpoint=True).astype(np.uint64)
    care = rng.integers(1, ones, size=40, endpoint=True).astype(np.uint64)
    chosen = fewest_pins(tables, care, rank)
    assert not ((tables ^ chosen) & care).any()
    for table, mask, result in zip(tables.tolist(), care.tolist(), chosen.tolist(), strict=True):
        assert (
            _num_pins(result, rank)
            == min(_num_pins(other, rank) for other in range(ones + 1) if not (other ^ table) & mask)
            if rank < 4
            else _num_pins(result, rank) <= _num_pins(table, rank)
        )


def test_fewest_pins_makes_agreeing_tables_equal_and_opposite_ones_complements() -> None:
    rng = np.random.default_rng(0)
    care = rng.integers(1, 1 << 16, size=200, dtype=np.uint64)
    tables = rng.integers(0, 1 << 16, size=200, dtype=np.uint64)
    noise = rng.integers(0, 1 << 16, size=200, dtype=np.uint64) & ~care
    chosen = fewest_pins(tables, care, 4)
    np.testing.assert_array_equal(chosen, fewest_pins(tables ^ noise, care, 4))
    np.testing.assert_array_equal(chosen ^ np.uint64(0xFFFF), fewest_pins(~tables & np.uint64(0xFFFF), care, 4))


def _num_pins(table: int, rank: int) -> int:
    pairs = [(a, b) for a, b in combinations(range(1 << rank), 2) if (a ^ b).bit_count() == 1]
    return len({a ^ b for a, b in pairs if (table >> a ^ table >> b) & 1})
