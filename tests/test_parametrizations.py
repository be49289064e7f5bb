"""Parametrizations: formulas, gradients, sampling, initial tables and the rule of extraction."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from bitlogic.connections import FixedDenseConnections
from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations import (
    PARAMETRIZATIONS,
    Parametrization,
    interpolation,
    list_parametrizations,
    setup_parametrization,
)
from bitlogic.parametrizations.difflogic import DiffLogicParametrization
from bitlogic.parametrizations.interpolation import interpolate
from bitlogic.parametrizations.light import LightParametrization
from bitlogic.parametrizations.regularization import REGULARIZATIONS, regularization_loss
from bitlogic.parametrizations.warp import WarpParametrization
from bitlogic.sampling import FORWARD_SAMPLINGS

NAMES_AND_RANKS = [(name, rank) for name, kind in PARAMETRIZATIONS.items() for rank in kind.ranks]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wiring(in_dim: int, out_dim: int, rank: int) -> Wiring:
    return FixedDenseConnections(in_dim, out_dim, rank, init_method="random", generator=seeded(7)).draw()


def all_addresses(rank: int) -> tuple[Tensor, Wiring]:
    """Signals whose sample k gives every slot j bit ``rank - 1 - j`` of k, for one LUT."""
    signals = torch.tensor(list(itertools.product((0.0, 1.0), repeat=rank))).t().contiguous()
    indices = torch.arange(rank)[:, None]
    return signals, Wiring(indices, None, lambda *_: (None, None))


def count_rows(matrix: Tensor) -> int:
    """The number of different rows."""
    return len({tuple(row) for row in matrix.tolist()})


def make(name: str, rank: int, out_dim: int, **options: Any) -> Parametrization:
    options = {"weight_init": "random", "generator": seeded(rank), **options}
    return setup_parametrization(name, rank, out_dim=out_dim, **options)


def plain_output(parametrization: Parametrization, x: Tensor) -> Tensor:
    """The formula as the papers write it, from inputs ``(batch, rank, out)``, term by term."""
    weight, tau, rank = parametrization.weight, parametrization.temperature, x.shape[1]
    corners = list(itertools.product((0, 1), repeat=rank))

    def product(factors: list[Tensor]) -> Tensor:
        return torch.stack([torch.ones_like(x[:, 0]), *factors]).prod(0)

    total = torch.zeros_like(x[:, 0])
    if isinstance(parametrization, LightParametrization):
        for column, corner in enumerate(corners):
            minterm = product([x[:, j] if bit else 1 - x[:, j] for j, bit in enumerate(corner)])
            total = total + torch.sigmoid(weight[:, column] / tau) * minterm
        return total
    if isinstance(parametrization, WarpParametrization):
        for column, subset in enumerate(corners):
            walsh = product([1 - 2 * x[:, j] for j, chosen in enumerate(subset) if chosen])
            total = total + weight[:, column] * walsh
        return torch.sigmoid(-total / tau)
    if isinstance(parametrization, DiffLogicParametrization):
        a, b = x.unbind(1)
        functions = [
            torch.zeros_like(a), a * b, a - a * b, a, b - a * b, b, a + b - 2 * a * b, a + b - a * b,
            1 - a - b + a * b, 1 - a - b + 2 * a * b, 1 - b, 1 - b + a * b, 1 - a, 1 - a + a * b, 1 - a * b,
            torch.ones_like(a),
        ]  # fmt: skip
        return (torch.softmax(weight / tau, 1) * torch.stack(functions, -1)).sum(-1)
    raise NotImplementedError(f"the plain formula of {type(parametrization).__name__}")


@pytest.mark.parametrize("tau", [1.0, 0.3])
@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_forward_is_the_plain_formula(name: str, rank: int, tau: float) -> None:
    parametrization = make(name, rank, 5, temperature=tau).double()
    wires = wiring(9, 5, rank)
    signals = torch.rand(9, 13, dtype=torch.float64, generator=seeded(1))
    output = parametrization(signals, wires)
    expected = plain_output(parametrization, signals.t()[:, wires.indices])
    torch.testing.assert_close(output, expected.t(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_gradients_are_those_of_the_plain_formula(name: str, rank: int) -> None:
    parametrization = make(name, rank, 5).double()
    wires = wiring(9, 5, rank)
    signals = torch.rand(9, 13, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    upstream = torch.randn(5, 13, dtype=torch.float64, generator=seeded(2))
    leaves = (signals, parametrization.weight)
    ours = torch.autograd.grad((parametrization(signals, wires) * upstream).sum(), leaves)
    expected = plain_output(parametrization, signals.t()[:, wires.indices])
    plain = torch.autograd.grad((expected.t() * upstream).sum(), leaves)
    for our, their in zip(ours, plain, strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_gradcheck_passes(name: str, rank: int) -> None:
    parametrization = make(name, rank, 2).double()
    wires = wiring(4, 2, rank)
    signals = torch.rand(4, 3, dtype=torch.float64, generator=seeded(1)).requires_grad_()

    def output(signals: Tensor, weight: Tensor) -> Tensor:
        given: Tensor = torch.func.functional_call(parametrization, {"weight": weight}, (signals, wires))
        return given

    assert torch.autograd.gradcheck(output, (signals, parametrization.weight))


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_gradients_do_not_depend_on_the_blocks_of_luts_and_batch(
    name: str, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parametrization = make(name, rank, 7).double()
    wires = wiring(9, 7, rank)
    signals = torch.rand(9, 11, dtype=torch.float64, generator=seeded(1)).requires_grad_()

    def grads() -> tuple[Tensor, ...]:
        output = parametrization(signals, wires)
        return torch.autograd.grad(output.square().sum(), (signals, parametrization.weight))

    whole = grads()
    monkeypatch.setattr(interpolation, "_BLOCK_ELEMENTS", {"cpu": 2 * 11 * 2 ** (rank - rank // 2)})
    monkeypatch.setattr(interpolation, "_SLOT_GRADIENT_ELEMENTS", 4 * 7 * rank)
    for ours, theirs in zip(grads(), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float16])
def test_signals_of_any_dtype_are_read_as_numbers(dtype: torch.dtype) -> None:
    bits = torch.rand(9, 13, generator=seeded(0)) > 0.5
    parametrization, wires = make("light", 4, 5), wiring(9, 5, 4)
    weight_grads = []
    for signals in (bits.to(dtype), bits.float()):
        output = parametrization(signals, wires)
        assert output.dtype == torch.float32
        weight_grads.append(torch.autograd.grad(output.square().sum(), parametrization.weight)[0])
    assert torch.equal(weight_grads[0], weight_grads[1])


def test_the_gradient_at_half_signals_is_half() -> None:
    signals = torch.rand(9, 13, generator=seeded(0)).half().requires_grad_()
    interpolate(signals, torch.rand(5, 16), wiring(9, 5, 4)).sum().backward()  # type: ignore[no-untyped-call]
    assert signals.grad is not None and signals.grad.dtype == torch.float16


@pytest.mark.parametrize("sampling", FORWARD_SAMPLINGS)
@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_gradients_are_finite_and_outputs_in_range(name: str, rank: int, sampling: str) -> None:
    torch.manual_seed(0)
    parametrization = make(name, rank, 20, forward_sampling=sampling, temperature=0.5)
    signals = torch.rand(9, 50, generator=seeded(1)).requires_grad_()
    output = parametrization(signals, wiring(9, 20, rank))
    assert output.min() >= -1e-6 and output.max() <= 1 + 1e-6
    for grad in torch.autograd.grad(output.square().sum(), (signals, parametrization.weight)):
        assert bool(grad.isfinite().all())
        assert bool((grad != 0).any())


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_hard_sampling_on_bits_is_the_table(name: str, rank: int) -> None:
    signals, wires = all_addresses(rank)
    for seed in range(5):
        parametrization = make(name, rank, 1, forward_sampling="hard", generator=seeded(seed))
        assert torch.equal(parametrization(signals, wires), parametrization.get_luts().float())


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_hard_sampling_has_the_gradient_of_its_relaxation(name: str, rank: int) -> None:
    signals, wires = all_addresses(rank)
    grads = []
    for sampling in ("soft", "hard"):
        parametrization = make(name, rank, 1, forward_sampling=sampling, generator=seeded(0)).double()
        output = parametrization(signals.double(), wires)
        grads.append(torch.autograd.grad(output.sum(), parametrization.weight)[0])
    torch.testing.assert_close(grads[0], grads[1], rtol=0, atol=1e-14)


@pytest.mark.parametrize("sampling", ["gumbel_soft", "gumbel_hard"])
@pytest.mark.parametrize("name", sorted(PARAMETRIZATIONS))
def test_gumbel_sampling_follows_the_seed_and_leaves_the_table(name: str, sampling: str) -> None:
    parametrization = make(name, 2, 300, forward_sampling=sampling)
    signals, wires = (torch.rand(9, 4, generator=seeded(1)) > 0.5).float(), wiring(9, 300, 2)
    before = parametrization.get_luts()

    def output(seed: int) -> Tensor:
        torch.manual_seed(seed)
        given: Tensor = parametrization(signals, wires)
        return given.detach()

    assert torch.equal(output(0), output(0))
    assert not torch.equal(output(0), output(1))
    assert torch.equal(parametrization.get_luts(), before)
    if sampling == "gumbel_hard":
        assert bool(((output(0) == 0) | (output(0) == 1)).all())


def test_logistic_noise_gives_ones_as_often_as_the_sigmoid_says() -> None:
    torch.manual_seed(0)
    signals, wires = torch.zeros(1, 1), Wiring(torch.zeros(1, 40_000, dtype=torch.int64), None, lambda *_: (None, None))
    for name in ("light", "warp"):
        parametrization = make(name, 1, 40_000, forward_sampling="gumbel_hard", generator=seeded(0))
        torch.nn.init.constant_(parametrization.weight, 0.8 if name == "light" else -0.4)
        ones = parametrization(signals, wires).mean().item()
        assert abs(ones - torch.sigmoid(torch.tensor(0.8)).item()) < 0.01


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_residual_tables_pass_slot_0_through(name: str, rank: int) -> None:
    half = 1 << (rank - 1)
    for tau in (1.0, 0.1):
        parametrization = setup_parametrization(name, rank, out_dim=500, temperature=tau, generator=seeded(0))
        assert parametrization.get_luts().tolist() == [[0] * half + [1] * half] * 500
        assert count_rows(parametrization.weight) == 500
        confidence = parametrization.relaxed_table().detach()[:, half:].mean().item()
        assert abs(confidence - 0.951) < 0.005


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_random_tables_are_balanced_and_not_constant(name: str, rank: int) -> None:
    parametrization = make(name, rank, 2000, generator=seeded(0))
    luts = parametrization.get_luts()
    assert abs(luts.double().mean().item() - 0.5) < 0.05
    assert count_rows(luts) >= min(2 ** (2**rank), 1900)


def test_residual_catalog_replaces_a_fraction_of_the_tables() -> None:
    parametrization = setup_parametrization(
        "warp", 4, out_dim=1000, weight_init="residual-catalog", residual_probability=0.8, generator=seeded(0)
    )
    luts = parametrization.get_luts()
    passing = (luts == torch.tensor([0] * 8 + [1] * 8)).all(1)
    assert passing.sum() == 800
    assert count_rows(luts[~passing]) > 190
    with pytest.raises(ValueError, match="choices: random, residual"):
        setup_parametrization("light", 4, weight_init="residual-catalog")


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_all_zero_weights_are_a_tie_and_give_zeros(name: str, rank: int) -> None:
    parametrization = make(name, rank, 3)
    torch.nn.init.zeros_(parametrization.weight)
    luts = parametrization.get_luts()
    assert luts.dtype == torch.uint8 and luts.shape == (3, 2**rank)
    assert not luts.any()


def test_tables_by_hand() -> None:
    light = make("light", 2, 1)
    light.weight.data[:] = torch.tensor([[-1.0, 0.0, 1e-30, 2.0]])
    assert light.get_luts().tolist() == [[0, 0, 1, 1]]
    warp = make("warp", 2, 1)
    # Column 2 is the subset of slot 0 alone: z = 1 - 2 x0 is negative where slot 0 is one.
    warp.weight.data[:] = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    assert warp.get_luts().tolist() == [[0, 0, 1, 1]]
    raw = make("raw", 2, 16)
    raw.weight.data[:] = torch.eye(16)
    assert raw.get_luts().tolist() == [[int(bit) for bit in f"{number:04b}"] for number in range(16)]
    raw.weight.data[0, [6, 9]] = 5.0
    assert raw.get_luts()[0].tolist() == [0, 1, 1, 0]


def test_float32_rounding_does_not_decide_a_warp_table() -> None:
    warp = make("warp", 2, 1)
    # In float32 the sum 1e8 + 1 - 1e8 loses the one; in float64 entry 0 is z = -1.
    warp.weight.data[:] = torch.tensor([[1e8, -1.0, -1e8, 0.0]])
    assert warp.get_luts()[0, 0] == 1


@pytest.mark.parametrize("name", sorted(PARAMETRIZATIONS))
def test_the_relaxed_table_is_the_soft_output_at_the_corners(name: str) -> None:
    signals, wires = all_addresses(2)
    parametrization = make(name, 2, 1, temperature=0.7)
    torch.testing.assert_close(parametrization.relaxed_table(), parametrization(signals, wires))


@pytest.mark.parametrize("kind", sorted(REGULARIZATIONS))
@pytest.mark.parametrize("name", sorted(PARAMETRIZATIONS))
def test_regularization_is_a_differentiable_scalar(name: str, kind: str) -> None:
    parametrization = make(name, 2, 5)
    loss = regularization_loss(parametrization, kind)
    assert loss.shape == () and loss > 0
    loss.backward()  # type: ignore[no-untyped-call]
    assert parametrization.weight.grad is not None and bool(parametrization.weight.grad.isfinite().all())


def test_entropy_runs_from_undecided_to_discrete() -> None:
    light = make("light", 2, 5)
    torch.nn.init.zeros_(light.weight)
    assert regularization_loss(light, "entropy").item() == pytest.approx(1.0)
    light.weight.data[:] = torch.tensor([-200.0, 200.0, 200.0, -200.0])
    loss = regularization_loss(light, "entropy")
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert light.weight.grad is not None and bool(light.weight.grad.isfinite().all())
    with pytest.raises(ValueError, match="choices: entropy, l1, l2"):
        regularization_loss(light, "l3")


@pytest.mark.parametrize("name", sorted(PARAMETRIZATIONS))
def test_a_parametrization_is_rebuilt_from_its_config(name: str) -> None:
    made = make(name, 2, 6, temperature=0.4, forward_sampling="hard")
    again = setup_parametrization(name, 2, out_dim=6, **made.get_config())
    again.load_state_dict(made.state_dict())
    signals, wires = torch.rand(9, 5, generator=seeded(0)), wiring(9, 6, 2)
    assert torch.equal(made(signals, wires), again(signals, wires))


def test_names_and_options_are_checked() -> None:
    assert list_parametrizations() == list(PARAMETRIZATIONS)
    assert type(setup_parametrization("probabilistic", 3)) is LightParametrization
    assert type(setup_parametrization("raw", 2)) is DiffLogicParametrization
    with pytest.raises(ValueError, match="choices: light, warp, difflogic, probabilistic, raw"):
        setup_parametrization("dark", 2)
    with pytest.raises(ValueError, match="lut_rank 1 to 6, got 7"):
        setup_parametrization("light", 7)
    with pytest.raises(ValueError, match="lut_rank 2, got 4"):
        setup_parametrization("raw", 4)
    with pytest.raises(TypeError, match="'temprature'"):
        setup_parametrization("light", 2, temprature=1.0)
    for options in ({"temperature": 0.0}, {"temperature": float("nan")}, {"residual_probability": 0.5}, {"out_dim": 0}):
        with pytest.raises(ValueError, match=r"temperature|residual_probability|out_dim"):
            setup_parametrization("light", 2, **options)
    with pytest.raises(ValueError, match="choices: soft, hard, gumbel_soft, gumbel_hard"):
        setup_parametrization("light", 2, forward_sampling="soften")
