"""pack_bits and unpack_bits: 64 samples a word."""

import pytest
import torch

from bitlogic import pack_bits, unpack_bits


def test_bit_b_of_word_w_is_sample_64_w_plus_b() -> None:
    x = torch.zeros(70, 2)
    x[0, 0] = x[3, 0] = x[65, 0] = x[63, 1] = 1
    assert pack_bits(x).tolist() == [[0b1001, -(2**63)], [0b10, 0]]


@pytest.mark.parametrize("num", [0, 1, 7, 63, 64, 65, 127, 128, 1000])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_unpack_undoes_pack(num: int, shape: tuple[int, ...]) -> None:
    x = torch.rand(num, *shape, generator=torch.Generator().manual_seed(num)) > 0.5
    words = pack_bits(x)
    assert words.shape == (-(-num // 64), *shape)
    assert words.dtype == torch.int64
    for b in range(min(num, 64)):
        assert torch.equal(((words >> b) & 1)[0], x[b].to(torch.int64))
    y = unpack_bits(words, num)
    assert y.dtype == torch.float32
    assert torch.equal(y, x.float())
    assert torch.equal(unpack_bits(words, num, torch.bool), x)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64])
def test_every_dtype_packs_alike(dtype: torch.dtype) -> None:
    x = torch.rand(100, 5, generator=torch.Generator().manual_seed(0)) > 0.5
    assert torch.equal(pack_bits(x.to(dtype)), pack_bits(x))


def test_the_tail_of_the_last_word_is_zero() -> None:
    assert pack_bits(torch.ones(3, 1)).tolist() == [[7]]


@pytest.mark.parametrize("bad", [0.5, 2.0, -1.0, float("nan")])
def test_values_that_are_no_bits_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        pack_bits(torch.tensor([0.0, bad]))


def test_a_wrong_number_of_samples_is_refused() -> None:
    for num in (-1, 0, 64, 129):
        with pytest.raises(ValueError, match="do not fit 2 words"):
            unpack_bits(torch.zeros(2, 3, dtype=torch.int64), num)
    with pytest.raises(ValueError, match="int64"):
        unpack_bits(torch.zeros(2, 3), 100)
