"""Bits of 64 samples in one int64 word."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from bitlogic.kernels import packing
from bitlogic.kernels.recycling import empty

WORD_BITS = 64
_FEW_ELEMENTS = 2**14  # below, starting the kernel costs more than it saves
_CHUNK_BITS = 2**22  # bits that exist as a byte each at a time: they stay in a last-level cache
_LOW_BYTES = {4: 0x00000000FFFFFFFF, 2: 0x0000FFFF0000FFFF, 1: 0x00FF00FF00FF00FF}  # of pairs of that many bytes


def pack_bits(x: Tensor) -> Tensor:
    """Words of shape (ceil(B / 64), ...), int64, from bits of shape (B, ...).

    Bit b of word w is sample 64 * w + b, bit 0 the least significant; the tail of the last word is 0. Any dtype does.

    Raises:
        ValueError: x has no batch axis or holds something else than 0 and 1.
    """
    if x.ndim == 0:
        raise ValueError("pack_bits needs a batch axis, not a single number")
    return pack_rows(x).T.reshape(-1, *x.shape[1:])


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


def pack_rows(x: Tensor) -> Tensor:
    """The words of `pack_bits` with a row for each signal, contiguous (signals, ceil(B / 64)), from bits (B, ...).

    The signals are in C order of a sample's axes. ValueError for a value that is neither 0 nor 1.
    """
    words, are_bits = rows_of(x, x.shape[1:].numel(), as_bits)
    check_bits(are_bits)
    return words


BitsOf = Callable[[Tensor], tuple[Tensor, Tensor | None]]


def rows_of(samples: Tensor, num_signals: int, bits_of: BitsOf) -> tuple[Tensor, list[Tensor]]:
    """The rows of words of what a function makes of samples, and what it says of them; never all bits exist at once.

    Args:
        samples: (B, ...).
        num_signals: the bits of a sample.
        bits_of: gives for some of the samples bits (samples, num_signals), bool or float32, and None or a bool scalar.
    """
    if by_kernel(samples):
        return _rows_by_kernel(samples, num_signals, bits_of)
    said: list[Tensor] = []
    chunk = len(samples) if torch.compiler.is_compiling() else _chunk(num_signals)
    octets = []
    for start in range(0, len(samples), chunk) if chunk else ():
        bits, verdict = bits_of(samples[start : start + chunk] if chunk < len(samples) else samples)
        octets.append(_octets(bits))
        said += [] if verdict is None else [verdict]
    if not octets:
        return torch.empty(num_signals, 0, dtype=torch.int64, device=samples.device), said
    joined = torch.cat(octets) if len(octets) > 1 else octets[0]
    return _transposed(joined.view(-1, 8, joined.shape[1]))[:num_signals], said


def by_kernel(samples: Tensor) -> bool:
    """Whether `rows_of` packs the samples by the C kernel."""
    return samples.numel() >= _FEW_ELEMENTS and packing.serves(samples)


def _rows_by_kernel(samples: Tensor, num_signals: int, bits_of: BitsOf) -> tuple[Tensor, list[Tensor]]:
    """`rows_of` by the C kernel, which reads bits and floats as they are and sees for itself whether they are bits."""
    words = empty((num_signals, -(-len(samples) // WORD_BITS)), torch.int64)
    if bits_of is as_bits and samples.dtype in packing.READABLE:
        return words, [torch.tensor(packing.pack(_as_matrix(samples), words))]
    said: list[Tensor] = []
    chunk = _chunk(num_signals)
    for start in range(0, len(samples), chunk):
        bits, verdict = bits_of(samples[start : start + chunk])
        packing.pack(bits, words[:, start // WORD_BITS :])
        said += [] if verdict is None else [verdict]
    return words, said


def _chunk(num_signals: int) -> int:
    """How many samples' bits exist as a byte each at a time."""
    chunk = WORD_BITS * max(1, _CHUNK_BITS // (WORD_BITS * max(1, num_signals)))
    return chunk - chunk % packing.GROUP if chunk > packing.GROUP else chunk


def as_bits(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """bool (B, signals) of bits (B, ...) of any dtype, and whether x holds 0 and 1 alone; None where that is sure."""
    x = _as_matrix(x)
    if x.dtype == torch.bool:
        return x, None
    ones = x == 1
    return ones, (ones ^ (x == 0)).all()


def _as_matrix(x: Tensor) -> Tensor:
    return x.flatten(1) if x.ndim > 1 else x[:, None]


def check_bits(are_bits: list[Tensor]) -> None:
    """ValueError where `as_bits` has met something else than bits, for which a GPU is waited for.

    Inside of torch.compile, where nothing can depend on a value, a RuntimeError.
    """
    if not are_bits:
        return
    verdict, message = torch.stack(are_bits).all(), "pack_bits takes bits: x holds a value that is neither 0 nor 1"
    if torch.compiler.is_compiling():
        torch._assert_async(verdict, message)
    elif not bool(verdict):
        raise ValueError(message)


def _octets(bits: Tensor) -> Tensor:
    """int64 (8 * ceil(B / 64), ceil(signals / 8)): in element (r, e) bit b of byte s is signal 8e + s of sample 8r + b.

    Bytes of 0 and 1 side by side are one int64, and no shift by less than 8 carries over into another byte. Floats are
    added up as floats, which every processor does for many at once.
    """
    num_samples, num_signals = bits.shape
    is_float = bits.dtype == torch.float32
    bytes_or_floats = bits.contiguous() if is_float else bits.contiguous().view(torch.uint8)
    if num_samples % WORD_BITS or num_signals % 8:
        bytes_or_floats = pad(bytes_or_floats, (0, -num_signals % 8, 0, -num_samples % WORD_BITS))
    elif not torch.compiler.is_compiling() and bytes_or_floats.storage_offset() % 8:
        bytes_or_floats = bytes_or_floats.clone()  # torch views only what starts at a whole int64
    by_octet = bytes_or_floats if is_float else bytes_or_floats.view(torch.int64)
    lanes = by_octet.view(by_octet.shape[0] // 8, 8, -1)
    if is_float:
        packed = lanes[:, 7]
        for lane in range(6, -1, -1):
            packed = torch.add(lanes[:, lane], packed, alpha=2)
        return packed.to(torch.uint8).view(torch.int64)
    packed = lanes[:, 7] << 1
    packed |= lanes[:, 6]
    for lane in range(5, -1, -1):
        packed <<= 1
        packed |= lanes[:, lane]
    return packed


def _transposed(octets: Tensor) -> Tensor:
    """The rows of words (8 * elements, num_words) of octets (num_words, 8, elements).

    Eight int64 side by side are a square of 8 by 8 bytes, transposed by swapping its corners, theirs, and theirs.
    """
    squares = octets.permute(2, 1, 0).contiguous()
    rows = list(squares.unbind(1))
    for distance in (4, 2, 1):
        shift, mask = 8 * distance, _LOW_BYTES[distance]
        for row in range(8):
            if not row & distance:
                upper, lower = rows[row], rows[row + distance]
                swapped = ((upper >> shift) ^ lower) & mask
                rows[row], rows[row + distance] = upper ^ (swapped << shift), lower ^ swapped
    return torch.stack(rows, 1).flatten(0, 1)
