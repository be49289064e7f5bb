"""Multilinear functions by their monomials, on blocks of LUTs, written into scratch memory that is used again.

A function of m inputs is ``sum_S c_S prod_{j in S} x_j``; input 0 is the most significant bit of S. Coefficients at
every sample are ``(luts, 2**m, batch)``, an input is ``(luts, batch)``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bitlogic.kernels.recycling import empty


class Scratch:
    """Named buffers that grow to the largest size asked for: fresh pages for every block would cost more than the sums.

    Two buffers of different names never overlap; asking for a name again gives up its former contents.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._buffers: dict[tuple[str, int], Tensor] = {}

    def __call__(self, name: str, level: int, *shape: int) -> Tensor:
        """An uninitialised contiguous tensor of that shape, of the dtype and device given at the start."""
        size = 1
        for extent in shape:
            size *= extent
        buffer = self._buffers.get((name, level))
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[name, level] = empty((size,), self._like.dtype, self._like.device)
        return buffer[:size].view(shape)


def coefficients(table: Tensor) -> Tensor:
    """The coefficients ``(luts, 2**rank)`` of the functions with these values at the corners, in the corners' order."""
    values = table.clone()
    for zeros, ones in _halves(values):
        ones -= zeros
    return values


def table_gradient(grad: Tensor) -> Tensor:
    """The gradient of a table, given that of its coefficients, which is overwritten."""
    for zeros, ones in _halves(grad):
        zeros -= ones
    return grad


def multiply_out(basis: Tensor) -> list[Tensor]:
    """Completes the monomials ``(2**m, luts, batch)``: number 0 and those of one input are given; the inputs."""
    width = len(basis)
    for number in range(3, width):
        highest = 1 << (number.bit_length() - 1)
        if number != highest:
            torch.mul(basis[highest], basis[number - highest], out=basis[number])
    return [basis[1 << place] for place in reversed(range(width.bit_length() - 1))]


def evaluate(coefficients: Tensor, inputs: Sequence[Tensor], scratch: Scratch, out: Tensor) -> None:
    """Fills ``out``, ``(luts, batch)``, with the function's values."""
    if not inputs:
        out.copy_(coefficients[:, 0])
    for level, x in enumerate(inputs):
        half = coefficients.shape[1] // 2
        narrower = out.unsqueeze(1)
        if half > 1:
            narrower = scratch("evaluate", level, coefficients.shape[0], half, coefficients.shape[2])
        torch.addcmul(coefficients[:, :half], coefficients[:, half:], x.unsqueeze(1), out=narrower)
        coefficients = narrower


def differentiate(coefficients: Tensor, inputs: Sequence[Tensor], scratch: Scratch, out: Tensor) -> None:
    """Fills ``out``, ``(m, luts, batch)``, with the derivatives by each of the m inputs.

    The coefficients are ``(luts, 2**m - 1, batch)``: that of the constant, which has no derivative, is left out.
    """
    for level, x in enumerate(inputs):
        half = (coefficients.shape[1] + 1) // 2
        zeros, ones = coefficients[:, : half - 1], coefficients[:, half - 1 :]
        evaluate(ones, inputs[level + 1 :], scratch, out[level])
        if half > 1:
            rest = scratch("rest", level, *zeros.shape)
            coefficients = torch.addcmul(zeros, ones[:, 1:], x.unsqueeze(1), out=rest)


def _halves(values: Tensor) -> list[tuple[Tensor, Tensor]]:
    """For each input, views of the entries where it is 0 and of those where it is 1."""
    rank = values.shape[1].bit_length() - 1
    views = [values.view(-1, 1 << slot, 2, 1 << (rank - 1 - slot)) for slot in range(rank)]
    return [(view[:, :, 0], view[:, :, 1]) for view in views]
