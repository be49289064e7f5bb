"""Sums of cosines of half-integer frequencies, evaluated in blocks of LUTs that are evaluated again for the gradient.

With ``z_j = exp(i pi x_j)``, ``sum_S a_S cos(pi sum_{j in S} x_j + phi_S)`` is the real part of the polynomial
``sum_S c_S prod_{j in S} z_j``, ``c_S = a_S exp(i phi_S)``. The slots are split in two halves with their own products U
and V, real parts above imaginary ones, so that the sum is ``U^T K V`` with a real matrix K of the coefficients: no
product of more than half of the slots exists for a sample, and only the inputs are kept for the backward pass.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor

# Elements of one half's products in a block of LUTs.
_BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**26}


def sum_cosines(inputs: Tensor, amplitudes: Tensor, phases: Tensor) -> Tensor:
    """``sum_S amplitudes[n, S] cos(pi sum_{j in S} x_j + phases[n, S])``, ``(luts, batch)``, once differentiable.

    Args:
        inputs: x, float ``(lut_rank, luts, batch)``.
        amplitudes: ``(luts, 2**lut_rank)`` of the same dtype; bit ``lut_rank - 1 - j`` of S: slot j is in S.
        phases: of the same shape and dtype, in radians.
    """
    shape = (len(amplitudes), 1 << inputs.shape[0] // 2, -1)
    real, imaginary = (amplitudes * phases.cos()).view(shape), (amplitudes * phases.sin()).view(shape)
    matrix = torch.cat([torch.cat([real, -imaginary], 2), torch.cat([-imaginary, -real], 2)], 1)
    return cast(Tensor, _between_products(inputs, matrix))


@torch.library.custom_op("bitlogic::between_products", mutates_args=())
def _between_products(inputs: Tensor, matrix: Tensor) -> Tensor:
    split = inputs.shape[0] // 2
    output = inputs.new_empty(inputs.shape[1:])
    with torch.autocast(inputs.device.type, enabled=False):
        for luts in _blocks(inputs):
            high, low = _products(inputs[:split, luts]), _products(inputs[split:, luts])
            torch.sum(torch.bmm(matrix[luts], low).mul_(high), 1, out=output[luts])
    return output


@torch.library.custom_op("bitlogic::between_products_backward", mutates_args=())
def _between_products_backward(
    grad: Tensor, inputs: Tensor, matrix: Tensor, needs_inputs: bool
) -> tuple[Tensor, Tensor]:
    split = inputs.shape[0] // 2
    grad_inputs = torch.empty_like(inputs) if needs_inputs else inputs.new_empty(0)
    grad_matrix = torch.empty_like(matrix)
    with torch.autocast(inputs.device.type, enabled=False):
        for luts in _blocks(inputs):
            high, low = _products(inputs[:split, luts]), _products(inputs[split:, luts])
            upstream = grad[luts].unsqueeze(1)
            if needs_inputs:
                _turn(high, torch.bmm(matrix[luts], low).mul_(upstream), grad_inputs[:split, luts])
            high_gradients = high.mul_(upstream)
            torch.bmm(high_gradients, low.transpose(1, 2), out=grad_matrix[luts])
            if needs_inputs:
                _turn(low, torch.bmm(matrix[luts].transpose(1, 2), high_gradients), grad_inputs[split:, luts])
    return grad_inputs, grad_matrix


def _products(inputs: Tensor) -> Tensor:
    """``prod_{j in S} exp(i pi x_j)`` for the subsets S of m slots: ``(luts, 2 * 2**m, batch)``, real parts first."""
    m, num_luts, batch = inputs.shape
    angles = inputs * torch.pi
    cosines, sines = angles.cos(), angles.sin()
    products = inputs.new_empty(num_luts, 2, 1 << m, batch)
    real, imaginary = products.unbind(1)
    real[:, 0], imaginary[:, 0] = 1.0, 0.0
    width = 1
    for j in reversed(range(m)):  # the last slot is the least significant bit of S
        cosine, sine = cosines[j].unsqueeze(1), sines[j].unsqueeze(1)
        old, new = slice(width), slice(width, 2 * width)
        torch.mul(real[:, old], cosine, out=real[:, new]).addcmul_(imaginary[:, old], sine, value=-1)
        torch.mul(real[:, old], sine, out=imaginary[:, new]).addcmul_(imaginary[:, old], cosine)
        width *= 2
    return products.flatten(1, 2)


def _turn(products: Tensor, gradients: Tensor, out: Tensor) -> None:
    """Fills ``out``, ``(m, luts, batch)``: slot j turns every product that it is in by pi for each unit."""
    real, imaginary = products.chunk(2, 1)
    to_real, to_imaginary = gradients.chunk(2, 1)
    turned = to_imaginary.mul_(real).addcmul_(to_real, imaginary, value=-1)
    for j in range(len(out)):
        halves = turned.view(turned.shape[0], 1 << j, 2, 1 << (len(out) - 1 - j), turned.shape[2])
        torch.sum(halves[:, :, 1], (1, 2), out=out[j])
    out *= torch.pi


def _blocks(inputs: Tensor) -> Iterator[slice]:
    rank, num_luts, batch = inputs.shape
    per_lut = max(1, batch << (rank - rank // 2 + 1))
    width = max(1, _BLOCK_ELEMENTS.get(inputs.device.type, 2**26) // per_lut)
    for start in range(0, num_luts, width):
        yield slice(start, start + width)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor]:
    needs_inputs = ctx.needs_input_grad[0]
    grad_inputs, grad_matrix = _between_products_backward(grad.contiguous(), *ctx.saved_tensors, needs_inputs)
    return grad_inputs if needs_inputs else None, grad_matrix


@_between_products.register_fake
def _(inputs: Tensor, matrix: Tensor) -> Tensor:
    return inputs.new_empty(inputs.shape[1:])


@_between_products_backward.register_fake
def _(grad: Tensor, inputs: Tensor, matrix: Tensor, needs_inputs: bool) -> tuple[Tensor, Tensor]:
    return torch.empty_like(inputs) if needs_inputs else inputs.new_empty(0), torch.empty_like(matrix)


_between_products.register_autograd(_backward, setup_context=_setup_context)
