"""OrPooling and ResidualLogicBlock."""

import copy
import itertools
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bitlogic.inference import PackBitsTensor
from bitlogic.layers import LogicConv2d, OrPooling2d, OrPooling3d, ResidualLogicBlock


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pool_by_hand(x: Tensor, layer: OrPooling2d) -> Tensor:
    (ph, pw), (sh, sw), (kh, kw) = layer.padding, layer.stride, layer.kernel_size
    padded = nn.functional.pad(x, (pw, pw, ph, ph))
    rows = range((padded.shape[2] - kh) // sh + 1)
    columns = range((padded.shape[3] - kw) // sw + 1)
    places = [padded[:, :, r * sh : r * sh + kh, c * sw : c * sw + kw] for r, c in itertools.product(rows, columns)]
    return torch.stack([place.amax((2, 3)) for place in places], 2).view(*x.shape[:2], len(rows), len(columns))


SIZES: list[tuple[Any, ...]] = [(2,), (2, 2, 1), (3, 1, 1), ((2, 3), (1, 2), (0, 1)), (1,), (4, 3, 2), ((1, 5), 2)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_pooling_is_the_maximum_of_the_window(sizes: tuple[Any, ...]) -> None:
    layer = OrPooling2d(*sizes)
    x = torch.rand(3, 2, 5, 7, generator=seeded(0))
    expected = pool_by_hand(x, layer)
    assert torch.equal(layer(x), expected)
    bits = x > 0.8
    pooled = pool_by_hand(bits.float(), layer)
    for dtype in (torch.bool, torch.uint8, torch.float32, torch.float64, torch.bfloat16):
        output = layer(bits.to(dtype))
        assert output.dtype == dtype
        assert torch.equal(output.float(), pooled)
    assert torch.equal(layer.eval()(PackBitsTensor.pack(bits)).unpack(), pooled)
    assert tuple(pooled.shape[2:]) == layer.positions((5, 7))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_gradient_goes_to_the_first_of_equal_maxima(sizes: tuple[Any, ...]) -> None:
    layer = OrPooling2d(*sizes)
    x = (torch.rand(3, 2, 5, 7, dtype=torch.float64, generator=seeded(1)) * 3).round().requires_grad_()
    grad = torch.rand(layer(x).shape, dtype=torch.float64, generator=seeded(2))
    (ours,) = torch.autograd.grad(layer(x), x, grad)
    theirs = nn.functional.max_pool2d(x, layer.kernel_size, layer.stride, layer.padding)
    (expected,) = torch.autograd.grad(theirs, x, grad)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-14)


def test_volumes_are_pooled_alike() -> None:
    layer = OrPooling3d((2, 1, 3), (2, 1, 1), (1, 0, 1))
    x = torch.rand(2, 3, 4, 3, 5, generator=seeded(0))
    assert torch.equal(layer(x), nn.functional.max_pool3d(x, layer.kernel_size, layer.stride, layer.padding))


def test_a_convolution_is_pooled_where_it_lies() -> None:
    x = torch.rand(4, 1, 6, 6, generator=seeded(0))
    output = OrPooling2d(2)(LogicConv2d(6, 1, 3, 2, 3, padding=1)(x))
    assert output.permute(1, 2, 3, 0).is_contiguous()


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ((0,), ValueError, "kernel_size must be at least 1"),
        ((2, 0), ValueError, "stride must be at least 1"),
        ((2, 2, -1), ValueError, "padding must be at least 0"),
        ((2, 2, 2), ValueError, "more than half of the window"),
        (((2, 2, 2),), ValueError, "kernel_size must be one integer or 2 of them"),
        ((2.0,), TypeError, "kernel_size takes integers"),
    ],
)
def test_wrong_sizes_are_refused(arguments: tuple[Any, ...], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        OrPooling2d(*arguments)


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(batch, channels, extent, extent\), got \(2, 3, 4\)"):
        OrPooling2d(2)(torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match=r"a window of \(5, 5\) does not fit"):
        OrPooling2d(5)(torch.zeros(2, 3, 4, 4))
    with pytest.raises(TypeError, match="OrPooling2d takes packed bits in evaluation mode only"):
        OrPooling2d(2)(PackBitsTensor.pack(torch.zeros(3, 2, 4, 4)))


BLOCKS: dict[str, dict[str, Any]] = {
    "identity": {"num_kernels": 4},
    "wider": {"num_kernels": 6},
    "pooled": {"num_kernels": 4, "pool_sizes": (1, 2)},
    "pooled twice and wider": {"num_kernels": 6, "pool_sizes": (2, 2)},
    "groups": {"num_kernels": 6, "channel_group_size": 2, "connections": "learnable", "num_candidates": 5},
    "rank 2 only": {"num_kernels": 6, "parametrization": "raw"},
    "rank 3": {"num_kernels": 4, "lut_rank": 3, "receptive_field_size": (3, 1)},
}


def block(name: str, **options: Any) -> ResidualLogicBlock:
    return ResidualLogicBlock(
        (7, 6), 4, tree_depth=2, generator=seeded(0), weight_init="random", **BLOCKS[name], **options
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_joins_its_two_ways_by_an_or(name: str) -> None:
    layer = block(name)
    pool = torch.Size(layer.pool_sizes).numel()
    bits = torch.rand(9, 4, 7, 6, generator=seeded(1)) > 0.5
    layer.eval()
    main, shortcut = layer.main(bits.float()), layer.shortcut(bits.float())
    assert main.shape == shortcut.shape == (9, layer.num_kernels, 7 // pool, 6 // pool)
    expected = (main > 0) | (shortcut > 0)
    assert torch.equal(layer(bits.float()) > 0, expected)
    assert torch.equal(layer(PackBitsTensor.pack(bits)).unpack(torch.bool), expected)
    assert tuple(expected.shape[2:]) == layer.out_dim
    layer.train()
    x = torch.rand(9, 4, 7, 6, generator=seeded(2))
    main, shortcut = layer.main(x), layer.shortcut(x)
    torch.testing.assert_close(layer(x), main + shortcut - main * shortcut)
    kinds = [type(module).__name__ for module in layer.shortcut]
    assert kinds == ["OrPooling2d"] * (pool > 1) + ["LogicConv2d"] * (layer.num_kernels != 4)


def test_a_new_shortcut_is_a_wire() -> None:
    layer = ResidualLogicBlock(5, 3, 6, 1).eval()
    (projection,) = layer.shortcut
    assert isinstance(projection, LogicConv2d)
    x = (torch.rand(9, 3, 5, 5, generator=seeded(1)) > 0.5).float()
    (_, ids), *_ = projection.get_luts_and_ids()
    assert sorted(ids[0].tolist()) == [0, 0, 1, 1, 2, 2]
    assert torch.equal(projection(x), x[:, ids[0]])


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_rebuilt_from_its_json_config(name: str) -> None:
    layer = block(name)
    again = ResidualLogicBlock(**json.loads(json.dumps(layer.get_config())))
    again.load_state_dict(layer.state_dict())
    assert again.get_config() == layer.get_config()
    x = torch.rand(3, 4, 7, 6, generator=seeded(6))
    for training in (True, False):
        assert torch.equal(layer.train(training)(x), again.train(training)(x))
    twin = copy.deepcopy(layer)
    before = layer(x)
    for parameter in twin.parameters():
        parameter.data.neg_()
    assert torch.equal(layer(x), before)


def test_a_block_of_volumes() -> None:
    layer = ResidualLogicBlock((3, 4, 4), 2, 3, 1, pool_sizes=(1, 2))
    assert layer(torch.rand(2, 2, 3, 4, 4)).shape == (2, 3, 1, 2, 2)


def test_temperature_and_regularization_reach_all_convolutions() -> None:
    layer = block("wider")
    layer.update_temperature(0.5)
    found = {level.temperature for part in layer.convolutions() for level in part.parametrizations()}
    assert (len(layer.convolutions()), found) == (3, {0.5})
    layer.get_regularization_loss("l2").backward()  # type: ignore[no-untyped-call]
    assert all(level.weight.grad is not None for part in layer.convolutions() for level in part.parametrizations())


def test_pooling_and_blocks_compile_and_export_as_one_graph() -> None:
    x = torch.rand(6, 4, 5, 4, generator=seeded(1), requires_grad=True)
    layers = OrPooling2d(2, 2, 1), ResidualLogicBlock((5, 4), 4, 4, 1, pool_sizes=(2, 1))
    for layer in layers:
        torch.compiler.reset()
        compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")(x)
        torch.testing.assert_close(compiled, layer(x))
        grads = [torch.autograd.grad(output.square().sum(), x)[0] for output in (compiled, layer(x))]
        torch.testing.assert_close(*grads)
        exported = torch.export.export(layer.eval(), (x.detach(),))
        assert torch.equal(exported.module()(x.detach()), layer(x.detach()))


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"receptive_field_size": 2}, ValueError, "odd receptive_field_size, got 2"),
        ({"padding": 1}, TypeError, "sets padding itself"),
        ({"stride": 2}, TypeError, "sets stride itself"),
        ({"pool_sizes": (0, 1)}, ValueError, "pool_sizes must be at least 1"),
        ({"pool_sizes": (1, 9)}, ValueError, "does not fit"),
        ({"in_dim": (3,)}, ValueError, "in_dim must be one integer, two or three of them"),
        ({"num_kernel": 3}, TypeError, "LogicConv2d got an unexpected keyword argument 'num_kernel'"),
    ],
)
def test_wrong_block_options_are_refused(options: dict[str, Any], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        ResidualLogicBlock(**{"in_dim": 5, "in_channels": 2, "num_kernels": 3, "tree_depth": 1, **options})
