"""Parametrizations: formulas, gradients, sampling, initial tables and the rule of extraction."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bitlogic.connections import FixedDenseConnections
from bitlogic.connections.wiring import Wiring
from bitlogic.layers import LogicDense
from bitlogic.parametrizations import (
    PARAMETRIZATIONS,
    Parametrization,
    cosines,
    list_parametrizations,
    setup_parametrization,
    subnetworks,
)
from bitlogic.parametrizations.difflogic import DiffLogicParametrization
from bitlogic.parametrizations.light import LightParametrization
from bitlogic.parametrizations.linear import LinearParametrization
from bitlogic.parametrizations.regularization import REGULARIZATIONS, regularization_loss
from bitlogic.sampling import FORWARD_SAMPLINGS, clamp_with_return, gumbel_noise, logistic_noise
from tests.formulas import corners, plain_output

NAMES_AND_RANKS = [(name, rank) for name, kind in PARAMETRIZATIONS.items() for rank in kind.ranks]
BITS_ONLY = ("dwn", "hybrid")  # their output is a bit in every forward sampling
RELAXED = [name for name in PARAMETRIZATIONS if name not in BITS_ONLY]
RELAXED_AND_RANKS = [(name, rank) for name, rank in NAMES_AND_RANKS if name in RELAXED]
# Where not every function can be learned, or not from a random start: the fewest different tables among 2000.
FEWEST_TABLES = {
    "linear": (4, 14, 100, 800, 1500, 1800),
    "polylut": (4, 16, 200, 1700, 1900, 1900),
    "neurallut": (2, 14, 100, 800, 1700, 1900),
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wiring(in_dim: int, out_dim: int, rank: int) -> Wiring:
    return FixedDenseConnections(in_dim, out_dim, rank, init_method="random", generator=seeded(7)).draw()


def all_addresses(rank: int, out_dim: int = 1) -> tuple[Tensor, Wiring]:
    """Signals whose sample k gives every slot j bit ``rank - 1 - j`` of k, in every LUT."""
    indices = torch.arange(rank)[:, None].expand(-1, out_dim)
    connections = FixedDenseConnections(rank, out_dim, rank, init_method=indices)
    return torch.tensor(corners(rank), dtype=torch.float32).t().contiguous(), connections.draw()


def count_rows(matrix: Tensor) -> int:
    """The number of different rows."""
    return len({tuple(row) for row in matrix.tolist()})


def make(name: str, rank: int, out_dim: int, **options: Any) -> Parametrization:
    options = {"weight_init": "random", "generator": seeded(rank), **options}
    return setup_parametrization(name, rank, out_dim=out_dim, **options)


def by_name(parametrization: Parametrization) -> dict[str, torch.nn.Parameter]:
    return dict(parametrization.named_parameters())


@pytest.mark.parametrize("tau", [1.0, 0.3])
@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_forward_is_the_plain_formula(name: str, rank: int, tau: float) -> None:
    parametrization = make(name, rank, 5, temperature=tau).double()
    wires = wiring(9, 5, rank)
    signals = torch.rand(9, 13, dtype=torch.float64, generator=seeded(1))
    output = parametrization(signals, wires)
    expected = plain_output(name, parametrization, signals.t()[:, wires.indices])
    torch.testing.assert_close(output, expected.t(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_gradients_are_those_of_the_plain_formula(name: str, rank: int) -> None:
    parametrization = make(name, rank, 5).double()
    wires = wiring(9, 5, rank)
    signals = torch.rand(9, 13, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    upstream = torch.randn(5, 13, dtype=torch.float64, generator=seeded(2))
    leaves = (signals, *parametrization.parameters())
    ours = torch.autograd.grad((parametrization(signals, wires) * upstream).sum(), leaves)
    expected = plain_output(name, parametrization, signals.t()[:, wires.indices])
    plain = torch.autograd.grad((expected.t() * upstream).sum(), leaves)
    for our, their in zip(ours, plain, strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("name", "rank"), RELAXED_AND_RANKS)
def test_gradcheck_passes(name: str, rank: int) -> None:
    parametrization = make(name, rank, 2).double()
    if name == "fourier":  # the clamp's gradient is not the derivative, so stay inside
        parametrization.weight.data /= 10
    wires = wiring(4, 2, rank)
    signals = torch.rand(4, 3, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    names = list(by_name(parametrization))

    def output(signals: Tensor, *parameters: Tensor) -> Tensor:
        given: Tensor = torch.func.functional_call(
            parametrization, dict(zip(names, parameters, strict=True)), (signals, wires)
        )
        return given

    assert torch.autograd.gradcheck(output, (signals, *parametrization.parameters()))


@pytest.mark.parametrize(("name", "rank"), [(n, r) for n, r in NAMES_AND_RANKS if n in ("neurallut", "fourier")])
def test_gradients_do_not_depend_on_the_blocks_of_luts(name: str, rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parametrization = make(name, rank, 7).double()
    wires = wiring(9, 7, rank)
    signals = torch.rand(9, 11, dtype=torch.float64, generator=seeded(1)).requires_grad_()

    def results() -> tuple[Tensor, ...]:
        output = parametrization(signals, wires)
        return output, *torch.autograd.grad(output.square().sum(), (signals, *parametrization.parameters()))

    whole = results()
    monkeypatch.setattr(subnetworks, "_BLOCK_ELEMENTS", {"cpu": 2 * 11 * 8})
    monkeypatch.setattr(cosines, "_BLOCK_ELEMENTS", {"cpu": 2 * 11 * 2 ** (rank - rank // 2)})
    for ours, theirs in zip(results(), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64])
@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_signals_of_any_dtype_are_read_as_numbers(name: str, dtype: torch.dtype) -> None:
    bits = torch.rand(9, 13, generator=seeded(0)) > 0.5
    parametrization, wires = make(name, 2, 5), wiring(9, 5, 2)
    weight_grads = []
    for signals in (bits.to(dtype), bits.float()):
        output = parametrization(signals, wires)
        assert output.dtype == torch.float32
        weight_grads.append(torch.autograd.grad(output.square().sum(), parametrization.weight)[0])
    assert torch.equal(weight_grads[0], weight_grads[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_signals_in_half_precision_train_weights_in_float32(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    parametrization, wires = make(name, 2, 5), wiring(9, 5, 2)
    grads = []
    for kind in (dtype, torch.float32):
        signals = (torch.rand(9, 13, generator=seeded(0)) * 64).round().div(64).to(kind).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind is torch.bfloat16):
            output = parametrization(signals, wires)
        grads.append(torch.autograd.grad(output.float().square().sum(), (signals, parametrization.weight)))
    (ours, our_weight), (theirs, their_weight) = grads
    assert ours.dtype == dtype and our_weight.dtype == torch.float32
    torch.testing.assert_close(ours.float(), theirs, rtol=0.05, atol=0.02)
    torch.testing.assert_close(our_weight, their_weight, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_an_empty_batch_gives_nothing_and_a_zero_gradient(name: str) -> None:
    parametrization = make(name, 2, 5)
    signals = torch.zeros(9, 0, requires_grad=True)
    output = parametrization(signals, wiring(9, 5, 2))
    assert output.shape == (5, 0)
    grads = torch.autograd.grad(output.sum(), (signals, parametrization.weight))
    assert grads[0].shape == (9, 0) and not grads[1].any()


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_luts_in_a_row_share_the_weights_of_one(name: str) -> None:
    shared, wires = make(name, 2, 3), wiring(9, 12, 2)
    single = make(name, 2, 12)
    for ours, theirs in zip(single.parameters(), shared.parameters(), strict=True):
        ours.data = theirs.data.repeat_interleave(4, 0)
    signals = torch.rand(9, 13, generator=seeded(1)).requires_grad_()
    results = []
    for parametrization in (shared, single):
        output = parametrization(signals, wires)
        results.append((output, *torch.autograd.grad(output.square().sum(), (signals, parametrization.weight))))
    torch.testing.assert_close(results[0][:2], results[1][:2])
    torch.testing.assert_close(results[0][2], results[1][2].view(3, 4, -1).sum(1))


@pytest.mark.parametrize("sampling", FORWARD_SAMPLINGS)
@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_gradients_are_finite_and_outputs_in_range(name: str, rank: int, sampling: str) -> None:
    torch.manual_seed(0)
    parametrization = make(name, rank, 20, forward_sampling=sampling, temperature=0.5)
    signals = torch.rand(9, 50, generator=seeded(1)).requires_grad_()
    output = parametrization(signals, wiring(9, 20, rank))
    assert output.min() >= -1e-6 and output.max() <= 1 + 1e-6
    for grad in torch.autograd.grad(output.square().sum(), (signals, *parametrization.parameters())):
        assert bool(grad.isfinite().all())
        assert bool((grad != 0).any())


@pytest.mark.parametrize(("name", "rank"), NAMES_AND_RANKS)
def test_hard_sampling_on_bits_is_the_table(name: str, rank: int) -> None:
    signals, wires = all_addresses(rank, 20)
    parametrization = make(name, rank, 20, forward_sampling="hard")
    assert torch.equal(parametrization(signals, wires), parametrization.get_luts().float())


@pytest.mark.parametrize(("name", "rank"), RELAXED_AND_RANKS)
def test_hard_sampling_has_the_gradient_of_its_relaxation(name: str, rank: int) -> None:
    signals, wires = all_addresses(rank)
    grads = []
    for sampling in ("soft", "hard"):
        parametrization = make(name, rank, 1, forward_sampling=sampling, generator=seeded(0)).double()
        output = parametrization(signals.double(), wires)
        grads.append(torch.autograd.grad(output.sum(), tuple(parametrization.parameters())))
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("rank", [1, 4])
@pytest.mark.parametrize("name", BITS_ONLY)
def test_dwn_and_hybrid_are_the_same_in_every_sampling(name: str, rank: int) -> None:
    signals, wires = torch.rand(9, 30, generator=seeded(1)).requires_grad_(), wiring(9, 5, rank)
    results = []
    for sampling in FORWARD_SAMPLINGS:
        parametrization = make(name, rank, 5, forward_sampling=sampling)
        output = parametrization(signals, wires)
        assert bool(((output == 0) | (output == 1)).all())
        results.append((output, *torch.autograd.grad(output.square().sum(), (signals, parametrization.weight))))
    for other in results[1:]:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(results[0], other, strict=True))


@pytest.mark.parametrize("sampling", ["gumbel_soft", "gumbel_hard"])
@pytest.mark.parametrize("name", RELAXED)
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
    connections = FixedDenseConnections(1, 40_000, 1, init_method=torch.zeros(1, 40_000, dtype=torch.int64))
    # Column 0 alone: a logit of 0.8 at the input 0, for fourier a value of 1/2 + 0.8 / 4.
    chance = torch.sigmoid(torch.tensor(0.8)).item()
    columns = {"light": 0.8, "warp": -0.8, "linear": 0.8, "polylut": 0.8, "fourier": 0.2}
    for name, weight in columns.items():
        parametrization = make(name, 1, 40_000, forward_sampling="gumbel_hard", generator=seeded(0))
        torch.nn.init.zeros_(parametrization.weight)
        parametrization.weight.data[:, 0] = weight
        ones = parametrization(torch.zeros(1, 1), connections.draw()).mean().item()
        assert abs(ones - chance) < 0.01


def test_noise_is_finite_and_has_the_distributions_moments() -> None:
    torch.manual_seed(0)
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        gumbel, logistic = (draw(torch.zeros(200_000, dtype=dtype)) for draw in (gumbel_noise, logistic_noise))
        assert gumbel.dtype == logistic.dtype == dtype
        assert bool(gumbel.isfinite().all()) and bool(logistic.isfinite().all())
        assert abs(gumbel.double().mean().item() - 0.5772) < 0.02
        assert abs(gumbel.double().std().item() - math.pi / 6**0.5) < 0.02
        assert abs(logistic.double().mean().item()) < 0.02
        assert abs(logistic.double().std().item() - math.pi / 3**0.5) < 0.02


def test_a_clamp_with_return_leads_back_and_not_away() -> None:
    for upstream, expected in ((1.0, [0.0, 1.0, 1.0, 1.0, 1.0]), (-1.0, [-1.0, -1.0, -1.0, -1.0, 0.0])):
        value = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5], requires_grad=True)
        output = clamp_with_return(value, 0.0, 1.0)
        assert output.tolist() == [0.0, 0.0, value[2].item(), 1.0, 1.0]
        output.backward(torch.full((5,), upstream))  # type: ignore[no-untyped-call]
        assert value.grad is not None and value.grad.tolist() == expected


def test_fourier_passes_a_gradient_at_bits_when_it_is_hard() -> None:
    signals, wires = all_addresses(4, 5)
    slopes = {}
    for sampling in ("soft", "hard"):
        parametrization = make("fourier", 4, 5, forward_sampling=sampling, weight_init="residual")
        by_name(parametrization)["phase"].data.zero_()
        x = signals.clone().requires_grad_()
        slopes[sampling] = torch.autograd.grad(parametrization(x, wires).sum(), x)[0]
    assert slopes["soft"].abs().max() < 1e-5
    # The difference of the two values that slot 0 leads to, 0.951 - 0.049, for each of five LUTs.
    torch.testing.assert_close(slopes["hard"][0].mean().item(), 5 * 0.902, rtol=0, atol=0.05)


@pytest.mark.parametrize("rank", [1, 3])
def test_dwn_reads_its_weights_clamped_and_leads_them_back(rank: int) -> None:
    signals, wires = all_addresses(rank)
    far, near = make("dwn", rank, 1), make("dwn", rank, 1)
    far.weight.data *= 5
    near.weight.data = far.weight.data.clamp(-1, 1)
    grads = []
    for parametrization in (far, near):
        x = signals.clone().requires_grad_()
        output = parametrization(x, wires)
        grads.append(torch.autograd.grad(output.sum(), (x, parametrization.weight)))
    assert torch.equal(grads[0][0], grads[1][0])
    assert grads[0][1].tolist() == (far.weight >= -1).float().tolist()  # a sum to be made smaller: all go down
    assert far.weight.abs().max() > 1


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
    fewest = FEWEST_TABLES[name][rank - 1] if name in FEWEST_TABLES else min(2 ** (2**rank), 1900)
    assert count_rows(luts) >= fewest


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
    for parameter in parametrization.parameters():
        torch.nn.init.zeros_(parameter)
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
    linear = make("linear", 2, 1)
    linear.weight.data[:] = torch.tensor([[-1.5, 1.0, 1.0]])  # more than one and a half ones
    assert linear.get_luts().tolist() == [[0, 0, 0, 1]]
    linear.weight.data[:] = torch.tensor([[0.0, 1.0, -1.0]])  # slot 0 and not slot 1; a tie is 0
    assert linear.get_luts().tolist() == [[0, 0, 1, 0]]
    polylut = make("polylut", 2, 1)
    polylut.weight.data[:] = torch.tensor([[0.0, 1.0, 1.0, -2.0]])
    assert polylut.get_luts().tolist() == [[0, 1, 1, 0]]
    for name in ("dwn", "hybrid"):
        table = make(name, 2, 1)
        table.weight.data[:] = torch.tensor([[-1.0, 0.0, 1e-30, 2.0]])
        assert table.get_luts().tolist() == [[0, 0, 1, 1]]
    fourier = make("fourier", 2, 1)
    by_name(fourier)["phase"].data[:] = 0.0
    # Columns 1 and 2 are the slots 1 and 0 alone: cos(0) = 1 at a zero, cos(pi) = -1 at a one.
    fourier.weight.data[:] = torch.tensor([[0.1, 0.2, -0.2, 0.0]])
    assert fourier.get_luts().tolist() == [[1, 0, 1, 1]]
    fourier.weight.data[:] = torch.tensor([[0.0, 0.0, 0.0, 1e-30]])
    assert fourier.get_luts().tolist() == [[1, 0, 0, 1]]
    by_name(fourier)["phase"].data[:] = torch.pi
    assert fourier.get_luts().tolist() == [[0, 1, 1, 0]]
    neural = make("neurallut", 2, 1, hidden_width=2)
    # relu(x0 - x1) + relu(x1 - x0) - 0.5, and a bridge that takes 1.5 x0 away again
    hidden, output, bridge = [1.0, -1.0, -1.0, 1.0, 0.0, 0.0], [1.0, 1.0, -0.5], [-1.5, 0.0]
    neural.weight.data[:] = torch.tensor([[*hidden, *output, 0.0, 0.0]])
    assert neural.get_luts().tolist() == [[0, 1, 1, 0]]
    neural.weight.data[:] = torch.tensor([[*hidden, *output, *bridge]])
    assert neural.get_luts().tolist() == [[0, 1, 0, 0]]


def test_float32_rounding_does_not_decide_a_warp_table() -> None:
    warp = make("warp", 2, 1)
    # In float32 the sum 1e8 + 1 - 1e8 loses the one; in float64 entry 0 is z = -1.
    warp.weight.data[:] = torch.tensor([[1e8, -1.0, -1e8, 0.0]])
    assert warp.get_luts()[0, 0] == 1


@pytest.mark.parametrize(("name", "rank"), RELAXED_AND_RANKS)
def test_the_relaxed_table_is_the_soft_output_at_the_corners(name: str, rank: int) -> None:
    signals, wires = all_addresses(rank, 4)
    parametrization = make(name, rank, 4, temperature=0.7)
    torch.testing.assert_close(parametrization.relaxed_table(), parametrization(signals, wires))


@pytest.mark.parametrize("name", BITS_ONLY)
def test_the_relaxed_table_of_bits_is_above_one_half_where_the_table_is_one(name: str) -> None:
    parametrization = make(name, 4, 50, temperature=0.7)
    relaxed = parametrization.relaxed_table()
    assert torch.equal(relaxed > 0.5, parametrization.get_luts().bool())
    assert relaxed.min() >= 0 and relaxed.max() <= 1


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


EXTRAS: list[tuple[str, dict[str, int]]] = [
    *[("polylut", {"degree": degree}) for degree in (1, 3, 4, 9)],
    *[("neurallut", {"depth": depth, "skip": skip}) for depth in (1, 2, 3, 4) for skip in (0, 1, 2, 4)],
    *[("neurallut", {"hidden_width": width}) for width in (1, 3)],
]


@pytest.mark.parametrize(("name", "extras"), EXTRAS, ids=str)
def test_extras_have_the_plain_formula_its_gradient_and_residual_tables(name: str, extras: dict[str, int]) -> None:
    parametrization = make(name, 4, 3, **extras).double()
    assert extras.items() <= parametrization.get_config().items()
    wires = wiring(9, 3, 4)
    signals = torch.rand(9, 5, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    ours = parametrization(signals, wires)
    plain = plain_output(name, parametrization, signals.t()[:, wires.indices]).t()
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-13)
    for our, their in zip(
        torch.autograd.grad(ours.square().sum(), (signals, parametrization.weight)),
        torch.autograd.grad(plain.square().sum(), (signals, parametrization.weight)),
        strict=True,
    ):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-12)
    residual = make(name, 4, 200, weight_init="residual", **extras)
    assert residual.get_luts().tolist() == [[0] * 8 + [1] * 8] * 200
    assert count_rows(residual.weight) == 200
    assert abs(residual.relaxed_table().detach()[:, 8:].mean().item() - 0.951) < 0.005


def test_polylut_of_degree_1_is_linear_and_of_full_degree_learns_any_table() -> None:
    signals, wires = torch.rand(9, 30, generator=seeded(1)), wiring(9, 5, 4)
    assert torch.equal(make("polylut", 4, 5, degree=1)(signals, wires), make("linear", 4, 5)(signals, wires))
    assert count_rows(make("polylut", 3, 3000, degree=3).get_luts()) == 256


@pytest.mark.parametrize("sampling", ["soft", "gumbel_hard"])
@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_training_is_traced_whole(name: str, sampling: str) -> None:
    parametrization, wires = make(name, 2, 5, forward_sampling=sampling), wiring(9, 5, 2)
    torch._dynamo.reset()
    traced = torch.compile(parametrization, fullgraph=True, backend="aot_eager")
    results = []
    for run in (parametrization, traced):
        torch.manual_seed(0)
        signals = torch.rand(9, 30, generator=seeded(1)).requires_grad_()
        output = run(signals, wires)
        results.append((output, *torch.autograd.grad(output.square().sum(), (signals, parametrization.weight))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_a_layer_in_evaluation_is_exported_whole(name: str) -> None:
    layer = LogicDense(9, 5, parametrization=name, weight_init="random", generator=seeded(0)).eval()
    bits = (torch.rand(30, 9, generator=seeded(1)) > 0.5).float()
    assert torch.equal(torch.export.export(layer, (bits,)).module()(bits), layer(bits))


def test_names_and_options_are_checked() -> None:
    assert list_parametrizations() == list(PARAMETRIZATIONS)
    assert type(setup_parametrization("probabilistic", 3)) is LightParametrization
    assert type(setup_parametrization("raw", 2)) is DiffLogicParametrization
    assert type(setup_parametrization("linear_lut", 2)) is LinearParametrization
    with pytest.raises(
        ValueError, match=r"choices: light, warp, difflogic, linear, .*, fourier, probabilistic, raw, linear_lut"
    ):
        setup_parametrization("dark", 2)
    for name in PARAMETRIZATIONS:
        with pytest.raises(ValueError, match=r"lut_rank (1 to 6|2), got 7"):
            setup_parametrization(name, 7)
    with pytest.raises(ValueError, match="lut_rank 2, got 4"):
        setup_parametrization("raw", 4)
    with pytest.raises(TypeError, match="'temprature'"):
        setup_parametrization("light", 2, temprature=1.0)
    for options in ({"temperature": 0.0}, {"temperature": float("nan")}, {"residual_probability": 0.5}, {"out_dim": 0}):
        with pytest.raises(ValueError, match=r"temperature|residual_probability|out_dim"):
            setup_parametrization("light", 2, **options)
    with pytest.raises(ValueError, match="choices: soft, hard, gumbel_soft, gumbel_hard"):
        setup_parametrization("light", 2, forward_sampling="soften")
    for name, option in (("polylut", "degree"), ("neurallut", "hidden_width"), ("neurallut", "depth")):
        with pytest.raises(ValueError, match=rf"{option} must be .*at least 1, got 0"):
            setup_parametrization(name, 2, **{option: 0})
    with pytest.raises(ValueError, match="skip must be a whole number of at least 0, got True"):
        setup_parametrization("neurallut", 2, skip=True)
    assert setup_parametrization("light", 2, degree=3).get_config().keys() == make("dwn", 2, 1).get_config().keys()
