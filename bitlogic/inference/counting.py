"""How many bits of a group are 1, for 64 samples of a word at a time."""

import torch
from torch import Tensor

from bitlogic.inference.pack import WORD_BITS

_LANES = {torch.iinfo(dtype).max: dtype for dtype in (torch.uint8, torch.int16, torch.int32)}  # by the largest count
_FIRST_ROWS = 15  # rows that full adders alone make into a number of four digits


def count_ones(words: Tensor) -> Tensor:
    """For each sample the number of ones in each group, int64 (64 * num_words, groups), from (groups, rows, num_words).

    Rows are added as numbers whose binary digits are words: fifteen rows give a number of four digits, and numbers are
    added in pairs until one is left (a tree of carry-save adders). Each step is a few operations for all groups.
    """
    groups, rows, num_words = words.shape
    if rows == 0 or num_words == 0:
        return words.new_zeros(WORD_BITS * num_words, groups)
    width = -(-rows // _FIRST_ROWS)
    parts = [words[:, start : start + width] for start in range(0, rows, width)]
    digits = _sum_of_rows([_filled(part, width) for part in parts])
    while width > 1:
        half = -(-width // 2)
        digits = _sum_of_pair(
            [digit[:, :half] for digit in digits], [_filled(digit[:, half:], half) for digit in digits]
        )
        width = half
    return _integers([digit[:, 0] for digit in digits], next(lane for most, lane in _LANES.items() if rows <= most))


def _filled(part: Tensor, width: int) -> Tensor:
    """The rows (groups, rows, num_words) with rows of zeros behind them."""
    missing = width - part.shape[1]
    return torch.cat([part, part.new_zeros(part.shape[0], missing, part.shape[2])], 1) if missing else part


def _sum_of_rows(rows: list[Tensor]) -> list[Tensor]:
    """The digits, lowest first, of the number of ones in rows that lie on each other."""
    digits = []
    while rows:
        carries = []
        while len(rows) > 2:
            total, carry = _full_adder(rows.pop(), rows.pop(), rows.pop())
            rows.append(total)
            carries.append(carry)
        if len(rows) == 2:
            carries.append(rows[0] & rows[1])
            rows = [rows[0] ^ rows[1]]
        digits.append(rows[0])
        rows = carries
    return digits


def _sum_of_pair(first: list[Tensor], second: list[Tensor]) -> list[Tensor]:
    digits, carry = [first[0] ^ second[0]], first[0] & second[0]
    for one, other in zip(first[1:], second[1:], strict=True):
        total, carry = _full_adder(one, other, carry)
        digits.append(total)
    return [*digits, carry]


def _full_adder(one: Tensor, other: Tensor, third: Tensor) -> tuple[Tensor, Tensor]:
    """The digit and the carry."""
    half = one ^ other
    total = half ^ third
    half &= third
    half |= one & other
    return total, half


def _integers(digits: list[Tensor], lane: torch.dtype) -> Tensor:
    """int64 (64 * num_words, groups) of the digits (groups, num_words), lowest first, of counts that a lane holds.

    A word is cut into lanes wide enough for a count, so that one shift serves `64 / width` samples.
    """
    width = lane.itemsize * 8
    shifts = torch.arange(width, device=digits[0].device)
    lowest_bits = (2**64 - 1) // (2**width - 1)
    counts = (digits[0].unsqueeze(-1) >> shifts) & lowest_bits
    for weight, digit in enumerate(digits[1:], 1):
        part = digit.unsqueeze(-1) >> shifts
        part &= lowest_bits
        part <<= weight
        counts |= part
    by_sample: Tensor = counts.view(lane).view(*digits[0].shape, width, WORD_BITS // width).permute(1, 3, 2, 0)
    return by_sample.reshape(-1, len(digits[0])).to(torch.int64)
