"""Extraction: the model's tables and wiring in the netlist's order, and refusals that name the layer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import bitlogic
from bitlogic import DistributiveThermometer, FeedForward, GroupSum, LogicDense, PackedLogicNet
from bitlogic.errors import ExportError
from bitlogic.export.evaluate import evaluate, evaluate_nets, input_bits, quantize
from bitlogic.export.extract import extract
from bitlogic.export.folder import export
from bitlogic.export.passes import optimize
from bitlogic.export.reference import eval_reference, layer_bits, packed_reference
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.trace import _trace_layers
from bitlogic.export.vectors import inputs_from_numbers, make_inputs
from bitlogic.export.verification import Request, run_verification
from bitlogic.layers import LogicConv2d, OrPooling2d
from tests.models import bits_model, conv_model, small_model
from tests.test_targets import EVERY_TARGET


def test_pin_i_is_slot_rank_minus_1_minus_i_and_table_bit_j_is_entry_j() -> None:
    layer = LogicDense(3, 1, lut_rank=3, init_method=torch.tensor([[2], [0], [1]]))
    luts, ids = layer.get_luts_and_ids()
    netlist = extract(nn.Sequential(layer, GroupSum(1)))
    assert ids[:, 0].tolist() == [2, 0, 1]
    assert (netlist.pins[0] - 2).tolist() == [1, 0, 2]
    assert int(netlist.tables[0]) == sum(int(bit) << j for j, bit in enumerate(luts[0].tolist()))


@pytest.mark.parametrize("connections", ["fixed", "learnable"])
@pytest.mark.parametrize("parametrization", ["light", "warp", "raw"])
@pytest.mark.parametrize("seed", range(3))
def test_the_ladder_holds_up_to_the_optimised_netlist(seed: int, parametrization: str, connections: str) -> None:
    ranks = (2, 2) if parametrization == "raw" else ((4, 2), (3, 6), (1, 5))[seed]
    model = small_model(seed, ranks=ranks, parametrization=parametrization, connections=connections)
    netlist = extract(model)
    for kind in InputKind:
        inputs = make_inputs(netlist, kind, num_random=150, seed=seed)
        expected = packed_reference(model)(inputs)
        at = netlist if kind is InputKind.X else netlist.without_encoder()
        for result in (
            eval_reference(model)(inputs),
            evaluate(netlist, inputs.samples),
            evaluate(optimize(at), inputs.samples),
        ):
            assert (result.scores == expected.scores).all()
            assert (result.class_ids == expected.class_ids).all()
        assert len(np.unique(expected.scores)) > 3


def test_a_model_of_bits_agrees_on_every_input() -> None:
    model = bits_model()
    netlist = extract(model)
    inputs = make_inputs(netlist, InputKind.BITS, num_random=0, seed=0)
    assert len(inputs) == 256
    assert (evaluate(netlist, inputs.samples).scores == packed_reference(model)(inputs).scores).all()


def test_integers_and_floats_give_the_same_bits_in_torch_and_in_the_netlist() -> None:
    model = small_model(1)
    netlist = extract(model)
    assert netlist.encoder is not None
    x = torch.rand(500, 1, 4, 4) * 1.4 - 0.2
    flat = x.reshape(500, -1).numpy()
    integers = quantize(netlist.encoder, flat)
    encoder = model[0]
    assert isinstance(encoder, DistributiveThermometer)
    assert (integers == encoder.quantize(x).reshape(500, -1).numpy()).all()
    from_floats = input_bits(netlist, Samples(InputKind.X, flat))
    assert (from_floats == input_bits(netlist, Samples(InputKind.X, integers))).all()
    assert (from_floats == encoder(x).flatten(1).numpy()).all()


def test_origins_name_the_layer_and_the_neuron() -> None:
    netlist = extract(small_model(0))
    assert netlist.origins is not None
    assert netlist.origins[:2].tolist() == [[2, 0], [2, 1]]
    assert netlist.origins[-1].tolist() == [3, 29]


def test_layer_bits_are_the_values_of_the_extracted_luts() -> None:
    model = small_model(2)
    netlist = extract(model)
    inputs = make_inputs(netlist, InputKind.X, num_random=50, seed=0)
    nets = evaluate_nets(netlist, inputs.samples)[netlist.first_lut :]
    positions = [position for position, _ in layer_bits(model, inputs)]
    stacked = np.concatenate([bits for _, bits in layer_bits(model, inputs)], axis=1)
    assert positions == [2, 3]
    assert (stacked.T == nets).all()


def test_feed_forward_is_exported_like_any_model() -> None:
    torch.manual_seed(0)
    x = torch.rand(100, 1, 4, 4)
    model = FeedForward(fit_samples=x, num_classes=5, layer_width=50, num_bits=3, tau=3.0).eval()
    netlist = extract(model)
    inputs = inputs_from_numbers(netlist, InputKind.X, x.numpy())
    assert (evaluate(netlist, inputs.samples).scores == PackedLogicNet(model).scores(x).numpy()).all()


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_ladder_holds_for_convolutions_pooling_and_blocks(seed: int, rank: int, encoder: bool) -> None:
    model = conv_model(seed, rank=rank, encoder=encoder)
    netlist = extract(model)
    assert netlist.rank == 3
    for kind in InputKind if encoder else [InputKind.BITS]:
        inputs = make_inputs(netlist, kind, num_random=150, seed=seed)
        expected = packed_reference(model)(inputs)
        at = netlist if kind is InputKind.X else netlist.without_encoder()
        for result in (
            eval_reference(model)(inputs),
            evaluate(netlist, inputs.samples),
            evaluate(optimize(at), inputs.samples),
        ):
            assert (result.scores == expected.scores).all()
        assert len(np.unique(expected.scores)) > 2


def test_neurons_of_images_are_the_rows_of_layer_bits() -> None:
    model = conv_model(1)
    netlist = extract(model)
    inputs = make_inputs(netlist, InputKind.X, num_random=50, seed=0)
    assert netlist.origins is not None
    nets = evaluate_nets(netlist, inputs.samples)[netlist.first_lut :]
    layers = layer_bits(model, inputs)
    assert [position for position, _ in layers] == [1, 2, 3, 4, 5, 7]
    for position, bits in layers:
        luts = np.flatnonzero(netlist.origins[:, 0] == position)
        outputs = dict(zip(netlist.origins[luts, 1].tolist(), luts.tolist(), strict=True))  # the last of a number
        assert sorted(outputs) == list(range(bits.shape[1]))
        assert (nets[[outputs[neuron] for neuron in range(bits.shape[1])]] == bits.T).all()
    # The convolution has two levels at 49 positions, the pooling 64 positions.
    assert (netlist.origins[:, 0] == 1).sum() == 4 * (2 + 1) * 49
    assert layers[1][1].shape[1] == 4 * 64


def test_a_flip_in_a_convolution_is_traced_to_its_lut() -> None:
    model = conv_model(1)
    netlist = extract(model)
    inputs = make_inputs(netlist, InputKind.X, num_random=50, seed=0)
    tables = netlist.tables.copy()
    tables[7] ^= np.uint64(255)
    found = _trace_layers(replace(netlist, tables=tables), inputs.samples, layer_bits(model, inputs))
    assert found is not None
    assert (found.lut, found.layer, found.neuron) == (7, 1, 7)


def test_shared_kernels_are_written_out_and_the_padding_is_net_0() -> None:
    leaves = torch.tensor([[0], [3]])  # the upper left and the lower right input of a 2 x 2 field
    layer = LogicConv2d(2, 1, 1, 1, 2, padding=1, init_method=leaves)
    netlist = extract(nn.Sequential(layer, nn.Flatten(), GroupSum(9)))
    slots = netlist.pins[:, ::-1].reshape(3, 3, 2)
    assert slots[:, :, 0].tolist() == [[0, 0, 0], [0, 2, 3], [0, 4, 5]]
    assert slots[:, :, 1].tolist() == [[2, 3, 0], [4, 5, 0], [0, 0, 0]]
    assert set(netlist.tables.tolist()) == {0b1100}
    assert netlist.outputs.tolist() == list(range(6, 15))


def test_pooling_is_a_tree_of_ors() -> None:
    layers = LogicConv2d(4, 1, 1, 1, 1, lut_rank=1), OrPooling2d(3, 1), nn.Flatten(), GroupSum(4)
    netlist = extract(nn.Sequential(*layers))
    assert netlist.num_luts == 16 + 4 * 8  # nine inputs take eight ors of two
    inputs = make_inputs(netlist, InputKind.BITS, num_random=200, seed=0)
    image = torch.tensor(inputs.samples.values).view(-1, 1, 4, 4)
    assert (evaluate(netlist, inputs.samples).scores == OrPooling2d(3, 1)(image).flatten(1).numpy()).all()


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "a layer that cannot be exported": (
        nn.Sequential(nn.Flatten(), nn.Linear(4, 4), GroupSum(2)),
        r"layer 1 \(Linear\) cannot be exported; supported: .*LogicDense",
    ),
    "a model that is one other layer": (nn.ReLU(), r"layer 0 \(ReLU\) cannot be exported"),
    "an encoder that was never fitted": (
        nn.Sequential(DistributiveThermometer(3), LogicDense(3, 4), GroupSum(2)),
        r"layer 0 \(DistributiveThermometer\) is not fitted",
    ),
    "no head": (nn.Sequential(LogicDense(4, 4)), "no head at its end"),
    "a layer behind the head": (
        nn.Sequential(LogicDense(4, 4), GroupSum(2), LogicDense(2, 2)),
        r"layer 2 .* behind the head",
    ),
    "a head alone": (nn.Sequential(GroupSum(2)), "nothing to add up"),
    "an encoder in the middle": (
        nn.Sequential(LogicDense(4, 4), DistributiveThermometer(3)),
        r"layer 1 \(DistributiveThermometer\) is not the first layer",
    ),
    "widths that do not fit": (
        nn.Sequential(LogicDense(4, 5), LogicDense(6, 4), GroupSum(2)),
        "reads 6 bits but gets 5",
    ),
    "a Flatten that keeps axes": (nn.Sequential(nn.Flatten(2), LogicDense(4, 4), GroupSum(2)), "keeps axes apart"),
    "an image that is not flattened": (
        nn.Sequential(DistributiveThermometer(1).fit(torch.rand(20, 1, 1, 6)), LogicDense(6, 4), GroupSum(2)),
        r"layer 1 \(LogicDense\) reads samples of shape \(1, 1, 6\) axis by axis; put nn.Flatten",
    ),
    "an image that a head reads": (
        nn.Sequential(LogicConv2d(4, 1, 2, 1, 2), GroupSum(3)),
        r"layer 1 \(GroupSum\) reads samples of shape \(2, 3, 3\) axis by axis; put nn.Flatten",
    ),
    "a convolution of another image": (
        nn.Sequential(LogicConv2d(4, 1, 2, 1, 2), LogicConv2d(4, 2, 2, 1, 2), nn.Flatten(), GroupSum(2)),
        r"layer 1 \(LogicConv2d\) reads \(2, 4, 4\) bits but gets \(2, 3, 3\)",
    ),
    "a convolution behind a Flatten": (
        nn.Sequential(nn.Flatten(), LogicConv2d(4, 1, 2, 1, 2), nn.Flatten(), GroupSum(2)),
        r"layer 1 \(LogicConv2d\) reads an image of bits, which nn.Flatten before it joins",
    ),
    "a pooling without an image": (
        nn.Sequential(LogicDense(4, 4), OrPooling2d(2), nn.Flatten(), GroupSum(2)),
        r"layer 1 \(OrPooling2d\) pools 2 axes but gets bits of shape \(4,\)",
    ),
    "classes that do not split": (nn.Sequential(LogicDense(4, 5), GroupSum(2)), "5 bits do not split evenly"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses_by_name(case: str) -> None:
    model, message = REFUSED[case]
    with pytest.raises(ExportError, match=message):
        extract(model)


def test_it_refuses_nan_thresholds_and_weights() -> None:
    model = small_model(0)
    with torch.no_grad():
        model[0].thresholds.view(-1)[0] = torch.nan  # type: ignore[operator]
    with pytest.raises(ExportError, match=r"layer 0 \(DistributiveThermometer\) has NaN in thresholds"):
        extract(model)
    model = small_model(0)
    with torch.no_grad():
        next(model[2].parameters()).view(-1)[0] = torch.nan
    with pytest.raises(ExportError, match=r"layer 2 \(LogicDense\) has NaN in "):
        extract(model)


def test_the_model_file_of_version_1_stays_loadable() -> None:
    """Written by 0.1.0: thermometer of 2 bits on 6 features, light rank 3, warp rank 2 with learnable connections."""
    model = bitlogic.load(Path(__file__).parent / "golden" / "model_v1.pt")
    assert isinstance(model, nn.Sequential)
    assert extract(model).digest() == "78ff8dcc90daf714fe441b464b5a657accf7f709bc193f6bb097faab4a09ce0f"
    x = (torch.arange(24).reshape(4, 6) * 7 % 11) / 11
    assert PackedLogicNet(model).scores(x).tolist() == [[0, 0, 2], [1, 0, 1], [2, 1, 1], [2, 0, 1]]


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_a_convolutional_model_is_verified_on_every_target(target: str) -> None:
    model = conv_model(2)
    artifacts = export(extract(model), target, reference=packed_reference(model))
    outcome = run_verification(artifacts, Request(model=model, layers=target == "packed"))
    assert outcome.holds, str(outcome)
