"""How many bits of a group are 1, for 64 samples of a word at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bitlogic.inference.pack import WORD_BITS
from bitlogic.kernels.recycling import empty

_LANES = {torch.iinfo(dtype).max: dtype for dtype in (torch.uint8, torch.int16, torch.int32)}  # by the largest count
_FIRST_ROWS = 31  # at most, that full adders alone make into a number of five digits


def count_ones(words: Tensor) -> Tensor:
    """For each sample the number of ones in each group, int64 (64 * num_words, groups), from (groups, rows, num_words).

    Rows are added as numbers whose binary digits are words: up to 31 rows give a number of five digits, and numbers are
    added in pairs until one is left (a tree of carry-save adders). Each step is a few operations for all groups.
    """
    groups, rows, num_words = words.shape
    if rows == 0 or num_words == 0:
        return words.new_zeros(WORD_BITS * num_words, groups)
    width = 1
    while rows > _FIRST_ROWS * width:
        width *= 2
    parts = [words[:, start : start + width] for start in range(0, rows, width)]
    digits = _sum_of_rows([_filled(part, width) for part in parts])
    while width > 1:
        width //= 2
        digits = _sum_of_pair([digit[:, :width] for digit in digits], [digit[:, width:] for digit in digits])
    lane = next(lane for most, lane in _LANES.items() if rows <= most)
    return _integers([digit[:, 0] for digit in digits[: rows.bit_length()]], lane)


def _filled(part: Tensor, width: int) -> Tensor:
    """The rows (groups, rows, num_words) with rows of zeros behind them."""
    missing = width - part.shape[1]
    return torch.cat([part, part.new_zeros(part.shape[0], missing, part.shape[2])], 1) if missing else part


class _Adders:
    """Adders of rows of one shape. What they make is the memory of rows that they were given and had made before."""

    def __init__(self, like: Tensor, num_rows: int) -> None:
        self.spare: list[Tensor] = []
        if not torch.compiler.is_compiling():  # a compiler keeps the rows in registers
            self.spare += empty((num_rows, *like.shape), like.dtype, like.device).unbind()
        self.own = {id(row) for row in self.spare}
        self.made = list(self.spare)  # alive as long as their ids are known

    def half(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """The digit and the carry."""
        digit = torch.bitwise_xor(one, other, out=self._row())
        carry = torch.bitwise_and(one, other, out=self._row())
        self._give_back(one, other)
        return digit, carry

    def full(self, one: Tensor, other: Tensor, third: Tensor) -> tuple[Tensor, Tensor]:
        """The digit and the carry."""
        carry, both = self.half(one, other)
        digit = torch.bitwise_xor(carry, third, out=self._row())
        carry &= third
        carry |= both
        self._give_back(both, third)
        return digit, carry

    def _row(self) -> Tensor | None:
        return self.spare.pop() if self.spare else None

    def _give_back(self, *rows: Tensor) -> None:
        self.spare += [row for row in rows if id(row) in self.own]


def _sum_of_rows(rows: Sequence[Tensor]) -> list[Tensor]:
    """The digits, lowest first, of the number of ones in rows that lie on each other.

    Three digits of one weight are added as soon as they are there, while they are in the cache.
    """
    adders = _Adders(rows[0], 2 * len(rows).bit_length() + 2)
    waiting: list[list[Tensor]] = [[] for _ in range(len(rows).bit_length() + 1)]
    for row in rows:
        waiting[0].append(row)
        weight = 0
        while len(waiting[weight]) == 3:
            digit, carry = adders.full(*waiting[weight])
            waiting[weight] = [digit]
            weight += 1
            waiting[weight].append(carry)
    for weight, left in enumerate(waiting):
        if len(left) > 1:
            digit, carry = adders.half(*left) if len(left) == 2 else adders.full(*left)
            waiting[weight] = [digit]
            waiting[weight + 1].append(carry)
    return [digit for (digit,) in filter(None, waiting)]


def _sum_of_pair(first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
    adders = _Adders(first[0], len(first) + 3)
    digit, carry = adders.half(first[0], second[0])
    digits = [digit]
    for one, other in zip(first[1:], second[1:], strict=True):
        digit, carry = adders.full(one, other, carry)
        digits.append(digit)
    return [*digits, carry]


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
    if torch.compiler.is_compiling():
        return by_sample.reshape(-1, len(digits[0])).to(torch.int64)
    return empty(by_sample.shape, torch.int64, by_sample.device).copy_(by_sample).flatten(0, 2)
