"""Heads: integer scores, float scores, what the matrix of GroupedDSP is, and what they refuse."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import bitlogic
from bitlogic import FeedForward, LogicDense, PackedLogicNet
from bitlogic.export.evaluate import evaluate
from bitlogic.export.extract import extract
from bitlogic.export.samples import InputKind, Samples
from bitlogic.heads import HEADS, GroupedDSP, GroupSum, Head, list_heads, setup_head


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_bits(*shape: int, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=seeded(seed)) > 0.4).float()


def random_head(name: str, k: int, **options: Any) -> Head:
    """The head with random weights, negative ones among them, where it has any."""
    head = setup_head(name, k, **options)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=seeded(k)))
    return head


def test_group_sum_by_hand() -> None:
    bits = torch.tensor([[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]])
    head = GroupSum(k=2, tau=4.0, beta=0.5)
    assert head.scores(bits).tolist() == [[2, 1]]
    assert head(bits).tolist() == [[2 / 4 + 0.5, 1 / 4 + 0.5]]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64])
def test_scores_are_the_same_integers_for_every_dtype(dtype: torch.dtype) -> None:
    bits = torch.rand(3, 5, 3000, generator=torch.Generator().manual_seed(0)) > 0.3
    scores = GroupSum(k=2).scores(bits.to(dtype))
    assert scores.dtype == torch.int64
    assert torch.equal(scores, bits.view(3, 5, 2, 1500).sum(-1))


def test_half_inputs_are_summed_in_float32() -> None:
    scores = GroupSum(k=1)(torch.ones(1, 5001, dtype=torch.float16))
    assert scores.dtype == torch.float32
    assert scores.tolist() == [[5001.0]]
    assert GroupSum(k=1)(torch.ones(1, 8, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("name", HEADS)
def test_training_and_evaluation_give_the_same_floats(name: str) -> None:
    x = torch.rand(4, 12, generator=seeded(1))
    head = random_head(name, 3, tau=2.0)
    assert torch.equal(head.train()(x), head.eval()(x))


@pytest.mark.parametrize("k", [1, 2, 10])
@pytest.mark.parametrize("name", HEADS)
def test_the_scores_are_the_matrix_times_the_sums_and_the_floats_follow_from_them(name: str, k: int) -> None:
    head = random_head(name, k, tau=3.7, beta=-0.3).eval()
    bits = random_bits(50, 2, 7 * k)
    sums = bits.reshape(50, 2, k, 7).sum(-1).long()
    product = head.matrix()
    matrix, scale = (torch.eye(k, dtype=torch.int64), 1.0) if product is None else product
    assert torch.equal(head.scores(bits), sums @ matrix)
    assert head.scores(bits).dtype == torch.int64
    assert torch.equal(head(bits), torch.tensor(scale) * head.scores(bits).float() / 3.7 - 0.3)
    for dtype in (torch.bool, torch.uint8, torch.float16, torch.float64):
        assert torch.equal(head.scores(bits.to(dtype)), head.scores(bits))
    assert torch.equal(head.double()(bits.double()), torch.tensor(scale).double() * head.scores(bits) / 3.7 - 0.3)


@pytest.mark.parametrize("k", [1, 2, 10])
@pytest.mark.parametrize("name", HEADS)
def test_a_model_with_the_head_packs_and_extracts(name: str, k: int) -> None:
    layer = LogicDense(8, 4 * k, lut_rank=3, weight_init="random", generator=seeded(k))
    model = nn.Sequential(layer, random_head(name, k, tau=1.7, beta=0.2)).eval()
    x = (torch.arange(256)[:, None] >> torch.arange(8) & 1).float()
    packed = PackedLogicNet(model)
    assert torch.equal(packed(x), model(x))
    scores = model[1].scores(model[0](x))  # type: ignore[operator]
    assert torch.equal(packed.scores(x), scores)
    netlist = extract(model)
    result = evaluate(netlist, Samples(InputKind.BITS, x.to(torch.uint8).numpy()))
    assert torch.equal(torch.from_numpy(result.scores), scores)
    assert torch.equal(torch.from_numpy(result.class_ids), packed.class_ids(x))
    low, high = netlist.score_range
    assert low <= int(scores.min()) and int(scores.max()) <= high
    floats = torch.tensor(netlist.head.scale) * scores.float() / netlist.head.tau + netlist.head.beta
    assert torch.equal(floats, model(x))


@pytest.mark.parametrize("name", HEADS)
def test_autocast_leaves_the_scores_alone(name: str) -> None:
    head = random_head(name, 4, tau=2.0)
    bits = random_bits(30, 4 * 600)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head(bits), head.eval()(bits))
        assert head(bits.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_one_graph(name: str) -> None:
    head = random_head(name, 3, tau=2.0)
    x = random_bits(5, 12)
    compiled = torch.compile(head, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), head(x))
    exported = torch.export.export(head.eval(), (x,)).module()
    assert torch.equal(exported(x), head(x))


def test_grouped_dsp_by_hand() -> None:
    head = GroupedDSP(k=2, tau=4.0, beta=0.5)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, -0.5], [0.25, 0.0]]))
    matrix, scale = head.matrix()
    assert matrix.tolist() == [[127, -64], [32, 0]]  # -63.5 and 31.75 rounded
    assert scale == float(torch.tensor(1 / 127))
    bits = torch.tensor([[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]])  # sums 2 and 1
    assert head.scores(bits).tolist() == [[2 * 127 + 32, -128]]


@pytest.mark.parametrize("wbits", [2, 8, 16])
def test_grouped_dsp_starts_as_group_sum(wbits: int) -> None:
    bits, top = random_bits(40, 30), 2 ** (wbits - 1) - 1
    head = GroupedDSP(5, tau=2.5, beta=1.0, wbits=wbits)
    assert torch.equal(head.scores(bits), top * GroupSum(5).scores(bits))
    torch.testing.assert_close(head(bits), GroupSum(5, tau=2.5, beta=1.0)(bits))


@pytest.mark.parametrize("wbits", range(2, 17))
def test_the_matrix_is_the_nearest_one_in_its_range_and_reaches_an_end_of_it(wbits: int) -> None:
    low, high = -(2 ** (wbits - 1)), 2 ** (wbits - 1) - 1
    for seed in range(5):
        head = GroupedDSP(6, wbits=wbits)
        with torch.no_grad():
            head.weight.copy_(torch.randn(6, 6, generator=seeded(seed)))
        matrix, scale = head.matrix()
        assert low <= int(matrix.min()) and int(matrix.max()) <= high
        assert int(matrix.min()) == low or int(matrix.max()) == high
        assert float((matrix.double() * scale - head.weight.detach().double()).abs().max()) <= scale * (0.5 + 1e-4)


def test_weights_of_zero_give_scores_of_zero() -> None:
    head = GroupedDSP(3, beta=0.25)
    with torch.no_grad():
        head.weight.zero_()
    assert head.matrix()[0].tolist() == [[0] * 3] * 3
    assert head(random_bits(4, 12)).tolist() == [[0.25] * 3] * 4


def test_the_rounding_passes_the_gradient_straight_through() -> None:
    head = GroupedDSP(4, tau=2.0, wbits=3).double()
    with torch.no_grad():
        head.weight.copy_(torch.randn(4, 4, generator=seeded(0)))
    x = torch.rand(9, 20, generator=seeded(1), dtype=torch.float64).requires_grad_()
    upstream = torch.randn(9, 4, generator=seeded(2), dtype=torch.float64)
    head(x).backward(upstream)
    sums = x.detach().reshape(9, 4, 5).sum(-1)
    matrix, scale = head.matrix()
    torch.testing.assert_close(head.weight.grad, sums.T @ upstream / 2.0, check_dtype=False)
    expected = (upstream @ (matrix.double() * scale).T / 2.0).repeat_interleave(5, dim=1)
    torch.testing.assert_close(x.grad, expected)


def test_grouped_dsp_learns_which_group_speaks_for_which_class() -> None:
    bits = random_bits(400, 4 * 25, seed=3)
    sums = bits.reshape(400, 4, 25).sum(-1)
    labels = (-sums).argmax(1)  # the group with the fewest ones, first of equals
    head = GroupedDSP(4, tau=2.0)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(bits), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    clear = sums.sort(1).values.diff(dim=1)[:, 0] > 1
    assert clear.sum() > 150
    assert float((head.eval()(bits).argmax(1) == labels)[clear].float().mean()) > 0.98


def test_feed_forward_takes_the_head_by_name_with_its_bits() -> None:
    x = torch.rand(50, 1, 4, 4, generator=seeded(0))
    options: dict[str, Any] = {"fit_samples": x, "num_classes": 5, "layer_width": 50, "num_bits": 2, "tau": 3.0}
    model = FeedForward(**options, head="grouped_dsp", head_wbits=6)
    head = model[-1]
    assert isinstance(head, GroupedDSP)
    assert head.get_config() == {"k": 5, "tau": 3.0, "beta": 0.0, "wbits": 6}
    with torch.no_grad():
        head.weight.copy_(torch.randn(5, 5, generator=seeded(0)))
    assert torch.equal(PackedLogicNet(model)(x), model.eval()(x))
    assert extract(model).head.weights is not None


@pytest.mark.parametrize("wbits", [1, 17, 0, -8, 8.0, True, "8"])
def test_wbits_out_of_range_are_refused(wbits: Any) -> None:
    with pytest.raises(ValueError, match="wbits must be a whole number from 2 to 16"):
        GroupedDSP(3, wbits=wbits)


def test_group_sum_reads_a_transposed_input_alike() -> None:
    x = torch.rand(12, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(GroupSum(3)(x.t()), GroupSum(3)(x.t().contiguous()))


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"k": 2, "tau": 0.0},
        {"k": 2, "tau": -1.0},
        {"k": 2, "tau": float("nan")},
        {"k": 2, "beta": float("inf")},
    ],
)
@pytest.mark.parametrize("name", HEADS)
def test_a_head_refuses(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=HEADS[name].__name__):
        setup_head(name, **options)


@pytest.mark.parametrize("shape", [(2, 5), (2, 0), ()])
@pytest.mark.parametrize("name", HEADS)
def test_an_input_that_does_not_divide_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="equal groups"):
        setup_head(name, k=2)(torch.zeros(shape))
    with pytest.raises(ValueError, match="equal groups"):
        setup_head(name, k=2).scores(torch.zeros(shape))


@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_head_is_rebuilt_from_its_config(name: str) -> None:
    head = random_head(name, 5, tau=3.0, beta=1.0, wbits=5)
    again = type(head)(**json.loads(json.dumps(head.get_config())))
    again.load_state_dict(head.state_dict())
    x = torch.rand(3, 20, generator=seeded(2))
    assert torch.equal(head(x), again(x))
    assert torch.equal(head(x), copy.deepcopy(head)(x))
    assert name in list_heads()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_head_is_saved_and_loaded_with_its_model(name: str, suffix: str, tmp_path: Path) -> None:
    model = nn.Sequential(LogicDense(6, 20), random_head(name, 5, tau=3.0, beta=1.0, wbits=5)).eval()
    bitlogic.save(model, tmp_path / f"model{suffix}")
    again = bitlogic.load(tmp_path / f"model{suffix}")
    assert torch.equal(again(random_bits(9, 6)), model(random_bits(9, 6)))
    assert extract(again).digest() == extract(model).digest()


def test_unknown_heads_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="choices: groupsum"):
        setup_head("softmax", 2)
    with pytest.raises(TypeError, match="'temper'"):
        setup_head("groupsum", 2, temper=1.0)
    setup_head("groupsum", 2, wbits=4)  # another head's option is ignored
