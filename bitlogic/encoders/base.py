"""What all encoders share: fitting, the comparison, the integer grid, and the flat form that the export reads."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitlogic.encoders.grid import quantize, snap_upwards

_FLOAT_BUFFERS = ("thresholds", "input_min", "input_max")
_BUFFERS = (*_FLOAT_BUFFERS, "integer_thresholds", "input_sizes")


@dataclass(frozen=True)
class Comparators:
    """An encoder flattened: output bit j of a sample is `x[features[j]] > thresholds[j]`.

    With a grid it is equally `q(x)[features[j]] > integer_thresholds[j]`. Features and bits count in C order of one
    sample without its batch axis. The arrays are read-only.
    """

    features: NDArray[np.int32]  # (num_bits_total,)
    thresholds: NDArray[np.float32]  # (num_bits_total,)
    integer_thresholds: NDArray[np.int32] | None  # (num_bits_total,), None without a grid
    input_min: NDArray[np.float32]  # (num_features,)
    input_max: NDArray[np.float32]  # (num_features,)
    input_bits: int  # 0: no grid
    input_shape: tuple[int, ...]  # of one sample


class Encoder(nn.Module, ABC):
    """Turns each value into `num_bits` bits, bit b being `x > threshold b`, thresholds ascending in b.

    An axis of A values becomes A * num_bits wide, value c's bit b at c * num_bits + b. The output has the input's dtype
    where that is a floating one, else float32, so that layers after it train. Comparisons are made in float32 whatever
    the input's dtype; NaN encodes as the smallest value seen in `fit`.

    Args:
        num_bits: thresholds for each value, at least 1.
        encode_axis: the axis that widens; not the batch axis.
        fit_axes: the axes whose positions keep thresholds of their own; over all others, the batch axis always among
            them, the values are pooled.
        input_bits: width of the integers that hardware reads, 0 to 16. When it is not 0, `fit` snaps the thresholds to
            the grid of `bitlogic.encoders.grid`, so that comparing floats and comparing grid integers give equal bits.
    """

    thresholds: Tensor | None  # float32 (*sizes, num_bits), sizes 1 where pooled, batch axis left out
    integer_thresholds: Tensor | None  # int32, same shape; None without a grid
    input_min: Tensor | None  # float32 sizes
    input_max: Tensor | None  # float32 sizes
    input_sizes: Tensor | None  # int64, the shape of one sample

    def __init__(
        self, num_bits: int, encode_axis: int = 1, fit_axes: Sequence[int] = (1,), input_bits: int = 8
    ) -> None:
        super().__init__()
        if num_bits < 1:
            raise ValueError(f"num_bits is {num_bits}, it must be at least 1")
        if not 0 <= input_bits <= 16:
            raise ValueError(f"input_bits is {input_bits}, it must be 0 (no integer form) to 16")
        self.num_bits = int(num_bits)
        self.encode_axis = int(encode_axis)
        self.fit_axes = tuple(int(axis) for axis in fit_axes)
        self.input_bits = int(input_bits)
        for name in _BUFFERS:
            self.register_buffer(name, None)

    @abstractmethod
    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The ascending thresholds, float32 (num_bits,), for one pool of finite values that are not all equal."""

    def fit(self, x: Tensor) -> Self:
        """Choose the thresholds from samples (batch, ...) and return the encoder; fitting again replaces them.

        Raises:
            ValueError: no samples, NaN or infinite values, a range wider than float32 holds, or axes that x lacks.
        """
        x = torch.as_tensor(x).detach()
        self._check_axes(x.ndim)
        samples = x.to("cpu", torch.float32)
        if samples.numel() == 0:
            raise ValueError(f"cannot fit {type(self).__name__} on an empty tensor of shape {tuple(x.shape)}")
        if not bool(torch.isfinite(samples).all()):
            raise ValueError(
                f"cannot fit {type(self).__name__}: the samples hold NaN or values that are infinite in float32"
            )
        kept = [axis for axis in range(1, x.ndim) if axis in self._positive(self.fit_axes, x.ndim)]
        pooled = [axis for axis in range(x.ndim) if axis not in kept]
        sizes = [x.shape[axis] if axis in kept else 1 for axis in range(1, x.ndim)]
        pools = samples.permute(*kept, *pooled).reshape(math.prod(sizes), -1)
        input_min, input_max = pools.amin(1), pools.amax(1)
        if not bool(torch.isfinite(input_max - input_min).all()):
            raise ValueError(f"cannot fit {type(self).__name__}: input_max - input_min overflows float32")

        # A constant feature says nothing: its bits are 0 for every input.
        thresholds = torch.full((len(pools), self.num_bits), torch.inf)
        for index in (input_max > input_min).nonzero().flatten().tolist():
            thresholds[index] = torch.from_numpy(self.choose_thresholds(pools[index].numpy()))
        integers = None
        if self.input_bits > 0:
            thresholds, integers = snap_upwards(thresholds, input_min[:, None], input_max[:, None], self.input_bits)
        self._warn_of_coincident(thresholds)

        self.thresholds = thresholds.reshape(*sizes, self.num_bits).to(x.device)
        self.integer_thresholds = None
        if integers is not None:
            self.integer_thresholds = integers.reshape(*sizes, self.num_bits).to(x.device)
        self.input_min = input_min.reshape(sizes).to(x.device)
        self.input_max = input_max.reshape(sizes).to(x.device)
        self.input_sizes = torch.tensor(x.shape[1:], dtype=torch.int64, device=x.device)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The bits of a batch as 0.0 and 1.0, without a gradient."""
        return self._compare(x, x.dtype if x.is_floating_point() else torch.float32)

    def bits(self, x: Tensor) -> Tensor:
        """The same bits as bool, for readers that pack them."""
        return self._compare(x, torch.bool)

    def quantize(self, x: Tensor) -> Tensor:
        """The integers that hardware gets for a batch, int32 of the shape of x, in 0 .. 2**input_bits - 1.

        Raises:
            RuntimeError: the encoder is not fitted.
            ValueError: `input_bits` is 0, so that there is no grid, or x has another shape than the fitted samples.
        """
        _, input_min, input_max, _ = self._fitted()
        if self.input_bits == 0:
            raise ValueError(f"{type(self).__name__} has input_bits=0, so that it has no integer form")
        self._check_input(x)
        return quantize(x.detach().to(torch.float32), input_min, input_max, self.input_bits)

    def comparators(self) -> Comparators:
        """The encoder as flat arrays for one sample of the shape it was fitted on."""
        thresholds, input_min, input_max, input_sizes = self._fitted()
        shape = tuple(input_sizes.tolist())
        axis = self._positive([self.encode_axis], len(shape) + 1)[0] - 1
        features = np.arange(math.prod(shape), dtype=np.int32).reshape(*shape, 1)

        def of_bits(values: NDArray[Any]) -> NDArray[Any]:
            return _frozen(np.moveaxis(np.broadcast_to(values, (*shape, self.num_bits)), -1, axis + 1))

        integers = self.integer_thresholds
        return Comparators(
            features=of_bits(features),
            thresholds=of_bits(thresholds.cpu().numpy()),
            integer_thresholds=None if integers is None else of_bits(integers.cpu().numpy()),
            input_min=_frozen(np.broadcast_to(input_min.cpu().numpy(), shape)),
            input_max=_frozen(np.broadcast_to(input_max.cpu().numpy(), shape)),
            input_bits=self.input_bits,
            input_shape=shape,
        )

    @property
    def num_outputs(self) -> int:
        """The bits of one sample of the fitted shape."""
        return int(math.prod(self._fitted()[3].tolist())) * self.num_bits

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able; `load_state_dict` brings what `fit` chose."""
        return {
            "num_bits": self.num_bits,
            "encode_axis": self.encode_axis,
            "fit_axes": list(self.fit_axes),
            "input_bits": self.input_bits,
        }

    def extra_repr(self) -> str:
        state = "not fitted" if self.thresholds is None else "fitted"
        return ", ".join(f"{name}={value}" for name, value in self.get_config().items()) + f", {state}"

    def _compare(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        thresholds = self._fitted()[0]
        self._check_input(x)
        axis = self._positive([self.encode_axis], x.ndim)[0]
        values = x.detach().to(torch.float32).unsqueeze(axis + 1)
        shape = (*values.shape[: axis + 1], self.num_bits, *values.shape[axis + 2 :])
        # Writing the comparison straight into the wanted dtype saves a pass over the widest tensor of the network.
        bits = torch.empty(shape, dtype=dtype, device=x.device)
        torch.gt(values, thresholds.movedim(-1, axis), out=bits)
        return bits.flatten(axis, axis + 1)

    def _fitted(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        thresholds, input_min = self.thresholds, self.input_min
        input_max, input_sizes = self.input_max, self.input_sizes
        if thresholds is None or input_min is None or input_max is None or input_sizes is None:
            raise RuntimeError(f"{type(self).__name__} is not fitted; call fit(samples) first")
        return thresholds, input_min, input_max, input_sizes

    def _check_axes(self, ndim: int) -> None:
        for name, axes in (("encode_axis", (self.encode_axis,)), ("fit_axes", self.fit_axes)):
            for axis in axes:
                if not -ndim <= axis < ndim or axis % ndim == 0:
                    raise ValueError(
                        f"{name} {axis} is no axis of a sample; the input has {ndim} axes and axis 0 is the batch"
                    )

    def _check_input(self, x: Tensor) -> None:
        sizes = self._fitted()[1].shape
        kept = self._positive(self.fit_axes, len(sizes) + 1)
        if x.ndim != len(sizes) + 1 or any(x.shape[axis] != sizes[axis - 1] for axis in kept):
            wanted = ["batch", *(str(size) if axis in kept else "any" for axis, size in enumerate(sizes, 1))]
            raise ValueError(f"{type(self).__name__} takes ({', '.join(wanted)}), not {tuple(x.shape)}")

    @staticmethod
    def _positive(axes: Sequence[int], ndim: int) -> list[int]:
        return [axis % ndim for axis in axes]

    def _warn_of_coincident(self, thresholds: Tensor) -> None:
        coincident = int((thresholds[:, 1:] == thresholds[:, :-1]).sum())
        if coincident:
            warnings.warn(
                f"{type(self).__name__}: {coincident} of {thresholds.numel()} thresholds coincide with the one below, "
                "so that their bits say nothing new",
                stacklevel=3,
            )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # half() and bfloat16() would round the thresholds off their grid boundaries; only the device may change.
        before = {name: getattr(self, name) for name in _FLOAT_BUFFERS}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, value in before.items():
            if value is not None and getattr(self, name).dtype != value.dtype:
                setattr(self, name, value.to(getattr(self, name).device))
        return self

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        # The shapes are known only after a fit, so the buffers take those of the file before torch compares them.
        thresholds = state_dict.get(prefix + "thresholds")
        if thresholds is not None and thresholds.shape[-1] != self.num_bits:
            error_msgs.append(f"{prefix}thresholds has {thresholds.shape[-1]} bits, not {self.num_bits}")
            return
        for name in _BUFFERS:
            value = state_dict.get(prefix + name)
            if value is None or (name == "integer_thresholds" and self.input_bits == 0):
                continue
            own = getattr(self, name)
            if own is None or own.shape != value.shape:
                setattr(self, name, torch.empty_like(value))
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    flat = np.ascontiguousarray(values).reshape(-1).copy()
    flat.flags.writeable = False
    return flat
