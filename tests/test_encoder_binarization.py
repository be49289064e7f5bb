"""The binarization family: given thresholds, their scopes, the relaxations, and what training leaves behind."""

import copy
import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlogic
from bitlogic.encoders import (
    Binarization,
    FixedBinarization,
    LearnableBinarization,
    SoftBinarization,
    Thermometer,
)

FAMILY: list[type[Binarization]] = [FixedBinarization, SoftBinarization, LearnableBinarization]


def images(seed: int = 0) -> Tensor:
    return torch.rand(30, 2, 3, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", FAMILY)
def test_thresholds_and_a_range_need_no_fit(kind: type[Binarization]) -> None:
    encoder = kind([0.25, 0.5], input_range=(0, 1)).eval()
    x = images()
    bits = encoder(x)
    assert bits.shape == (30, 4, 3, 4)
    flat = encoder.comparators()
    assert flat.input_shape == (2, 3, 4)
    assert flat.integer_thresholds is not None
    assert flat.integer_thresholds.reshape(2, 2, 12)[0].tolist() == [[64] * 12, [128] * 12]  # 63.75, 127.5, upwards
    assert np.array_equal(x.flatten(1).numpy()[:, flat.features] > flat.thresholds, bits.flatten(1).numpy())


def test_the_shape_of_a_sample_is_that_of_the_first_batch() -> None:
    encoder = FixedBinarization([0.5], input_range=(0, 1))
    with pytest.raises(RuntimeError, match="has not seen the shape of a sample"):
        encoder.comparators()
    encoder(torch.rand(3, 5))
    assert encoder.num_outputs == 5
    with pytest.raises(ValueError, match="with 2 axes, not"):
        encoder(torch.rand(3, 5, 2))


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize(
    ("shape", "scope"), [((3,), "global"), ((2, 3), "per_channel"), ((2, 3, 4, 3), "per_feature"), ((1,), "global")]
)
def test_the_axes_of_the_thresholds_say_whose_they_are(
    kind: type[Binarization], shape: tuple[int, ...], scope: str
) -> None:
    thresholds = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    encoder = kind(thresholds, input_range=(0.0, 1.0), input_bits=0).eval()
    assert encoder.scope == scope
    x = images()
    whole = thresholds.reshape(*shape[:-1], *[1] * (4 - len(shape)), shape[-1]) if len(shape) > 1 else thresholds
    expected = (x.unsqueeze(-1) > whole).movedim(-1, 2).flatten(1, 2)
    assert torch.equal(encoder(x), expected.float())
    assert torch.equal(encoder.fit(x)(x), expected.float())


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize(("scope", "sizes"), [("global", ()), ("per_channel", (2,)), ("per_feature", (2, 3, 4))])
def test_a_fit_gives_every_pool_of_the_scope_its_thresholds(
    kind: type[Binarization], scope: str, sizes: tuple[int, ...]
) -> None:
    x = images()
    encoder = kind(num_thresholds=3, scope=scope).fit(x)
    axes = {"global": (), "per_channel": (1,), "per_feature": (1, 2, 3)}[scope]
    thermometer = Thermometer(3, fit_axes=axes).fit(x)
    assert encoder.thresholds is not None and encoder.thresholds.shape == (*sizes, 3)
    assert torch.equal(encoder.eval()(x), thermometer(x))
    assert np.array_equal(encoder.comparators().thresholds, thermometer.comparators().thresholds)


def test_initial_thresholds_are_uniform_over_the_range_or_quantiles() -> None:
    x = images() ** 3
    uniform = FixedBinarization(num_bits=3, input_range=(0.0, 1.0), input_bits=0, scope="global")
    assert uniform.comparators is not None and uniform.thresholds is not None
    assert uniform.thresholds.tolist() == [0.25, 0.5, 0.75]
    quantiles = FixedBinarization(num_bits=3, initial="distributive", scope="global", input_bits=0).fit(x)
    ordered = x.flatten().sort().values
    assert quantiles.thresholds is not None
    assert torch.equal(quantiles.thresholds, ordered[[len(ordered) * i // 4 for i in (1, 2, 3)]])


def test_a_fit_keeps_the_range_that_was_given() -> None:
    encoder = FixedBinarization([0.5], input_range=(-1.0, 3.0)).fit(images())
    assert encoder.input_min is not None and encoder.input_max is not None
    assert (float(encoder.input_min), float(encoder.input_max)) == (-1.0, 3.0)


def test_one_set_of_thresholds_serves_every_channel() -> None:
    x = images() * torch.tensor([1.0, 10.0]).reshape(2, 1, 1)
    encoder = FixedBinarization([0.5, 0.75], scope="per_channel", input_bits=0).fit(x)
    assert encoder.thresholds is not None
    assert encoder.thresholds.tolist() == [[0.5, 0.75]] * 2


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "scope": ({"num_bits": 2, "scope": "per_pixel"}, ValueError, "per_feature, per_channel, global"),
    "initial": ({"num_bits": 2, "initial": "gauss"}, ValueError, "uniform, distributive"),
    "nothing": ({}, TypeError, "needs thresholds, or num_thresholds"),
    "counts": ({"thresholds": [0.5], "num_bits": 2}, ValueError, r"different numbers of thresholds: \[1, 2\]"),
    "nan": ({"thresholds": [0.5, math.nan]}, ValueError, "NaN"),
    "number": ({"thresholds": 0.5}, ValueError, r"shape \(\.\.\., num_bits\)"),
    "axes": ({"thresholds": [[0.5]], "scope": "global"}, ValueError, "do not suit scope 'global'"),
    "descending": ({"num_bits": 1, "input_range": (1.0, 0.0)}, ValueError, "finite lo < hi"),
    "infinite": ({"num_bits": 1, "input_range": (0.0, math.inf)}, ValueError, "finite lo < hi"),
    "one end": ({"num_bits": 1, "input_range": (0.0,)}, ValueError, r"\(lo, hi\)"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", FAMILY)
def test_arguments_that_make_no_sense_are_refused(kind: type[Binarization], case: str) -> None:
    given, error, message = BAD[case]
    with pytest.raises(error, match=message):
        kind(**given)


@pytest.mark.parametrize("given", [{"temperature": 0.0}, {"temperature": math.nan}, {"forward_sampling": "gumbel"}])
def test_relaxations_that_do_not_exist_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"temperature|soft, hard, gumbel_soft, gumbel_hard"):
        LearnableBinarization(num_thresholds=1, **given)


def test_samples_of_another_shape_than_the_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"thresholds \(3, 1\), but the samples have 2 pools"):
        FixedBinarization([[0.1], [0.2], [0.3]]).fit(images())
    encoder = FixedBinarization([[0.1], [0.2]], input_range=(0.0, 1.0))
    with pytest.raises(ValueError, match=r"takes \(batch, 2, \.\.\.\), not \(4, 3\)"):
        encoder(torch.rand(4, 3))


def test_soft_bits_are_the_sigmoid_in_training_and_bits_in_evaluation() -> None:
    encoder = SoftBinarization([0.25, 0.75], input_range=(0.0, 1.0), temperature=0.2, input_bits=0)
    x = torch.tensor([[0.0], [0.5], [0.75]])
    expected = torch.sigmoid((x - torch.tensor([0.25, 0.75])) / 0.2)
    assert torch.equal(encoder(x), expected)
    assert encoder.eval()(x).tolist() == [[0, 0], [1, 0], [1, 0]]
    encoder.update_temperature(0.1)
    assert torch.equal(encoder.train()(x), torch.sigmoid((x - torch.tensor([0.25, 0.75])) / 0.1))
    assert not list(encoder.parameters())


@pytest.mark.parametrize("sampling", ["soft", "hard"])
@pytest.mark.parametrize("scope", ["global", "per_channel", "per_feature"])
@pytest.mark.parametrize("input_bits", [0, 8])
def test_gradients_are_those_of_the_sigmoid_at_the_snapped_thresholds(
    sampling: str, scope: str, input_bits: int
) -> None:
    x = images()
    encoder = LearnableBinarization(
        num_thresholds=3, scope=scope, input_bits=input_bits, forward_sampling=sampling, temperature=0.3
    ).fit(x)
    weight = torch.rand(30, 6, 3, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    given = x.double().requires_grad_()
    (encoder(given) * weight).sum().backward()

    frozen = torch.from_numpy(encoder.comparators().thresholds.copy()).double().reshape(2, 3, 3, 4)
    slope = torch.sigmoid((x.double().unsqueeze(2) - frozen) / 0.3)
    slope = slope * (1 - slope) / 0.3 * weight.reshape(30, 2, 3, 3, 4)
    assert given.grad is not None and encoder.thresholds is not None and encoder.thresholds.grad is not None
    torch.testing.assert_close(given.grad, slope.sum(2), rtol=1e-6, atol=1e-6)
    per_feature = -slope.sum(0).movedim(1, -1)
    expected = {"global": per_feature.sum((0, 1, 2)), "per_channel": per_feature.sum((1, 2))}.get(scope, per_feature)
    torch.testing.assert_close(encoder.thresholds.grad.double(), expected, rtol=1e-5, atol=1e-5)


def test_hard_training_gives_the_bits_of_evaluation() -> None:
    x = images()
    encoder = LearnableBinarization(num_thresholds=4, scope="per_feature").fit(x)
    relaxed = encoder(x)
    assert relaxed.requires_grad
    assert torch.equal(relaxed, encoder.eval()(x))


def test_gumbel_hard_bits_are_one_with_the_probability_of_the_sigmoid() -> None:
    torch.manual_seed(0)
    encoder = LearnableBinarization(
        [0.5], input_range=(0.0, 1.0), forward_sampling="gumbel_hard", temperature=0.5, input_bits=0
    )
    bits = encoder(torch.full((40_000, 1), 0.75))
    assert set(bits.detach().unique().tolist()) == {0.0, 1.0}
    assert abs(float(bits.detach().mean()) - 1 / (1 + math.exp(-0.5))) < 0.01
    assert encoder.eval()(torch.full((9, 1), 0.75)).tolist() == [[1.0]] * 9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sampling", ["soft", "hard", "gumbel_soft", "gumbel_hard"])
@pytest.mark.parametrize("input_bits", [0, 5, 8, 16])
def test_trained_thresholds_are_the_frozen_ones(input_bits: int, sampling: str, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.rand(200, 3, 2)
    x[:, 2] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = LearnableBinarization(
            num_thresholds=4, scope="per_feature", input_bits=input_bits, forward_sampling=sampling
        ).fit(x)
    before = encoder.comparators().thresholds.copy()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.1, weight_decay=0.01)
    target = torch.rand(200, 12, 2)
    for _ in range(20):
        optimizer.zero_grad()
        ((encoder(x) - target) ** 2).sum().backward()
        optimizer.step()
    encoder.eval()
    flat = encoder.comparators()
    assert (flat.thresholds != before).any()
    assert np.isinf(flat.thresholds.reshape(3, 4, 2)[2]).all(), "a constant feature stays silent"

    edges = torch.from_numpy(flat.thresholds[np.isfinite(flat.thresholds)])
    around = torch.cat([edges, edges.nextafter(torch.tensor(math.inf)), edges.nextafter(torch.tensor(-math.inf))])
    numbers = torch.cat([around, torch.rand(600) * 3 - 1])
    numbers = numbers[: len(numbers) // 6 * 6].reshape(-1, 3, 2)
    values = numbers.flatten(1).numpy()
    bits = encoder(numbers).flatten(1).numpy()
    assert np.array_equal(values[:, flat.features] > flat.thresholds, bits)
    if input_bits:
        assert flat.integer_thresholds is not None
        integers = encoder.quantize(numbers).flatten(1).numpy()
        assert np.array_equal(integers[:, flat.features] > flat.integer_thresholds, bits)
    else:
        assert flat.integer_thresholds is None
    again = copy.deepcopy(encoder)
    assert torch.equal(again(numbers), encoder(numbers))


def test_trained_thresholds_may_cross() -> None:
    encoder = LearnableBinarization([0.25, 0.75], input_range=(0.0, 1.0)).eval()
    assert isinstance(encoder.thresholds, nn.Parameter)
    with torch.no_grad():
        encoder.thresholds.copy_(torch.tensor([0.75, 0.25]))
    assert encoder(torch.tensor([[0.5]])).tolist() == [[0.0, 1.0]]


def test_a_second_fit_keeps_the_parameter_that_an_optimiser_holds() -> None:
    encoder = LearnableBinarization(num_thresholds=2).fit(images(0))
    held = encoder.thresholds
    encoder.fit(images(1) * 2)
    assert encoder.thresholds is held
    assert float(encoder.eval().comparators().thresholds.max()) > 1


@pytest.mark.parametrize("sampling", ["soft", "hard", "gumbel_soft", "gumbel_hard"])
def test_training_moves_a_threshold_to_where_the_classes_part(sampling: str) -> None:
    torch.manual_seed(0)
    x = torch.rand(500, 2)
    encoder = LearnableBinarization(
        num_thresholds=1, scope="per_feature", forward_sampling=sampling, temperature=0.05
    ).fit(x)
    target = (x > torch.tensor([0.8, 0.3])).float()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        ((encoder(x) - target) ** 2).mean().backward()
        optimizer.step()
    assert float((encoder.eval()(x) == target).float().mean()) > 0.97


@pytest.mark.parametrize("kind", FAMILY)
def test_the_family_stands_first_in_models_that_pack(kind: type[Binarization]) -> None:
    torch.manual_seed(0)
    x = images()
    for encoder in (kind(num_thresholds=2).fit(x), kind([0.3, 0.6], input_range=(0.0, 1.0))):
        model = nn.Sequential(
            encoder, nn.Flatten(), bitlogic.LogicDense(48, 40, weight_init="random"), bitlogic.GroupSum(2)
        )
        assert model(x).requires_grad
        model.eval()
        assert torch.equal(bitlogic.PackedLogicNet(model)(x), model(x))
