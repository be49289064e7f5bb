"""The reference interpreter: by hand, and against an interpreter that reads one LUT of one sample at a time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bitlogic.errors import NetlistError
from bitlogic.export import evaluate as module
from bitlogic.export.evaluate import encode, evaluate, evaluate_nets, quantize
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.samples import InputKind, Samples
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, samples_for, with_weights

NETS = {
    **DEGENERATE,
    **{f"random_rank{rank}": random_netlist(rank, num_features=3, rank=rank, widths=(12, 8)) for rank in range(1, 7)},
    "deep": random_netlist(7, num_features=2, widths=(4,) * 10, rank=2),
    "random_weights": with_weights(random_netlist(8, num_features=3, widths=(12, 8)), 8),
}


def interpret(netlist: Netlist, sample: list[Any], kind: InputKind) -> tuple[list[int], list[int], int]:
    """Nets, scores and class of one sample, in plain Python."""
    encoder, bits = netlist.encoder, sample
    if kind is InputKind.X:
        assert encoder is not None and encoder.integer_thresholds is not None
        pairs = zip(encoder.features.tolist(), encoder.integer_thresholds.tolist(), strict=True)
        bits = [int(sample[feature] > threshold) for feature, threshold in pairs]
    nets = [0, 1, *bits]
    for table, pins in zip(netlist.tables.tolist(), netlist.pins.tolist(), strict=True):
        address = sum(nets[net] << pin for pin, net in enumerate(pins))
        nets.append(table >> address & 1)
    size = netlist.group_size
    classes = range(netlist.head.num_classes)
    scores = [sum(nets[n] for n in netlist.outputs[c * size : (c + 1) * size]) for c in classes]
    if netlist.head.weights is not None:
        weights = netlist.head.weights.tolist()
        scores = [sum(total * row[c] for total, row in zip(scores, weights, strict=True)) for c in classes]
    return nets, scores, scores.index(max(scores))


@pytest.mark.parametrize("kind", InputKind)
@pytest.mark.parametrize("name", NETS)
def test_every_net_score_and_class_is_what_the_plain_interpreter_says(name: str, kind: InputKind) -> None:
    netlist = NETS[name]
    if kind is InputKind.X and netlist.encoder is None:
        with pytest.raises(NetlistError, match="no encoder"):
            evaluate(netlist, Samples(kind, np.zeros((1, 1), np.uint8)))
        return
    samples = samples_for(netlist, kind, num=60)
    result, nets = evaluate(netlist, samples), evaluate_nets(netlist, samples)
    expected = [interpret(netlist, row, kind) for row in samples.values.tolist()]
    assert nets.T.tolist() == [values for values, _, _ in expected]
    assert result.scores.tolist() == [scores for _, scores, _ in expected]
    assert result.class_ids.tolist() == [class_id for _, _, class_id in expected]
    assert result.scores.dtype == result.class_ids.dtype == np.int64


def test_pin_0_is_bit_0_of_the_address() -> None:
    only_at_1 = bits_netlist(2, [0b0010], [[2, 3]], [4], 1)  # the entry of address 1: pin 0 is 1, pin 1 is 0
    every = Samples(InputKind.BITS, np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8))
    assert evaluate(only_at_1, every).scores.tolist() == [[0], [1], [0], [0]]


def test_the_last_entry_of_a_rank_6_table_is_bit_63() -> None:
    netlist = bits_netlist(6, [1 << 63], [[2, 3, 4, 5, 6, 7]], [8], 1)
    every = samples_for(netlist, InputKind.BITS)
    assert evaluate(netlist, every).scores[:, 0].tolist() == [0] * 63 + [1]


def test_scores_add_consecutive_outputs_and_ties_go_to_the_lowest_class() -> None:
    netlist = bits_netlist(3, [AND, OR, XOR], [[2, 3], [2, 3], [2, 3]], [5, 6, 7, 4, 1, 0], 3)
    result = evaluate(netlist, Samples(InputKind.BITS, np.array([[1, 1, 1], [1, 0, 0], [0, 0, 1]], dtype=np.uint8)))
    assert result.scores.tolist() == [[2, 1, 1], [1, 1, 1], [0, 1, 1]]
    assert result.class_ids.tolist() == [0, 0, 1]


def test_weights_are_read_group_by_row_and_class_by_column() -> None:
    netlist = bits_netlist(2, [], [], [2, 1, 3, 3], 2, [[1, -10], [100, 5]])
    result = evaluate(netlist, samples_for(netlist, InputKind.BITS))  # sums (1, 0), (2, 0), (1, 2), (2, 2)
    assert result.scores.tolist() == [[1, -10], [2, -20], [201, 0], [202, -10]]
    assert result.class_ids.tolist() == [0, 0, 0, 0]


def test_equal_negative_scores_go_to_the_lowest_class() -> None:
    netlist = bits_netlist(1, [], [], [2, 2, 2], 3, [[-9, -4, -4], [0, 0, 0], [0, 0, 0]])
    result = evaluate(netlist, Samples(InputKind.BITS, np.array([[1], [0]], dtype=np.uint8)))
    assert result.scores.tolist() == [[-9, -4, -4], [0, 0, 0]]
    assert result.class_ids.tolist() == [1, 0]


def test_no_samples_give_no_results() -> None:
    result = evaluate(DEGENERATE["three_classes"], Samples(InputKind.BITS, np.zeros((0, 3), np.uint8)))
    assert result.scores.shape == (0, 3)
    assert result.class_ids.shape == (0,)


@pytest.mark.parametrize("samples_in_block", [1, 7, 64])
def test_the_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch, samples_in_block: int) -> None:
    netlist = NETS["random_rank4"]
    samples = samples_for(netlist, InputKind.X)
    whole = evaluate(netlist, samples)
    monkeypatch.setattr(module, "_BLOCK_BYTES", samples_in_block * netlist.num_nets)
    np.testing.assert_array_equal(evaluate(netlist, samples).scores, whole.scores)


def small_encoder(**change: Any) -> Encoder:
    """Bits: x0 > 0.5 (q0 > 2), x1 > 0.25 (q1 > 0), x0 never exceeds."""
    encoder = Encoder(
        input_shape=(2,),
        features=np.array([0, 1, 0], dtype=np.int32),
        thresholds=np.array([0.5, 0.25, np.inf], dtype=np.float32),
        input_bits=2,
        integer_thresholds=np.array([2, 0, 3], dtype=np.int32),
        input_min=np.zeros(2, dtype=np.float32),
        input_max=np.ones(2, dtype=np.float32),
    )
    return replace(encoder, **change)


def test_comparisons_are_strict_for_integers_and_floats() -> None:
    integers = np.array([[2, 0], [3, 1]], dtype=np.uint8)
    assert encode(small_encoder(), integers).tolist() == [[0, 0, 0], [1, 1, 0]]
    above = np.nextafter(np.array([0.5, 0.25], dtype=np.float32), np.float32(1))
    floats = np.array([[0.5, 0.25], above, [np.inf, np.inf], [np.nan, -np.inf]], dtype=np.float32)
    assert encode(small_encoder(), floats).tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("x", "q"),
    [
        (0, 0),
        (0.166, 0),
        (0.167, 1),
        (0.5, 2),
        (0.84, 3),
        (1, 3),
        (-5, 0),
        (7, 3),
        (np.inf, 3),
        (-np.inf, 0),
        (np.nan, 0),
    ],
)
def test_quantize_rounds_to_the_grid_and_clamps(x: float, q: int) -> None:
    grid = quantize(small_encoder(), np.array([[x, x]], dtype=np.float32))
    assert grid.tolist() == [[q, q]]
    assert grid.dtype == np.uint16


def test_an_empty_range_is_always_0() -> None:
    encoder = small_encoder(input_max=np.zeros(2, dtype=np.float32))
    x = np.array([[-1, 0], [1, np.inf]], dtype=np.float32)
    assert quantize(encoder, x).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (Samples(InputKind.BITS, np.zeros((1, 4), np.uint8)), "samples of 4 bits; the netlist has 3 inputs"),
        (Samples(InputKind.X, np.zeros((1, 3), np.uint8)), "samples of 3 features; the encoder has 2"),
        (Samples(InputKind.X, np.full((1, 2), 4, np.uint8)), "an input of 4; the encoder's grid ends at 3"),
    ],
)
def test_samples_that_do_not_fit_are_an_error(samples: Samples, message: str) -> None:
    netlist = replace(bits_netlist(3, [], [], [2, 3, 4], 3), encoder=small_encoder())
    with pytest.raises(NetlistError, match=message):
        evaluate(netlist, samples)


def test_without_a_grid_integers_are_an_error_and_floats_work() -> None:
    encoder = small_encoder(input_bits=0, integer_thresholds=None)
    assert encode(encoder, np.array([[0.75, 0.75]], dtype=np.float32)).tolist() == [[1, 1, 0]]
    with pytest.raises(NetlistError, match="input_bits=0"):
        encode(encoder, np.zeros((1, 2), np.uint8))
    with pytest.raises(NetlistError, match="input_bits=0"):
        quantize(encoder, np.zeros((1, 2), np.float32))


def test_input_bits_reach_their_nets() -> None:
    netlist = bits_netlist(3, [], [], [FIRST_INPUT], 1)
    nets = evaluate_nets(netlist, Samples(InputKind.BITS, np.array([[1, 0, 1]], dtype=np.uint8)))
    assert nets[:, 0].tolist() == [0, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (InputKind.BITS, np.array([[2]], np.uint8), "only 0 and 1 are bits"),
        (InputKind.BITS, np.array([[1]], np.int64), "samples of kind bits: int64"),
        (InputKind.BITS, np.array([[1.0]], np.float32), "samples of kind bits: float32"),
        (InputKind.BITS, np.array([1], np.uint8), r"samples of kind bits: uint8 \(1,\)"),
        (InputKind.X, np.array([[1.0]], np.float64), "samples of kind x: float64"),
        (InputKind.X, np.array([[-1]], np.int32), "samples of kind x: int32"),
    ],
)
def test_samples_of_another_form_are_refused(kind: InputKind, values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Samples(kind, values)


def test_samples_are_copies_and_slices_keep_the_kind() -> None:
    values = np.array([[1], [0], [1]], dtype=np.uint8)
    samples = Samples(InputKind.BITS, values)
    values[:] = 0
    assert samples[:2].values.tolist() == [[1], [0]]
    assert samples[1:].kind is InputKind.BITS
    assert len(samples[1:]) == 2
