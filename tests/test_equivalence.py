"""The formal proof: the passes are proven, wrong passes are refuted with an input that shows it."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import MissingToolError, NetlistError
from bitlogic.export.aig import aigverse_modules, output_signals
from bitlogic.export.equivalence import Proof, prove_equal
from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.netlist import Encoder, Head, Netlist
from bitlogic.export.passes import PASSES, Pass, optimize
from bitlogic.export.passes.encoder_bits import share_encoder_bits
from bitlogic.export.passes.tables import all_ones
from bitlogic.export.samples import InputKind
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, samples_for
from tests.trained import trained_like

pytestmark = pytest.mark.formal

RANDOM = {f"random_rank{rank}": random_netlist(rank, rank=rank) for rank in range(1, 7)}
TRAINED = {f"trained_like_rank{rank}": trained_like(rank, rank=rank) for rank in range(1, 7)}
NETS = {**DEGENERATE, **RANDOM, **TRAINED, "deep": random_netlist(7, widths=(6,) * 12, rank=3)}


def assert_confirmed(before: Netlist, after: Netlist, proof: Proof) -> None:
    """The counterexample makes the named output differ, and no earlier one differs for any input tried."""
    assert proof.holds is False
    assert proof.differing_output is not None and proof.counterexample is not None
    assert len(proof.counterexample) == 1
    values = [evaluate_nets(n, proof.counterexample)[n.outputs, 0] for n in (before, after)]
    assert values[0][proof.differing_output] != values[1][proof.differing_output]
    kind = InputKind.BITS if before.encoder is None else InputKind.X
    assert proof.counterexample.kind is kind
    samples = samples_for(before, kind)
    earlier = slice(None, proof.differing_output)
    np.testing.assert_array_equal(
        evaluate_nets(before, samples)[before.outputs][earlier], evaluate_nets(after, samples)[after.outputs][earlier]
    )


def flip_entry(netlist: Netlist, lut: int, entry: int) -> Netlist:
    tables = netlist.tables.copy()
    tables[lut] ^= np.uint64(1 << entry)
    return replace(netlist, tables=tables)


@pytest.mark.parametrize("name", NETS)
def test_optimize_is_proven(name: str) -> None:
    proof = prove_equal(NETS[name], optimize(NETS[name]))
    assert proof == Proof(True, NETS[name].num_outputs)
    assert str(proof) == f"{NETS[name].num_outputs} output nets are equal for every input"


@pytest.mark.parametrize("run", PASSES, ids=lambda run: run.__name__)
@pytest.mark.parametrize("name", ["random_rank4", "trained_like_rank4", "trained_like_rank6"])
def test_every_pass_is_proven_with_the_encoder_inside(run: Pass, name: str) -> None:
    assert prove_equal(NETS[name], run(NETS[name])).holds


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_table_bit_is_refuted_exactly_when_it_matters(seed: int) -> None:
    before = random_netlist(seed, num_features=4, widths=(10, 8)).without_encoder()
    rng = np.random.default_rng(seed)
    after = flip_entry(before, int(rng.integers(before.num_luts)), int(rng.integers(16)))
    samples = samples_for(before, InputKind.BITS)  # all of them
    differs = evaluate_nets(before, samples)[before.outputs] != evaluate_nets(after, samples)[after.outputs]
    proof = prove_equal(before, after)
    if differs.any():
        assert proof.differing_output == differs.any(axis=1).argmax()
        assert_confirmed(before, after, proof)
    else:
        assert proof.holds


@pytest.mark.parametrize("name", ["random_rank4", "trained_like_rank4", "random_rank6"])
def test_a_wrong_pass_is_refuted_with_an_x(name: str) -> None:
    before = NETS[name]
    wrong = optimize(before)
    lut = int(wrong.outputs[wrong.outputs >= wrong.first_lut][0]) - wrong.first_lut
    tables = wrong.tables.copy()
    tables[lut] ^= all_ones(wrong.rank)
    wrong = replace(wrong, tables=tables)
    proof = prove_equal(before, wrong)
    assert_confirmed(before, wrong, proof)
    assert f"output net {proof.differing_output} differs for x = [" in str(proof)


def test_two_swapped_pins_are_refuted_with_the_one_input_that_shows_it() -> None:
    greater = 0b0010  # pin 0 and not pin 1
    before = bits_netlist(3, [OR, greater], [[2, 3], [2, 4]], [5, 6], 1)
    after = replace(before, pins=np.array([[3, 2], [4, 2]], dtype=np.int32))
    proof = prove_equal(before, after)
    assert proof.differing_output == 1
    assert_confirmed(before, after, proof)


def test_the_only_counterexample_among_2_to_the_48_inputs_is_found() -> None:
    num = 48
    pins = [[2, 3]] + [[num + 2 + i, 4 + i] for i in range(num - 2)]  # the AND of all bits
    before = bits_netlist(num, [AND] * (num - 1), pins, [num + num], 1)
    after = replace(before, outputs=np.array([0], dtype=np.int32))
    proof = prove_equal(before, after)
    assert proof.counterexample is not None
    assert proof.counterexample.values.tolist() == [[1] * num]


def encoder(integer: list[int], features: list[int], *, input_bits: int = 4) -> Encoder:
    top = (1 << input_bits) - 1
    thresholds = np.array([np.inf if t == top else t + 0.5 for t in integer], dtype=np.float32)
    num = max(features) + 1
    return Encoder(
        input_shape=(num,),
        features=np.array(features, dtype=np.int32),
        thresholds=thresholds,
        input_bits=input_bits,
        integer_thresholds=np.array(integer, dtype=np.int32),
        input_min=np.zeros(num, dtype=np.float32),
        input_max=np.full(num, top, dtype=np.float32),
    )


def floats_only(netlist: Netlist) -> Netlist:
    assert netlist.encoder is not None
    return replace(netlist, encoder=replace(netlist.encoder, input_bits=0, integer_thresholds=None))


def test_shared_encoder_bits_are_proven_inside_and_refuted_outside() -> None:
    # bit 2 is bit 0 again, bit 3 is never 1
    bits = bits_netlist(4, [XOR, OR], [[4, 3], [5, 3]], [6, 7], 2)
    before = replace(bits, encoder=encoder([9, 9, 9, 15], [0, 1, 0, 0]))
    after = share_encoder_bits(before)
    assert prove_equal(before, after).holds
    assert prove_equal(floats_only(before), floats_only(after)).holds
    outside = (before.without_encoder(), after.without_encoder())
    assert_confirmed(*outside, prove_equal(*outside))


def test_bits_of_one_feature_obey_their_thresholds() -> None:
    # x > 3 or x > 9 is x > 3; x > 3 and x > 9 is x > 9; both in whatever order the bits come
    netlist = replace(bits_netlist(2, [OR, AND], [[2, 3]] * 2, [4, 5], 1), encoder=encoder([9, 3], [0, 0]))
    after = replace(netlist, outputs=np.array([3, 2], dtype=np.int32))
    assert prove_equal(netlist, after).holds
    assert prove_equal(floats_only(netlist), floats_only(after)).holds
    assert prove_equal(netlist.without_encoder(), after.without_encoder()).holds is False
    wrong = replace(netlist, outputs=np.array([3, 3], dtype=np.int32))
    proof = prove_equal(netlist, wrong)
    assert proof.differing_output == 1
    assert proof.counterexample is not None
    assert proof.counterexample.values.dtype == np.uint8
    assert 3 < proof.counterexample.values[0, 0] <= 9, "the x that is above one threshold and not the other"
    proof = prove_equal(floats_only(netlist), floats_only(wrong))
    assert proof.counterexample is not None
    assert proof.counterexample.values.dtype == np.float32
    assert 3.5 < proof.counterexample.values[0, 0] <= 9.5


def test_bits_of_different_features_stay_free() -> None:
    netlist = replace(bits_netlist(2, [OR], [[2, 3]], [4], 1), encoder=encoder([9, 3], [0, 1]))
    assert prove_equal(netlist, replace(netlist, outputs=np.array([3], dtype=np.int32))).holds is False


@pytest.mark.parametrize("grid", [True, False], ids=["integers", "floats"])
def test_a_moved_threshold_is_refuted_with_the_x_between(grid: bool) -> None:
    before = replace(bits_netlist(2, [], [], [2, 3], 1), encoder=encoder([9, 3], [0, 1]))
    after = replace(before, encoder=encoder([9, 4], [0, 1]))
    if not grid:
        before, after = floats_only(before), floats_only(after)
    proof = prove_equal(before, after)
    assert proof.differing_output == 1
    assert proof.counterexample is not None
    assert 3 < proof.counterexample.values[0, 1] <= 4.5


def test_wide_grids_give_uint16_counterexamples() -> None:
    before = replace(bits_netlist(1, [], [], [2], 1), encoder=encoder([1000], [0], input_bits=12))
    proof = prove_equal(before, replace(before, outputs=np.array([0], dtype=np.int32)))
    assert proof.counterexample is not None
    assert proof.counterexample.values.dtype == np.uint16
    assert proof.counterexample.values.tolist() == [[1001]]


@pytest.mark.parametrize("rank", range(1, 7))
def test_the_graph_computes_what_evaluate_computes(rank: int) -> None:
    """aigverse's own simulation of every input, against the reference: the proof speaks of the right functions."""
    netlist = trained_like(rank, rank=rank, widths=(14, 12), num_features=3).without_encoder()
    networks, algorithms = aigverse_modules()
    aig = networks.Aig()
    inputs = {bit: aig.create_pi() for bit in range(netlist.num_inputs)}
    for signal in output_signals(aig, netlist, inputs, range(netlist.num_outputs)):
        aig.create_po(signal)
    expected = evaluate_nets(netlist, samples_for(netlist, InputKind.BITS))[netlist.outputs]
    for output, table in enumerate(algorithms.simulate(aig)):
        assert [int(table.get_bit(i)) for i in range(1 << netlist.num_inputs)] == expected[output].tolist()


def xor_of_all(num: int, *, forwards: bool) -> Netlist:
    order = list(range(2, num + 2)) if forwards else list(range(num + 1, 1, -1))
    pins = [order[:2]] + [[num + 2 + i, net] for i, net in enumerate(order[2:])]
    return bits_netlist(num, [XOR] * (num - 1), pins, [num + num], 1)


def test_differently_built_functions_are_proven_by_the_solver() -> None:
    assert prove_equal(xor_of_all(12, forwards=True), xor_of_all(12, forwards=False)).holds


def test_a_solver_at_its_limit_is_undecided_never_a_proof() -> None:
    proof = prove_equal(xor_of_all(40, forwards=True), xor_of_all(40, forwards=False), conflict_limit=1)
    assert proof.holds is None
    assert str(proof) == "undecided: the solver gave up at its conflict limit"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no_lut", Proof(None, 4)),  # gives up while the first differing output is looked for
        ("one_lut", Proof(False, 1, differing_output=0)),  # gives up while the input is looked for
    ],
)
def test_a_solver_that_gives_up_after_a_refutation_says_what_it_knows(
    monkeypatch: pytest.MonkeyPatch, name: str, expected: Proof
) -> None:
    answers = iter([False, None])
    monkeypatch.setattr(aigverse_modules()[1], "equivalence_checking", lambda *graphs, conflict_limit: next(answers))
    proof = prove_equal(DEGENERATE[name], DEGENERATE[name])
    assert proof == expected
    assert "the solver gave up" in str(proof)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: replace(n, head=Head(4)), "nothing to compare"),
        (lambda n: replace(n, head=Head(2, tau=2.0)), "nothing to compare"),
        (lambda n: replace(n, outputs=n.outputs[:2]), "4 outputs .* before, 2 and"),
        (lambda n: bits_netlist(3, [], [], [2, 3, 4, 4], 2), "4 input bits before, 3 after"),
        (lambda n: replace(n, encoder=encoder([1, 2, 3, 4], [0, 0, 1, 1])), "its encoder inside"),
    ],
)
def test_netlists_with_other_faces_are_an_error(change: object, message: str) -> None:
    before = DEGENERATE["no_lut"]
    assert callable(change)
    with pytest.raises(NetlistError, match=message):
        prove_equal(before, change(before))


def test_encoders_with_other_grids_are_an_error() -> None:
    before = replace(bits_netlist(1, [], [], [2], 1), encoder=encoder([3], [0]))
    with pytest.raises(NetlistError, match="read different inputs"):
        prove_equal(before, replace(before, encoder=encoder([3], [0], input_bits=5)))


def test_without_aigverse_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aigverse", None)
    with pytest.raises(MissingToolError, match=r"bitlogic\[formal\]"):
        prove_equal(DEGENERATE["one_lut"], DEGENERATE["one_lut"])


def test_2_x_500_luts_over_192_bits_are_proven_and_one_flipped_bit_is_refuted() -> None:
    before = random_netlist(0, num_features=64, widths=(500, 500), num_classes=10)
    after = optimize(before)
    assert prove_equal(before, after).holds
    wrong = flip_entry(after, after.num_luts // 2, 3)
    assert_confirmed(before, wrong, prove_equal(before, wrong))
