"""PackBitsTensor: bits in words that every layer takes in evaluation mode, equal to the unpacked bits."""

import pytest
import torch
from torch import Tensor, nn

from bitlogic import GroupSum, LogicDense, Thermometer
from bitlogic.heads import HEADS, GroupedDSP, Head, setup_head
from bitlogic.inference import PackBitsTensor

NUM_SAMPLES = [0, 1, 63, 64, 65, 200]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_bits(*shape: int, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=seeded(seed)) > 0.5).float()


def random_head(name: str, k: int) -> Head:
    head = setup_head(name, k, tau=3.7, beta=0.3)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=seeded(k)))
    return head.eval()


@pytest.mark.parametrize("num_samples", NUM_SAMPLES)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_unpack_gives_back_what_pack_took(shape: tuple[int, ...], num_samples: int) -> None:
    bits = random_bits(num_samples, *shape)
    packed = PackBitsTensor.pack(bits)
    assert (packed.shape, packed.ndim, len(packed)) == (bits.shape, bits.ndim, num_samples)
    assert packed.words.shape == (*shape, -(-num_samples // 64))
    assert torch.equal(packed.unpack(), bits)
    for dtype in (torch.bool, torch.uint8, torch.float64):
        assert torch.equal(PackBitsTensor.pack(bits.to(dtype)).unpack(dtype), bits.to(dtype))


def test_bit_b_of_word_w_is_sample_64_w_plus_b() -> None:
    bits = torch.zeros(70, 2)
    bits[3, 0] = bits[65, 1] = 1
    assert PackBitsTensor.pack(bits).words.tolist() == [[1 << 3, 0], [0, 1 << 1]]


@pytest.mark.parametrize("num_samples", NUM_SAMPLES)
@pytest.mark.parametrize("middle", [(), (3,), (2, 3)])
@pytest.mark.parametrize("connections", ["fixed", "learnable"])
def test_a_dense_layer_gives_the_words_of_its_bits(connections: str, middle: tuple[int, ...], num_samples: int) -> None:
    layer = LogicDense(9, 20, lut_rank=3, weight_init="random", connections=connections, generator=seeded(1)).eval()
    bits = random_bits(num_samples, *middle, 9)
    packed = layer(PackBitsTensor.pack(bits))
    assert isinstance(packed, PackBitsTensor)
    assert torch.equal(packed.unpack(), layer(bits))


@pytest.mark.parametrize("num_samples", NUM_SAMPLES)
@pytest.mark.parametrize("middle", [(), (3,), (2, 3)])
@pytest.mark.parametrize("name", HEADS)
def test_a_head_gives_the_scores_of_the_bits(name: str, middle: tuple[int, ...], num_samples: int) -> None:
    head, bits = random_head(name, 4), random_bits(num_samples, *middle, 4 * 7)
    packed = PackBitsTensor.pack(bits)
    assert torch.equal(head.scores(packed), head.scores(bits))
    assert torch.equal(head(packed), head(bits))
    assert head(packed).dtype == torch.float32


@pytest.mark.parametrize("head", HEADS)
def test_a_whole_model_runs_on_words_behind_its_encoder(head: str) -> None:
    x = torch.rand(130, 1, 4, 5, generator=seeded(0))
    layers = [
        LogicDense(60, 50, lut_rank=4, weight_init="random"),
        LogicDense(50, 40, lut_rank=6, weight_init="random"),
    ]
    model = nn.Sequential(Thermometer(3).fit(x), nn.Flatten(), nn.Identity(), *layers, random_head(head, 5)).eval()
    assert torch.equal(model[1:](PackBitsTensor.pack(model[0](x))), model(x))


def test_spare_bits_of_the_last_word_mean_nothing() -> None:
    bits = random_bits(70, 8)
    packed = PackBitsTensor.pack(bits)
    spoilt = PackBitsTensor(packed.words.clone(), 70)
    spoilt.words[:, -1] |= -1 << 6
    layer, head = LogicDense(8, 12, weight_init="random").eval(), GroupSum(3).eval()
    assert torch.equal(spoilt.unpack(), bits)
    assert torch.equal(layer(spoilt).unpack(), layer(bits))
    assert torch.equal(head(layer(spoilt)), head(layer(bits)))


@pytest.mark.parametrize("axes", [(1, -1), (1, 2), (2, 3), (-2, -1), (1, 1)])
def test_flatten_joins_signal_axes(axes: tuple[int, int]) -> None:
    bits = random_bits(70, 2, 3, 4)
    assert torch.equal(nn.Flatten(*axes)(PackBitsTensor.pack(bits)).unpack(), bits.flatten(*axes))


@pytest.mark.parametrize("axes", [(0, -1), (2, 1), (1, 4)])
def test_flatten_of_the_batch_axis_or_of_none_is_refused(axes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"packed bits of shape \(70, 2, 3, 4\) cannot flatten axes"):
        nn.Flatten(*axes)(PackBitsTensor.pack(random_bits(70, 2, 3, 4)))


@pytest.mark.parametrize(
    "module", [LogicDense(4, 4), GroupSum(2), GroupedDSP(2)], ids=lambda module: type(module).__name__
)
def test_training_mode_is_refused_by_name(module: nn.Module) -> None:
    with pytest.raises(TypeError, match=f"{type(module).__name__} takes packed bits in evaluation mode only"):
        module.train()(PackBitsTensor.pack(random_bits(3, 4)))


def test_other_widths_and_words_are_refused() -> None:
    packed = PackBitsTensor.pack(random_bits(9, 5))
    with pytest.raises(ValueError, match=r"expects an input of shape \(\.\.\., 4\), got \(9, 5\)"):
        LogicDense(4, 4).eval()(packed)
    with pytest.raises(ValueError, match=r"cannot cut an input of shape \(9, 5\)"):
        GroupSum(2).eval()(packed)
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        PackBitsTensor.pack(torch.full((3, 2), 0.5))
    with pytest.raises(ValueError, match="130 samples do not fit 1 words"):
        PackBitsTensor(packed.words, 130)
    with pytest.raises(ValueError, match="int64 words"):
        PackBitsTensor(packed.words.int(), 9)


@pytest.mark.cuda
def test_cuda_gives_the_bits_of_the_cpu() -> None:
    layer, bits = LogicDense(9, 20, lut_rank=3, weight_init="random").eval(), random_bits(130, 9)
    expected = layer(bits)
    packed = layer.cuda()(PackBitsTensor.pack(bits).to("cuda"))
    assert packed.device.type == "cuda"
    assert torch.equal(packed.to("cpu").unpack(), expected)
