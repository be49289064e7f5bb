"""LogicDense: its faces in training and evaluation, tables, configuration and what it refuses."""

import copy
import io
import itertools
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bitlogic.connections import CONNECTIONS
from bitlogic.heads import GroupSum
from bitlogic.kernels import native
from bitlogic.layers import LogicDense
from bitlogic.parametrizations import PARAMETRIZATIONS, interpolation
from bitlogic.sampling import FORWARD_SAMPLINGS

NAMES_AND_RANKS = [(name, rank) for name, kind in PARAMETRIZATIONS.items() for rank in kind.ranks]
WIRINGS: dict[str, dict[str, Any]] = {
    "fixed": {"connections": "fixed"},
    "learnable-4": {"connections": "learnable", "num_candidates": 4},
    "learnable-all": {"connections": "learnable", "num_candidates": -1},
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense(in_dim: int, out_dim: int, **options: Any) -> LogicDense:
    options = {"weight_init": "random", "generator": seeded(0), **options}
    return LogicDense(in_dim, out_dim, **options)


def random_bits(*shape: int, seed: int = 5) -> Tensor:
    return torch.rand(*shape, generator=seeded(seed)) > 0.5


def look_up_by_hand(layer: LogicDense, bits: Tensor) -> list[list[int]]:
    luts, ids = layer.get_luts_and_ids()
    outputs = []
    for sample in bits.int().tolist():
        addresses = [int("".join(str(sample[i]) for i in inputs), 2) for inputs in ids.t().tolist()]
        outputs.append([table[address] for table, address in zip(luts.tolist(), addresses, strict=True)])
    return outputs


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_eval_is_the_table(name: str, rank: int, wiring: str) -> None:
    layer = dense(12, 17, parametrization=name, lut_rank=rank, **WIRINGS[wiring]).eval()
    bits = random_bits(40, 12)
    luts, ids = layer.get_luts_and_ids()
    assert luts.shape == (17, 2**rank) and ids.shape == (rank, 17) and ids.dtype == torch.int64
    assert layer(bits.float()).int().tolist() == look_up_by_hand(layer, bits)


@pytest.mark.parametrize("sampling", FORWARD_SAMPLINGS)
@pytest.mark.parametrize("name", sorted(PARAMETRIZATIONS))
def test_eval_does_not_depend_on_sampling_or_temperature(name: str, sampling: str) -> None:
    layer = dense(12, 17, parametrization=name, forward_sampling=sampling, temperature=5.0).eval()
    bits = random_bits(40, 12)
    assert layer(bits.float()).int().tolist() == look_up_by_hand(layer, bits)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("training", [False, True])
def test_any_input_dtype_gives_the_same_bits(dtype: torch.dtype, training: bool) -> None:
    layer = dense(12, 17, lut_rank=4, forward_sampling="hard").train(training)
    bits = random_bits(40, 12)
    output = layer(bits.to(dtype))
    assert output.dtype == (dtype if dtype.is_floating_point else torch.float32)
    assert output.int().tolist() == look_up_by_hand(layer, bits)


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_float_bits_train_as_floats_that_need_a_gradient_do(wiring: str) -> None:
    layer = dense(300, 70, lut_rank=4, **WIRINGS[wiring])
    bits = random_bits(100, 300).float()

    def results(x: Tensor) -> list[Tensor]:
        output = layer(x)
        return [output, *torch.autograd.grad(output.square().sum(), list(layer.parameters()))]

    for bytewise, plain in zip(results(bits), results(bits.clone().requires_grad_()), strict=True):
        assert bytewise.dtype == plain.dtype and torch.equal(bytewise, plain)


def test_eval_reads_a_float_as_a_bit_above_one_half() -> None:
    layer = LogicDense(2, 1, init_method=torch.tensor([[0], [1]])).eval()
    assert layer(torch.tensor([[0.5, 0.0], [0.51, 0.0], [0.9, 1.0], [-1.0, 1.0]])).tolist() == [[0], [1], [1], [0]]


def test_slot_0_is_the_most_significant_bit() -> None:
    layer = LogicDense(2, 3, parametrization="raw", init_method=torch.tensor([[0, 1, 0], [1, 0, 0]])).eval()
    layer.parametrization.weight.data[:] = nn.functional.one_hot(torch.tensor([2, 2, 6]), 16).float()
    assert layer.get_lut_ids().tolist() == [2, 2, 6]
    assert layer.get_luts()[0].tolist() == [0, 0, 1, 0]
    # Function 2 is "slot 0 and not slot 1"; the third LUT compares an input with itself.
    assert layer(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("rank", range(1, 7))
def test_lut_ids_have_entry_0_as_their_most_significant_bit(rank: int) -> None:
    layer = dense(12, 30, lut_rank=rank)
    ids = layer.get_lut_ids()
    assert ids.tolist() == [int("".join(map(str, table)), 2) for table in layer.get_luts().tolist()]
    assert ids.dtype == (torch.uint64 if rank == 6 else torch.int64)


@pytest.mark.parametrize("shape", [(12,), (1, 12), (3, 4, 12), (0, 12), (2, 0, 12)])
@pytest.mark.parametrize("training", [False, True])
def test_leading_dimensions_are_kept(shape: tuple[int, ...], training: bool) -> None:
    layer = dense(12, 17, lut_rank=3).train(training)
    x = torch.rand(shape, generator=seeded(1)).round()
    assert layer(x).shape == (*shape[:-1], 17)
    assert torch.equal(layer(x).reshape(-1, 17), layer(x.reshape(-1, 12)))


@pytest.mark.parametrize("shape", [(), (11,), (12, 11), (0,)])
def test_another_last_dimension_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"LogicDense expects an input of shape \(\.\.\., 12\)"):
        dense(12, 17)(torch.zeros(shape))


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
@pytest.mark.parametrize("factor", [0.0, 2.5])
def test_grad_factor_scales_the_input_gradient_only(factor: float, wiring: str) -> None:
    grads = []
    for grad_factor in (1.0, factor):
        layer = dense(12, 17, lut_rank=3, grad_factor=grad_factor, **WIRINGS[wiring]).double()
        x = torch.rand(9, 12, dtype=torch.float64, generator=seeded(1)).requires_grad_()
        output = layer(x)
        grads.append((output, *torch.autograd.grad(output.square().sum(), (x, *layer.parameters()))))
    plain, scaled = grads
    assert torch.equal(plain[0], scaled[0])
    assert torch.equal(plain[1] * factor, scaled[1])
    for theirs, ours in zip(plain[2:], scaled[2:], strict=True):
        assert torch.equal(theirs, ours)


@pytest.mark.parametrize("native_kernels", [True, False])
@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_gradients_do_not_depend_on_how_the_batch_is_cut(
    wiring: str, native_kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not native_kernels:
        monkeypatch.setattr(native, "serves", lambda signals: False)
    layer = dense(12, 17, lut_rank=3, **WIRINGS[wiring]).double()
    x = torch.rand(11, 12, dtype=torch.float64, generator=seeded(1)).requires_grad_()

    def grads() -> tuple[Tensor, ...]:
        return torch.autograd.grad(layer(x).square().sum(), (x, *layer.parameters()))

    whole = grads()
    monkeypatch.setattr(interpolation, "_SLOT_GRADIENT_ELEMENTS", 4 * 17 * 3)
    for ours, theirs in zip(grads(), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


def test_the_whole_gradient_passes_gradcheck_with_fixed_connections() -> None:
    model = nn.Sequential(
        dense(6, 8, lut_rank=3), dense(8, 4, lut_rank=2, parametrization="warp"), GroupSum(2)
    ).double()
    x = torch.rand(3, 6, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    assert torch.autograd.gradcheck(model, (x,))


def test_eval_follows_every_change_of_the_weights() -> None:
    bits = random_bits(200, 12)
    layer = dense(12, 17, lut_rank=3, connections="learnable", num_candidates=4)

    def check() -> list[list[int]]:
        output: list[list[int]] = layer.eval()(bits.float()).int().tolist()
        assert output == look_up_by_hand(layer, bits)
        return output

    seen = [check()]
    layer.parametrization.weight.data.neg_()
    seen.append(check())
    with torch.no_grad():
        layer.get_parameter("connections.weights").neg_()
    seen.append(check())
    layer.load_state_dict(
        dense(12, 17, lut_rank=3, connections="learnable", num_candidates=4, generator=seeded(9)).state_dict()
    )
    seen.append(check())
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.5)
    layer.train()(torch.rand(64, 12, generator=seeded(3))).square().sum().backward()
    optimizer.step()
    seen.append(check())
    assert all(before != after for before, after in itertools.pairwise(seen))


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_training_learns_a_small_function(wiring: str) -> None:
    torch.manual_seed(0)
    bits = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6)))
    target = ((bits[:, 0] != bits[:, 3]) | (bits[:, 5] > bits[:, 1])).long()
    model = nn.Sequential(
        dense(6, 64, lut_rank=3, **WIRINGS[wiring]), dense(64, 32, lut_rank=3, **WIRINGS[wiring]), GroupSum(2, tau=2.0)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(bits), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert (model.eval()(bits).argmax(1) == target).float().mean().item() >= 0.95


@pytest.mark.parametrize("how", ["autocast", "module", "inputs"])
@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_bfloat16_trains(wiring: str, how: str) -> None:
    torch.manual_seed(0)
    bits = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6)))
    target = ((bits[:, 0] != bits[:, 3]) | (bits[:, 5] > bits[:, 1])).long()
    first = dense(6, 64, lut_rank=3, **WIRINGS[wiring])
    model = nn.Sequential(first, dense(64, 32, lut_rank=3, **WIRINGS[wiring]), GroupSum(2, tau=2.0))
    if how == "module":
        model = model.bfloat16()
    if how != "autocast":
        bits = bits.bfloat16()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
            scores = model(bits)
            assert first(bits).dtype == torch.bfloat16 and scores.dtype == torch.float32
        loss = nn.functional.cross_entropy(scores, target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_autocast_leaves_float64_and_weights_alone() -> None:
    layer = dense(12, 17)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.rand(4, 12, dtype=torch.float64)).dtype == torch.float64
        assert layer(torch.rand(4, 12) > 0.5).dtype == torch.bfloat16
        assert layer.eval()(torch.rand(4, 12)).dtype == torch.bfloat16
        layer.train()(torch.rand(4, 12)).sum().backward()
    assert layer.parametrization.weight.grad is not None
    assert layer.parametrization.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_training_compiles_without_a_graph_break(wiring: str) -> None:
    torch.compiler.reset()
    model = nn.Sequential(
        dense(12, 20, lut_rank=3, grad_factor=2.0, **WIRINGS[wiring]),
        dense(20, 10, lut_rank=4, **WIRINGS[wiring]),
        GroupSum(5),
    )
    x = torch.rand(9, 12, generator=seeded(1)).requires_grad_()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")

    def grads(run: Any) -> list[Tensor]:
        output: Tensor = run(x)
        return [output, *torch.autograd.grad(output.square().sum(), (x, *model.parameters()))]

    for ours, plain in zip(grads(compiled), grads(model), strict=True):
        assert torch.equal(ours, plain)
    model.eval()
    assert torch.equal(torch.compile(model, fullgraph=True, backend="aot_eager")(x), model(x))


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_an_exported_layer_needs_torch_alone(wiring: str) -> None:
    model = nn.Sequential(dense(12, 20, lut_rank=3, **WIRINGS[wiring]), GroupSum(5)).eval()
    bits = random_bits(9, 12).float()
    program = torch.export.export(model, (bits,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    for x in (bits, random_bits(30, 12, seed=6).float()):
        assert torch.equal(program.module()(x), model(x))
    assert not any("bitlogic" in str(node.target) for node in program.graph.nodes)


def test_the_temperature_of_connections_is_annealed() -> None:
    layer = dense(12, 17, connections="learnable", num_candidates=3)
    x = torch.rand(9, 12, generator=seeded(1)).requires_grad_()
    grads = []
    for temperature in (10.0, 0.01):
        layer.update_connection_temperature(temperature)
        assert layer.get_config()["connection_temperature"] == temperature
        grads.append(torch.autograd.grad(layer(x).square().sum(), x)[0])
    assert not torch.equal(*grads)
    for connections in CONNECTIONS:
        with pytest.raises(ValueError, match="finite and positive"):
            dense(12, 17, connections=connections).update_connection_temperature(0.0)


@pytest.mark.parametrize("method", ["random", "random-unique", "grouped", "grouped-biased", "tensor"])
@pytest.mark.parametrize(("name", "connections"), list(itertools.product(PARAMETRIZATIONS, CONNECTIONS)))
def test_a_layer_is_rebuilt_from_its_json_config(name: str, connections: str, method: str) -> None:
    layer = dense(
        12,
        10,
        parametrization=name,
        connections=connections,
        num_candidates=3,
        init_method=torch.randint(0, 12, (2, 10), generator=seeded(4)) if method == "tensor" else method,
        num_groups=2,
        group_bias=0.5,
        input_runs=3,
        lut_runs=5,
        temperature=0.5,
        connection_temperature=0.1,
        connection_sampling="hard",
        forward_sampling="hard",
        grad_factor=2.0,
    )
    layer.update_temperature(0.25)
    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    config = json.loads(json.dumps(layer.get_config()))
    again = LogicDense(**config)
    again.load_state_dict(torch.load(stored, weights_only=True))
    assert again.get_config() == layer.get_config()
    assert again.connections.get_config() == layer.connections.get_config()
    assert again.parametrization.get_config() == layer.parametrization.get_config()
    x = torch.rand(8, 12, generator=seeded(6))
    assert torch.equal(layer(x), again(x))
    for ours, theirs in zip(layer.get_luts_and_ids(), again.get_luts_and_ids(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
def test_a_copy_is_independent(wiring: str) -> None:
    layer = dense(12, 10, lut_rank=3, **WIRINGS[wiring])
    x = torch.rand(8, 12, generator=seeded(6))
    twin = copy.deepcopy(layer)
    before = layer(x)
    assert torch.equal(before, twin(x))
    for parameter in twin.parameters():
        parameter.data.neg_()
    assert torch.equal(before, layer(x))


def test_the_same_seed_gives_the_same_layer() -> None:
    def state(seed: int | None) -> list[Tensor]:
        generator = None if seed is None else seeded(seed)
        layer = LogicDense(30, 20, connections="learnable", num_candidates=4, lut_rank=3, generator=generator)
        return list(layer.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(state(1), state(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(state(1), state(2), strict=True))
    torch.manual_seed(3)
    first = state(None)
    torch.manual_seed(3)
    assert all(torch.equal(a, b) for a, b in zip(first, state(None), strict=True))


def test_a_layer_moves_with_to() -> None:
    layer = dense(12, 10, connections="learnable", num_candidates=3).to("meta")
    assert {value.device.type for value in layer.state_dict().values()} == {"meta"}


def test_a_following_layer_reads_the_output_without_a_copy() -> None:
    output = dense(12, 17).train()(torch.rand(5, 12))
    assert output.t().is_contiguous()


def test_regularization_and_repr() -> None:
    layer = dense(12, 17, lut_rank=4, connections="learnable", num_candidates=3)
    layer.get_regularization_loss("entropy").backward()  # type: ignore[no-untyped-call]
    assert "in_dim=12, out_dim=17, lut_rank=4" in repr(layer)
    assert "num_candidates=3" in repr(layer)
    with pytest.raises(ValueError, match="choices: entropy, l1, l2"):
        layer.get_regularization_loss("L3")


def test_options_are_checked() -> None:
    with pytest.raises(TypeError, match="LogicDense got an unexpected keyword argument 'lut_rnk'"):
        LogicDense(4, 4, lut_rnk=2)
    with pytest.raises(ValueError, match="lut_rank 1 to 6, got 7"):
        LogicDense(9, 4, lut_rank=7)
    with pytest.raises(ValueError, match="unknown parametrization 'walsh'"):
        LogicDense(4, 4, parametrization="walsh")
    with pytest.raises(ValueError, match="unknown connections 'dense'"):
        LogicDense(4, 4, connections="dense")
    with pytest.raises(ValueError, match="out_dim must be at least 1"):
        LogicDense(4, 0)
    with pytest.raises(ValueError, match="temperature"):
        LogicDense(4, 4).update_temperature(-1.0)
    # An option of a strategy that is not in use is ignored.
    LogicDense(4, 4, connections="fixed", num_candidates=3, connection_temperature=0.1)
