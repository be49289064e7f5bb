"""Codes in which a bit is not one comparison: the level of a value, and a codeword for each level."""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.encoders.base import Encoder, pack_last_axis
from bitlogic.encoders.comparators import Code, Comparators, frozen

# 4095 comparators for each value; a wider code says no more than the grid of its input does.
MAX_CODE_BITS = 12
_TABLE_ENTRIES = 1 << 14


class CodeEncoder(Encoder):
    """Gives each value the codeword of its level, the number of thresholds that it exceeds.

    A bit toggles where its codewords differ from one level to the next, so in hardware it is the parity of the
    comparators at these places (`Comparators.code`): the netlist's inputs are the comparators, also for an export with
    `--input bits`, and LUTs make the codewords of them. On the grid the boundaries between levels are the nearest ones
    that the integers have. Values below the fitted range count as its minimum, with a grid those above as its maximum;
    a constant feature gives zero bits.

    Bit b of the output is bit b of the codeword, bit 0 the least significant. Where many features have thresholds of
    their own a forward is a binary search for each value, ten times the comparison of a thermometer.
    """

    codewords: Tensor | None  # uint8 (num_levels, num_bits), of the ascending levels

    NAMES = (*Encoder.NAMES, "codewords")
    FEWEST_BITS = 1

    def __init__(
        self, num_bits: int, encode_axis: int = 1, fit_axes: Sequence[int] = (1,), input_bits: int = 8
    ) -> None:
        super().__init__(num_bits, encode_axis, fit_axes, input_bits)
        if num_bits < self.FEWEST_BITS:
            raise ValueError(f"{type(self).__name__} needs num_bits of at least {self.FEWEST_BITS}, not {num_bits}")
        if self.num_thresholds >= 1 << MAX_CODE_BITS:
            raise ValueError(
                f"{type(self).__name__} with num_bits={num_bits} has {self.num_thresholds} comparators for each value; "
                f"at most {(1 << MAX_CODE_BITS) - 1}"
            )

    @abstractmethod
    def choose_codewords(self) -> NDArray[np.uint8]:
        """The codewords of the ascending levels, uint8 (num_thresholds + 1, num_bits) of {0, 1}."""

    @property
    def num_thresholds(self) -> int:
        return (1 << self.num_bits) - 1

    def fit(self, x: Tensor) -> Self:
        super().fit(x)
        self.keep("codewords", torch.from_numpy(self.choose_codewords()).to(x.device))
        return self

    def comparators(self) -> Comparators:
        thresholds = self._fitted()[0]
        flat = super().comparators()
        codewords = self._code().cpu().numpy()
        # A threshold below the fitted range is always exceeded: the code starts above it.
        below = torch.isneginf(thresholds).sum(-1, keepdim=True)
        levels = self._in_input_order(self._flat(below, 1), 1)[:, 0]
        varies = (flat.input_max > flat.input_min)[:, None]
        values = math.prod(flat.input_shape)
        code = Code(
            comparators=self._places(values, self.num_thresholds),
            bits=self._places(values, self.num_bits),
            toggles=frozen(codewords[1:] ^ codewords[:-1]),
            starts=frozen(codewords[levels] * varies.astype(np.uint8)),
        )
        return replace(flat, code=code)

    def _thresholds_of(self, pools: Tensor, low: Tensor, high: Tensor) -> Tensor:
        thresholds = super()._thresholds_of(pools, low, high)
        low, high = low[:, None], high[:, None]
        # Snapping moves upwards; from half a step below it ends at the nearest boundary.
        half = (high - low) / 2 / (2**self.input_bits - 1) if self.input_bits else torch.zeros(())
        return torch.where(thresholds < low, -torch.inf, torch.maximum(thresholds - half, low))

    def _snap(self, thresholds: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor | None]:
        snapped, integers = super()._snap(thresholds, low, high)
        always = torch.isneginf(thresholds)
        return torch.where(always, -torch.inf, snapped), None if integers is None else integers.masked_fill(always, -1)

    def _frozen_thresholds(self) -> tuple[Tensor, Tensor | None]:
        thresholds, integers = super()._frozen_thresholds()
        always = torch.isneginf(thresholds)
        if integers is not None:
            integers = integers.masked_fill(always, 2**self.input_bits - 1)
        return thresholds.masked_fill(always, torch.inf), integers

    def _discrete(self, x: Tensor, dtype: torch.dtype, *, batch_last: bool = True) -> Tensor:
        levels = self._levels(x.detach(), batch_last)
        codewords = self._code().to(dtype)
        table = torch.cat([codewords, codewords.new_zeros(1, self.num_bits)]).t()
        bits = [column.index_select(0, levels.flatten()).view_as(levels) for column in table.contiguous()]
        return self._join(torch.stack(bits, self._widened(x.ndim) + 1 - int(batch_last)), batch_last)

    def _packed(self, x: Tensor) -> NDArray[np.uint8]:
        bits = self._discrete(x, torch.bool)
        return pack_last_axis(bits.flatten(1).T.contiguous().numpy())

    def _levels(self, x: Tensor, batch_last: bool) -> Tensor:
        """int32, the thresholds that each value exceeds; one more than all of them for a constant feature."""
        low, high = self._fitted()[1:]
        self._check_input(x)
        own = [axis for axis, size in enumerate(low.shape, 1) if size > 1]
        others = [axis for axis in range(1, x.ndim) if axis not in own]
        order = [*own, *others, 0] if batch_last else [*own, 0, *others]
        values, find = self._searched(x)
        moved = values.permute(order)
        levels = find(moved.reshape(low.numel(), -1).contiguous())
        levels = torch.where((high > low).reshape(-1, 1), levels, self.num_thresholds + 1)
        wanted = [*range(1, x.ndim), 0] if batch_last else list(range(x.ndim))
        return levels.reshape(moved.shape).permute([order.index(axis) for axis in wanted])

    def _searched(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """What to look for, and the function that finds the levels of a row of it for each pool."""
        thresholds, low, _ = self._fitted()
        if self.integer_thresholds is None or low.numel() << self.input_bits > _TABLE_ENTRIES:
            rows = thresholds.reshape(low.numel(), -1)
            values = x.to(torch.float32)
            values = torch.where(values > low, values, low)  # NaN is the minimum
            return values, lambda values: torch.searchsorted(rows, values, out_int32=True)
        # Few pools: a table of the levels of all integers takes less than a search for every value.
        integers = self.integer_thresholds.reshape(low.numel(), -1)
        every = torch.arange(1 << self.input_bits, dtype=torch.int32, device=x.device)
        table = torch.searchsorted(integers, every.expand(low.numel(), -1).contiguous(), out_int32=True).flatten()
        first = torch.arange(low.numel(), dtype=torch.int32, device=x.device).unsqueeze(1) << self.input_bits
        return self.quantize(x), lambda values: table.index_select(0, (values + first).flatten()).view_as(values)

    def _code(self) -> Tensor:
        if self.codewords is None:
            raise RuntimeError(f"{type(self).__name__} is not fitted; call fit(samples) first")
        return self.codewords

    def _places(self, num_values: int, width: int) -> NDArray[np.int32]:
        """Where the flat form has entry i of value v, (num_values, width)."""
        return frozen(self._in_input_order(np.arange(num_values * width, dtype=np.int32), width))

    def _in_input_order(self, flat: NDArray[np.int32], width: int) -> NDArray[np.int32]:
        """What `_flat` gave, value by value again: (num_values, width)."""
        shape = self._sample_shape()
        axis = self._widened(len(shape) + 1)
        return np.moveaxis(flat.reshape(*shape[:axis], width, *shape[axis:]), axis, -1).reshape(-1, width)

    def _warn_of_coincident(self, thresholds: Tensor) -> None:
        # Levels outside of the range are no surprise, but in it each level should have an integer.
        constant = torch.isposinf(thresholds).all(1, keepdim=True)
        super()._warn_of_coincident(torch.where(thresholds.isfinite() | constant, thresholds, torch.nan))

    def _refuses(self, name: str, value: Tensor) -> str | None:
        wanted = (self.num_thresholds + 1, self.num_bits)
        if name == "codewords" and tuple(value.shape) != wanted:
            return f"codewords is {tuple(value.shape)}, not {wanted}"
        return super()._refuses(name, value)


def nearest_level_thresholds(low: float, high: float, num_thresholds: int) -> NDArray[np.float32]:
    """float32 (num_thresholds,), halfway between levels that stand at equal distances from low to high."""
    places = np.arange(num_thresholds) + 0.5
    return (low + places * (high - low) / num_thresholds).astype(np.float32)


def digits_of(numbers: NDArray[np.int64], num_bits: int) -> NDArray[np.uint8]:
    """The lowest binary digits of integers (n,), uint8 (n, num_bits), the least significant first."""
    return (numbers[:, None] >> np.arange(num_bits) & 1).astype(np.uint8)
