"""Tables as text: every expression computes its table, in the one syntax that Verilog, C and Amaranth share."""

import re

import numpy as np
import pytest

from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.expressions import expression, lut_expressions
from bitlogic.export.netlist import FIRST_INPUT
from bitlogic.export.samples import InputKind
from tests.nets import DEGENERATE, bits_netlist, random_netlist, samples_for


def table_of(text: str, num_pins: int) -> int:
    """The table that a format string computes: each pin is the mask of the addresses at which it is 1."""
    full = (1 << (1 << num_pins)) - 1
    pins = [sum(1 << a for a in range(1 << num_pins) if a >> pin & 1) for pin in range(num_pins)]
    return int(eval(text.format(*map(str, pins), zero="0", one=str(full)))) & full


def depends_on(table: int, pin: int, num_pins: int) -> bool:
    return any((table >> a & 1) != (table >> (a ^ 1 << pin) & 1) for a in range(1 << num_pins))


def assert_right(table: int, num_pins: int) -> None:
    text = expression(table, num_pins)
    assert table_of(text, num_pins) == table, f"table {table:#x}: {text}"
    assert set(re.sub(r"\{\w+\}", "", text)) <= set("&|^~() "), text
    named = {int(pin) for pin in re.findall(r"\{(\d)\}", text)}
    assert named == {pin for pin in range(num_pins) if depends_on(table, pin, num_pins)}, text


@pytest.mark.parametrize("num_pins", [1, 2, 3])
def test_every_table_up_to_rank_3_is_computed(num_pins: int) -> None:
    for table in range(1 << (1 << num_pins)):
        assert_right(table, num_pins)


@pytest.mark.parametrize("num_pins", [4, 5, 6])
@pytest.mark.parametrize("seed", range(2))
def test_random_tables_are_computed(num_pins: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(150):
        words = rng.integers(0, 2, size=1 << num_pins)
        table = sum(int(bit) << a for a, bit in enumerate(words))
        assert_right(table, num_pins)


@pytest.mark.parametrize("num_pins", [4, 5, 6])
def test_sparse_and_ignoring_tables_are_computed(num_pins: int) -> None:
    size = 1 << num_pins
    full = (1 << size) - 1
    for entry in range(size):
        assert_right(1 << entry, num_pins)
        assert_right(full ^ 1 << entry, num_pins)
    for pin in range(num_pins):
        wire = sum(1 << a for a in range(size) if a >> pin & 1)
        assert_right(wire, num_pins)
        assert_right(full ^ wire, num_pins)
    assert_right(sum(1 << a for a in range(size) if a.bit_count() & 1), num_pins)


@pytest.mark.parametrize(
    ("table", "num_pins", "text"),
    [
        (0b0000, 2, "{zero}"),
        (0b1111, 2, "{one}"),
        (0b10, 1, "{0}"),
        (0b01, 1, "~{0}"),
        (0b1100, 2, "{1}"),
        (0b1000, 2, "({0} & {1})"),
        (0b1110, 2, "({0} | {1})"),
        (0b0110, 2, "({0} ^ {1})"),
        (0x8000, 4, "({0} & ({1} & ({2} & {3})))"),
        (0x6996, 4, "({0} ^ ({1} ^ ({2} ^ {3})))"),
    ],
)
def test_plain_functions_read_as_one_would_write_them(table: int, num_pins: int, text: str) -> None:
    assert expression(table, num_pins) == text


@pytest.mark.parametrize("name", [*DEGENERATE, "random_rank5"])
def test_the_expressions_of_a_netlist_compute_its_nets(name: str) -> None:
    netlist = random_netlist(5, num_features=3, rank=5) if name == "random_rank5" else DEGENERATE[name]
    nets = evaluate_nets(netlist, samples_for(netlist, InputKind.BITS)).astype(bool)
    values = {f"n{net}": row for net, row in enumerate(nets)}
    values |= {"zero": nets[0], "one": nets[1]}
    every = np.arange(netlist.num_luts)
    texts = lut_expressions(netlist, every, lambda net: f"n{net}", ("zero", "one"))
    assert len(texts) == netlist.num_luts
    for lut, text in enumerate(texts):
        np.testing.assert_array_equal(eval(text, values), nets[netlist.first_lut + lut])


def test_only_the_asked_luts_come_in_the_asked_order_and_constants_by_their_names() -> None:
    netlist = bits_netlist(2, [0b1000, 0b1110, 0b1111], [[2, 3], [1, 4], [2, 3]], [6], 1)
    texts = lut_expressions(netlist, np.array([2, 1]), lambda net: f"net{net - FIRST_INPUT}", ("1'b0", "1'b1"))
    assert texts == ["1'b1", "(1'b1 | net2)"]
