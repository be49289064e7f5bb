"""Multilinear functions on blocks of LUTs, written into scratch memory that is used again.

A function of m inputs is given by its values at the corners, ``(luts, 2**m, batch)``, the first input at the most
significant bit of the corner's number; inputs are ``(m, luts, batch)``.
"""

import torch
from torch import Tensor


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
            buffer = self._buffers[name, level] = self._like.new_empty(size)
        return buffer[:size].view(shape)


def minterms(inputs: Tensor, out: Tensor) -> Tensor:
    """Fills ``out`` with the products that are 1 at their own corner and 0 at the others; without inputs with ones."""
    if not len(inputs):
        return out.fill_(1.0)
    torch.sub(1.0, inputs[-1], out=out[:, 0])
    out[:, 1] = inputs[-1]
    width = 2
    for x in reversed(inputs[:-1].unbind(0)):
        torch.mul(out[:, :width], x.unsqueeze(1), out=out[:, width : 2 * width])
        out[:, :width] -= out[:, width : 2 * width]
        width *= 2
    return out


def evaluate(corners: Tensor, inputs: Tensor, scratch: Scratch, out: Tensor) -> None:
    """Fills ``out``, ``(luts, batch)``, with the function's values, by one linear interpolation for each input."""
    if not len(inputs):
        out.copy_(corners[:, 0])
    for level, x in enumerate(inputs):
        half = corners.shape[1] // 2
        narrower = out.unsqueeze(1)
        if half > 1:
            narrower = scratch("evaluate", level, corners.shape[0], half, corners.shape[2])
        torch.lerp(corners[:, :half], corners[:, half:], x.unsqueeze(1), out=narrower)
        corners = narrower


def differentiate(corners: Tensor, inputs: Tensor, scratch: Scratch, out: Tensor) -> None:
    """Fills ``out``, ``(m, luts, batch)``, with the derivatives by each of the m inputs."""
    for level, x in enumerate(inputs):
        half = corners.shape[1] // 2
        zeros, ones = corners[:, :half], corners[:, half:]
        if half == 1:
            torch.sub(ones, zeros, out=out[level].unsqueeze(1))
            continue
        shape = (corners.shape[0], half, corners.shape[2])
        difference = torch.sub(ones, zeros, out=scratch("difference", level, *shape))
        evaluate(difference, inputs[level + 1 :], scratch, out[level])
        corners = torch.addcmul(zeros, difference, x.unsqueeze(1), out=scratch("rest", level, *shape))
