"""The order and the memory of the C code, by hand, and the operations that it consists of."""

from dataclasses import replace

import numpy as np
import pytest

from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import FIRST_INPUT
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_layout import lay_out
from bitlogic.export.targets.c_operations import operations_of
from tests.nets import AND, DEGENERATE, XOR, bits_netlist, random_netlist, samples_for

CHAIN = bits_netlist(2, [AND] * 4, [[2, 3], [4, 3], [5, 3], [6, 3]], [7], 1)


def test_a_cell_is_taken_over_by_the_lut_that_reads_it_last() -> None:
    layout = lay_out(CHAIN, 1)
    assert layout.cell_of.tolist() == [-1, -1, -1, -1, 0, 0, 0, -1]
    assert (layout.staging, layout.num_cells) == (1, 2)


def test_a_net_that_is_read_later_keeps_its_cell() -> None:
    skip = bits_netlist(2, [AND, XOR, XOR, XOR], [[2, 3], [4, 3], [5, 4], [6, 2]], [7], 1)
    assert lay_out(skip, 1).cell_of.tolist() == [-1, -1, -1, -1, 0, 1, 0, -1]


def test_a_net_that_an_output_lut_reads_is_kept_to_the_end() -> None:
    late = bits_netlist(2, [AND, XOR, XOR, XOR], [[2, 3], [2, 3], [5, 3], [4, 6]], [7], 1)
    assert lay_out(late, 1).cell_of.tolist() == [-1, -1, -1, -1, 0, 1, 1, -1]


def test_what_only_its_own_function_reads_has_no_cell() -> None:
    layout = lay_out(CHAIN, 64)
    assert layout.cell_of.tolist() == [-1, -1, -1, -1, -1, -1, 0, -1]
    assert [chunk.cells.tolist() for chunk in layout.chunks] == [[-1, -1, 0], [1]]


def test_what_an_output_alone_reads_is_computed_with_it_if_both_are_of_one_lut() -> None:
    steps = replace(CHAIN, origins=np.array([[0, 0], [0, 0], [1, 0], [1, 0]], dtype=np.int32))
    layout = lay_out(steps, 1)
    assert [chunk.nets.tolist() for chunk in layout.chunks] == [[4, 5], [6, 7]]
    assert [chunk.cells.tolist() for chunk in layout.chunks] == [[-1, 0], [-1, 1]]


def test_the_buffer_of_a_deep_net_holds_two_layers_not_all() -> None:
    deep = random_netlist(0, widths=(50,) * 10, rank=2)
    layered = replace(deep, pins=np.where(deep.pins >= deep.first_lut, deep.pins, FIRST_INPUT))
    assert lay_out(deep, 1).num_cells < 500
    assert lay_out(layered, 1).num_cells <= lay_out(deep, 1).num_cells


def test_no_function_holds_more_luts_than_asked_for() -> None:
    layout = lay_out(random_netlist(0, widths=(100, 90), num_classes=2), 16)
    assert max(len(chunk.nets) for chunk in layout.chunks) <= 16


def test_dead_luts_are_not_computed() -> None:
    netlist = DEGENERATE["dead_luts"]
    computed = np.concatenate([chunk.nets for chunk in lay_out(netlist, 64).chunks])
    assert sorted(computed.tolist()) == [2, 5, 7]


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5, 6])
def test_operations_have_the_scores_of_their_luts_and_no_inversion_but_in_outputs(rank: int, size: int) -> None:
    netlist = random_netlist(rank, rank=rank)
    operations = operations_of(netlist, size)
    samples = samples_for(netlist, InputKind.X)
    np.testing.assert_array_equal(evaluate(operations, samples).scores, evaluate(netlist, samples).scores)
    assert operations.rank <= size
    outputs = operations.outputs[operations.outputs >= operations.first_lut] - operations.first_lut
    ones = np.flatnonzero(operations.tables & np.uint64(1))
    assert set(ones.tolist()) <= set(outputs.tolist())
