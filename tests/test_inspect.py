"""What `bitlogic inspect` says of a netlist: sizes, operations and depth on the way through the passes."""

import json

import numpy as np
import pytest

from bitlogic.export.inspect import describe_netlist, text_of
from bitlogic.export.mapping.counts import operation_counts
from bitlogic.export.mapping.operations import to_operations
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import PASSES, optimize
from tests.nets import DEGENERATE, XOR, bits_netlist, random_netlist
from tests.trained import trained_like


def test_each_pass_that_changes_something_has_a_row_with_counts() -> None:
    # the second XOR is the first one with its pins exchanged
    netlist = bits_netlist(2, [XOR, XOR], [[2, 3], [3, 2]], [4, 5], 2)
    rows = describe_netlist(netlist)["passes"]
    assert [(row["pass"], row["luts"], row["ternary_operations"], row["depth"]) for row in rows] == [
        ("as given", 2, 2, 1),
        ("drop_unused_pins", 2, 2, 1),
        ("merge_duplicates", 1, 1, 1),
        ("operations of 3 inputs", 1, 1, 1),
        ("operations of 2 inputs", 1, None, 1),
    ]


@pytest.mark.parametrize("rank", [2, 4, 6])
def test_the_rows_begin_and_end_with_the_sizes_of_the_netlist(rank: int) -> None:
    netlist = trained_like(rank, rank=rank)
    described = describe_netlist(netlist)
    first, *passes, ternary, binary = described["passes"]
    optimized = optimize(netlist)
    assert first["luts"] == described["before_passes"]["luts"] == netlist.num_luts
    assert passes[-1]["luts"] == described["after_passes"]["luts"] == optimized.num_luts
    assert {row["pass"] for row in passes} <= {run.__name__ for run in PASSES}
    counts = operation_counts(optimized)
    assert passes[-1]["ternary_operations"] == counts.ternary_operations
    assert passes[-1]["binary_operations"] == counts.binary_operations
    assert ternary["ternary_operations"] == to_operations(optimized, 3).num_luts
    assert binary["binary_operations"] == to_operations(optimized, 2).num_luts
    assert binary["ternary_operations"] is None and ternary["binary_operations"] is None


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_netlist_is_described_in_json_and_text(name: str) -> None:
    described = describe_netlist(DEGENERATE[name])
    assert json.loads(json.dumps(described)) == described
    assert "operations of 3 inputs" in text_of(described)


def test_the_netlist_is_not_touched() -> None:
    netlist = random_netlist(1)
    before = netlist.digest()
    describe_netlist(netlist)
    assert netlist.digest() == before and not np.any(netlist.tables.flags.writeable)


@pytest.mark.slow
def test_a_hundred_thousand_luts_are_described_in_seconds() -> None:
    netlist: Netlist = random_netlist(5, num_features=784, bits_per_feature=8, widths=(50_000, 50_000))
    assert describe_netlist(netlist)["passes"][-1]["binary_operations"] > 400_000
