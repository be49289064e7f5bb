"""The one kernel of the relaxed layers: multilinear interpolation of every LUT's table at its inputs.

With R slots and minterms ``B_a(x) = prod_j x_j^a_j (1 - x_j)^(1 - a_j)``, LUT n gives ``sum_a table[n, a] B_a(x)``. The
slots are split in two halves with their own minterms U and V, so that the sum is ``U^T T V`` with the table as a
``2^(R/2) x 2^(R/2)`` matrix: batched matrix products on ``2 * 2^(R/2)`` rows instead of a basis of ``2^R``. Only the
signals, the table and the indices are kept for the backward pass, which gathers and expands again, block by block.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.multilinear import Scratch, differentiate, evaluate, minterms

# Elements of one half's minterms in a block of LUTs: small enough for a core's cache, large enough to hide the cost of
# starting an operation, which on a GPU is all there is to hide.
_BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**26}
# Elements of the gradient at the slots that exist at one time; the batch is cut to keep below.
_SLOT_GRADIENT_ELEMENTS = 2**23


def interpolate(signals: Tensor, table: Tensor, wiring: Wiring) -> Tensor:
    """The outputs ``(out_dim, batch)`` of relaxed LUTs, differentiable in signals, table and the wiring's weights.

    Args:
        signals: ``(in_dim, batch)``, any dtype; gathered before they are converted.
        table: float ``(out_dim, 2**lut_rank)``, entry ``a`` for slot 0 at the most significant bit of ``a``.
        wiring: the signals that the slots read.

    Returns:
        The dtype to which table and signals promote.
    """
    dtype = torch.promote_types(signals.dtype, table.dtype)
    output = _Interpolate.apply(signals, table.to(dtype).contiguous(), wiring.weights, wiring)  # type: ignore[no-untyped-call]
    return cast(Tensor, output)


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, signals: Tensor, table: Tensor, weights: Tensor | None, wiring: Wiring) -> Tensor:
        ctx.save_for_backward(signals, table, weights)
        ctx.wiring = wiring
        output = table.new_empty(table.shape[0], signals.shape[1])
        scratch = Scratch(table)
        for luts in _blocks(table, signals.shape[1]):
            inputs = _read(signals, wiring.indices[:, luts], scratch)
            split = len(inputs) // 2
            shape = (inputs.shape[1], 1 << split, inputs.shape[2])
            matrix, low = _table_and_low(table[luts], inputs, split, scratch)
            corners = torch.bmm(matrix, low, out=scratch("corners", 0, *shape))
            evaluate(corners, inputs[:split], scratch, output[luts])
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        signals, table, weights = ctx.saved_tensors
        needs_signals, _, needs_weights, _ = ctx.needs_input_grad
        needs_slots = needs_signals or needs_weights
        width = max(1, _SLOT_GRADIENT_ELEMENTS // ctx.wiring.indices.numel())
        grad_signals = torch.empty_like(signals) if needs_signals else None
        grad_table = torch.zeros_like(table)
        grad_weights = torch.zeros_like(weights) if needs_weights else None
        for start in range(0, signals.shape[1], width):
            batch = slice(start, start + width)
            part = signals[:, batch].contiguous()
            at_slots = table.new_empty(*ctx.wiring.indices.shape, part.shape[1]) if needs_slots else None
            _add_gradients(part, table, ctx.wiring.indices, grad[:, batch].contiguous(), grad_table, at_slots)
            if at_slots is None:
                continue
            to_signals, to_weights = ctx.wiring.pull_back(part, weights, at_slots, needs_signals, needs_weights)
            if grad_signals is not None:
                grad_signals[:, batch] = to_signals
            if grad_weights is not None:
                grad_weights += to_weights
        return grad_signals, grad_table, grad_weights, None


def _add_gradients(
    signals: Tensor, table: Tensor, indices: Tensor, grad: Tensor, grad_table: Tensor, at_slots: Tensor | None
) -> None:
    """Adds to the table's gradient and fills the gradient at the slots ``(lut_rank, out_dim, batch)``."""
    scratch = Scratch(table)
    for luts in _blocks(table, signals.shape[1]):
        inputs = _read(signals, indices[:, luts], scratch)
        split = len(inputs) // 2
        shape = (inputs.shape[1], 1 << split, inputs.shape[2])
        matrix, low = _table_and_low(table[luts], inputs, split, scratch)
        high = minterms(inputs[:split], scratch("high", 0, *shape)).mul_(grad[luts].unsqueeze(1))
        grad_table[luts] += torch.bmm(high, low.transpose(1, 2)).flatten(1)
        if at_slots is None:
            continue
        low_corners = torch.bmm(matrix.transpose(1, 2), high, out=scratch("corners", 0, *low.shape))
        differentiate(low_corners, inputs[split:], scratch, at_slots[split:, luts])
        high_corners = torch.bmm(matrix, low, out=scratch("corners", 0, *shape))
        differentiate(high_corners, inputs[:split], scratch, at_slots[:split, luts])
        at_slots[:split, luts] *= grad[luts]


def _blocks(table: Tensor, batch: int) -> list[slice]:
    rank = table.shape[1].bit_length() - 1
    per_lut = max(1, batch << (rank - rank // 2))
    width = max(1, _BLOCK_ELEMENTS.get(table.device.type, 2**26) // per_lut)
    return [slice(start, start + width) for start in range(0, table.shape[0], width)]


def _read(signals: Tensor, indices: Tensor, scratch: Scratch) -> Tensor:
    """The inputs ``(lut_rank, luts, batch)`` in the kernel's dtype."""
    inputs = scratch("inputs", 0, *indices.shape, signals.shape[1])
    if signals.dtype == inputs.dtype:
        torch.index_select(signals, 0, indices.reshape(-1), out=inputs.flatten(0, 1))
    else:
        inputs.copy_(signals.index_select(0, indices.reshape(-1)).view(inputs.shape))
    return inputs


def _table_and_low(table: Tensor, inputs: Tensor, split: int, scratch: Scratch) -> tuple[Tensor, Tensor]:
    """The table as matrices ``(luts, 2**split, 2**rest)`` and the minterms ``(luts, 2**rest, batch)`` of the rest."""
    width = 1 << (len(inputs) - split)
    low = minterms(inputs[split:], scratch("low", 0, inputs.shape[1], width, inputs.shape[2]))
    return table.view(-1, 1 << split, width), low
