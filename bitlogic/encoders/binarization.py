"""Thresholds that are given, not chosen, with one set of them per feature, per channel or for all values."""

from abc import ABC
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.encoders.base import Encoder
from bitlogic.encoders.distributive import quantile_thresholds
from bitlogic.encoders.uniform import uniform_thresholds
from bitlogic.sampling import check_choice

SCOPES = ("per_feature", "per_channel", "global")
INITIAL = ("uniform", "distributive")


class Binarization(Encoder, ABC):
    """Bit b of a value is `x > thresholds[b]`; the thresholds need not ascend.

    With thresholds and a range no fit is needed; the shape of a sample, which an export needs, is that of the first
    batch. Otherwise `fit` takes what is missing from the samples. See `Encoder` for the output's form and the grid.

    Args:
        thresholds: (num_bits,) for all values or for each pool alike, (channels, num_bits), or (..., num_bits) with the
            axes of a sample in front.
        num_bits: of each value, where no thresholds are given; `num_thresholds` is the same.
        num_thresholds: see `num_bits`.
        input_range: (lo, hi) of the grid of `input_bits`; None: what `fit` sees, pool by pool.
        scope: who has thresholds of its own: `per_feature`, every value of a sample; `per_channel`, every position of
            axis 1; `global`, nobody. None: what the thresholds' axes say, `per_channel` without any.
        initial: thresholds that are not given are `uniform` over the range or `distributive`, quantiles of the samples.
        encode_axis: the axis that widens; not the batch axis.
        input_bits: as in `Encoder`.

    Raises:
        ValueError: an unknown scope or initial method, thresholds that are NaN, of a shape that does not suit the scope
            or of another number than `num_bits`, or a range that is not finite and ascending.
        TypeError: neither thresholds nor their number.
    """

    def __init__(
        self,
        thresholds: Tensor | NDArray[Any] | Sequence[Any] | None = None,
        *,
        num_bits: int | None = None,
        num_thresholds: int | None = None,
        input_range: tuple[float, float] | None = None,
        scope: str | None = None,
        initial: str = "uniform",
        encode_axis: int = 1,
        input_bits: int = 8,
    ) -> None:
        given = None if thresholds is None else _checked(thresholds)
        super().__init__(_width(type(self).__name__, given, num_bits, num_thresholds), encode_axis, (), input_bits)
        self.scope = _scope(scope, given)
        self.initial = check_choice("initial thresholds", initial, INITIAL)
        self.input_range = None if input_range is None else _range(input_range)
        self._given = given
        if self.input_range is None or (given is None and initial != "uniform"):
            return
        if given is None:
            if self.scope != "global":
                return
            given = torch.from_numpy(uniform_thresholds(*self.input_range, self.num_bits))
        if given.ndim > 1 or self.scope == "global":
            sizes = tuple(given.shape[:-1])
            low, high = self._range_of(given.reshape(-1, self.num_bits))
            self._settle(given.reshape(-1, self.num_bits), low, high, sizes)

    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.initial == "distributive":
            return quantile_thresholds(values, self.num_bits)
        low, high = self.input_range or (float(values.min()), float(values.max()))
        return uniform_thresholds(low, high, self.num_bits)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["fit_axes"]
        return {
            **config,
            "thresholds": None if self._given is None else self._given.tolist(),
            "input_range": None if self.input_range is None else list(self.input_range),
            "scope": self.scope,
            "initial": self.initial,
        }

    def extra_repr(self) -> str:
        shown = {name: value for name, value in self.get_config().items() if name != "thresholds"}
        return ", ".join(f"{name}={value}" for name, value in shown.items())

    def _thresholds_of(self, pools: Tensor, low: Tensor, high: Tensor) -> Tensor:
        if self._given is None:
            thresholds = torch.stack([torch.from_numpy(self.choose_thresholds(pool.numpy())) for pool in pools])
        else:
            thresholds = self._given.reshape(-1, self.num_bits)
            if len(thresholds) not in (1, len(pools)):
                raise ValueError(
                    f"{type(self).__name__} has thresholds {tuple(self._given.shape)}, but the samples have "
                    f"{len(pools)} pools ({self.scope})"
                )
            thresholds = thresholds.expand(len(pools), self.num_bits)
        return torch.where((high > low)[:, None], thresholds, torch.inf)

    def _range_of(self, pools: Tensor) -> tuple[Tensor, Tensor]:
        if self.input_range is None:
            return super()._range_of(pools)
        low, high = self.input_range
        return torch.full((len(pools),), low), torch.full((len(pools),), high)

    def _kept_axes(self, ndim: int) -> list[int]:
        return {"per_feature": list(range(1, ndim)), "per_channel": [1], "global": []}[self.scope]

    def _sizes_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return {"per_feature": shape[1:], "per_channel": shape[1:2], "global": ()}[self.scope]

    def _placed(self, values: Tensor, ndim: int) -> Tensor:
        sizes = self._fitted()[1].shape
        return values.reshape(*sizes, *[1] * (ndim - 1 - len(sizes)), *values.shape[len(sizes) :])

    def _check_input(self, x: Tensor) -> None:
        sizes = tuple(self._fitted()[1].shape)
        known = None if self.input_sizes is None else self.input_sizes.numel() + 1
        if x.ndim < 2 or known not in (None, x.ndim) or self._sizes_of(tuple(x.shape)) != sizes:
            wanted = {"per_feature": ["batch", *map(str, sizes)], "per_channel": ["batch", *map(str, sizes), "..."]}
            shown = ", ".join(wanted.get(self.scope, ["batch", "..."]))
            axes = "" if known is None else f" with {known} axes"
            raise ValueError(f"{type(self).__name__} takes ({shown}){axes}, not {tuple(x.shape)}")
        if self.input_sizes is None and not torch.compiler.is_compiling():
            self._check_axes(x.ndim)
            self.input_sizes = torch.tensor(x.shape[1:], dtype=torch.int64, device=x.device)

    def fit(self, x: Tensor) -> Self:
        if torch.as_tensor(x).ndim < 2:
            raise ValueError(f"{type(self).__name__} takes samples (batch, ...), not {tuple(torch.as_tensor(x).shape)}")
        return super().fit(x)


class FixedBinarization(Binarization):
    """Thresholds that training does not move: `FixedBinarization(thresholds=[0.5], input_range=(0, 1))`.

    The arguments are those of `Binarization`.
    """


def _checked(thresholds: Tensor | NDArray[Any] | Sequence[Any]) -> Tensor:
    given = torch.as_tensor(thresholds, dtype=torch.float32).detach().cpu().clone()
    if given.ndim == 0 or given.numel() == 0:
        raise ValueError(f"thresholds need the shape (..., num_bits), not {tuple(given.shape)}")
    if bool(torch.isnan(given).any()):
        raise ValueError("a threshold is NaN")
    return given


def _width(name: str, given: Tensor | None, num_bits: int | None, num_thresholds: int | None) -> int:
    counts = {count for count in (num_bits, num_thresholds) if count is not None}
    if given is not None:
        counts.add(given.shape[-1])
    if not counts:
        raise TypeError(f"{name} needs thresholds, or num_thresholds for fit to choose them")
    if len(counts) > 1:
        raise ValueError(f"{name} is given different numbers of thresholds: {sorted(counts)}")
    return counts.pop()


def _scope(scope: str | None, given: Tensor | None) -> str:
    axes = None if given is None else given.ndim - 1
    if scope is None:
        return {0: "global", 1: "per_channel", None: "per_channel"}.get(axes, "per_feature")
    check_choice("threshold scope", scope, SCOPES)
    if axes and (scope == "global" or (scope == "per_channel" and axes != 1)):
        raise ValueError(f"thresholds {tuple(given.shape) if given is not None else ()} do not suit scope {scope!r}")
    return scope


def _range(given: Sequence[float]) -> tuple[float, float]:
    if len(given) != 2:
        raise ValueError(f"input_range is (lo, hi), not {given!r}")
    low, high = (float(np.float32(value)) for value in given)
    if not (low < high and np.isfinite(np.float32(high) - np.float32(low))):
        raise ValueError(f"input_range needs finite lo < hi, not {given!r}")
    return low, high
