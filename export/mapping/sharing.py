"""Which of its smallest networks each LUT takes, so that LUTs with inputs in common compute operations once."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.networks import Library
from bitlogic.export.mapping.npn import NUM_INPUTS, classes
from bitlogic.export.passes.tables import all_ones

Array = npt.NDArray[Any]
ROUNDS = 8
_BLOCK = 1 << 15  # LUTs that are chosen for together
# Odd numbers that spread nets and tables over 64 bits; two operations with one key would only be a worse choice.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64)


def choose_networks(functions: Array, pins: Array, library: Library) -> Array:
    """int64 ``(n,)``: for each LUT a row of the library, the first one of its class where nothing can be shared.

    ``functions`` is int64 ``(n,)``; ``pins`` int32 ``(n, 4)``, ascending, and 0 where an input does not matter. Only
    the operations of inputs alone are looked at. Rounds, in which half of the LUTs take what most others compute, end
    with the best choice that was met; in blocks of 32,768 LUTs.
    """
    rows = library.first[classes().class_of[functions]]
    for start in range(0, len(rows), _BLOCK):
        some = slice(start, start + _BLOCK)
        rows[some] += _Choice(functions[some], pins[some], library).best()
    return rows


def luts_with_common_pins(pins: Array) -> Array:
    """int64: the rows of ``pins``, int32 ``(n, rank)`` and 0 where unused, with two nets that another row has too."""
    pairs = list(combinations(range(pins.shape[1]), 2))
    real = [np.flatnonzero(pins[:, other]) for _, other in pairs]
    keys = [
        pins[rows, one].astype(np.int64) << 32 | pins[rows, other]
        for (one, other), rows in zip(pairs, real, strict=True)
    ]
    every = np.sort(np.concatenate(keys))
    common = np.unique(every[1:][every[1:] == every[:-1]])
    found = np.zeros(len(pins), dtype=np.bool_)
    for key, rows in zip(keys, real, strict=True):
        found[rows[np.isin(key, common)]] = True
    return np.flatnonzero(found)


class _Choice:
    """The networks of some LUTs, and the operations of inputs alone that more than one LUT could compute."""

    def __init__(self, functions: Array, pins: Array, library: Library) -> None:
        class_of = classes().class_of[functions]
        self._count = library.count[class_of]
        self._starts = np.cumsum(self._count) - self._count
        self._lut_of = np.repeat(np.arange(len(functions)), self._count)
        within = np.arange(len(self._lut_of)) - self._starts[self._lut_of]
        networks = library.placed(library.first[class_of][self._lut_of] + within, functions[self._lut_of])
        absent = np.arange(networks.tables.shape[1]) >= networks.num_steps[:, None]
        begins = (networks.operands < NUM_INPUTS).all(axis=2) & ~absent
        network, step = np.nonzero(begins)
        operands, tables = networks.operands[network, step], networks.tables[network, step]
        nets = pins[self._lut_of[network][:, None], operands].astype(np.uint64)
        nets[:, 1:][operands[:, 1:] == operands[:, :1]] = 0
        normal = np.minimum(tables, tables ^ np.uint8(all_ones(operands.shape[1]))).astype(np.uint64)
        keys = (np.concatenate([nets, normal[:, None]], axis=1) * _MIX[: operands.shape[1] + 1]).sum(axis=1)
        _, operation = np.unique(keys, return_inverse=True)
        users = np.unique(operation * len(functions) + self._lut_of[network]) // len(functions)
        popular = np.bincount(users, minlength=int(operation.max(initial=-1)) + 1)
        useful = popular[operation] > 1
        self._network, self._operation = network[useful], operation[useful]  # one row for each step that may be shared
        self._popular = popular
        # what decides between equals is the same for all LUTs
        self._likes = popular - 1 + (np.arange(len(popular)) * 0.6180339887 % 1)

    def best(self) -> Array:
        """int64 ``(LUTs,)``: the number of the network among those of its LUT."""
        chosen = self._highest(self._sums(self._likes[self._operation]))
        best, most = chosen, self._saved(chosen)
        for turn in range(ROUNDS):
            others = self._uses(chosen)[self._operation] - self._is_own(chosen)
            gains = self._sums((others > 0) + 1e-3 * self._likes[self._operation] / len(self._popular))
            wanted = self._highest(gains)
            moves = (np.arange(len(chosen)) % 2 == turn % 2) & (gains[wanted] > gains[chosen])
            chosen = np.where(moves, wanted, chosen)
            if (saved := self._saved(chosen)) > most:
                best, most = chosen, saved
        numbers: Array = best - self._starts
        return numbers

    def _sums(self, values: Array) -> Array:
        sums: Array = np.bincount(self._network, weights=values, minlength=len(self._lut_of))
        return sums

    def _highest(self, scores: Array) -> Array:
        """For each LUT its first network of the highest score."""
        highest = np.maximum.reduceat(scores, self._starts)[self._lut_of]
        index = np.where(scores == highest, np.arange(len(scores)), len(scores))
        first: Array = np.minimum.reduceat(index, self._starts)
        return first

    def _uses(self, chosen: Array) -> Array:
        """How many LUTs compute each operation."""
        taken = chosen[self._lut_of[self._network]] == self._network
        uses: Array = np.bincount(self._operation[taken], minlength=len(self._popular))
        return uses

    def _is_own(self, chosen: Array) -> Array:
        """Whether the LUT of each row computes the row's operation already."""
        keys = self._lut_of[self._network] * len(self._popular) + self._operation
        own: Array = np.isin(keys, keys[chosen[self._lut_of[self._network]] == self._network])
        return own

    def _saved(self, chosen: Array) -> int:
        return int(np.maximum(self._uses(chosen) - 1, 0).sum())
