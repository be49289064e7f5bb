"""The wiring of LUTs whose inputs and weights are shared over the positions of a convolution."""

from collections.abc import Callable

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring


def over_positions(wiring: Wiring, in_dim: int, rows: Callable[[Tensor], Tensor]) -> Wiring:
    """The choice of every LUT, written out at all positions: LUT n at position p is LUT ``n * num_positions + p``.

    All copies of a LUT made one choice, so that its weights' gradient is the sum over the positions.

    Args:
        wiring: the choice among ``in_dim`` inputs of a receptive field.
        in_dim: the inputs of the receptive field.
        rows: gives for inputs ``(..., num_luts)`` the signals ``(..., num_luts * num_positions)``.
    """
    indices = rows(wiring.indices)
    if wiring.weights is None:
        return Wiring(indices)
    candidates = wiring.candidates
    if candidates is None:
        every = torch.arange(in_dim, device=indices.device)
        candidates = every[:, None, None].expand(wiring.weights.shape)
    num_positions = indices.shape[-1] // wiring.indices.shape[-1]
    noise = None if wiring.noise is None else wiring.noise.repeat_interleave(num_positions, -1)
    weights = wiring.weights.repeat_interleave(num_positions, -1)
    return Wiring(indices, weights, rows(candidates), noise, wiring.temperature)
