"""The kernels in torch alone, for machines without a C compiler and for other devices.

A LUT's table is turned into the coefficients of its monomials. The slots are split in two halves with their own
monomials U and V, so that the output is ``U^T C V`` with the coefficients as a ``2^(R/2) x 2^(R/2)`` matrix: batched
matrix products on ``2 * 2^(R/2)`` rows instead of a basis of ``2^R``. Monomials take half the passes over memory that
minterms take; in float32 their sums cancel, at rank 6 to about 1e-5 of the largest value.
"""

import torch
from torch import Tensor

from bitlogic.kernels.inputs import Inputs, View
from bitlogic.kernels.multilinear import (
    Scratch,
    coefficients,
    differentiate,
    evaluate,
    multiply_out,
    table_gradient,
)
from bitlogic.kernels.recycling import empty

# Elements of one half's monomials in a block of LUTs: small enough for a core's cache, large enough to hide the cost of
# starting an operation, which on a GPU is all there is to hide.
_BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**26}


def forward(inputs: Inputs, dtype: torch.dtype) -> Tensor:
    """The outputs ``(num_luts, batch)``, of that dtype."""
    (num_slots, num_luts), batch = inputs.indices.shape, inputs.signals.shape[1]
    matrices = _matrices(inputs)
    output = empty((num_luts, batch), dtype, matrices.device)
    scratch = Scratch(matrices)
    for luts in _blocks(matrices, batch):
        matrix = matrices[luts]
        _, high = _monomials(inputs, luts, slice(0, num_slots // 2), inputs.view, scratch)
        low, _ = _monomials(inputs, luts, slice(num_slots // 2, num_slots), inputs.view, scratch)
        by_high = torch.bmm(matrix, low, out=scratch("by high", 0, *matrix.shape[:2], batch))
        values = output[luts] if dtype == matrix.dtype else scratch("values", 0, len(matrix), batch)
        evaluate(by_high, high, scratch, values)
        if dtype != matrix.dtype:
            output[luts] = values
    return output


def slot_gradients(inputs: Inputs, grad: Tensor, batch: slice, needs_slots: bool) -> tuple[Tensor, Tensor | None]:
    """The table's gradient by a part of the batch and the gradient at the slots ``(lut_rank, num_luts, part)``."""
    part = Inputs(inputs.signals[:, batch], inputs.table, inputs.indices, inputs.view)
    width = part.signals.shape[1]
    matrices = _matrices(inputs)
    grad_matrices = torch.empty_like(matrices)
    at_slots = empty((*inputs.indices.shape, width), matrices.dtype, matrices.device) if needs_slots else None
    scratch = Scratch(matrices)
    for luts in _blocks(matrices, width):
        matrix, grads = matrices[luts], _rows(grad, luts, inputs.repeats(grad))[:, batch]
        slots = None if at_slots is None else at_slots[:, luts]
        if inputs.view is View.NUDGED:
            grad_matrices[luts] = _add_gradients(part, View.BITS, luts, matrix, grads, None, scratch)
            if slots is not None:
                _add_gradients(part, View.NUDGED, luts, matrix, grads, slots, scratch)
                slots.mul_(0.5)
        else:
            grad_matrices[luts] = _add_gradients(part, inputs.view, luts, matrix, grads, slots, scratch)
    grad_tables = table_gradient(grad_matrices.flatten(1))
    return grad_tables.view(len(inputs.table), inputs.sharing, -1).sum(1), at_slots


def _add_gradients(
    inputs: Inputs, view: View, luts: slice, matrix: Tensor, grads: Tensor, at_slots: Tensor | None, scratch: Scratch
) -> Tensor:
    """The gradient of a block's matrix; fills the gradient at its slots."""
    num_slots, batch = inputs.indices.shape[0], inputs.signals.shape[1]
    split = num_slots // 2
    high, high_inputs = _monomials(inputs, luts, slice(0, split), view, scratch)
    low, low_inputs = _monomials(inputs, luts, slice(split, num_slots), view, scratch)
    weighted = scratch("weighted", 0, matrix.shape[1], len(matrix), batch)
    weighted[0] = grads
    for number in range(1, len(weighted)):
        torch.mul(high[:, number], weighted[0], out=weighted[number])
    weighted_high = weighted.transpose(0, 1)
    if at_slots is not None:
        to_low = scratch("by low", 0, len(matrix), matrix.shape[2] - 1, batch)
        torch.bmm(matrix.transpose(1, 2)[:, 1:], weighted_high, out=to_low)
        differentiate(to_low, low_inputs, scratch, at_slots[split:])
        to_high = scratch("by high", 0, len(matrix), matrix.shape[1] - 1, batch)
        torch.bmm(matrix[:, 1:], low, out=to_high)
        differentiate(to_high, high_inputs, scratch, at_slots[:split])
        at_slots[:split] *= weighted[0]
    return torch.bmm(weighted_high, low.transpose(1, 2))


def _matrices(inputs: Inputs) -> Tensor:
    """The coefficients ``(num_luts, 2**high slots, 2**low slots)``."""
    split = inputs.indices.shape[0] // 2
    table = coefficients(inputs.table)
    return table.view(len(table), 1 << split, -1).repeat_interleave(inputs.sharing, 0)


def _rows(grad: Tensor, luts: slice, repeats: int) -> Tensor:
    """The gradients of a block of LUTs, of which that many in a row have one."""
    if repeats == 1:
        return grad[luts]
    first, last = luts.start // repeats, -(-luts.stop // repeats)
    some = grad[first:last].repeat_interleave(repeats, 0)
    return some[luts.start - first * repeats : luts.stop - first * repeats]


def _blocks(matrices: Tensor, batch: int) -> list[slice]:
    per_lut = max(1, batch * matrices.shape[2])
    width = max(1, _BLOCK_ELEMENTS.get(matrices.device.type, 2**26) // per_lut)
    return [slice(start, start + width) for start in range(0, len(matrices), width)]


def _monomials(inputs: Inputs, luts: slice, slots: slice, view: View, scratch: Scratch) -> tuple[Tensor, list[Tensor]]:
    """The monomials ``(luts, 2**slots, batch)`` of some slots in the table's dtype, and those slots' inputs."""
    signals, indices = inputs.signals, inputs.indices[slots, luts]
    basis = scratch("monomials", slots.start, 1 << len(indices), indices.shape[1], signals.shape[1])
    basis[0].fill_(1.0)
    for slot, rows in enumerate(indices):
        x = basis[1 << (len(indices) - 1 - slot)]
        if signals.dtype == x.dtype:
            torch.index_select(signals, 0, rows, out=x)
        else:
            x.copy_(signals.index_select(0, rows))
        if view is not View.AS_IS:
            x.gt_(0.5)
        if view is View.NUDGED:
            x.mul_(0.5).add_(0.25)
    return basis.transpose(0, 1), multiply_out(basis)
