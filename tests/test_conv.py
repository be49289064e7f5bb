"""LogicConv2d and LogicConv3d: the discrete tree, the relaxed one and its gradients, wiring, configuration."""

import copy
import itertools
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bitlogic.connections.receptive import LEAF_METHODS, ReceptiveField, draw_channel_starts, window_places
from bitlogic.connections.wiring import Wiring
from bitlogic.heads import GroupSum
from bitlogic.inference import PackBitsTensor
from bitlogic.layers import LogicConv2d, LogicConv3d
from bitlogic.layers.conv import LogicConv
from bitlogic.parametrizations import PARAMETRIZATIONS
from bitlogic.sampling import FORWARD_SAMPLINGS

WIRINGS: dict[str, dict[str, Any]] = {
    "fixed": {"connections": "fixed"},
    "learnable-3": {"connections": "learnable", "num_candidates": 3, "connection_temperature": 0.5},
    "learnable-all": {"connections": "learnable", "num_candidates": -1, "connection_temperature": 0.5},
    "learnable-hard": {"connections": "learnable", "num_candidates": 4, "connection_sampling": "hard"},
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def conv(*sizes: Any, **options: Any) -> LogicConv2d:
    return LogicConv2d(*sizes, **{"weight_init": "random", "generator": seeded(0), **options})


def windows(layer: LogicConv, x: Tensor, kernel: int) -> dict[tuple[int, ...], Tensor]:
    """The inputs of a kernel's receptive field ``(batch, inputs)`` at each position, cut out by slices."""
    pads = [pad for padding in reversed(layer.padding) for pad in (padding, padding)]
    padded = nn.functional.pad(x, pads)
    start = int(layer.channel_starts[kernel])
    group = padded[:, start : start + (layer.channel_group_size or layer.in_channels)]
    cut = {}
    for position in itertools.product(*map(range, layer.out_dim)):
        place = [
            slice(p * step, p * step + width)
            for p, step, width in zip(position, layer.stride, layer.receptive_field_size, strict=True)
        ]
        cut[position] = group[(slice(None), slice(None), *place)].flatten(1)
    return cut


def look_up_by_hand(layer: LogicConv, bits: Tensor) -> Tensor:
    """The tree of every kernel, position and sample, one entry at a time."""
    levels = [(luts.tolist(), ids.t().tolist()) for luts, ids in layer.get_luts_and_ids()]
    output = torch.zeros(len(bits), layer.num_kernels, *layer.out_dim, dtype=torch.int64)
    for kernel in range(layer.num_kernels):
        for position, inputs in windows(layer, bits.int(), kernel).items():
            for sample, field in enumerate(inputs.tolist()):
                values: Any = field
                for luts, ids in levels:
                    own = range(kernel, len(luts), layer.num_kernels)
                    addresses = [int("".join(str(values[i]) for i in ids[lut]), 2) for lut in own]
                    values = {lut: luts[lut][address] for lut, address in zip(own, addresses, strict=True)}
                output[(sample, kernel, *position)] = values[kernel]
    return output


def relax_by_loops(layer: LogicConv, x: Tensor) -> Tensor:
    """The relaxed tree, one position at a time: each level by its parametrization on the fields of all kernels."""
    wiring = layer.connections.draw()
    num_inputs = layer.connections.in_dim
    own_field = (torch.arange(layer.num_kernels) * num_inputs).repeat(layer.tree.luts_of_level(0))
    candidates = wiring.candidates
    if wiring.weights is not None and candidates is None:
        candidates = torch.arange(num_inputs)[:, None, None].expand(wiring.weights.shape)
    leaves = wiring._replace(
        indices=wiring.indices + own_field, candidates=None if candidates is None else candidates + own_field
    )
    fields = [windows(layer, x, kernel) for kernel in range(layer.num_kernels)]
    outputs = []
    for position in fields[0]:
        values = torch.cat([field[position].t() for field in fields])
        for level, parametrization in enumerate(layer.parametrizations()):
            values = parametrization(values, leaves if level == 0 else Wiring(layer.tree.child_ids(level)))
        outputs.append(values.t())
    return torch.stack(outputs, 2).reshape(len(x), layer.num_kernels, *layer.out_dim)


SHAPES = [
    # in_dim, in_channels, num_kernels, tree_depth, receptive field, stride, padding, lut_rank, channel_group_size
    (4, 1, 2, 1, 2, 1, 0, 1, None),
    ((5, 4), 2, 3, 2, (3, 2), (2, 1), (1, 0), 2, None),
    ((4, 5), 3, 2, 3, 3, 1, 1, 2, 2),
    (4, 2, 2, 3, 3, 3, 2, 1, 1),
    ((3, 6), 2, 3, 1, (2, 4), 2, (0, 2), 4, None),
    (5, 4, 3, 2, 2, 1, 1, 4, 3),
]


@pytest.mark.parametrize("method", LEAF_METHODS)
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_eval_is_the_tree_of_tables(sizes: tuple[Any, ...], method: str) -> None:
    layer = conv(*sizes, init_method=method).eval()
    bits = torch.rand(3, layer.in_channels, *layer.in_dim, generator=seeded(1)) > 0.5
    expected = look_up_by_hand(layer, bits)
    assert torch.equal(layer(bits.float()).long(), expected)
    assert torch.equal(layer(PackBitsTensor.pack(bits)).unpack(torch.int64), expected)


def test_a_volume_is_convolved_alike() -> None:
    layer = LogicConv3d((3, 4, 2), 2, 3, 2, (2, 3, 1), (1, 2, 1), (0, 1, 1), weight_init="random").eval()
    bits = torch.rand(3, 2, 3, 4, 2, generator=seeded(1)) > 0.5
    assert layer(bits.float()).shape == (3, 3, 2, 2, 4)
    assert torch.equal(layer(bits.float()).long(), look_up_by_hand(layer, bits))
    x = torch.rand(2, 2, 3, 4, 2, generator=seeded(2))
    torch.testing.assert_close(layer.train()(x), relax_by_loops(layer, x))


def assert_same_gradients(layer: LogicConv, x: Tensor) -> None:
    layer.double().train()
    x = x.double().requires_grad_()
    weights = torch.rand(len(x), layer.num_kernels, *layer.out_dim, dtype=torch.float64, generator=seeded(3))
    outputs = layer(x), relax_by_loops(layer, x)
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    grads = [torch.autograd.grad((output * weights).sum(), (x, *layer.parameters())) for output in outputs]
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_values_and_gradients_are_those_of_loops_over_positions(sizes: tuple[Any, ...], wiring: str) -> None:
    layer = conv(*sizes, init_method="random", **WIRINGS[wiring])
    assert_same_gradients(layer, torch.rand(3, layer.in_channels, *layer.in_dim, generator=seeded(2)))


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_every_parametrization_shares_its_weights_over_positions(name: str) -> None:
    rank = min(3, PARAMETRIZATIONS[name].ranks[-1])
    for depth, wiring in ((1, "learnable-3"), (2, "fixed")):
        layer = conv((4, 3), 2, 3, depth, 2, 1, 1, rank, parametrization=name, **WIRINGS[wiring])
        assert_same_gradients(layer, torch.rand(3, 2, 4, 3, generator=seeded(2)))
        bits = torch.rand(5, 2, 4, 3, generator=seeded(4)) > 0.5
        assert torch.equal(layer.eval()(bits.double()).long(), look_up_by_hand(layer, bits))


@pytest.mark.parametrize("sampling", FORWARD_SAMPLINGS)
@pytest.mark.parametrize("name", ["light", "warp", "difflogic"])
def test_sampling_draws_in_training_only(name: str, sampling: str) -> None:
    layer = conv(4, 1, 3, 2, 3, parametrization=name, forward_sampling=sampling)
    bits = (torch.rand(5, 1, 4, 4, generator=seeded(4)) > 0.5).float()
    discrete = look_up_by_hand(layer, bits)
    assert torch.equal(layer.eval()(bits).long(), discrete)
    output = layer.train()(bits)
    if sampling == "hard":
        assert torch.equal(output.long(), discrete)
    torch.manual_seed(0)
    first = layer(bits)
    assert torch.equal(first, layer(bits)) == (not sampling.startswith("gumbel"))


@pytest.mark.parametrize("method", LEAF_METHODS)
@pytest.mark.parametrize(
    ("channels", "size", "num_leaves", "rank"),
    [
        (1, (3, 3), 4, 2),
        (2, (3, 3), 8, 2),
        (50, (3, 3), 8, 2),
        (5, (3, 3), 16, 4),
        (3, (1, 1), 1, 1),
        (3, (3, 3), 27, 3),
    ],
)
def test_leaves_are_balanced_over_channels(
    channels: int, size: tuple[int, int], num_leaves: int, rank: int, method: str
) -> None:
    field = ReceptiveField(channels, size, num_kernels=20)
    leaves = field.draw(method, num_leaves, rank, seeded(0))
    assert leaves.shape == (20, num_leaves)
    area = size[0] * size[1]
    counts = torch.stack([torch.bincount(row // area, minlength=channels) for row in leaves])
    assert int(counts.min()) == num_leaves // channels
    assert int(counts.max()) == -(-num_leaves // channels)
    assert bool((counts.sum(0) > 0).all())  # together the kernels use every channel
    if method == "random-unique":
        assert all(len(set(row.tolist())) == num_leaves for row in leaves)


def test_a_small_field_is_used_in_turn_and_no_lut_reads_an_input_twice() -> None:
    leaves = ReceptiveField(1, (1, 3), 10).draw("random-unique", 16, 2, seeded(0))
    assert all(a != b for a, b in leaves.reshape(-1, 2).tolist())
    assert int(torch.stack([torch.bincount(row, minlength=3) for row in leaves]).min()) >= 3


def test_channel_starts_are_dealt_evenly() -> None:
    starts = draw_channel_starts(6, 3, 12, seeded(0))
    assert torch.bincount(starts).tolist() == [3, 3, 3, 3]


def test_window_places_know_the_padding() -> None:
    assert window_places((4,), (3,), (2,), (1,)).tolist() == [[-1, 1], [0, 2], [1, 3]]
    assert window_places((2, 2), (1, 2), (1, 1), (0, 1)).tolist() == [[-1, 0, 1, -1, 2, 3], [0, 1, -1, 2, 3, -1]]


def test_ids_index_the_receptive_field_behind_the_channel_start() -> None:
    leaves = torch.tensor([[0, 7], [4, 2]])  # (lut_rank, num_kernels): kernel 1 reads (c 1, dy 1, dx 1), (0, 1, 0)
    layer = conv(2, 3, 2, 1, 2, channel_group_size=2, init_method=leaves, parametrization="raw")
    layer.channel_starts.copy_(torch.tensor([1, 0]))
    layer.parametrizations()[0].weight.data[:] = nn.functional.one_hot(torch.tensor([2, 1]), 16).float()
    assert [ids.tolist() for _, ids in layer.get_luts_and_ids()] == [leaves.tolist()]
    assert [numbers.tolist() for numbers in layer.get_lut_ids()] == [[2, 1]]
    x = torch.zeros(1, 3, 2, 2)
    x[0, 1, 0, 0] = 1  # kernel 0: "slot 0 and not slot 1", slot 0 is channel 1, slot 1 channel 2
    x[0, 1, 1, 1] = x[0, 0, 1, 0] = 1  # kernel 1: and
    assert layer.eval()(x).flatten().tolist() == [1, 1]


def test_kernels_learn_their_leaves() -> None:
    torch.manual_seed(0)
    x = (torch.rand(256, 1, 3, 3, generator=seeded(0)) > 0.5).float()
    target = ((x[:, 0, 0, 0] != x[:, 0, 2, 2]) | (x[:, 0, 1, 1] > 0)).long()
    layer = conv(3, 1, 64, 2, 3, connections="learnable", num_candidates=9, weight_init="residual")
    model = nn.Sequential(layer, nn.Flatten(), GroupSum(2, tau=3.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(120):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float((model.eval()(x).argmax(1) == target).float().mean()) >= 0.95


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("training", [False, True])
def test_any_input_dtype_gives_the_same_bits(dtype: torch.dtype, training: bool) -> None:
    layer = conv(4, 2, 3, 2, 3, padding=1, forward_sampling="hard").train(training)
    bits = torch.rand(5, 2, 4, 4, generator=seeded(4)) > 0.5
    output = layer(bits.to(dtype))
    assert output.dtype == (dtype if dtype.is_floating_point else torch.float32)
    assert torch.equal(output.long(), look_up_by_hand(layer, bits))


def test_grad_factor_scales_the_input_gradient_only() -> None:
    grads = []
    for factor in (1.0, 2.5):
        layer = conv(4, 1, 3, 2, 3, grad_factor=factor).double()
        x = torch.rand(5, 1, 4, 4, dtype=torch.float64, generator=seeded(1)).requires_grad_()
        grads.append(torch.autograd.grad(layer(x).square().sum(), (x, *layer.parameters())))
    assert torch.equal(grads[0][0] * 2.5, grads[1][0])
    assert all(torch.equal(a, b) for a, b in zip(grads[0][1:], grads[1][1:], strict=True))


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_a_layer_is_rebuilt_from_its_json_config(wiring: str) -> None:
    for name, method in ((next(iter(PARAMETRIZATIONS)), "random"), ("polylut", torch.arange(24).view(2, 12) % 12)):
        layer = conv(
            (5, 4),
            3,
            6,
            2,
            2,
            1,
            (1, 0),
            channel_group_size=None,
            parametrization=name,
            init_method=method,
            **WIRINGS[wiring],
        )
        layer.update_temperature(0.25)
        config = json.loads(json.dumps(layer.get_config()))
        again = LogicConv2d(**config)
        again.load_state_dict(layer.state_dict())
        assert again.get_config() == layer.get_config()
        x = torch.rand(4, 3, 5, 4, generator=seeded(6))
        assert torch.equal(layer(x), again(x))
        twin = copy.deepcopy(layer)
        before = layer(x)
        for parameter in twin.parameters():
            parameter.data.neg_()
        assert torch.equal(layer(x), before)


def test_the_same_seed_gives_the_same_layer() -> None:
    layers = [conv(5, 4, 6, 2, 3, channel_group_size=2, generator=seeded(seed)) for seed in (1, 1, 2)]
    states = [list(layer.state_dict().values()) for layer in layers]
    assert all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0], states[2], strict=True))


def test_temperature_and_regularization_reach_every_level() -> None:
    layer = conv(4, 1, 3, 3, 3)
    layer.update_temperature(0.5)
    assert {parametrization.temperature for parametrization in layer.parametrizations()} == {0.5}
    weights = torch.cat([parametrization.weight.flatten() for parametrization in layer.parametrizations()])
    torch.testing.assert_close(layer.get_regularization_loss("l1"), weights.abs().mean())


@pytest.mark.parametrize("wiring", ["fixed", "learnable-3"])
def test_a_layer_compiles_and_exports_as_one_graph(wiring: str) -> None:
    layer = conv(4, 2, 3, 2, 3, padding=1, **WIRINGS[wiring])
    x = torch.rand(6, 2, 4, 4, generator=seeded(1))
    for training in (True, False):
        layer.train(training)
        torch.compiler.reset()
        compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), layer(x))
    exported = torch.export.export(layer.eval(), (x,))
    assert torch.equal(exported.module()(x), layer(x))


def test_the_output_is_signal_major_in_memory() -> None:
    output = conv(4, 2, 3, 2, 3, padding=1)(torch.rand(6, 2, 4, 4))
    assert output.permute(1, 2, 3, 0).is_contiguous()


def test_packed_bits_are_refused_in_training() -> None:
    with pytest.raises(TypeError, match="LogicConv2d takes packed bits in evaluation mode only"):
        conv(4, 2, 3, 2, 3)(PackBitsTensor.pack(torch.zeros(3, 2, 4, 4)))


@pytest.mark.parametrize(
    ("sizes", "options", "error", "reason"),
    [
        ((4, 1, 2, 0, 3), {}, ValueError, "tree_depth must be at least 1, got 0"),
        ((4, 0, 2, 1, 3), {}, ValueError, "in_channels must be at least 1"),
        ((4, 1, 0, 1, 3), {}, ValueError, "num_kernels must be at least 1"),
        ((4, 1, 2, 1, 5), {}, ValueError, r"a window of \(5, 5\) does not fit into an input of \(4, 4\)"),
        ((4, 1, 2, 1, 3, 0), {}, ValueError, "stride must be at least 1"),
        ((4, 1, 2, 1, 3, 1, -1), {}, ValueError, "padding must be at least 0"),
        (((4, 4, 4), 1, 2, 1, 3), {}, ValueError, "in_dim must be one integer or 2 of them"),
        ((4.0, 1, 2, 1, 3), {}, TypeError, "in_dim takes integers"),
        ((4, 3, 2, 1, 3), {"channel_group_size": 4}, ValueError, r"channel_group_size must be None or 1\.\.3"),
        ((4, 1, 2, 1, 3), {"lut_rank": 7}, ValueError, "takes lut_rank 1 to 6, got 7"),
        ((4, 1, 2, 1, 3), {"lut_rnk": 2}, TypeError, "LogicConv2d got an unexpected keyword argument 'lut_rnk'"),
        ((4, 1, 2, 1, 3), {"parametrization": "no"}, ValueError, "unknown parametrization 'no'"),
        ((4, 1, 2, 1, 3), {"init_method": "grouped"}, ValueError, "choices: random-unique, random"),
        ((4, 1, 2, 1, 1), {}, ValueError, "a LUT of rank 2 cannot read distinct inputs of a receptive field of 1"),
        (
            (4, 1, 2, 1, 3),
            {"connections": "learnable", "num_candidates": 10},
            ValueError,
            r"num_candidates must be -1 \(every input\) or 1\.\.9",
        ),
        ((4, 1, 2, 1, 3), {"init_method": torch.zeros(2, 3, dtype=torch.int64)}, ValueError, r"\(2, 2\)"),
    ],
)
def test_wrong_options_are_refused(
    sizes: tuple[Any, ...], options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        conv(*sizes, **options)


@pytest.mark.parametrize("shape", [(2, 1, 4), (2, 2, 4, 4), (2, 1, 4, 5), (1, 4, 4)])
def test_another_input_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"LogicConv2d expects an input of shape \(batch, 1, 4, 4\)"):
        conv(4, 1, 2, 1, 3)(torch.zeros(shape))
