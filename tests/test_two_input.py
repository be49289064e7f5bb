"""The smallest networks of two-input operations: what the file holds, and the proof that nothing is smaller."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from bitlogic.export.mapping import two_input_proof
from bitlogic.export.mapping.chains import fewest_steps, images, inverse_images, listed_chains, ways_to_representatives
from bitlogic.export.mapping.networks import Library, Step
from bitlogic.export.mapping.npn import classes
from bitlogic.export.mapping.smallest import library, smallest_networks
from bitlogic.export.mapping.two_input import binary_networks, binary_steps, line_of
from tests.networks import values_of

EVERY = np.arange(1 << 16)

# Classes and functions that need so many operations: D. Knuth, The Art of Computer Programming 4A, 7.1.2, table 1.
KNUTH = {
    0: (2, 10),
    1: (2, 60),
    2: (5, 456),
    3: (20, 2474),
    4: (34, 10624),
    5: (75, 24184),
    6: (72, 25008),
    7: (12, 2720),
}


def test_all_functions_are_what_their_operations_of_two_inputs_give() -> None:
    np.testing.assert_array_equal(values_of(binary_networks()), EVERY)


def test_the_counts_are_those_of_knuth() -> None:
    """A constant, a wire and an inverter are one operation here and none there."""
    counts = np.bincount(binary_networks().num_steps).tolist()
    assert counts == [0, KNUTH[0][1] + KNUTH[1][1], *(KNUTH[steps][1] for steps in range(2, 8))]
    assert sum(steps * number for steps, number in enumerate(counts)) == 340_908  # 5.2018 on average


def test_no_class_has_a_smaller_network_than_the_one_in_the_file() -> None:
    """All chains of up to six steps are made: a lower bound that needs nothing from the file."""
    listed = listed_chains()
    fewest = fewest_steps(listed)
    assert [len(chains) for chains in listed] == [1, 2, 15, 156, 2396, 50865]
    assert Counter(fewest.tolist()) == {steps: number for steps, (number, _) in KNUTH.items()}
    in_file = smallest_networks(2).num_steps[classes().representatives]
    np.testing.assert_array_equal(np.maximum(fewest, 1), in_file)


@pytest.mark.slow
def test_the_file_is_what_the_proof_prints(capsys: pytest.CaptureFixture[str]) -> None:
    two_input_proof.main()
    found = library(2)
    lines = [
        line_of(function, found.networks.steps(row))
        for function, first, count in zip(
            classes().representatives.tolist(), found.first.tolist(), found.count.tolist(), strict=True
        )
        for row in range(first, first + count)
    ]
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("size", [2, 3])
def test_every_network_of_a_class_gives_every_function_of_it_in_the_fewest_steps(size: int) -> None:
    found = library(size)
    rows = np.arange(len(found.networks.num_steps))
    class_of = np.repeat(np.arange(len(found.count)), found.count)
    rng = np.random.default_rng(size)
    functions = np.array([rng.choice(np.flatnonzero(classes().class_of == number)) for number in class_of])
    placed = found.placed(rows, functions)
    np.testing.assert_array_equal(values_of(placed), functions)
    np.testing.assert_array_equal(placed.num_steps, smallest_networks(size).num_steps[functions])


@pytest.mark.parametrize("size", [2, 3])
def test_no_two_networks_of_a_class_begin_alike(size: int) -> None:
    found = library(size)
    for first, count in zip(found.first.tolist(), found.count.tolist(), strict=True):
        begins = {frozenset(_beginnings(found, row)) for row in range(first, first + count)}
        assert len(begins) == count


def _beginnings(found: Library, row: int) -> set[Step]:
    """The steps of inputs alone, with the smaller of a table and its complement."""
    steps = (step for step in found.networks.steps(row) if max(step.operands) < 4)
    ones = (1 << (1 << found.networks.operands.shape[2])) - 1
    return {Step(min(step.table, step.table ^ ones), step.operands) for step in steps}


def test_a_step_before_the_last_is_0_for_zeros() -> None:
    for size in (2, 3):
        networks = smallest_networks(size)
        behind = np.arange(networks.tables.shape[1]) >= networks.num_steps[:, None] - 1
        assert not (networks.tables & 1)[~behind].any()


def test_images_and_their_inverses_undo_each_other() -> None:
    functions = np.random.default_rng(3).integers(0, 1 << 15, 200) << 1
    for way, back in enumerate(inverse_images().tolist()):
        np.testing.assert_array_equal(images()[back][images()[way][functions]], functions)


def test_a_functions_way_leads_to_its_representative() -> None:
    npn = classes()
    ends = npn.representatives[npn.class_of].astype(np.int64)
    normal = np.where(ends & 1, ends ^ 0xFFFF, ends)
    np.testing.assert_array_equal(images()[ways_to_representatives(), EVERY], normal)


def test_steps_are_read_as_they_are_written() -> None:
    assert binary_steps(0x8888) == (Step(0b1000, (0, 1)),)
    assert binary_steps(0xFF00) == (Step(0b1010, (3, 3)),)
    assert len(binary_steps(0x6996)) == 3
    assert line_of(0x0006, [Step(6, (0, 1)), Step(14, (2, 3)), Step(2, (4, 5))]) == "0006 6:0,1 14:2,3 2:4,5"


def test_pairs_of_inputs_are_all_tried_as_beginnings() -> None:
    """The and of four inputs can begin with any pair, its negation in either one's steps being free."""
    npn, found = classes(), library(2)
    row = int(npn.class_of[0x8000])
    rows = range(found.first[row], found.first[row] + found.count[row])
    pairs = {begin.operands for network in rows for begin in _beginnings(found, network)}
    assert pairs == set(combinations(range(4), 2))
