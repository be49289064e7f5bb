"""Every encoder on its way to the targets: its comparators in the netlist, its code as parity LUTs behind them."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bitlogic import GroupSum, LogicDense, PackedLogicNet
from bitlogic.encoders import (
    ENCODERS,
    Binary,
    CodeEncoder,
    FixedBinarization,
    GrayCode,
    LearnableBinarization,
    OneHot,
    setup_encoder,
)
from bitlogic.encoders.comparators import Code, Comparators
from bitlogic.errors import ExportError
from bitlogic.export.evaluate import evaluate, evaluate_nets, quantize
from bitlogic.export.extract import extract, widen
from bitlogic.export.folder import export
from bitlogic.export.netlist import FIRST_INPUT, Head, Netlist
from bitlogic.export.parities import Parities, parity_luts
from bitlogic.export.passes import optimize
from bitlogic.export.reference import eval_reference, layer_bits, packed_reference
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets import TARGETS
from bitlogic.export.trace import trace
from bitlogic.export.vectors import inputs_from_numbers, make_inputs
from bitlogic.export.verify import contents, verify
from bitlogic.layers import LogicConv2d

CODES = sorted(name for name, encoder in ENCODERS.items() if issubclass(encoder, CodeEncoder))
SOFTWARE = ["packed", pytest.param("c", marks=pytest.mark.cc)]
HARDWARE = [pytest.param("verilog", marks=pytest.mark.sim), "amaranth"]


def model_behind(name: str, *, num_bits: int = 3, input_bits: int = 8, rank: int = 3, seed: int = 0) -> nn.Sequential:
    """Encoder of (2, 3) numbers, of which one is constant, two layers of random tables, GroupSum; in eval mode."""
    torch.manual_seed(seed)
    x = torch.randn(200, 2, 3) * torch.tensor([[1.0], [5.0]])
    x[:, 1, 2] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = setup_encoder(name, num_bits=num_bits, input_bits=input_bits).fit(x)
    layers = [LogicDense(6 * num_bits, 30, lut_rank=rank, weight_init="random"), LogicDense(30, 20, lut_rank=2)]
    return nn.Sequential(encoder, nn.Flatten(), *layers, GroupSum(4)).eval()


def numbers_for(netlist: Netlist, seed: int = 0) -> Tensor:
    """(n, 2, 3): thresholds with their float neighbours, values far outside, infinities, NaN, and random ones."""
    assert netlist.encoder is not None
    edges = netlist.encoder.thresholds[np.isfinite(netlist.encoder.thresholds)]
    around = [edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))]
    corners = np.array([0.0, -0.0, 1e30, -1e30, np.inf, -np.inf, np.nan], np.float32)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(np.concatenate([*around, corners]), size=(600, 2, 3))
    return torch.from_numpy(np.concatenate([drawn, rng.normal(size=(400, 2, 3)) * 4]).astype(np.float32))


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize(("num_bits", "rank", "seed"), [(2, 2, 0), (3, 4, 1), (4, 6, 2)])
def test_the_ladder_holds_behind_every_encoder(name: str, num_bits: int, rank: int, seed: int) -> None:
    model = model_behind(name, num_bits=num_bits, rank=rank, seed=seed)
    netlist = extract(model)
    assert netlist.rank == rank
    for kind in InputKind:
        inputs = make_inputs(netlist, kind, num_random=200, seed=seed)
        expected = packed_reference(model)(inputs)
        at = netlist if kind is InputKind.X else netlist.without_encoder()
        for result in (
            eval_reference(model)(inputs),
            evaluate(netlist, inputs.samples),
            evaluate(optimize(at), inputs.samples),
        ):
            assert (result.scores == expected.scores).all()
            assert (result.class_ids == expected.class_ids).all()
        assert len(np.unique(expected.scores)) > 2
    x = numbers_for(netlist, seed)
    flat = x.reshape(len(x), -1).numpy()
    assert netlist.encoder is not None
    scores = PackedLogicNet(model).scores(x).numpy()
    assert np.array_equal(evaluate(netlist, Samples(InputKind.X, flat)).scores, scores)
    assert np.array_equal(evaluate(netlist, Samples(InputKind.X, quantize(netlist.encoder, flat))).scores, scores)


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("target", SOFTWARE)
def test_an_export_verifies_behind_every_encoder(target: str, name: str) -> None:
    assert_verifies(target, InputKind.X, name)


@pytest.mark.parametrize(
    ("target", "name"), [*(("packed", name) for name in CODES), pytest.param("c", "binary", marks=pytest.mark.cc)]
)
def test_an_export_that_takes_the_comparators_bits_verifies(target: str, name: str) -> None:
    assert_verifies(target, InputKind.BITS, name)


def assert_verifies(target: str, kind: InputKind, name: str) -> None:
    model = model_behind(name)
    netlist = extract(model)
    artifacts = export(netlist, target, TARGETS[target].options(input=kind), reference=packed_reference(model))
    data = inputs_from_numbers(netlist, kind, numbers_for(netlist).numpy())
    references = {"PackedLogicNet": packed_reference(model), "model.eval()": eval_reference(model)}
    report = verify(artifacts, data=data if kind is InputKind.X else None, references=references)
    assert report.holds, [check for check in report.checks if not check.holds]


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("target", HARDWARE)
def test_hardware_runs_like_the_model_behind_every_code(target: str, name: str) -> None:
    model = model_behind(name)
    netlist = extract(model)
    inputs = inputs_from_numbers(netlist, InputKind.X, numbers_for(netlist)[::20].numpy())
    result = TARGETS[target].run(TARGETS[target].emit(optimize(netlist), TARGETS[target].options()), inputs.samples)
    assert (result.scores == packed_reference(model)(inputs).scores).all()


@pytest.mark.parametrize("kind", list(InputKind))
def test_the_walk_to_the_first_difference_passes_the_code(kind: InputKind) -> None:
    model = model_behind("binary")
    netlist = extract(model)
    artifacts = export(netlist, "packed", TARGETS["packed"].options(input=kind))
    inputs = make_inputs(netlist, kind, num_random=50, seed=1)
    assert trace(artifacts, contents(artifacts)[1], netlist, inputs.samples, layer_bits(model, inputs)) is None


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_hardware_refuses_an_encoder_without_integers_by_name(name: str) -> None:
    netlist = extract(model_behind(name, input_bits=0))
    for target in ("verilog", "amaranth"):
        with pytest.raises(ExportError, match="input_bits=0"):
            export(netlist, target)
    x = numbers_for(netlist).reshape(-1, 6).numpy()
    model = model_behind(name, input_bits=0)
    scores = PackedLogicNet(model).scores(torch.from_numpy(x).reshape(-1, 2, 3)).numpy()
    assert np.array_equal(evaluate(netlist, Samples(InputKind.X, x)).scores, scores)


def test_a_code_in_front_of_a_convolution_is_extracted() -> None:
    torch.manual_seed(0)
    x = torch.rand(60, 1, 5, 5)
    conv = LogicConv2d((5, 5), 3, 4, tree_depth=1, receptive_field_size=2, weight_init="random")
    model = nn.Sequential(GrayCode(3).fit(x), conv, nn.Flatten(), GroupSum(4)).eval()
    inputs = inputs_from_numbers(netlist := extract(model), InputKind.X, x.numpy())
    assert (evaluate(netlist, inputs.samples).scores == packed_reference(model)(inputs).scores).all()


def test_trained_thresholds_are_the_ones_of_the_netlist() -> None:
    torch.manual_seed(0)
    encoder = LearnableBinarization([0.2, 0.6], input_range=(0.0, 1.0))
    model = nn.Sequential(encoder, LogicDense(8, 12), GroupSum(3))
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.rand(64, 4))[:, 0].sum().backward()
        optimizer.step()
    thresholds = extract(model.eval()).encoder
    assert thresholds is not None
    assert np.array_equal(thresholds.thresholds, encoder.comparators().thresholds)
    assert not np.isclose(thresholds.thresholds[:2], [0.2, 0.6], atol=0.004).all()


def test_an_encoder_that_never_saw_a_sample_is_refused() -> None:
    model = nn.Sequential(FixedBinarization([0.5], input_range=(0.0, 1.0)), LogicDense(4, 4), GroupSum(2))
    with pytest.raises(ExportError, match=r"layer 0 \(FixedBinarization\) .*call fit"):
        extract(model)


def parities(code: Code, num_comparators: int, rank: int) -> Netlist:
    """A netlist whose outputs are a code's bits."""
    first = FIRST_INPUT + num_comparators
    given = Parities(FIRST_INPUT + code.comparators, code.bits, code.toggles, code.starts)
    blocks, outputs = parity_luts(given, rank, first)
    widened = [widen(block.tables, block.pins, rank) for block in blocks]
    return Netlist(
        num_comparators,
        np.concatenate([np.zeros(0, np.uint64), *(tables for tables, _ in widened)]),
        np.concatenate([np.zeros((0, rank), np.int32), *(pins for _, pins in widened)]).astype(np.int32),
        outputs.astype(np.int32),
        Head(len(outputs)),
    )


@pytest.mark.parametrize("rank", range(2, 7))
@pytest.mark.parametrize("seed", range(4))
def test_parity_luts_are_the_code_on_every_combination_of_comparators(seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    num_values, num_thresholds, num_bits = [(1, 12, 4), (3, 4, 3), (2, 6, 5), (4, 3, 1)][seed]
    code = Code(
        comparators=rng.permutation(12).astype(np.int32).reshape(num_values, num_thresholds),
        bits=rng.permutation(num_values * num_bits).astype(np.int32).reshape(num_values, num_bits),
        toggles=rng.integers(0, 2, (num_thresholds, num_bits)).astype(np.uint8),
        starts=rng.integers(0, 2, (num_values, num_bits)).astype(np.uint8),
    )
    every = (np.arange(4096)[:, None] >> np.arange(12) & 1).astype(np.uint8)
    empty = np.zeros(12, np.float32)
    expected = Comparators(np.zeros(12, np.int32), empty, None, empty[:1], empty[:1], 0, (1,), code).output_bits(every)
    by_hand = np.zeros_like(expected)
    for value in range(num_values):
        for bit in range(num_bits):
            read = code.comparators[value][code.toggles[:, bit] == 1]
            by_hand[:, code.bits[value, bit]] = (every[:, read].sum(1) + code.starts[value, bit]) % 2
    assert np.array_equal(expected, by_hand)
    netlist = parities(code, 12, rank)
    nets = evaluate_nets(netlist, Samples(InputKind.BITS, every))
    assert np.array_equal(nets[netlist.outputs].T, expected)


def test_a_binary_number_shares_the_comparators_that_toggle_the_same_bits() -> None:
    encoder = Binary(8).fit(torch.arange(256.0)[:, None])
    flat = encoder.comparators()
    assert flat.code is not None
    netlist = parities(flat.code, len(flat.features), 6)
    assert flat.code.toggles.sum() == 502
    # Thresholds with 1 to 6 trailing zeros (64, 32, 16, 8, 4, 2 of them) are joined first; bits 1 to 6 add these up;
    # bit 0 reads its own 128 and the 7 others.
    assert netlist.num_luts == (14 + 7 + 4 + 3 + 1 + 1) + (2 + 1 + 1 + 1 + 1 + 1) + (23 + 4 + 1)
    bits = np.arange(256)[:, None] > np.arange(255)
    nets = evaluate_nets(netlist, Samples(InputKind.BITS, bits.astype(np.uint8)))
    assert np.array_equal(nets[netlist.outputs].T, np.arange(256)[:, None] >> np.arange(8) & 1)


def test_a_bit_that_is_one_comparator_takes_no_lut() -> None:
    encoder = OneHot(3).fit(torch.arange(256.0)[:, None])
    flat = encoder.comparators()
    assert flat.code is not None
    netlist = parities(flat.code, 2, 4)
    # not above the first, between the two, above the second
    assert netlist.num_luts == 2
    assert netlist.outputs.tolist()[2] == FIRST_INPUT + 1
