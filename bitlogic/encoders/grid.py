"""The integer grid that hardware reads and the float thresholds that agree with it for every float32.

`quantize` is the definition of the grid. It is computed in float32, in the order written there, and it is monotone in x
because each of its steps is; everything else here rests on that.
"""

import torch
from torch import Tensor

_MIN_INT32 = -(2**31)


def quantize(x: Tensor, input_min: Tensor, input_max: Tensor, input_bits: int) -> Tensor:
    """The grid integer of each value, int32 in 0 .. 2**input_bits - 1.

    q(x) = clamp(floor((x - input_min) / (input_max - input_min) * (2**b - 1) + 1/2), 0, 2**b - 1), in float32 and in
    this order. NaN counts as input_min, and where input_max equals input_min every x gives 0.

    Args:
        x: float32, any shape.
        input_min: float32, broadcasts with x.
        input_max: float32, broadcasts with x.
        input_bits: b, 1 to 16.
    """
    top = float(2**input_bits - 1)
    span = input_max - input_min
    steps = torch.floor((x - input_min) / span * top + 0.5)
    constant = span <= 0
    steps = torch.where(constant | torch.isnan(x), torch.zeros((), device=x.device), steps)
    return steps.clamp(0.0, top).to(torch.int32)


def snap_upwards(thresholds: Tensor, input_min: Tensor, input_max: Tensor, input_bits: int) -> tuple[Tensor, Tensor]:
    """Each threshold moved up to its grid boundary, float32, and its integer form, int32.

    The boundary t' is the largest float32 with q(t') <= q(t), so that `x > t'` and `q(x) > q(t)` agree for every
    float32 x. It is +inf where q(t) is the top of the grid. Where input_max equals input_min the pair is (+inf, top):
    that bit is 0 for every float and for every integer.

    Args:
        thresholds: float32 without NaN.
        input_min: float32, broadcasts with the thresholds.
        input_max: float32, broadcasts with the thresholds.
        input_bits: 1 to 16.
    """
    top = 2**input_bits - 1
    constant = (input_max <= input_min).expand_as(thresholds)
    integers = quantize(thresholds, input_min, input_max, input_bits)
    integers = torch.where(constant, torch.full_like(integers, top), integers)

    # Bisection over the ordered bit patterns: q(low) <= q(t) always, q(high) > q(t) wherever q(t) is not the top.
    low = _order(thresholds)
    high = _order(torch.full_like(thresholds, torch.inf))
    while bool((high - low > 1).any()):
        middle = (low + high) // 2
        below = quantize(_from_order(middle), input_min, input_max, input_bits) <= integers
        low = torch.where(below, middle, low)
        high = torch.where(below, high, middle)
    return torch.where(integers == top, torch.inf, _from_order(low)), integers


def cell_end(integers: Tensor, input_min: Tensor, input_max: Tensor, input_bits: int) -> Tensor:
    """Where the grid's step from an integer to the next one is, float32, up to rounding; `snap_upwards` is exact.

    Args:
        integers: any numbers in 0 .. 2**input_bits - 1.
        input_min: float32, broadcasts with the integers.
        input_max: float32, broadcasts with the integers.
        input_bits: 1 to 16.
    """
    ends: Tensor = input_min + (integers.to(torch.float32) + 0.5) / (2**input_bits - 1) * (input_max - input_min)
    return ends


def _order(values: Tensor) -> Tensor:
    """The rank of each float32 among all of them, int64: -0.0 is -1, 0.0 is 0, neighbours differ by 1."""
    bits = values.contiguous().view(torch.int32).to(torch.int64)
    return torch.where(bits >= 0, bits, _MIN_INT32 - 1 - bits)


def _from_order(order: Tensor) -> Tensor:
    """The inverse of `_order`."""
    bits = torch.where(order >= 0, order, _MIN_INT32 - 1 - order)
    return bits.to(torch.int32).view(torch.float32)
