"""Look-up tables on words of 64 samples, one row of words for each signal.

Rows first, so that gathering a LUT's inputs copies whole rows, and every step is the same few word operations for all
LUTs of a block.
"""

import torch
from torch import Tensor

from bitlogic.kernels.recycling import empty

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
    outputs = empty((num_luts, num_words), words.dtype, words.device)
    if not num_luts:
        return outputs
    most = max(1, _BLOCK_WORDS // (max(1, num_words) * (rank + len(constants))))
    block = -(-num_luts // -(-num_luts // most))  # blocks of equal size
    scratch = empty(((rank + len(constants)) * block, num_words), words.dtype, words.device)
    look_up = _BlockLookUp(scratch, rank, 0)
    tables = torch.split(constants, block, 1), torch.split(factors, block, 1)
    parts = zip(*tables, _by_block(ids, block), torch.split(outputs, block), strict=True)
    for part in parts:
        if len(part[-1]) != look_up.num_luts:
            look_up = _BlockLookUp(scratch, rank, len(part[-1]))
        look_up(words, *part)
    return outputs


def _by_block(ids: Tensor, block: int) -> list[Tensor]:
    """The ids of each block of LUTs, slot after slot: int64 (rank * block,), of fewer LUTs in the last one."""
    rank, num_luts = ids.shape
    whole = num_luts - num_luts % block
    parts = ids[:, :whole].reshape(rank, -1, block).transpose(0, 1).flatten(1).unbind()
    return [*parts, ids[:, whole:].flatten()] if whole < num_luts else list(parts)


class _BlockLookUp:
    """The look-up of that many LUTs in memory that is there already, each view of it made once."""

    def __init__(self, scratch: Tensor, rank: int, num_luts: int) -> None:
        self.num_luts, num_words = num_luts, scratch.shape[1]
        self.gathered = scratch[: rank * num_luts]
        slots = self.gathered.view(rank, num_luts, num_words)
        nodes = scratch[rank * num_luts :][: (num_luts << rank) // 2].view(1 << (rank - 1), num_luts, num_words)
        self.last_slot, self.leaves = slots[rank - 1], nodes
        self.levels = []
        for slot in range(rank - 2, 0, -1):
            low, nodes = nodes[0::2], nodes[1::2]
            self.levels.append((low, nodes, slots[slot]))
        self.root = (nodes[0], nodes[-1], slots[0])

    def __call__(self, words: Tensor, constants: Tensor, factors: Tensor, ids: Tensor, outputs: Tensor) -> None:
        torch.index_select(words, 0, ids, out=self.gathered)
        torch.bitwise_and(factors, self.last_slot, out=self.leaves)
        self.leaves.bitwise_xor_(constants)
        for low, high, slot in self.levels:
            high.bitwise_and_(slot)
            high.bitwise_xor_(low)
        low, high, slot = self.root
        if len(constants) == 1:
            outputs.copy_(low)
        else:
            high.bitwise_and_(slot)
            torch.bitwise_xor(low, high, out=outputs)


def _look_up_whole(words: Tensor, constants: Tensor, factors: Tensor, ids: Tensor) -> Tensor:
    """The same in expressions, which a compiler makes one loop of, whose values never leave registers.

    A tensor with strides of its own it has to write; else it would make a row anew wherever a LUT reads it.
    """
    slots = [words[rows] for rows in ids]
    nodes = [constants[place] ^ (factors[place] & slots[-1]) for place in range(len(constants))]
    for slot in reversed(slots[:-1]):
        nodes = [low ^ (high & slot) for low, high in zip(nodes[0::2], nodes[1::2], strict=True)]
    outputs = nodes[0].contiguous()
    return outputs.as_strided(outputs.shape, (outputs.shape[1], 1))
