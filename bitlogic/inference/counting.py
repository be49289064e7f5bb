"""How many bits of a group are 1, for 64 samples of a word at a time."""

import torch
from torch import Tensor

from bitlogic.inference.pack import WORD_BITS

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
    return _integers([digit[:, 0] for digit in digits], 16 if rows < 2**15 else 32)


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


def _integers(digits: list[Tensor], lane: int) -> Tensor:
    """int64 (64 * num_words, groups) of the digits (groups, num_words), lowest first, of counts below 2**lane.

    A word is cut into lanes wide enough for a count, so that one shift serves `64 / lane` samples.
    """
    shifts = torch.arange(lane, device=digits[0].device)
    lowest_bits = (2**64 - 1) // (2**lane - 1)
    counts = torch.zeros(*digits[0].shape, lane, dtype=torch.int64, device=digits[0].device)
    for weight, digit in enumerate(digits):
        part = digit.unsqueeze(-1) >> shifts
        part &= lowest_bits
        part <<= weight
        counts |= part
    lanes = counts.view(torch.int16 if lane == 16 else torch.int32)
    by_sample = lanes.view(*digits[0].shape, lane, WORD_BITS // lane).permute(1, 3, 2, 0)
    return by_sample.reshape(-1, len(digits[0])).to(torch.int64)
