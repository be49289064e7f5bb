"""The NPN classes of functions of four inputs, and their networks of operations of three inputs."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.mapping.networks import Step
from bitlogic.export.mapping.npn import NUM_CLASSES, classes
from bitlogic.export.mapping.three_input import ternary_networks, ternary_steps
from tests.networks import values_of

Array = npt.NDArray[Any]
EVERY = np.arange(1 << 16)
ADDRESSES = np.arange(16)
AND, XOR = 0x8888, 0x6666  # of inputs 0 and 1


def test_there_are_222_classes_and_each_holds_its_representative() -> None:
    npn = classes()
    assert NUM_CLASSES == len(npn.representatives) == len(np.unique(npn.class_of)) == 222
    np.testing.assert_array_equal(npn.class_of[npn.representatives], np.arange(222))
    assert [npn.class_of[function] for function in (0x0000, 0xFFFF)] == [0, 0]
    assert npn.class_of[AND] == npn.class_of[0xEEEE] == npn.class_of[0xF0F0 & 0xFF00] != npn.class_of[XOR]


def test_a_representative_comes_from_itself_as_it_is() -> None:
    npn = classes()
    rows = npn.representatives
    assert npn.pins[rows].tolist() == [[0, 1, 2, 3]] * 222
    assert not npn.negated[rows].any() and not npn.output_negated[rows].any()


def test_every_function_is_its_representative_with_the_pins_and_inversions_of_its_row() -> None:
    npn = classes()
    read = np.zeros((len(EVERY), 16), dtype=np.int64)
    for index in range(4):
        inputs = ADDRESSES >> npn.pins[:, index, None] & 1
        read |= (inputs ^ (npn.negated[:, None].astype(np.int64) >> index & 1)) << index
    outputs = npn.representatives[npn.class_of].astype(np.int64)[:, None] >> read & 1
    np.testing.assert_array_equal((outputs ^ npn.output_negated[:, None]) @ (1 << ADDRESSES), EVERY)


def test_the_arrays_are_those_of_the_contract_and_read_only() -> None:
    npn = classes()
    assert classes() is npn
    kinds = {name: (array.dtype, array.shape) for name, array in vars(npn).items()}
    assert kinds == {
        "class_of": (np.uint8, (65536,)),
        "representatives": (np.uint16, (222,)),
        "pins": (np.uint8, (65536, 4)),
        "negated": (np.uint8, (65536,)),
        "output_negated": (np.bool_, (65536,)),
    }
    assert not any(array.flags.writeable for array in vars(npn).values())


def test_all_functions_are_what_their_operations_of_three_inputs_give() -> None:
    np.testing.assert_array_equal(values_of(ternary_networks()), EVERY)


def test_the_operations_of_three_inputs_are_as_few_as_there_can_be() -> None:
    """Every function of one operation, and of one behind another, found without the classes."""
    inputs = ADDRESSES >> np.arange(4)[:, None] & 1
    one = {
        function
        for reads in combinations(range(4), 3)
        for function in _results(inputs[list(reads)], np.arange(256)).tolist()
    }
    two: set[int] = set()
    for reads in combinations(range(4), 3):
        for inner in range(128):
            first = inner >> (inputs[list(reads)] * [[1], [2], [4]]).sum(axis=0) & 1
            for others in combinations(range(4), 2):
                two |= set(_results(np.stack([first, *inputs[list(others)]]), np.arange(256)).tolist())
    counts = ternary_networks().num_steps
    assert set(np.flatnonzero(counts == 1).tolist()) == one
    assert set(np.flatnonzero(counts == 2).tolist()) == two - one
    assert np.bincount(counts).tolist() == [0, 942, 34250, 30344]  # 2.4486 on average
    assert int(counts.sum()) == 160_474


def _results(operands: Array, tables: Array) -> Array:
    index = operands[0] | operands[1] << 1 | operands[2] << 2
    results: Array = (tables[:, None] >> index & 1) @ (1 << ADDRESSES)
    return results


def test_steps_are_read_with_operand_0_as_the_lowest_bit() -> None:
    assert ternary_steps(0b1010_1010_1010_1010) == (Step(0b1010_1010, (0, 0, 0)),)
    assert ternary_steps(0xFFFF) == (Step(0b1111_1111, (0, 0, 0)),)
    assert ternary_steps(0b1100_1010_1100_1010) == (Step(0b1100_1010, (0, 1, 2)),)  # input 2 ? input 1 : input 0
    (inner, last) = ternary_steps(0b0110_1001_1001_0110)
    assert len(set(inner.operands)) == 2 and last == Step(0b1001_0110, (2, 3, 4))


def test_operands_ascend_and_those_not_needed_repeat_the_first_one_and_are_ignored() -> None:
    networks = ternary_networks()
    for function in np.random.default_rng(1).integers(1, (1 << 16) - 1, 500).tolist():
        for step in networks.steps(function):
            needed = sorted(set(step.operands))
            assert step.operands == (*needed, *[needed[0]] * (3 - len(needed)))
            for place in range(3):
                ignored = all(step.table >> i & 1 == step.table >> (i ^ 1 << place) & 1 for i in range(8))
                assert ignored == (place >= len(needed))


@pytest.mark.parametrize("function", [-1, 1 << 16])
def test_a_number_that_is_no_function_is_refused(function: int) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        ternary_steps(function)
