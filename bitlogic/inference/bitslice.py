"""Look-up tables on words of 64 samples, one row of words for each signal.

Rows first, so that gathering a LUT's inputs copies whole rows, and every step is the same few word operations for all
LUTs of a block.
"""

import torch
from torch import Tensor

# The words that a block of LUTs reads and makes on the way stay inside a second-level cache.
_BLOCK_WORDS = 2**16


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
    if torch.compiler.is_compiling():
        return _look_up_whole(words, even, differs, ids)
    outputs = words.new_empty(num_luts, num_words)
    block = max(1, _BLOCK_WORDS // (max(1, num_words) * (rank + (1 << (rank - 1)))))
    for start in range(0, num_luts, block):
        rows = slice(start, start + block)
        outputs[rows] = _look_up(words, even[:, rows], differs[:, rows], ids[:, rows])
    return outputs


def _look_up(words: Tensor, even: Tensor, differs: Tensor, ids: Tensor) -> Tensor:
    rank, num_luts = ids.shape
    selects = words.index_select(0, ids.reshape(-1)).view(rank, num_luts, words.shape[1])
    nodes = differs & selects[rank - 1]
    nodes ^= even
    for slot in range(rank - 2, -1, -1):
        low, high = nodes[0::2], nodes[1::2]
        high ^= low
        high &= selects[slot]
        high ^= low
        nodes = high
    return nodes[0]


def _look_up_whole(words: Tensor, even: Tensor, differs: Tensor, ids: Tensor) -> Tensor:
    """The same in expressions, which a compiler makes one loop of, whose values never leave registers."""
    selects = [words[rows] for rows in ids]
    nodes = [even[place] ^ (differs[place] & selects[-1]) for place in range(len(even))]
    for select in reversed(selects[:-1]):
        pairs = zip(nodes[0::2], nodes[1::2], strict=True)
        nodes = [low ^ ((low ^ high) & select) for low, high in pairs]
    return nodes[0]
