"""The one kernel of the relaxed layers: multilinear interpolation of every LUT's table at its inputs.

With R slots and minterms ``B_a(x) = prod_j x_j^a_j (1 - x_j)^(1 - a_j)``, LUT n gives ``sum_a table[n, a] B_a(x)``.
Only the signals, the table and the indices are kept for the backward pass, which gathers and evaluates again.

Both operators run on the C kernels of `bitlogic.kernels` or, without a compiler or on another device, in torch.
"""

from typing import Any

import torch
from torch import Tensor

from bitlogic.connections.wiring import WIRING_SCHEMA, Wiring, gradient_or_empty, pull_back
from bitlogic.kernels import blocks, native
from bitlogic.kernels.inputs import Inputs, View, sum_dtype
from bitlogic.kernels.repeated import compact
from bitlogic.sampling import check_choice

SLOPES = ("interpolation", "finite_differences")
# Elements of the gradient at the slots that exist at one time; the batch is cut to keep below.
_SLOT_GRADIENT_ELEMENTS = 2**24


def interpolate(signals: Tensor, table: Tensor, wiring: Wiring) -> Tensor:
    """The outputs ``(out_dim, batch)`` of relaxed LUTs, differentiable in signals, table and the wiring's weights.

    Args:
        signals: ``(in_dim, batch)``, any dtype; gathered before they are converted.
        table: float ``(out_dim, 2**lut_rank)``, entry ``a`` for slot 0 at the most significant bit of ``a``.
        wiring: the signals that the slots read; where it has n times as many LUTs, n in a row share a table.

    Returns:
        bfloat16 or float16 where the signals are, else the dtype to which table and signals promote. Sums are made in
        float32 at least.
    """
    output: Tensor = torch.ops.bitlogic.luts(signals, None, table, *wiring, SLOPES[0])
    return output


def look_up(signals: Tensor, hard: Tensor, table: Tensor, wiring: Wiring, *, slopes: str) -> Tensor:
    """The entries ``hard[n, address]`` of discrete tables ``(out_dim, batch)``, with a chosen gradient.

    Args:
        signals: ``(in_dim, batch)``; a slot's bit is ``signal > 0.5``.
        hard: the tables looked up, ``(out_dim, 2**lut_rank)`` of {0, 1}, bool or float; no gradient.
        table: what the gradient reads, float ``(out_dim, 2**lut_rank)``.
        wiring: the signals that the slots read.
        slopes: ``interpolation``: the gradients of `interpolate` at the signals as they are. ``finite_differences``:
            the gradient of an entry is the sum of its own samples' gradients, and slot l gets ``alpha * sum_k s(l, k)
            table[k] beta**distance`` with s the sign +1 where bit l of k is set, else -1, the Hamming distance of k to
            the address without bit l, alpha = 0.5 * 0.75**(R - 1) and beta = 1/3 (arXiv:2410.11112).

    Returns:
        The dtype that `interpolate` gives.

    Raises:
        ValueError: another ``slopes``.
    """
    check_choice("slopes", slopes, SLOPES)
    output: Tensor = torch.ops.bitlogic.luts(signals, hard, table, *wiring, slopes)
    return output


_ARGUMENTS = f"Tensor signals, Tensor? hard, Tensor table, {WIRING_SCHEMA}, str slopes"
torch.library.define("bitlogic::luts", f"({_ARGUMENTS}) -> Tensor")
torch.library.define(
    "bitlogic::luts_backward",
    f"(Tensor grad, {_ARGUMENTS}, bool needs_signals, bool needs_weights) -> (Tensor, Tensor, Tensor)",
)


def _luts(signals: Tensor, hard: Tensor | None, table: Tensor, *rest: Any) -> Tensor:
    view = View.AS_IS if hard is None else View.BITS
    inputs = _inputs(signals, table, rest[0], view, table if hard is None else hard)
    path = native if native.serves(inputs.signals) else blocks
    dtype = _output_dtype(signals, table)
    wide = dtype if path is blocks or dtype in native.OUTPUTS else inputs.table.dtype
    output: Tensor = path.forward(inputs, wide)
    return output.to(dtype)


def _luts_fake(signals: Tensor, hard: Tensor | None, table: Tensor, *rest: Any) -> Tensor:
    return signals.new_empty(rest[0].shape[1], signals.shape[1], dtype=_output_dtype(signals, table))


def _luts_backward(
    grad: Tensor, signals: Tensor, hard: Tensor | None, table: Tensor, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    wiring, slopes, needs_signals, needs_weights = Wiring(*rest[:5]), *rest[5:]
    view = View.NUDGED if hard is not None and slopes == SLOPES[1] else View.AS_IS
    inputs = _inputs(signals, table, wiring.indices, view, table)
    grads = _gradients(inputs, grad.contiguous(), wiring, needs_signals, needs_weights)
    likes = (signals, table, signals if wiring.weights is None else wiring.weights)
    first, second, third = (gradient_or_empty(value, like) for value, like in zip(grads, likes, strict=True))
    return first, second, third


def _luts_backward_fake(
    grad: Tensor, signals: Tensor, hard: Tensor | None, table: Tensor, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    weights, needs_signals, needs_weights = rest[1], *rest[6:]
    grad_weights = weights.new_empty(weights.shape) if needs_weights else signals.new_empty(0)
    return signals.new_empty(signals.shape if needs_signals else 0), table.new_empty(table.shape), grad_weights


def _inputs(signals: Tensor, table: Tensor, indices: Tensor, view: View, values: Tensor) -> Inputs:
    dtype = sum_dtype(signals.dtype, table.dtype)
    return Inputs(native.readable(signals).contiguous(), values.to(dtype).contiguous(), indices.contiguous(), view)


def _output_dtype(signals: Tensor, table: Tensor) -> torch.dtype:
    if signals.dtype in (torch.bfloat16, torch.float16):
        return signals.dtype
    return torch.promote_types(signals.dtype, table.dtype)


def _gradients(
    inputs: Inputs, grad: Tensor, wiring: Wiring, needs_signals: bool, needs_weights: bool
) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """The gradients of signals, table and the wiring's weights."""
    shares = wiring.shares(inputs.table.dtype) if needs_signals else None
    dense = wiring.weights is not None and wiring.candidates is None and (needs_weights or shares is not None)
    if native.serves(inputs.signals) and not dense:
        grad = native.readable(grad)
        return native.backward(inputs, grad, wiring.candidates, shares, needs_signals, needs_weights)
    return _gradients_in_parts(inputs, grad, wiring, shares, needs_signals, needs_weights)


def _gradients_in_parts(
    inputs: Inputs, grad: Tensor, wiring: Wiring, shares: Tensor | None, needs_signals: bool, needs_weights: bool
) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """The same by way of the gradient at the slots, a part of the batch at a time."""
    signals, table, weights = inputs.signals, inputs.table, wiring.weights
    slot_gradients = native.slot_gradients if native.serves(signals) else blocks.slot_gradients
    grad_signals = signals.new_empty(signals.shape, dtype=table.dtype) if needs_signals else None
    grad_weights = (
        weights.new_zeros(weights.shape, dtype=table.dtype) if weights is not None and needs_weights else None
    )
    grad_table = torch.zeros_like(table)
    width = max(1, _SLOT_GRADIENT_ELEMENTS // inputs.indices.numel())
    for start in range(0, signals.shape[1], width):
        part = slice(start, min(start + width, signals.shape[1]))
        to_table, at_slots = slot_gradients(inputs, grad, part, needs_signals or needs_weights)
        grad_table += to_table
        if at_slots is None:
            continue
        read = signals[:, part].contiguous()
        to_signals, to_weights = pull_back(wiring, shares, read, at_slots, needs_signals, needs_weights)
        if part == slice(0, signals.shape[1]):
            grad_signals = to_signals
        elif grad_signals is not None and to_signals is not None:
            grad_signals[:, part] = to_signals
        if grad_weights is not None and to_weights is not None:
            grad_weights += to_weights
    return grad_signals, grad_table, grad_weights


def _refuse_second_derivatives(ctx: Any, *grads: Tensor) -> tuple[None, ...]:
    raise RuntimeError("relaxed LUTs have no second derivatives")


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:7])
    ctx.options = inputs[7:]


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    needs_signals, _, _, _, needs_weights, *others = ctx.needs_input_grad
    rows = compact(grad)
    grads = torch.ops.bitlogic.luts_backward(rows, *ctx.saved_tensors, *ctx.options, needs_signals, needs_weights)
    to_signals, to_table, to_weights = grads
    return (
        to_signals if needs_signals else None,
        None,
        to_table,
        None,
        to_weights if needs_weights else None,
        *(None for _ in others),
    )


torch.library.impl("bitlogic::luts", "CompositeExplicitAutograd", _luts)
torch.library.impl("bitlogic::luts_backward", "CompositeExplicitAutograd", _luts_backward)
torch.library.register_fake("bitlogic::luts", _luts_fake)
torch.library.register_fake("bitlogic::luts_backward", _luts_backward_fake)
torch.library.register_autograd("bitlogic::luts", _differentiate, setup_context=_keep)
torch.library.register_autograd("bitlogic::luts_backward", _refuse_second_derivatives)
