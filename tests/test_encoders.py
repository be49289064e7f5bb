"""Encoders: the thresholds they choose, and the contract that float and integer comparisons agree."""

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bitlogic.encoders import (
    ENCODER_ALIASES,
    ENCODERS,
    Binarization,
    DistributiveThermometer,
    Encoder,
    GaussianThermometer,
    LogarithmicThermometer,
    Thermometer,
    list_encoders,
    setup_encoder,
)
from bitlogic.encoders.grid import quantize

FLOAT_MAX = torch.finfo(torch.float32).max
TINY = 2.0**-149


def probes(values: Tensor) -> Tensor:
    """The values, both float32 neighbours of each, and the corners of float32."""
    corners = torch.tensor([0.0, -0.0, TINY, -TINY, FLOAT_MAX, -FLOAT_MAX, math.inf, -math.inf, math.nan])
    up = torch.nextafter(values, torch.tensor(math.inf))
    down = torch.nextafter(values, torch.tensor(-math.inf))
    return torch.cat([values, up, down, corners])


def random_floats(num: int, seed: int) -> Tensor:
    """Float32 of every magnitude, drawn as bit patterns."""
    patterns = torch.randint(-(2**31), 2**31, (num,), generator=torch.Generator().manual_seed(seed))
    return patterns.to(torch.int32).view(torch.float32)


def assert_contract(encoder: Encoder, x: Tensor) -> None:
    """For every x, (n,), of the one feature: eval bits == float comparisons == integer comparisons."""
    encoder.eval()
    flat = encoder.comparators()
    assert flat.integer_thresholds is not None
    numbers = x[:, None].numpy()
    floats = numbers[:, flat.features] > flat.thresholds
    integers = encoder.quantize(x[:, None]).numpy()[:, flat.features] > flat.integer_thresholds
    assert np.array_equal(floats, integers)
    assert np.array_equal(flat.output_bits(floats), encoder.bits(x[:, None]).numpy())
    assert torch.equal(encoder.bits(x[:, None]).float(), encoder(x[:, None]))
    assert_packs(encoder, x[:, None])


def assert_packs(encoder: Encoder, x: Tensor) -> None:
    bits = np.packbits(encoder.bits(x).flatten(1).numpy(), axis=0, bitorder="little")
    assert np.array_equal(encoder.packed_bits(x).numpy(), bits.T)


SCOPES: dict[tuple[int, ...], str] = {(): "global", (1,): "per_channel", (1, 2, 3): "per_feature"}
FITS = [
    (name, axes)
    for name, encoder in sorted(ENCODERS.items())
    for axes in ((), (1,), (2, 3), (1, 2, 3), (-1,))
    if not issubclass(encoder, Binarization) or axes in SCOPES
]


def kept(name: str, fit_axes: tuple[int, ...]) -> dict[str, Any]:
    """The keyword with which that encoder keeps thresholds of these axes of a sample with three axes."""
    return {"scope": SCOPES[fit_axes]} if issubclass(ENCODERS[name], Binarization) else {"fit_axes": fit_axes}


def test_uniform_thresholds_stand_at_equal_distances() -> None:
    encoder = Thermometer(3, input_bits=0).fit(torch.tensor([[0.0], [1.0], [8.0]]))
    assert encoder.comparators().thresholds.tolist() == [2.0, 4.0, 6.0]
    assert encoder(torch.tensor([[2.0], [2.5], [7.0]])).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]


def test_distributive_thresholds_are_quantiles() -> None:
    x = torch.arange(10.0)[torch.randperm(10, generator=torch.Generator().manual_seed(1))][:, None]
    encoder = DistributiveThermometer(3, input_bits=0).fit(x)
    assert encoder.comparators().thresholds.tolist() == [2.0, 5.0, 7.0]  # 10 * i // 4


def test_gaussian_thresholds_are_the_quantiles_of_the_normal_distribution() -> None:
    x = torch.tensor([[-1.0], [1.0], [3.0]])  # mean 1, deviation sqrt(8 / 3)
    encoder = GaussianThermometer(3, input_bits=0).fit(x)
    quartile = 0.6744897501960817 * math.sqrt(8 / 3)
    assert encoder.comparators().thresholds.tolist() == np.array([1 - quartile, 1, 1 + quartile], np.float32).tolist()


def test_logarithmic_thresholds_grow_by_the_base() -> None:
    encoder = LogarithmicThermometer(3, input_bits=0).fit(torch.tensor([[10.0], [25.0]]))
    assert encoder.comparators().thresholds.tolist() == [11.0, 13.0, 17.0]
    encoder = LogarithmicThermometer(2, input_bits=0, base=3.0).fit(torch.tensor([[0.0], [26.0]]))
    assert encoder.comparators().thresholds.tolist() == [2.0, 8.0]
    with pytest.raises(ValueError, match="above 1"):
        LogarithmicThermometer(2, base=1.0)


def test_distinct_takes_quantiles_above_the_minimum() -> None:
    x = torch.tensor([0.0] * 20 + [1.0, 2.0, 3.0, 4.0])[:, None]
    with pytest.warns(UserWarning, match="2 of 3 thresholds coincide"):
        plain = DistributiveThermometer(3, input_bits=0).fit(x)
    distinct = DistributiveThermometer(3, input_bits=0, distinct=True).fit(x)
    assert plain.comparators().thresholds.tolist() == [0.0, 0.0, 0.0]
    assert distinct.comparators().thresholds.tolist() == [2.0, 3.0, 4.0]


def test_distinct_thresholds_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DistributiveThermometer(3).fit(torch.rand(100, 1, generator=torch.Generator().manual_seed(0)))


def test_output_channel_is_channel_times_num_bits_plus_bit() -> None:
    x = torch.rand(5, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    encoder = Thermometer(3, fit_axes=(1,), input_bits=0).fit(x)
    y = encoder(x)
    assert y.shape == (5, 6, 3, 4)
    assert y.dtype == torch.float32
    assert encoder.thresholds is not None
    for channel in range(2):
        for bit in range(3):
            expected = x[:, channel] > encoder.thresholds[channel, 0, 0, bit]
            assert torch.equal(y[:, 3 * channel + bit], expected.float())


@pytest.mark.parametrize("encode_axis", [1, 2, 3, -1, -3])
def test_encode_axis_is_the_axis_that_widens(encode_axis: int) -> None:
    x = torch.rand(5, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    expected = list(x.shape)
    expected[encode_axis] *= 7
    assert list(Thermometer(7, encode_axis=encode_axis).fit(x)(x).shape) == expected


def test_fit_axes_keep_their_own_thresholds_and_pool_the_others() -> None:
    x = torch.rand(50, 2, 3, generator=torch.Generator().manual_seed(0))
    encoder = DistributiveThermometer(2, fit_axes=(2,), input_bits=0).fit(x)
    assert encoder.thresholds is not None
    assert encoder.thresholds.shape == (1, 3, 2)
    for feature in range(3):
        pool = x[:, :, feature].flatten().sort().values
        assert torch.equal(encoder.thresholds[0, feature], pool[[100 // 3, 200 // 3]])
    assert DistributiveThermometer(2, fit_axes=()).fit(x).comparators().thresholds.shape == (12,)


@pytest.mark.parametrize(("name", "fit_axes"), FITS)
@pytest.mark.parametrize("encode_axis", [1, 2, -1])
@pytest.mark.parametrize("input_bits", [0, 3, 8])
def test_comparators_are_the_flattened_output(
    name: str, fit_axes: tuple[int, ...], encode_axis: int, input_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(40, 2, 3, 4, generator=torch.Generator().manual_seed(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"encode_axis": encode_axis, "input_bits": input_bits, **kept(name, fit_axes)}
        encoder = setup_encoder(name, num_bits=4, **options).fit(x).eval()
    flat = encoder.comparators()
    expected = encoder(x).flatten(1).numpy()
    assert np.array_equal(encoder.bits(x).flatten(1).numpy(), expected)
    monkeypatch.setattr("bitlogic.encoders.base._COMPARISONS", 500)
    for num_samples in (0, 1, 8, 40):
        assert_packs(encoder, x[:num_samples].double())
    values = x.flatten(1).numpy()
    assert encoder.num_outputs == expected.shape[1]
    assert len(flat.features) == 24 * encoder.num_thresholds
    assert np.array_equal(flat.output_bits(values[:, flat.features] > flat.thresholds), expected)
    assert len(np.unique(expected, axis=0)) > 20
    assert flat.input_shape == (2, 3, 4)
    assert flat.input_min.shape == flat.input_max.shape == (24,)
    if input_bits == 0:
        assert flat.integer_thresholds is None
    else:
        assert flat.integer_thresholds is not None
        integers = encoder.quantize(x).flatten(1).numpy()
        assert np.array_equal(flat.output_bits(integers[:, flat.features] > flat.integer_thresholds), expected)
        step = (values - flat.input_min) / (flat.input_max - flat.input_min) * np.float32(2**input_bits - 1)
        grid = np.clip(np.floor(step + np.float32(0.5)), 0, 2**input_bits - 1)
        assert np.array_equal(grid, integers)
    with pytest.raises(ValueError, match="read-only"):
        flat.thresholds[0] = 0.0


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("input_bits", [1, 5, 8, 16])
@pytest.mark.parametrize("scale", [1e-45, 1e-38, 1.0, 1.5e38])
@pytest.mark.parametrize("offset", [-1.0, 0.0, 1000.0])
def test_float_and_integer_comparison_agree_for_every_float(
    name: str, input_bits: int, scale: float, offset: float
) -> None:
    generator = torch.Generator().manual_seed(input_bits)
    samples = ((torch.rand(200, generator=generator) + min(offset, 1.5e38 / scale / 2)) * scale)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = setup_encoder(name, num_bits=6, input_bits=input_bits).fit(samples)
    thresholds = torch.from_numpy(encoder.comparators().thresholds.copy())
    assert_contract(encoder, probes(thresholds))
    assert_contract(encoder, probes(samples.flatten()))
    assert_contract(encoder, random_floats(2000, seed=input_bits))
    span = float(samples.max() - samples.min())
    assert_contract(encoder, (torch.rand(2000, generator=generator) * 1.2 - 0.1) * span + samples.min())


def test_a_snapped_threshold_is_the_largest_float_of_its_grid_step() -> None:
    encoder = Thermometer(5, input_bits=4).fit(torch.rand(100, 1, generator=torch.Generator().manual_seed(0)))
    assert encoder.thresholds is not None
    assert encoder.integer_thresholds is not None
    t = encoder.thresholds.reshape(-1, 1)
    above = torch.nextafter(t, torch.tensor(math.inf))
    assert torch.equal(encoder.quantize(t).flatten(), encoder.integer_thresholds.flatten())
    assert torch.equal(encoder.quantize(above).flatten(), encoder.integer_thresholds.flatten() + 1)


def test_snapping_moves_upwards_by_less_than_a_step() -> None:
    x = torch.rand(100, 1, generator=torch.Generator().manual_seed(0))
    exact = torch.from_numpy(Thermometer(5, input_bits=0).fit(x).comparators().thresholds.copy())
    snapped = torch.from_numpy(Thermometer(5, input_bits=8).fit(x).comparators().thresholds.copy())
    assert bool((snapped >= exact).all())
    assert bool((snapped - exact <= float(x.max() - x.min()) / 255).all())


def test_a_threshold_in_the_top_step_is_infinite() -> None:
    encoder = DistributiveThermometer(1, input_bits=1).fit(torch.tensor([[0.0], [0.75], [1.0]]))
    flat = encoder.comparators()
    assert flat.integer_thresholds is not None
    assert flat.integer_thresholds.tolist() == [1]
    assert flat.thresholds.tolist() == [math.inf]
    assert encoder(torch.tensor([[math.inf]])).tolist() == [[0.0]]


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("input_bits", [0, 1, 8, 16])
def test_a_constant_feature_gives_zero_bits_for_every_input(name: str, input_bits: int) -> None:
    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    x[:, 1] = 0.25
    with pytest.warns(UserWarning, match="coincide"):
        encoder = setup_encoder(name, num_bits=3, input_bits=input_bits).fit(x).eval()
    numbers = torch.stack([torch.full((109,), 0.5), probes(random_floats(100, 1))[:109]], dim=1)
    assert not bool(encoder(numbers)[:, 3:].any())
    flat = encoder.comparators()
    assert not flat.output_bits(numbers.numpy()[:, flat.features] > flat.thresholds)[:, 3:].any()
    if input_bits:
        assert flat.integer_thresholds is not None
        constant = flat.integer_thresholds[flat.features == 1].tolist()
        assert constant == [2**input_bits - 1] * encoder.num_thresholds
        assert not bool(encoder.quantize(torch.full((1, 2), 7.0))[0, 1])


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("input_bits", [0, 8])
def test_nan_encodes_as_the_minimum(name: str, input_bits: int) -> None:
    x = torch.rand(20, 1, generator=torch.Generator().manual_seed(0))
    encoder = setup_encoder(name, num_bits=4, input_bits=input_bits).fit(x).eval()
    assert torch.equal(encoder(torch.tensor([[math.nan]])), encoder(x.min().reshape(1, 1)))
    if input_bits:
        assert encoder.quantize(torch.tensor([[math.nan]])).tolist() == [[0]]


def test_the_grid_is_clamped_and_monotone() -> None:
    low, high = torch.tensor(-1.0), torch.tensor(3.0)
    x = torch.tensor([-math.inf, -5.0, -1.0, 0.0, 1.0, 3.0, 9.0, math.inf])
    assert quantize(x, low, high, 2).tolist() == [0, 0, 0, 1, 2, 3, 3, 3]


def test_eight_bit_pixels_come_back_from_their_floats() -> None:
    pixels = torch.arange(256)[:, None]
    encoder = Thermometer(8).fit(pixels.float() / 255.0)
    assert torch.equal(encoder.quantize(pixels.float() / 255.0), pixels.to(torch.int32))
    encoder = Thermometer(8).fit(pixels.to(torch.uint8))
    assert torch.equal(encoder.quantize(pixels), pixels.to(torch.int32))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_fit_refuses_values_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or values that are infinite"):
        Thermometer(2).fit(torch.tensor([[0.0], [bad]]))


def test_fit_refuses_a_range_wider_than_float32() -> None:
    with pytest.raises(ValueError, match="overflows"):
        Thermometer(2).fit(torch.tensor([[-FLOAT_MAX], [FLOAT_MAX]]))


def test_fit_refuses_no_samples() -> None:
    with pytest.raises(ValueError, match="empty"):
        Thermometer(2).fit(torch.zeros(0, 3))


@pytest.mark.parametrize("axes", [{"encode_axis": 0}, {"encode_axis": 2}, {"fit_axes": (0,)}, {"fit_axes": (-2,)}])
def test_fit_refuses_the_batch_axis_and_axes_that_do_not_exist(axes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no axis of a sample"):
        Thermometer(2, **axes).fit(torch.rand(4, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"num_bits": 0}, {"num_bits": 2, "input_bits": 17}, {"num_bits": 2, "input_bits": -1}])
def test_sizes_out_of_range_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Thermometer(**bad)  # type: ignore[arg-type]


def test_an_unfitted_encoder_refuses_use() -> None:
    encoder = DistributiveThermometer(2)
    for use in (encoder, encoder.bits, encoder.quantize):
        with pytest.raises(RuntimeError, match="not fitted"):
            use(torch.zeros(1, 1))
    with pytest.raises(RuntimeError, match="not fitted"):
        encoder.comparators()


def test_an_input_of_another_shape_is_refused() -> None:
    encoder = Thermometer(2).fit(torch.rand(4, 3, 5))
    assert encoder(torch.rand(2, 3, 9)).shape == (2, 6, 9)
    for shape in ((2, 3), (2, 4, 5), (2, 1, 5)):
        with pytest.raises(ValueError, match="takes \\(batch, 3, any\\)"):
            encoder(torch.rand(*shape))


def test_quantize_without_a_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="input_bits=0"):
        Thermometer(2, input_bits=0).fit(torch.rand(4, 3)).quantize(torch.rand(4, 3))


def test_unknown_encoders_are_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"distributive_thermometer, thermometer, .*gray_code"):
        setup_encoder("binary8", num_bits=2)
    assert list_encoders() == list(ENCODERS)


def test_names_are_the_snake_case_of_the_classes() -> None:
    for name, encoder in ENCODERS.items():
        words = re.sub("(?<=[a-z])(?=[A-Z])", "_", encoder.__name__).lower()
        assert name == words
    for alias, name in ENCODER_ALIASES.items():
        assert alias not in ENCODERS
        assert type(setup_encoder(alias, num_bits=2)) is ENCODERS[name]
