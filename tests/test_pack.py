"""pack_bits and unpack_bits: 64 samples a word."""

import pytest
import torch
from torch import Tensor

from bitlogic import pack_bits, unpack_bits
from bitlogic.inference.pack import by_kernel
from bitlogic.kernels import packing, use_native


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


def random_bits(num_samples: int, num_signals: int) -> Tensor:
    return torch.rand(num_samples, num_signals, generator=torch.Generator().manual_seed(num_samples)) > 0.5


@pytest.mark.cc
@pytest.mark.parametrize("num_samples", [16, 63, 64, 511, 512, 513, 1100])
@pytest.mark.parametrize("num_signals", [1, 17, 1023, 1024, 1025, 2100])
def test_the_kernel_packs_as_torch_does(num_samples: int, num_signals: int) -> None:
    bits = random_bits(num_samples, num_signals)
    with use_native(False):
        expected = pack_bits(bits)
    for dtype in packing.READABLE:
        words = torch.full((num_signals, expected.shape[0] + 1), 7)  # longer rows than the samples fill
        assert packing.serves(bits)
        assert packing.pack(bits.to(dtype), words)
        assert torch.equal(words[:, :-1].T, expected)
        assert words[:, -1].eq(7).all()


@pytest.mark.cc
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32, torch.float64, torch.int64])
def test_large_batches_of_every_dtype_and_layout_pack_alike(dtype: torch.dtype) -> None:
    bits = random_bits(1100, 130)
    assert by_kernel(bits)
    with use_native(False):
        expected = pack_bits(bits)
    x = bits.to(dtype)
    spaced = torch.zeros(1100, 400, dtype=dtype)[:, 3:133].copy_(x)
    threads = torch.get_num_threads()
    for same in (x, x.T.contiguous().T, spaced, x.view(1100, 13, 10).flatten(1)):
        for num in (1, 2):
            torch.set_num_threads(num)
            words = pack_bits(same)
            torch.set_num_threads(threads)
            assert torch.equal(words, expected)
    assert torch.equal(pack_bits(x.view(1100, 13, 10)), expected.view(-1, 13, 10))


@pytest.mark.cc
@pytest.mark.parametrize("bad", [2, 3, 255, 0.5, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("place", [(0, 0), (1099, 129), (600, 64)])
def test_the_kernel_finds_values_that_are_no_bits(bad: float, place: tuple[int, int]) -> None:
    for dtype in (torch.uint8, torch.float32) if bad > 1 and isinstance(bad, int) else (torch.float32,):
        x = random_bits(1100, 130).to(dtype)
        assert by_kernel(x)
        x[place] = bad
        with pytest.raises(ValueError, match="neither 0 nor 1"):
            pack_bits(x)


@pytest.mark.cc
def test_the_kernel_refuses_words_that_do_not_fit() -> None:
    for shape in ((129, 18), (130, 17)):
        with pytest.raises(ValueError, match=r"for bits \(1100, 130\)"):
            packing.pack(random_bits(1100, 130), torch.zeros(shape, dtype=torch.int64))


def test_without_the_kernel_large_batches_pack_as_well() -> None:
    bits = random_bits(1100, 130)
    with use_native(False):
        assert not by_kernel(bits)
        assert torch.equal(unpack_bits(pack_bits(bits.float()), 1100, torch.bool), bits)
        with pytest.raises(ValueError, match="neither 0 nor 1"):
            pack_bits(bits.float() * 2)
