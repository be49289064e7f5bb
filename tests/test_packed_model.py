"""PackedLogicNet: the model's discrete function on words, equal to model.eval() bit for bit."""

import gc
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bitlogic import (
    DistributiveThermometer,
    FeedForward,
    GroupSum,
    LogicDense,
    PackedLogicNet,
    Thermometer,
    pack_bits,
    unpack_bits,
)
from bitlogic.inference import PackBitsTensor
from bitlogic.inference.bitslice import apply_luts, leaf_masks
from bitlogic.inference.counting import count_ones
from bitlogic.layers import LogicConv2d, LogicConv3d, OrPooling2d, OrPooling3d
from tests.models import conv_model

NUM_SAMPLES = [1, 2, 63, 64, 65, 200]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_bits(shape: tuple[int, ...], seed: int) -> Tensor:
    return (torch.rand(*shape, generator=seeded(seed)) > 0.5).float()


def dense(in_dim: int, out_dim: int, **keywords: object) -> LogicDense:
    return LogicDense(in_dim, out_dim, weight_init="random", generator=seeded(out_dim), **keywords)  # type: ignore[arg-type]


def image_model(rank: int = 4, parametrization: str = "light") -> nn.Sequential:
    x = torch.rand(100, 1, 4, 5, generator=seeded(0))
    return nn.Sequential(
        Thermometer(3).fit(x),
        nn.Flatten(),
        dense(60, 50, lut_rank=rank, parametrization=parametrization, connections="learnable", num_candidates=5),
        dense(50, 40, lut_rank=rank, parametrization=parametrization),
        GroupSum(5, tau=3.7, beta=-0.3),
    ).eval()


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("num_samples", [1, 64, 130])
def test_a_lut_reads_its_entry_with_slot_0_highest(rank: int, num_samples: int) -> None:
    bits = random_bits((num_samples, 9), rank)
    luts = torch.randint(0, 2, (300, 2**rank), generator=seeded(rank), dtype=torch.uint8)
    ids = torch.randint(0, 9, (rank, 300), generator=seeded(rank + 1))
    words = apply_luts(pack_bits(bits).T.contiguous(), *leaf_masks(luts), ids)
    places = 2 ** torch.arange(rank - 1, -1, -1)
    for neuron in range(300):
        address = (bits[:, ids[:, neuron]].long() * places).sum(1)
        assert torch.equal(unpack_bits(words[neuron], num_samples, torch.uint8), luts[neuron, address])


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 8, 31, 32, 64, 100, 255, 256, 1000])
@pytest.mark.parametrize("num_samples", NUM_SAMPLES)
def test_count_ones_adds_each_group(rows: int, num_samples: int) -> None:
    bits = random_bits((num_samples, 3, rows), rows)
    bits[:, 0] = 0
    bits[:, 1] = 1
    words = pack_bits(bits).permute(1, 2, 0).contiguous()
    assert torch.equal(count_ones(words)[:num_samples], bits.sum(2).long())


def test_a_call_leaves_nothing_to_the_garbage_collector() -> None:
    """What it does leave would keep megabytes until the collector runs, and each call would take new ones."""
    net = PackedLogicNet(nn.Sequential(LogicDense(6, 70, lut_rank=4), GroupSum(2)))
    bits = torch.zeros(64, 6, dtype=torch.bool)
    net.scores(bits)
    gc.collect()
    gc.disable()
    try:
        net.scores(bits)
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("num_samples", NUM_SAMPLES)
@pytest.mark.parametrize("rank", [1, 2, 4, 6])
def test_packed_equals_eval_bit_for_bit(rank: int, num_samples: int) -> None:
    model = image_model(rank)
    packed = PackedLogicNet(model)
    x = torch.rand(num_samples, 1, 4, 5, generator=seeded(num_samples))
    assert torch.equal(packed(x), model(x))
    bits = nn.Sequential(*list(model)[:-1])(x)
    head = model[-1]
    assert isinstance(head, GroupSum)
    assert packed.scores(x).dtype == torch.int64
    assert torch.equal(packed.scores(x), head.scores(bits))


@pytest.mark.parametrize("parametrization", ["light", "warp", "difflogic"])
def test_every_parametrization_packs(parametrization: str) -> None:
    model = image_model(2, parametrization)
    x = torch.rand(200, 1, 4, 5, generator=seeded(1))
    assert torch.equal(PackedLogicNet(model)(x), model(x))


def test_blocks_of_samples_and_luts_join(monkeypatch: pytest.MonkeyPatch) -> None:
    model = image_model()
    x = torch.rand(1300, 1, 4, 5, generator=seeded(2))
    monkeypatch.setattr("bitlogic.inference.packed_model._BLOCK_WORDS", 1)
    monkeypatch.setattr("bitlogic.inference.bitslice._BLOCK_WORDS", 200)
    packed = PackedLogicNet(model)
    assert torch.equal(packed(x), model(x))
    assert [bits.shape for _, bits in packed.layer_bits(x)] == [(1300, 50), (1300, 40)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_output_has_the_dtype_of_eval(dtype: torch.dtype) -> None:
    model = image_model()
    x = torch.rand(70, 1, 4, 5, generator=seeded(3)).to(dtype)
    headless = nn.Sequential(*list(model)[:-1])
    for net in (model, headless):
        expected, got = net(x), PackedLogicNet(net)(x)
        assert got.dtype == expected.dtype
        assert torch.equal(got, expected)


def test_a_model_without_a_head_gives_bits() -> None:
    model = nn.Sequential(dense(9, 20, lut_rank=3), nn.Identity(), nn.Sequential(dense(20, 7))).eval()
    packed = PackedLogicNet(model)
    x = random_bits((90, 9), 0)
    assert torch.equal(packed(x), model(x))
    with pytest.raises(ValueError, match="no head"):
        packed.scores(x)


@pytest.mark.parametrize("num_samples", NUM_SAMPLES)
@pytest.mark.parametrize("head", [True, False])
def test_packed_bits_go_in_as_they_are(head: bool, num_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlogic.inference.packed_model._BLOCK_WORDS", 128)  # blocks of two words
    layers = image_model()
    model = layers if head else layers[:-1]
    x = torch.rand(num_samples, 1, 4, 5, generator=seeded(num_samples))
    bits = PackBitsTensor.pack(layers[0](x))
    assert bits.ndim == 4
    packed = PackedLogicNet(model)
    assert torch.equal(packed(bits), model(x))
    assert torch.equal(packed(bits.flatten(1)), model(x))
    for (_, got), (_, expected) in zip(packed.layer_bits(bits), packed.layer_bits(x), strict=True):
        assert torch.equal(got, expected)
    with pytest.raises(ValueError, match="takes 60 bits a sample"):
        packed(PackBitsTensor.pack(random_bits((num_samples, 59), 0)))


def test_a_single_layer_packs() -> None:
    layer = dense(9, 20, lut_rank=3).eval()
    x = random_bits((90, 9), 0)
    assert torch.equal(PackedLogicNet(layer)(x), layer(x))


def test_a_head_on_the_encoder_alone_packs() -> None:
    x = torch.rand(80, 6, generator=seeded(0))
    model = nn.Sequential(Thermometer(4).fit(x), GroupSum(3, tau=2.0)).eval()
    assert torch.equal(PackedLogicNet(model)(x), model(x))


def test_flatten_may_stand_before_the_encoder() -> None:
    x = torch.rand(80, 2, 3, generator=seeded(0))
    model = nn.Sequential(nn.Flatten(), Thermometer(4).fit(x.flatten(1)), dense(24, 10), GroupSum(2)).eval()
    assert torch.equal(PackedLogicNet(model)(x), model(x))


def test_flatten_takes_bits_of_any_shape() -> None:
    model = nn.Sequential(nn.Flatten(), dense(12, 10), GroupSum(2)).eval()
    x = random_bits((70, 3, 4), 0)
    assert torch.equal(PackedLogicNet(model)(x), model(x))
    with pytest.raises(ValueError, match="takes \\(batch, 12\\)"):
        PackedLogicNet(nn.Sequential(dense(12, 10)))(x)


def test_ready_bits_skip_the_encoder() -> None:
    model = image_model()
    packed = PackedLogicNet(model)
    x = torch.rand(70, 1, 4, 5, generator=seeded(4))
    bits = model[0](x)
    assert torch.equal(packed(bits, ready_bits=True), model(x))
    assert torch.equal(packed.class_ids(bits.flatten(1).bool(), ready_bits=True), packed.class_ids(x))
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        packed(torch.rand(2, 60), ready_bits=True)
    with pytest.raises(ValueError, match="60 bits a sample"):
        packed(random_bits((2, 59), 0), ready_bits=True)


def test_class_ids_take_the_lowest_of_equal_scores() -> None:
    layer = LogicDense(2, 8, lut_rank=2)
    model = nn.Sequential(layer, GroupSum(4))
    packed = PackedLogicNet(model)
    x = random_bits((100, 2), 0)
    scores = packed.scores(x)
    expected = [row.index(max(row)) for row in scores.tolist()]
    assert packed.class_ids(x).tolist() == expected
    zeros = torch.zeros(100, 4, dtype=torch.int64)
    packed.scores = lambda x, *, ready_bits=False: zeros  # type: ignore[method-assign]
    assert packed.class_ids(x).tolist() == [0] * 100


def test_layer_bits_are_the_outputs_of_each_layer() -> None:
    model = image_model()
    x = torch.rand(70, 1, 4, 5, generator=seeded(5))
    found = PackedLogicNet(model).layer_bits(x)
    assert [position for position, _ in found] == [2, 3]
    for position, bits in found:
        assert bits.dtype == torch.uint8
        assert torch.equal(bits, model[: position + 1](x).to(torch.uint8))


def test_nested_models_count_positions_through() -> None:
    model = image_model()
    nested = nn.Sequential(model[:2], nn.Sequential(model[2], nn.Sequential(model[3])), model[4]).eval()
    x = torch.rand(70, 1, 4, 5, generator=seeded(6))
    packed = PackedLogicNet(nested)
    assert torch.equal(packed(x), model(x))
    assert [position for position, _ in packed.layer_bits(x)] == [2, 3]


def test_feedforward_packs() -> None:
    x = torch.rand(90, 1, 4, 4, generator=seeded(7))
    model = FeedForward(fit_samples=x, num_classes=5, layer_width=50, tau=2.0, generator=seeded(0)).eval()
    assert torch.equal(PackedLogicNet(model)(x), model(x))


def test_results_may_be_used_in_training() -> None:
    model = image_model()
    x = torch.rand(70, 1, 4, 5, generator=seeded(0))
    for packed in (PackedLogicNet(model), PackedLogicNet(model[:3])):
        result = packed(x)
        assert not result.is_inference()
        weight = torch.ones_like(result, requires_grad=True)
        (weight * result).sum().backward()
        assert torch.equal(weight.grad, result)  # type: ignore[arg-type]
    assert not PackedLogicNet(model).scores(x).is_inference()


def test_no_samples_give_no_rows() -> None:
    packed = PackedLogicNet(image_model())
    assert packed(torch.zeros(0, 1, 4, 5)).shape == (0, 5)
    assert packed.class_ids(torch.zeros(0, 1, 4, 5)).shape == (0,)


def test_degenerate_tables_and_wiring_pack() -> None:
    ids = torch.zeros(2, 6, dtype=torch.int64)
    ids[1, 3:] = 1
    layer = LogicDense(2, 6, lut_rank=2, init_method=ids)
    tables = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1]])
    with torch.no_grad():
        layer.parametrization.weight.copy_(tables * 2.0 - 1.0)
    layer.eval()
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert PackedLogicNet(layer)(x).tolist() == [
        [0, 1, 0, 0, 0, 1],
        [0, 1, 0, 1, 1, 0],
        [0, 1, 1, 0, 1, 0],
        [0, 1, 1, 1, 0, 1],
    ]
    assert torch.equal(PackedLogicNet(layer)(x), layer(x))


def test_the_packed_net_is_a_copy() -> None:
    model = image_model()
    x = torch.rand(70, 1, 4, 5, generator=seeded(8))
    packed, before = PackedLogicNet(model), model(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.neg_()
    model[0].fit(x * x)  # type: ignore[operator]
    assert not torch.equal(model(x), before)
    assert torch.equal(packed(x), before)


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_convolutions_pooling_and_blocks_pack(seed: int, encoder: bool) -> None:
    model = conv_model(seed, encoder=encoder)
    x = torch.rand(130, 1, 7, 7, generator=seeded(seed)) if encoder else random_bits((130, 2, 7, 7), seed)
    packed = PackedLogicNet(model)
    assert torch.equal(packed(x), model(x))
    bits = model[0](x) if encoder else x
    assert torch.equal(packed(bits, ready_bits=True), model(x))
    layers = model[1:] if encoder else model
    assert torch.equal(layers(PackBitsTensor.pack(bits)), model(x))
    for position, rows in packed.layer_bits(x):
        output = model[: position + 1](x).flatten(1)
        assert torch.equal(rows[:, -output.shape[1] :].float(), output)


def test_an_image_without_a_head_keeps_its_shape() -> None:
    model = conv_model(0)[:4]
    x = torch.rand(70, 1, 7, 7, generator=seeded(1))
    assert torch.equal(PackedLogicNet(model)(x), model(x))
    with pytest.raises(ValueError, match=r"takes \(batch, 2, 7, 7\)"):
        PackedLogicNet(conv_model(0, encoder=False))(torch.zeros(3, 2, 7, 6))


def test_volumes_pack() -> None:
    layers = LogicConv3d(4, 2, 3, 2, 2, padding=1, weight_init="random"), OrPooling3d(2)
    model = nn.Sequential(*layers, nn.Flatten(), GroupSum(3)).eval()
    x = random_bits((70, 2, 4, 4, 4), 0)
    assert torch.equal(PackedLogicNet(model)(x), model(x))


def with_encoder(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(Thermometer(2).fit(torch.rand(9, 1, 2, 3)), *layers)


@pytest.mark.parametrize(
    ("model", "error", "reason"),
    [
        (lambda: nn.Sequential(dense(4, 4), nn.Linear(4, 4)), TypeError, r"layer 1 \(Linear\) is not known"),
        (lambda: nn.Sequential(nn.Sequential(dense(4, 4), nn.ReLU())), TypeError, r"layer 1 \(ReLU\)"),
        (lambda: nn.Sequential(dense(4, 4), GroupSum(2), dense(2, 2)), TypeError, "layer 2 .* behind the head"),
        (lambda: nn.Sequential(dense(4, 4), Thermometer(2)), TypeError, r"layer 1 \(Thermometer\) is not the first"),
        (lambda: with_encoder(nn.Flatten(2), dense(6, 4)), TypeError, r"layer 1 \(Flatten\) keeps axes apart"),
        (lambda: with_encoder(dense(3, 4)), ValueError, r"put nn\.Flatten before it"),
        (lambda: with_encoder(nn.Flatten(), dense(11, 4)), ValueError, "reads 11 bits but gets 12"),
        (lambda: nn.Sequential(LogicConv2d(4, 1, 2, 1, 2), dense(3, 4)), ValueError, r"put nn\.Flatten before it"),
        (lambda: nn.Sequential(nn.Flatten(), LogicConv2d(4, 1, 2, 1, 2)), ValueError, "Flatten before it joins"),
        (
            lambda: nn.Sequential(LogicConv2d(4, 1, 2, 1, 2), LogicConv2d(4, 2, 2, 1, 2)),
            ValueError,
            r"layer 1 \(LogicConv2d\) reads bits of shape \(2, 4, 4\) but gets \(2, 3, 3\)",
        ),
        (lambda: nn.Sequential(dense(4, 4), OrPooling2d(2)), ValueError, r"layer 1 \(OrPooling2d\) pools 2 axes"),
        (lambda: nn.Sequential(LogicConv2d(4, 1, 2, 1, 2), GroupSum(3)), ValueError, r"put nn\.Flatten before it"),
        (lambda: nn.Sequential(dense(4, 5), GroupSum(2)), ValueError, "2 classes; 5 bits"),
        (lambda: nn.Sequential(nn.Flatten()), ValueError, "nothing to pack"),
        (lambda: nn.Sequential(GroupSum(2)), ValueError, "nothing to pack"),
        (lambda: nn.Sequential(DistributiveThermometer(2), dense(4, 4)), RuntimeError, "not fitted"),
    ],
)
def test_models_that_do_not_pack_are_refused(
    model: Callable[[], nn.Module], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        PackedLogicNet(model())


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="fitted on another shape"):
        PackedLogicNet(image_model())(torch.rand(2, 1, 4, 6))


@pytest.mark.cuda
@pytest.mark.cuda
def test_cuda_gives_the_same_integers() -> None:
    model = image_model()
    x = torch.rand(200, 1, 4, 5, generator=seeded(9))
    expected = PackedLogicNet(model).scores(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        packed = PackedLogicNet(model.cuda())
    assert torch.equal(packed.scores(x.cuda()).cpu(), expected)
