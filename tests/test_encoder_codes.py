"""Codes: the bits of levels by hand, and that a bit is the parity of its comparators."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bitlogic.encoders import (
    ENCODERS,
    Binary,
    CodeEncoder,
    GrayCode,
    OneHot,
    SignMagnitude,
    UniformFixedPoint,
    setup_encoder,
)

CODES = sorted(name for name, encoder in ENCODERS.items() if issubclass(encoder, CodeEncoder))


def words(encoder: CodeEncoder, x: Tensor) -> list[int]:
    """The codewords of numbers (n,), as integers."""
    bits = encoder(x[:, None]).to(torch.int64)
    return [int(word) for word in (bits << torch.arange(encoder.num_bits)).sum(1)]


PIXELS = torch.arange(256).to(torch.float32) / 255


def test_binary_of_as_many_bits_as_the_grid_is_the_integer_itself() -> None:
    encoder = Binary(8).fit(PIXELS[:, None])
    assert words(encoder, PIXELS) == list(range(256))


def test_gray_code_of_a_pixel_is_the_reflected_binary_code() -> None:
    encoder = GrayCode(8).fit(PIXELS[:, None])
    assert words(encoder, PIXELS) == [n ^ n >> 1 for n in range(256)]


@pytest.mark.parametrize("input_bits", [0, 8])
@pytest.mark.parametrize("num_bits", [1, 2, 3, 5])
def test_binary_rounds_to_the_nearest_level(num_bits: int, input_bits: int) -> None:
    encoder = Binary(num_bits, input_bits=input_bits).fit(PIXELS[:, None])
    top = 2**num_bits - 1
    assert words(encoder, PIXELS) == [(2 * n * top + 255) // 510 for n in range(256)]


def test_one_hot_is_the_interval_of_a_value() -> None:
    encoder = OneHot(4, input_bits=0).fit(torch.tensor([[0.0], [8.0]]))
    x = torch.tensor([-5.0, 0.0, 2.0, 2.5, 4.0, 4.1, 6.5, 8.0, 100.0])
    assert words(encoder, x) == [1, 1, 1, 2, 2, 4, 8, 8, 8]


def test_sign_magnitude_has_one_zero() -> None:
    encoder = SignMagnitude(3, input_bits=0).fit(torch.tensor([[-3.0], [2.0]]))
    x = torch.tensor([-9.0, -3.0, -2.0, -1.0, -0.4, 0.0, 0.4, 1.0, 2.0, 3.0])
    assert words(encoder, x) == [7, 7, 6, 5, 0, 0, 0, 1, 2, 3]


def test_fixed_point_is_the_rounded_integer_with_a_step_of_a_power_of_two() -> None:
    x = torch.arange(0.0, 12.0, 0.5)
    encoder = UniformFixedPoint(4, input_bits=0).fit(x[:, None])  # 11.5 fits steps of 1, not of 1/2
    assert words(encoder, x) == [int(np.ceil(float(value) - 0.5)) for value in x]
    signed = UniformFixedPoint(4, input_bits=0).fit(torch.tensor([[-2.0], [1.5]]))  # -8 .. 7 quarters
    assert words(signed, torch.tensor([-2.0, -0.25, 0.0, 0.25, 1.5])) == [8, 15, 0, 1, 6]
    assert words(signed, torch.tensor([-99.0, 99.0])) == [8, 7]


def test_fixed_point_of_bytes_is_the_byte() -> None:
    pixels = torch.arange(256, dtype=torch.uint8)
    assert words(UniformFixedPoint(8).fit(pixels[:, None]), pixels) == list(range(256))


def test_fixed_point_that_cannot_hold_a_sign_is_refused() -> None:
    x = torch.tensor([[-1.0], [1.0]])
    with pytest.raises(ValueError, match="cannot hold the sample -1"):
        UniformFixedPoint(4, signed=False).fit(x)
    with pytest.raises(ValueError, match="no room for a sign"):
        UniformFixedPoint(1).fit(x)


def test_a_range_that_does_not_start_at_zero_starts_in_the_middle_of_the_code() -> None:
    x = torch.arange(4.0, 12.0)
    encoder = UniformFixedPoint(4).fit(x[:, None])
    assert words(encoder, x) == list(range(4, 12))
    assert words(encoder, torch.tensor([0.0, 3.0, torch.nan])) == [4, 4, 4]
    code = encoder.comparators().code
    assert code is not None
    assert code.starts.tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize("name", CODES)
def test_a_bit_toggles_exactly_at_its_comparators(name: str) -> None:
    encoder = setup_encoder(name, num_bits=4)
    assert isinstance(encoder, CodeEncoder)
    codewords = encoder.fit(torch.linspace(-1, 1, 300)[:, None]).codewords
    assert codewords is not None
    code = encoder.comparators().code
    assert code is not None
    rebuilt = np.cumsum(np.concatenate([codewords[:1].numpy(), code.toggles]), axis=0) % 2
    assert np.array_equal(rebuilt, codewords.numpy())
    assert len(np.unique(codewords.numpy(), axis=0)) == len(codewords)


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("input_bits", [0, 3, 8])
def test_levels_are_found_alike_by_table_and_by_search(
    name: str, input_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(50, 3, 4, generator=torch.Generator().manual_seed(0))
    x[:, 1] = 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = setup_encoder(name, num_bits=4, input_bits=input_bits).fit(x)
    y = torch.cat([2 * x, torch.full((1, 3, 4), torch.nan), torch.full((1, 3, 4), -torch.inf)])
    by_table = encoder(y)
    monkeypatch.setattr("bitlogic.encoders.code._TABLE_ENTRIES", 0)
    assert torch.equal(encoder(y), by_table)


@pytest.mark.parametrize("num_bits", [0, 13])
def test_codes_out_of_range_are_refused(num_bits: int) -> None:
    with pytest.raises(ValueError, match="num_bits"):
        Binary(num_bits)


@pytest.mark.parametrize("encoder", [OneHot, SignMagnitude])
def test_codes_that_need_two_bits_say_so(encoder: type[CodeEncoder]) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        encoder(1)


def test_more_levels_than_integers_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="8 of 15 thresholds coincide"):
        Binary(4, input_bits=3).fit(torch.rand(100, 1, generator=torch.Generator().manual_seed(0)))


def test_a_state_with_other_codewords_is_refused() -> None:
    state: dict[str, Any] = Binary(3).fit(torch.rand(9, 1)).state_dict()
    state["codewords"] = state["codewords"][:, :2]
    with pytest.raises(RuntimeError, match=r"codewords is \(8, 2\), not \(8, 3\)"):
        Binary(3).load_state_dict(state)
