"""Random rows of distinct numbers, and random distinct sets of inputs, for many LUTs at once."""

import itertools
import math

import torch
from torch import Tensor


def draw_distinct(limits: Tensor, num: int, generator: torch.Generator | None) -> Tensor:
    """``num`` distinct numbers of ``0 .. limits[i] - 1`` in each row i, int64 ``(rows, num)``, in random order.

    Robert Floyd's sampling (Communications of the ACM 30(9), 1987, p. 754) on all rows at once; it never rejects.

    Raises:
        ValueError: a limit is smaller than ``num``.
    """
    if limits.numel() and int(limits.min()) < num:
        raise ValueError(f"cannot draw {num} distinct inputs out of {int(limits.min())}")
    if num > 64:  # the search among earlier draws is quadratic in num
        return _draw_by_sorting(limits, num, generator)
    chosen = torch.empty(limits.numel(), num, dtype=torch.int64)
    for j in range(num):
        top = limits - num + j
        drawn = (torch.rand(limits.numel(), dtype=torch.float64, generator=generator) * (top + 1)).long()
        taken = (chosen[:, :j] == drawn[:, None]).any(1)
        chosen[:, j] = torch.where(taken, top, drawn)
    return shuffle_rows(chosen, generator)


def draw_distinct_sets(in_dim: int, num_luts: int, rank: int, generator: torch.Generator | None) -> Tensor:
    """Rows of distinct inputs, int64 ``(num_luts, rank)``: each set once while there are enough sets.

    Rows are dealt from shuffled decks of all inputs, so that use is balanced, and the first deck covers every input;
    a later row whose set stands already is drawn anew.
    """
    per_deck = math.ceil(in_dim / rank)
    decks = torch.rand(math.ceil(num_luts / per_deck), in_dim, generator=generator).argsort(1)
    topped_up = torch.cat([decks, decks[:, : per_deck * rank - in_dim]], 1)
    rows = topped_up.view(-1, rank)[:num_luts].clone()
    if math.comb(in_dim, rank) <= 4 * num_luts:
        return _replace_from_all_sets(rows, in_dim, generator)
    repeated = _repeats(rows, in_dim)
    while bool(repeated.any()):
        limits = torch.full((int(repeated.sum()),), in_dim)
        rows[repeated] = draw_distinct(limits, rank, generator)
        repeated = _repeats(rows, in_dim)
    return rows


def shuffle_rows(rows: Tensor, generator: torch.Generator | None) -> Tensor:
    """Each row of ``(n, m)`` in a random order of its own."""
    return rows.gather(1, torch.rand(rows.shape, generator=generator).argsort(1))


def _draw_by_sorting(limits: Tensor, num: int, generator: torch.Generator | None) -> Tensor:
    width = int(limits.max())
    block = max(1, 2**24 // width)
    drawn = []
    for part in torch.split(limits, block):
        keys = torch.rand(part.numel(), width, generator=generator)
        keys.masked_fill_(torch.arange(width) >= part[:, None], 2.0)
        drawn.append(keys.argsort(1)[:, :num])
    return torch.cat(drawn)


def _replace_from_all_sets(rows: Tensor, in_dim: int, generator: torch.Generator | None) -> Tensor:
    """The rows with repeated sets replaced by unused ones and, when those run out, by rounds of all sets."""
    rank = rows.shape[1]
    sets = torch.tensor(list(itertools.combinations(range(in_dim), rank)), dtype=torch.int64)
    repeated = _repeats(rows, in_dim)
    together = torch.cat([rows[~repeated], sets])
    unused = sets[~_repeats(together, in_dim)[-len(sets) :]]
    supply = [unused[torch.randperm(len(unused), generator=generator)]]
    missing = int(repeated.sum()) - len(unused)
    while missing > 0:
        supply.append(sets[torch.randperm(len(sets), generator=generator)])
        missing -= len(sets)
    rows[repeated] = shuffle_rows(torch.cat(supply)[: int(repeated.sum())], generator)
    return rows


def _repeats(rows: Tensor, in_dim: int) -> Tensor:
    """Which rows hold the same set as an earlier row, bool ``(n,)``; two sets are confused once in 2**64 pairs.

    The sum of random 64-bit numbers does not depend on the order within a row, and equal sets are never missed.
    """
    numbers = torch.randint(-(2**63), 2**63 - 1, (in_dim,), generator=torch.Generator().manual_seed(0))
    keys, order = numbers[rows].sum(1).sort(stable=True)
    repeated = torch.zeros(len(rows), dtype=torch.bool)
    repeated[order[1:]] = keys[1:] == keys[:-1]
    return repeated
