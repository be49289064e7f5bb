"""Look-up tables and counters on words of 64 samples, one row of words for each signal.

Rows first, so that gathering a LUT's inputs copies whole rows, and every step is the same few word operations for all
LUTs of a block.
"""

import torch
from torch import Tensor

from bitlogic.inference.pack import WORD_BITS

# Intermediate results of a block of LUTs stay inside a second-level cache.
_BLOCK_WORDS = 2**17


def leaf_masks(luts: Tensor) -> tuple[Tensor, Tensor]:
    """What `apply_luts` needs of the tables (num_luts, 2**rank): two int64 tensors (2**(rank - 1), num_luts, 1).

    For each pair of entries that differ in the last slot only: the even entry as a mask of 64 equal bits, and the mask
    of whether the two entries differ.
    """
    masks = -(luts != 0).to(torch.int64).T.unsqueeze(-1)
    return masks[0::2].contiguous(), (masks[0::2] ^ masks[1::2]).contiguous()


def apply_luts(words: Tensor, even: Tensor, differs: Tensor, ids: Tensor) -> Tensor:
    """The output words (num_luts, num_words) of LUTs that read rows `ids` (rank, num_luts) of words (rows, num_words).

    A tree of multiplexers, each `low ^ ((low ^ high) & select)`; slot 0 selects last, being the address's highest bit.
    """
    rank, num_luts = ids.shape
    num_words = words.shape[1]
    outputs = words.new_empty(num_luts, num_words)
    block = max(1, _BLOCK_WORDS // (max(1, num_words) << (rank - 1)))
    for start in range(0, num_luts, block):
        rows = slice(start, start + block)
        selects = words.index_select(0, ids[:, rows].reshape(-1)).view(*ids[:, rows].shape, num_words)
        nodes = differs[:, rows] & selects[rank - 1]
        nodes ^= even[:, rows]
        for slot in range(rank - 2, -1, -1):
            low, high = nodes[0::2], nodes[1::2]
            high ^= low
            high &= selects[slot]
            high ^= low
            nodes = high
        outputs[rows] = nodes[0]
    return outputs


def count_ones(words: Tensor) -> Tensor:
    """For each sample the number of ones in each group, int64 (64 * num_words, groups), from (groups, rows, num_words).

    Carry-save adders turn three rows of weight 2**p into one of weight 2**p and one of 2**(p + 1) until a single row of
    each weight is left: the binary digits of the counts, still 64 samples a word.
    """
    groups, _, num_words = words.shape
    counts = words.new_zeros(groups, num_words, WORD_BITS)
    shifts = torch.arange(WORD_BITS, device=words.device)
    weight = 0
    while words.shape[1]:
        carries = []
        while words.shape[1] > 1:
            third = max(1, words.shape[1] // 3)
            first, second = words[:, :third], words[:, third : 2 * third]
            half = first ^ second
            if words.shape[1] == 2:
                carries.append(first & second)
                words = half
            else:
                last = words[:, 2 * third : 3 * third]
                carries.append((first & second) | (half & last))
                words = torch.cat([half ^ last, words[:, 3 * third :]], dim=1)
        counts += ((words[:, 0, :, None] >> shifts) & 1) << weight
        words = torch.cat(carries, dim=1) if carries else words[:, :0]
        weight += 1
    return counts.flatten(1).T.contiguous()
