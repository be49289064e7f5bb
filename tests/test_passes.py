"""The passes: what each one removes, and that none changes a score. A new entry of PASSES inherits every test here."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitlogic.errors import NetlistError
from bitlogic.export import passes as registry
from bitlogic.export.evaluate import evaluate, evaluate_nets
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.passes import PASSES, Pass, optimize
from bitlogic.export.passes.constants import fold_constants
from bitlogic.export.passes.dead import remove_dead
from bitlogic.export.passes.duplicates import merge_duplicates
from bitlogic.export.passes.encoder_bits import share_encoder_bits
from bitlogic.export.passes.pins import drop_unused_pins
from bitlogic.export.passes.rank import narrow_rank
from bitlogic.export.passes.tables import held_pin, ignores_pin, inverted_pin, joined_pin, swapped_pins
from bitlogic.export.passes.wires import absorb_wires
from bitlogic.export.samples import InputKind, Samples
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, samples_for
from tests.trained import trained_like

EVERY: list[Pass] = [*PASSES, optimize]
WIRE, INVERTER = 0b10, 0b01


def without_grid(netlist: Netlist) -> Netlist:
    """The same comparators for float32 only."""
    assert netlist.encoder is not None
    return replace(netlist, encoder=replace(netlist.encoder, input_bits=0, integer_thresholds=None))


NETS: dict[str, Netlist] = {
    **DEGENERATE,
    **{f"random_rank{rank}": random_netlist(rank, rank=rank) for rank in range(1, 7)},
    **{f"small_rank{rank}": random_netlist(rank, num_features=4, rank=rank, widths=(9, 8)) for rank in range(1, 7)},
    **{f"trained_like_rank{rank}": trained_like(rank, rank=rank) for rank in range(1, 7)},
    "deep": random_netlist(7, widths=(6,) * 12, rank=3),
    "float_encoder": without_grid(random_netlist(8)),
}


def assert_same_scores(before: Netlist, after: Netlist) -> None:
    every = []
    if before.encoder is None:
        every.append(samples_for(before, InputKind.BITS))
    else:
        every.append(numbers_near_thresholds(before.encoder))
        if before.encoder.input_bits:
            every.append(samples_for(before, InputKind.X))
    for samples in every:
        np.testing.assert_array_equal(evaluate(before, samples).scores, evaluate(after, samples).scores)


def numbers_near_thresholds(encoder: Encoder) -> Samples:
    rng = np.random.default_rng(0)
    x = rng.choice(encoder.thresholds, size=(150, encoder.num_features))
    x[50:100], x[100:] = np.nextafter(x[50:100], np.float32(np.inf)), np.nextafter(x[100:], np.float32(-np.inf))
    return Samples(InputKind.X, x.astype(np.float32))


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.__name__)
@pytest.mark.parametrize("name", NETS)
class TestEveryPass:
    def test_keeps_the_scores(self, run: Pass, name: str) -> None:
        assert_same_scores(NETS[name], run(NETS[name]))

    def test_changes_nothing_a_second_time(self, run: Pass, name: str) -> None:
        once = run(NETS[name])
        assert run(once).digest() == once.digest()

    def test_keeps_the_interface_and_its_argument_and_adds_no_lut(self, run: Pass, name: str) -> None:
        before, digest = NETS[name], NETS[name].digest()
        after = run(before)
        assert (after.num_inputs, after.num_outputs) == (before.num_inputs, before.num_outputs)
        assert after.head == before.head
        assert after.encoder is before.encoder
        assert after.num_luts <= before.num_luts
        assert before.digest() == digest


@st.composite
def netlists(draw: st.DrawFn) -> Netlist:
    """Any small netlist of bits: all tables, all wirings, any outputs."""
    num_inputs, rank = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    num_luts, num_classes = draw(st.integers(0, 8)), draw(st.integers(1, 3))
    words = st.sampled_from([0, (1 << (1 << rank)) - 1]) | st.integers(0, (1 << (1 << rank)) - 1)
    tables = [draw(words) for _ in range(num_luts)]
    first = FIRST_INPUT + num_inputs
    pins = [[draw(st.integers(0, first + i - 1)) for _ in range(rank)] for i in range(num_luts)]
    size = draw(st.integers(1, 3)) * num_classes
    outputs = [draw(st.integers(0, first + num_luts - 1)) for _ in range(size)]
    return bits_netlist(num_inputs, tables, pins, outputs, num_classes)


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.__name__)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(netlist=netlists())
def test_any_netlist_keeps_every_output_and_settles(run: Pass, netlist: Netlist) -> None:
    after = run(netlist)
    samples = samples_for(netlist, InputKind.BITS)  # every input
    np.testing.assert_array_equal(
        evaluate_nets(netlist, samples)[netlist.outputs], evaluate_nets(after, samples)[after.outputs]
    )
    assert run(after).digest() == after.digest()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(netlist=netlists())
def test_after_optimize_every_lut_is_needed_as_it_is(netlist: Netlist) -> None:
    after = optimize(netlist)
    for table, pins in zip(after.tables.tolist(), after.pins.tolist(), strict=True):
        matters = [
            pin for pin in range(after.rank) if not ignores_pin(np.array([table], np.uint64), pin, after.rank)[0]
        ]
        nets = [pins[pin] for pin in matters]
        assert matters == list(range(len(matters))) and len(matters) >= 1, "real pins stand first"
        assert nets == sorted(set(nets)) and min(nets) >= FIRST_INPUT, "ascending, no net twice, no constant"
        assert all(pin == 0 for pin in pins[len(matters) :])
    rows = np.concatenate([after.pins, after.tables[:, None].astype(np.int64)], axis=1)
    assert len(np.unique(rows, axis=0)) == after.num_luts, "no duplicates"
    read = {*after.pins.ravel().tolist(), *after.outputs.tolist()}
    assert set(range(after.first_lut, after.num_nets)) <= read, "no dead LUT"


def test_fold_constants_goes_through_the_whole_netlist() -> None:
    # 5 = x & 0, 6 = 5 | y = y, 7 = 6 ^ 1 = ~y, 8 = 5 & 7 = 0
    before = bits_netlist(3, [AND, OR, XOR, AND], [[2, 0], [5, 3], [6, 1], [5, 7]], [7, 8], 2)
    after = fold_constants(before)
    assert after.tables.tolist() == [0b0000, 0b1100, 0b0101, 0b0000]
    assert after.pins.tolist() == [[2, 0], [0, 3], [6, 0], [0, 7]]
    assert after.outputs.tolist() == [7, 0]


def test_fold_constants_rewires_outputs_of_constant_luts_and_keeps_their_number() -> None:
    after = optimize(DEGENERATE["constant_luts_in_a_class"])
    assert after.outputs.tolist() == [1, 0, 4, 1]
    assert after.num_luts == 1


def test_drop_unused_pins_joins_repeats_drops_ignored_ones_and_sorts() -> None:
    # pins (4, 2, 2) of table x2 ^ (x0 & x1): as x0 = net 4, x1 = x2 = net 2 it is 2 ^ (4 & 2) = 2 & ~4
    table = sum(1 << a for a in range(8) if (a >> 2 & 1) ^ (a & 1 & a >> 1))
    after = drop_unused_pins(bits_netlist(3, [table], [[4, 2, 2]], [5], 1))
    assert after.pins.tolist() == [[2, 4, 0]]
    assert after.tables.tolist() == [0b0010_0010]


def test_drop_unused_pins_gives_permuted_luts_one_form() -> None:
    greater, less = 0b0010, 0b0100  # pin 0 and not pin 1; pin 1 and not pin 0
    after = drop_unused_pins(bits_netlist(2, [greater, less], [[2, 3], [3, 2]], [4, 5], 1))
    assert after.pins.tolist() == [[2, 3], [2, 3]]
    assert after.tables.tolist() == [greater, greater]


def test_absorb_wires_reads_the_source_and_inverts_the_table() -> None:
    # 4 = x, 5 = ~4, 6 = 5 & y = ~x & y
    netlist = bits_netlist(2, [0b1010, 0b0101, AND], [[2, 0], [4, 0], [5, 3]], [4, 5, 6], 1)
    after = absorb_wires(netlist)
    assert after.pins.tolist() == [[2, 0], [2, 0], [2, 3]]
    assert after.tables.tolist() == [0b1010, 0b0101, 0b0100]
    assert after.outputs.tolist() == [2, 5, 6], "an output reads the source of a wire but stays on an inverter"


def test_merge_duplicates_keeps_the_first_and_merges_what_becomes_equal() -> None:
    before = bits_netlist(2, [AND, AND, XOR, XOR], [[2, 3], [2, 3], [4, 2], [5, 2]], [6, 7], 2)
    after = merge_duplicates(before)
    assert after.tables.tolist() == [AND, XOR]
    assert after.pins.tolist() == [[2, 3], [4, 2]]
    assert after.outputs.tolist() == [5, 5]


def test_remove_dead_keeps_the_outputs_and_what_they_read() -> None:
    after = remove_dead(DEGENERATE["dead_luts"])  # 5 = and, 6 = or, 7 = xor(5, 4) feeds the head
    assert after.tables.tolist() == [AND, XOR]
    assert after.pins.tolist() == [[2, 3], [5, 4]]
    assert after.outputs.tolist() == [6, 2]


def test_narrow_rank_drops_the_last_pins_when_no_table_reads_them() -> None:
    after = narrow_rank(DEGENERATE["unused_pins"])
    assert after.rank == 2
    assert after.tables.tolist() == [0b0101, 0b1000]
    assert after.pins.tolist() == [[2, 0], [3, 4]]
    assert narrow_rank(DEGENERATE["one_lut"]).rank == 2


def encoder_with_known_bits() -> Encoder:
    """Bits: f0 > 9, f1 > 9, f0 > 9 again, f0 > 15 (the top), f1 > 3."""
    integer = np.array([9, 9, 9, 15, 3], dtype=np.int32)
    return Encoder(
        input_shape=(2,),
        features=np.array([0, 1, 0, 0, 1], dtype=np.int32),
        thresholds=np.where(integer == 15, np.inf, integer + 0.25).astype(np.float32),
        input_bits=4,
        integer_thresholds=integer,
        input_min=np.zeros(2, dtype=np.float32),
        input_max=np.full(2, 15, dtype=np.float32),
    )


def test_share_encoder_bits_reads_the_first_of_equal_comparators_and_0_for_the_top() -> None:
    bits = bits_netlist(5, [OR, OR, AND], [[2, 3], [4, 5], [6, 4]], [7, 8, 9, 4, 5, 6], 2)
    before = replace(bits, encoder=encoder_with_known_bits())
    after = share_encoder_bits(before)
    assert after.pins.tolist() == [[2, 3], [2, 0], [6, 2]]
    assert after.outputs.tolist() == [7, 8, 9, 2, 0, 6]
    assert after.num_inputs == 5
    assert_same_scores(before, after)
    assert share_encoder_bits(bits) is bits, "of bits that come from outside nothing is known"


@pytest.mark.parametrize("what", ["thresholds", "integer_thresholds"])
def test_share_encoder_bits_needs_both_forms_of_x_to_agree(what: str) -> None:
    encoder = encoder_with_known_bits()
    values: Any = getattr(encoder, what).copy()
    values[2], values[3] = 8, 14
    before = replace(bits_netlist(5, [OR], [[4, 5]], [7, 2], 1), encoder=replace(encoder, **{what: values}))
    assert share_encoder_bits(before).digest() == before.digest()


def test_share_encoder_bits_merges_equal_infinite_and_zero_float_thresholds() -> None:
    encoder = replace(
        encoder_with_known_bits(),
        thresholds=np.array([-np.inf, 0.0, -np.inf, np.inf, -0.0], dtype=np.float32),
        input_bits=0,
        integer_thresholds=None,
    )
    before = replace(bits_netlist(5, [AND], [[4, 6]], [7, 5], 1), encoder=encoder)
    after = share_encoder_bits(before)
    assert after.pins.tolist() == [[2, 3]]
    assert after.outputs.tolist() == [7, 0]


def test_a_chain_of_1000_wires_and_inverters_settles_in_two_rounds() -> None:
    num = 1000
    tables = [WIRE if i % 3 else INVERTER for i in range(num)]
    before = bits_netlist(1, tables, [[2 + i] for i in range(num)], [2 + num], 1)
    rounds = 0

    def count(name: str, given: Netlist, result: Netlist) -> None:
        nonlocal rounds
        rounds += name == "fold_constants"

    after = optimize(before, on_pass=count)
    assert after.num_luts == 0 and after.outputs.tolist() == [2]  # 334 inverters cancel out
    assert rounds == 2


def test_optimize_reaches_what_only_a_second_round_can() -> None:
    # 4 = x & x = x only after its pins are joined; then 5 = 4 ^ x is 0, and 6 = 5 | y is y.
    before = bits_netlist(2, [AND, XOR, OR], [[2, 2], [4, 2], [5, 3]], [6], 1)
    after = optimize(before)
    assert after.num_luts == 0 and after.outputs.tolist() == [3]


def test_optimize_uses_what_the_encoder_makes_equal_and_constant() -> None:
    bits = bits_netlist(5, [XOR, OR], [[2, 4], [3, 5]], [7, 8], 2)
    after = optimize(replace(bits, encoder=encoder_with_known_bits()))
    assert after.num_luts == 0 and after.outputs.tolist() == [0, 3]
    assert optimize(bits).num_luts == 2


def test_optimize_leaves_an_inverter_at_an_output() -> None:
    after = optimize(DEGENERATE["one_input"])
    assert after.tables.tolist() == [INVERTER] and after.outputs.tolist() == [3, 2]


def test_optimize_tells_each_pass_with_what_it_was_given_and_its_result() -> None:
    before = NETS["trained_like_rank4"]
    seen: list[tuple[str, Netlist, Netlist]] = []
    after = optimize(before, on_pass=lambda *step: seen.append(step))
    assert [name for name, _, _ in seen[: len(PASSES)]] == [run.__name__ for run in PASSES]
    assert seen[0][1] is before and seen[-1][2].digest() == after.digest()
    assert all(result is given for (_, _, result), (_, given, _) in pairwise(seen))
    assert after.num_luts < before.num_luts / 2


def test_origins_follow_their_luts() -> None:
    before = NETS["trained_like_rank3"]
    assert before.origins is not None
    for run in EVERY:
        after = run(before)
        assert after.origins is not None
        rows = [before.origins.tolist().index(origin) for origin in after.origins.tolist()]
        assert rows == sorted(set(rows))
    merged = merge_duplicates(remove_dead(before))
    assert merged.origins is not None
    rows = [before.origins.tolist().index(origin) for origin in merged.origins.tolist()]
    np.testing.assert_array_equal(merged.tables, before.tables[rows])
    assert optimize(before).digest() == optimize(replace(before, origins=None)).digest()


def test_optimize_raises_when_the_passes_do_not_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    def flip(netlist: Netlist) -> Netlist:
        return replace(netlist, tables=netlist.tables ^ np.uint64(1))

    monkeypatch.setattr(registry, "PASSES", (flip,))
    with pytest.raises(NetlistError, match="do not settle"):
        optimize(DEGENERATE["one_lut"])


@pytest.mark.parametrize("rank", range(1, 7))
def test_table_operations_agree_with_their_sentences(rank: int) -> None:
    rng = np.random.default_rng(rank)
    size = 1 << rank
    bits = rng.integers(0, 2, size=(50, size))
    tables = pack(bits)
    every = np.arange(size)
    for pin in range(rank):
        step = 1 << pin
        assert np.array_equal(held_pin(tables, pin, 0, rank), pack(bits[:, every & ~step]))
        assert np.array_equal(held_pin(tables, pin, 1, rank), pack(bits[:, every | step]))
        assert np.array_equal(inverted_pin(tables, pin, rank), pack(bits[:, every ^ step]))
        held = np.concatenate([held_pin(tables, pin, 1, rank), tables])
        ignoring = (unpack(held, size)[:, every] == unpack(held, size)[:, every ^ step]).all(axis=1)
        assert np.array_equal(ignores_pin(held, pin, rank), ignoring)
        for other in range(rank):
            if other != pin:
                joined = np.where(every >> other & 1, every | step, every & ~step)
                assert np.array_equal(joined_pin(tables, pin, other, rank), pack(bits[:, joined]))
        for high in range(pin + 1, rank):
            low_bit, high_bit = every >> pin & 1, every >> high & 1
            exchanged = every & ~(step | 1 << high) | low_bit << high | high_bit << pin
            assert np.array_equal(swapped_pins(tables, pin, high, rank), pack(bits[:, exchanged]))


def pack(bits: Any) -> Any:
    return (bits.astype(np.uint64) << np.arange(bits.shape[1], dtype=np.uint64)).sum(axis=1, dtype=np.uint64)


def unpack(tables: Any, size: int) -> Any:
    return (tables[:, None] >> np.arange(size, dtype=np.uint64)) & np.uint64(1)
