"""Float thresholds of another library on a grid of integers that hardware reads."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bitlogic.encoders import FixedBinarization
from bitlogic.encoders.grid import quantize


@dataclass(frozen=True)
class InputGrid:
    """The values that a model is going to read, and the integers that stand for them in hardware.

    Without `samples` the values are those of the grid: ``low + k * (high - low) / (2**bits - 1)``, which with the
    defaults is k / 255, an 8-bit pixel. With samples they are what these tensors hold. ``bits=0`` keeps the float
    thresholds as they are, exact for every float32, and hardware targets refuse the model.

    An export needs the shape of a sample: this one, else that of the samples, else that of the first batch.
    """

    low: float = 0.0
    high: float = 1.0
    bits: int = 8
    samples: Tensor | None = None  # (batch, ...)
    shape: tuple[int, ...] | None = None  # of one sample

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a grid needs low < high, got {self.low} and {self.high}")
        if not 0 <= self.bits <= 16:
            raise ValueError(f"a grid has 0 (floats) to 16 bits, got {self.bits}")


def fixed_encoder(thresholds: Tensor, feature_dim: int, grid: InputGrid, place: str) -> FixedBinarization:
    """An encoder whose bits are ``x > threshold`` for every value x that the grid describes.

    Args:
        thresholds: ``(num_bits,)``; ``(n, num_bits)`` for samples ``(n,)`` or, by channel, ``(n, height, width)``; else
            ``(*shape, num_bits)`` for samples of that shape.
        feature_dim: the axis of ``x[..., None]`` that the bits widen, as torchlogix counts: -2 is the last axis of x.
        grid: the values and the integers for them.
        place: what errors name.

    Raises:
        ValueError: NaN, a threshold that no integer of the grid separates as the float does, or a shape of samples
            that the thresholds do not suit.
    """
    exact = thresholds.detach().to("cpu", torch.float32)
    if bool(exact.isnan().any()):
        raise ValueError(f"{place} has a threshold that is NaN")
    if exact.ndim == 2 and len(exact) == 1:
        exact = exact[0]  # one set for all values
    encoder = FixedBinarization(
        exact if grid.bits == 0 else _on_the_grid(exact, grid, place),
        input_range=(grid.low, grid.high),
        encode_axis=feature_dim if feature_dim >= 0 else feature_dim + 1,
        input_bits=grid.bits,
    )
    shape = grid.shape or (None if grid.samples is None else tuple(grid.samples.shape[1:]))
    if exact.ndim == 2 and shape is not None and len(shape) not in (1, 3):
        raise ValueError(f"{place} has thresholds {tuple(exact.shape)}, which suit samples of 1 or 3 axes, not {shape}")
    if shape is not None:
        encoder(torch.zeros(1, *shape))  # it keeps the shape of its first batch
    return encoder


def _on_the_grid(thresholds: Tensor, grid: InputGrid, place: str) -> Tensor:
    """Each threshold moved to a value that the encoder's grid rounds to the integer T with x > t where q(x) > T."""
    low, high = torch.tensor(grid.low), torch.tensor(grid.high)
    steps = _steps(grid)
    values = steps if grid.samples is None else torch.unique(grid.samples.detach().to("cpu", torch.float32))
    integers = quantize(values, low, high, grid.bits)
    # values[below - 1] <= t < values[below]
    below = torch.searchsorted(values, thresholds.contiguous(), right=True)
    if bool((below == 0).any()):
        raise ValueError(
            f"{place} has the threshold {float(thresholds[below == 0].min()):g}, below every input from "
            f"{float(values[0]):g}: its bit is always 1, which no integer threshold expresses; give an InputGrid with "
            "another low, or bits=0"
        )
    under = integers[below - 1]
    over = integers[below.clamp(max=len(values) - 1)]
    mixed = (below < len(values)) & (over <= under)
    if bool(mixed.any()):
        at = below[mixed][0]
        raise ValueError(
            f"{place} has the threshold {float(thresholds[mixed][0]):g} between the inputs {float(values[at - 1]):g} "
            f"and {float(values[at]):g}, which are the same integer of {grid.bits} bits over {grid.low:g} .. "
            f"{grid.high:g}; give an InputGrid with more bits"
        )
    return steps[under.long()]


def _steps(grid: InputGrid) -> Tensor:
    """The float32 values of the grid's integers."""
    top = 2**grid.bits - 1
    exact = torch.arange(top + 1, dtype=torch.float64) * (grid.high - grid.low) / top + grid.low
    steps: Tensor = exact.to(torch.float32)
    return steps
