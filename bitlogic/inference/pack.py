"""Bits of 64 samples in one int64 word."""

from collections.abc import Callable

import torch
from torch import Tensor

WORD_BITS = 64


def pack_bits(x: Tensor) -> Tensor:
    """Words of shape (ceil(B / 64), ...), int64, from bits of shape (B, ...).

    Bit b of word w is sample 64 * w + b, bit 0 the least significant; the tail of the last word is 0. Any dtype does.

    Raises:
        ValueError: x has no batch axis or holds something else than 0 and 1.
    """
    if x.ndim == 0:
        raise ValueError("pack_bits needs a batch axis, not a single number")
    if x.dtype != torch.bool and not bool(((x == 0) | (x == 1)).all()):
        raise ValueError("pack_bits takes bits: x holds a value that is neither 0 nor 1")
    return pack_lanes(lambda lane: x[lane::WORD_BITS] != 0, len(x), x.new_empty(0, *x.shape[1:]))


def pack_lanes(lane_bits: Callable[[int], Tensor], num_samples: int, like: Tensor) -> Tensor:
    """`pack_bits` of bits that are made lane by lane, so that they never exist all at once.

    Args:
        lane_bits: gives for lane b the bool bits (..., ) of samples b, 64 + b, 128 + b and so on, samples first.
        num_samples: B.
        like: a tensor (any, ...) with the other axes and the device of the words.
    """
    num_words = -(-num_samples // WORD_BITS)
    words = torch.zeros(num_words, *like.shape[1:], dtype=torch.int64, device=like.device)
    # Byte by byte, so that most passes touch an eighth of the words' memory.
    for byte in range(8):
        packed = torch.zeros_like(words, dtype=torch.uint8)
        for lane in range(8 * byte, min(8 * byte + 8, num_samples)):
            bits = lane_bits(lane).view(torch.uint8)
            packed[: len(bits)] |= bits << lane % 8
        words |= packed.to(torch.int64) << (8 * byte)
    return words


def unpack_bits(words: Tensor, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Bits of shape (n, ...) and of the given dtype from words of shape (ceil(n / 64), ...); undoes `pack_bits`.

    Raises:
        ValueError: the words are not int64, or n samples do not fill exactly that many words.
    """
    if words.dtype != torch.int64 or words.ndim == 0:
        raise ValueError(f"unpack_bits takes int64 words with a leading axis, not {words.dtype} {tuple(words.shape)}")
    if n < 0 or -(-n // WORD_BITS) != len(words):
        raise ValueError(f"{n} samples do not fit {len(words)} words of {WORD_BITS}")
    bits = torch.empty(len(words), WORD_BITS, *words.shape[1:], dtype=dtype, device=words.device)
    for bit in range(WORD_BITS):
        bits[:, bit] = (words >> bit) & 1
    return bits.flatten(0, 1)[:n]
