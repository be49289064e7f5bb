"""What all encoders share: fitting, the comparison, the integer grid, and the flat form that the export reads."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.encoders.comparators import Comparators, frozen
from bitlogic.encoders.grid import quantize, snap_upwards
from bitlogic.encoders.state import FittedState

_COMPARISONS = 1 << 19  # at a time, a byte each
_TRANSPOSED = 256  # samples at a time, whose rows stay in a cache


def pack_last_axis(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Eight bits in a byte, bit 0 the first one."""
    return np.packbits(bits, axis=-1, bitorder="little")


class Encoder(FittedState, ABC):
    """Turns each value into `num_bits` bits; unless a class says otherwise bit b is `x > threshold b`, ascending in b.

    An axis of A values becomes A * num_bits wide, value c's bit b at c * num_bits + b. The output has the input's dtype
    where that is a floating one, else float32, so that layers after it train. In memory the samples of one bit stand
    together, which is how the layers read it. Comparisons are made in float32 whatever the input's dtype; NaN encodes
    as the smallest value seen in `fit`.

    Args:
        num_bits: output bits for each value, at least 1.
        encode_axis: the axis that widens; not the batch axis.
        fit_axes: the axes whose positions keep thresholds of their own; over all others, the batch axis always among
            them, the values are pooled.
        input_bits: width of the integers that hardware reads, 0 to 16. When it is not 0, `fit` snaps the thresholds to
            the grid of `bitlogic.encoders.grid`, so that comparing floats and comparing grid integers give equal bits.
    """

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

    @abstractmethod
    def choose_thresholds(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The ascending thresholds, float32 (num_thresholds,), for one pool of finite values, not all equal."""

    @property
    def num_thresholds(self) -> int:
        """Comparators of each value."""
        return self.num_bits

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
        kept = self._kept_axes(x.ndim)
        pooled = [axis for axis in range(x.ndim) if axis not in kept]
        pools = samples.permute(*kept, *pooled).reshape(math.prod(x.shape[axis] for axis in kept), -1)
        sizes = self._sizes_of(tuple(x.shape))
        low, high = self._range_of(pools)
        self._settle(self._thresholds_of(pools, low, high), low, high, sizes, x.device)
        self.input_sizes = torch.tensor(x.shape[1:], dtype=torch.int64, device=x.device)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The bits of a batch as 0.0 and 1.0, without a gradient."""
        return self._discrete(x, x.dtype if x.is_floating_point() else torch.float32)

    def bits(self, x: Tensor, dtype: torch.dtype = torch.bool) -> Tensor:
        """The same bits in that dtype, one sample after the other in memory, for readers that pack them.

        On a CPU float32 from float32 is several times as fast as bool: torch compares 16 numbers at once only where the
        result is as wide as they are.
        """
        return self._discrete(x, dtype, batch_last=False)

    def packed_bits(self, x: Tensor) -> Tensor:
        """The same bits of a batch on the CPU, packed: uint8 (num_outputs, ceil(batch / 8)).

        Bit b of byte i of a row is sample 8i + b, bit 0 the least significant; the tail of the last byte is 0.
        """
        return torch.from_numpy(self._packed(x.detach()))

    def quantize(self, x: Tensor) -> Tensor:
        """The integers that hardware gets for a batch, int32 of the shape of x, in 0 .. 2**input_bits - 1.

        Raises:
            RuntimeError: the encoder is not fitted.
            ValueError: `input_bits` is 0, so that there is no grid, or x has another shape than the fitted samples.
        """
        _, input_min, input_max = self._fitted()
        if self.input_bits == 0:
            raise ValueError(f"{type(self).__name__} has input_bits=0, so that it has no integer form")
        self._check_input(x)
        low, high = self._placed(input_min, x.ndim), self._placed(input_max, x.ndim)
        return quantize(x.detach().to(torch.float32), low, high, self.input_bits)

    def comparators(self) -> Comparators:
        """The encoder as flat arrays for one sample of the shape it was fitted on."""
        thresholds, integers = self._frozen_thresholds()
        shape = self._sample_shape()
        features = torch.arange(math.prod(shape), dtype=torch.int32).reshape(*shape, 1)
        low, high = self._fitted()[1:]
        return Comparators(
            features=self._flat(features, self.num_thresholds),
            thresholds=self._flat(thresholds, self.num_thresholds),
            integer_thresholds=None if integers is None else self._flat(integers, self.num_thresholds),
            input_min=self._flat(low[..., None], 1),
            input_max=self._flat(high[..., None], 1),
            input_bits=self.input_bits,
            input_shape=shape,
        )

    @property
    def num_outputs(self) -> int:
        """The bits of one sample of the fitted shape."""
        return math.prod(self._sample_shape()) * self.num_bits

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

    def _thresholds_of(self, pools: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """float32 (num_pools, num_thresholds). A constant pool says nothing: its bits are 0 for every input."""
        thresholds = torch.full((len(pools), self.num_thresholds), torch.inf)
        for index in (high > low).nonzero().flatten().tolist():
            thresholds[index] = torch.from_numpy(self.choose_thresholds(pools[index].numpy()))
        return thresholds

    def _range_of(self, pools: Tensor) -> tuple[Tensor, Tensor]:
        low, high = pools.amin(1), pools.amax(1)
        if not bool(torch.isfinite(high - low).all()):
            raise ValueError(f"cannot fit {type(self).__name__}: input_max - input_min overflows float32")
        return low, high

    def _settle(
        self, thresholds: Tensor, low: Tensor, high: Tensor, sizes: tuple[int, ...], device: torch.device | None = None
    ) -> None:
        """Snap the thresholds (num_pools, num_thresholds) to the grid and keep all of it as the fitted state."""
        thresholds, integers = self._snap(thresholds, low[:, None], high[:, None])
        self._warn_of_coincident(thresholds)
        self.keep("thresholds", thresholds.reshape(*sizes, self.num_thresholds).to(device))
        self.integer_thresholds = None
        if integers is not None:
            self.keep("integer_thresholds", integers.reshape(*sizes, self.num_thresholds).to(device))
        self.keep("input_min", low.reshape(sizes).to(device))
        self.keep("input_max", high.reshape(sizes).to(device))

    def _snap(self, thresholds: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.input_bits == 0:
            return thresholds, None
        return snap_upwards(thresholds, low, high, self.input_bits)

    def _frozen_thresholds(self) -> tuple[Tensor, Tensor | None]:
        """The thresholds that evaluation compares with, and their integers where there is a grid."""
        return self._fitted()[0], self.integer_thresholds

    def _discrete(self, x: Tensor, dtype: torch.dtype, *, batch_last: bool = True) -> Tensor:
        """The bits of a batch, with the samples of one bit together in memory or the bits of one sample."""
        values, thresholds = self._compared(x.detach(), batch_last)
        if torch.compiler.is_compiling():
            return self._join(torch.gt(values, thresholds).to(dtype), batch_last)
        # Writing the comparison straight into the wanted dtype saves a pass over the widest tensor of the network.
        shape = torch.broadcast_tensors(values, thresholds)[0].shape  # type: ignore[no-untyped-call]
        bits = torch.empty(shape, dtype=dtype, device=x.device)
        return self._join(torch.gt(values, thresholds, out=bits), batch_last)

    def _packed(self, x: Tensor) -> NDArray[np.uint8]:
        """What `packed_bits` gives. A part of the features at a time is compared, whose bits stay in a cache."""
        samples, thresholds = (part.detach().numpy() for part in self._compared(x, batch_last=False))
        thresholds = thresholds[..., None]
        values = np.empty((*samples.shape[1:], len(samples)), dtype=samples.dtype)
        for start in range(0, len(samples), _TRANSPOSED):
            end = start + _TRANSPOSED
            values[..., start:end] = np.moveaxis(samples[start:end], 0, -1)
        *outputs, batch = np.broadcast_shapes(values.shape, thresholds.shape)
        packed = np.empty((*outputs, -(-batch // 8)), dtype=np.uint8)
        longest = int(np.argmax(outputs))
        step = max(1, _COMPARISONS * outputs[longest] // max(1, math.prod(outputs) * batch))
        for start in range(0, outputs[longest], step):
            part = (slice(None),) * longest + (slice(start, start + step),)
            some = [side if side.shape[longest] == 1 else side[part] for side in (values, thresholds)]
            packed[part] = pack_last_axis(np.greater(*some))
        return packed.reshape(math.prod(outputs), packed.shape[-1])

    def _compared(self, x: Tensor, batch_last: bool) -> tuple[Tensor, Tensor]:
        """What stands to the left and to the right of > in evaluation, arranged."""
        thresholds = self._fitted()[0]
        self._check_input(x)
        return self._arranged(x.to(torch.float32), thresholds, batch_last)

    def _arranged(self, values: Tensor, thresholds: Tensor, batch_last: bool) -> tuple[Tensor, Tensor]:
        """Values with an axis for the thresholds behind the one that widens, and thresholds that broadcast with them.

        With `batch_last` the batch axis has moved to the end: transposing the values is cheaper than their bits.
        """
        axis = self._widened(values.ndim)
        placed = self._placed(thresholds, values.ndim).movedim(-1, axis)
        if not batch_last:
            return values.unsqueeze(axis + 1), placed
        return values.movedim(0, -1).contiguous().unsqueeze(axis), placed.unsqueeze(-1)

    def _join(self, bits: Tensor, batch_last: bool) -> Tensor:
        """The widened axis and the thresholds' axis made one, batch axis first."""
        first = self._widened(bits.ndim - 1) - int(batch_last)
        bits = bits.flatten(first, first + 1)
        return bits.movedim(-1, 0) if batch_last else bits

    def _fitted(self) -> tuple[Tensor, Tensor, Tensor]:
        thresholds, input_min, input_max = self.thresholds, self.input_min, self.input_max
        if thresholds is None or input_min is None or input_max is None:
            raise RuntimeError(f"{type(self).__name__} is not fitted; call fit(samples) first")
        return thresholds, input_min, input_max

    def _sample_shape(self) -> tuple[int, ...]:
        self._fitted()
        if self.input_sizes is None:
            raise RuntimeError(f"{type(self).__name__} has not seen the shape of a sample; call fit(samples) first")
        return tuple(self.input_sizes.tolist())

    def _flat(self, values: Tensor, width: int) -> NDArray[Any]:
        """Values (..., width) of the fitted sizes, or of one sample, for each of a sample's values, in output order."""
        shape = self._sample_shape()
        axis = self._widened(len(shape) + 1)
        if values.shape[:-1] != shape:
            values = self._placed(values, len(shape) + 1)
        return frozen(values.detach().cpu().expand(*shape, width).movedim(-1, axis).numpy()).reshape(-1)

    def _kept_axes(self, ndim: int) -> list[int]:
        """The axes of an input, ascending and never 0, whose positions keep thresholds of their own."""
        return sorted({axis % ndim for axis in self.fit_axes})

    def _sizes_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in which `input_min` is kept for an input of that shape."""
        kept = self._kept_axes(len(shape))
        return tuple(size if axis in kept else 1 for axis, size in enumerate(shape) if axis)

    def _placed(self, values: Tensor, ndim: int) -> Tensor:
        """Values of the fitted sizes, with or without an axis behind, so that they broadcast with a sample's axes."""
        return values

    def _widened(self, ndim: int) -> int:
        return self.encode_axis % ndim

    def _check_axes(self, ndim: int) -> None:
        for name, axes in (("encode_axis", (self.encode_axis,)), ("fit_axes", self.fit_axes)):
            for axis in axes:
                if not -ndim <= axis < ndim or axis % ndim == 0:
                    raise ValueError(
                        f"{name} {axis} is no axis of a sample; the input has {ndim} axes and axis 0 is the batch"
                    )

    def _check_input(self, x: Tensor) -> None:
        sizes = self._fitted()[1].shape
        kept = self._kept_axes(len(sizes) + 1)
        if x.ndim != len(sizes) + 1 or any(x.shape[axis] != sizes[axis - 1] for axis in kept):
            wanted = ["batch", *(str(size) if axis in kept else "any" for axis, size in enumerate(sizes, 1))]
            raise ValueError(f"{type(self).__name__} takes ({', '.join(wanted)}), not {tuple(x.shape)}")

    def _warn_of_coincident(self, thresholds: Tensor) -> None:
        coincident = int((thresholds[:, 1:] == thresholds[:, :-1]).sum())
        if coincident:
            warnings.warn(
                f"{type(self).__name__}: {coincident} of {thresholds.numel()} thresholds coincide with the one below, "
                "so that their bits say nothing new",
                stacklevel=4,
            )

    def _refuses(self, name: str, value: Tensor) -> str | None:
        if name == "thresholds" and value.shape[-1] != self.num_thresholds:
            return f"{name} has {value.shape[-1]} thresholds for each value, not {self.num_thresholds}"
        return None

    def _takes(self, name: str) -> bool:
        return name != "integer_thresholds" or self.input_bits > 0
