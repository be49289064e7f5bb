"""Look-up tables on words of 64 samples, one row of words for each signal.

Rows first, so that gathering a LUT's inputs copies whole rows, and every step is the same few word operations for all
LUTs of a block.
"""

import torch
from torch import Tensor

# Words that a block of LUTs reads and makes on the way: two megabytes, where the calls cost less than what leaves a
# second-level cache.
_BLOCK_WORDS = 2**18


def leaf_masks(luts: Tensor) -> tuple[Tensor, Tensor]:
    """What `apply_luts` needs of the tables (num_luts, 2**rank): two int64 tensors (2**(rank - 1), num_luts, 1).

    A table is a polynomial over GF(2) (its algebraic normal form, or positive Davio expansion): a sum of products of
    slots. For each product of slots but the last, as masks of 64 equal bits: the coefficient of the product, and that
    of the product with the last slot.
    """
    coefficients = (luts != 0).to(torch.int64).T.unsqueeze(-1).clone()
    distance = len(coefficients) // 2
    while distance:
        pairs = coefficients.view(-1, 2, distance, luts.shape[0])
        pairs[:, 1] ^= pairs[:, 0]
        distance //= 2
    masks = -coefficients
    return masks[0::2].contiguous(), masks[1::2].contiguous()


def apply_luts(words: Tensor, constants: Tensor, factors: Tensor, ids: Tensor) -> Tensor:
    """The output words (num_luts, num_words) of LUTs that read rows `ids` (rank, num_luts) of words (rows, num_words).

    Slot by slot from the last one `low ^ (high & slot)`, which is an operation less than a multiplexer.
    """
    rank, num_luts = ids.shape
    num_words = words.shape[1]
    if torch.compiler.is_compiling():
        return _look_up_whole(words, constants, factors, ids)
    outputs = words.new_empty(num_luts, num_words)
    block = max(1, _BLOCK_WORDS // (max(1, num_words) * (rank + (1 << (rank - 1)))))
    for start in range(0, num_luts, block):
        rows = slice(start, start + block)
        outputs[rows] = _look_up(words, constants[:, rows], factors[:, rows], ids[:, rows])
    return outputs


def _look_up(words: Tensor, constants: Tensor, factors: Tensor, ids: Tensor) -> Tensor:
    rank, num_luts = ids.shape
    slots = words.index_select(0, ids.reshape(-1)).view(rank, num_luts, words.shape[1])
    nodes = factors & slots[rank - 1]
    nodes ^= constants
    for slot in range(rank - 2, -1, -1):
        low, high = nodes[0::2], nodes[1::2]
        high &= slots[slot]
        high ^= low
        nodes = high
    return nodes[0]


def _look_up_whole(words: Tensor, constants: Tensor, factors: Tensor, ids: Tensor) -> Tensor:
    """The same in expressions, which a compiler makes one loop of, whose values never leave registers."""
    slots = [words[rows] for rows in ids]
    nodes = [constants[place] ^ (factors[place] & slots[-1]) for place in range(len(constants))]
    for slot in reversed(slots[:-1]):
        nodes = [low ^ (high & slot) for low, high in zip(nodes[0::2], nodes[1::2], strict=True)]
    return nodes[0]
