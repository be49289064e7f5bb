"""Calling the kernels of ``lut.c`` on tensors."""

import ctypes

import torch
from torch import Tensor

from bitlogic.kernels.build import library
from bitlogic.kernels.inputs import Inputs
from bitlogic.kernels.recycling import empty
from bitlogic.kernels.switch import native_wanted
from bitlogic.kernels.threads import run, split

_KINDS = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.uint8: 3, torch.bool: 3}
_SUFFIXES = {torch.float32: "float32", torch.float64: "float64"}
_LINE = 64  # samples: parts of a batch start at whole cache lines in every dtype


OUTPUTS = (torch.float32, torch.float64, torch.bfloat16, torch.uint8)


def readable(values: Tensor) -> Tensor:
    """The values in a dtype that the kernels read: float32 for those they do not know."""
    return values if values.dtype in _KINDS else values.to(torch.float32)


def serves(signals: Tensor) -> bool:
    """Whether the library is there and takes signals of that device and dtype."""
    on_cpu = signals.device.type == "cpu" and signals.dtype in _KINDS
    return on_cpu and native_wanted() and library().handle is not None


def forward(inputs: Inputs, dtype: torch.dtype) -> Tensor:
    """The outputs ``(num_luts, batch)``, of one of `OUTPUTS`; uint8 is for bits."""
    num_luts, batch = inputs.indices.shape[1], inputs.signals.shape[1]
    output = empty((num_luts, batch), dtype)
    job = _job(inputs, output=output, output_kind=_KINDS[dtype])
    call = _function("lut_forward", inputs, 2)
    ranges = split(num_luts, 1, inputs.indices.numel() * batch)
    run(lambda part: call(job, *ranges[part]), len(ranges))
    return output


def backward(
    inputs: Inputs,
    grad: Tensor,
    candidates: Tensor | None,
    shares: Tensor | None,
    needs_signals: bool,
    needs_weights: bool,
) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """The gradients of signals, table and candidates' weights, in the table's dtype.

    Args:
        inputs: what the forward pass read.
        grad: of the outputs, contiguous ``(num_luts, batch)``, or fewer rows, each for equally many LUTs in a row.
        candidates: int64 ``(num_candidates, lut_rank, num_luts)``, contiguous, or None.
        shares: of the table's dtype, as candidates: how a slot's gradient is shared out; None: to its index alone.
        needs_signals, needs_weights: whether that gradient is wanted; else it is None.
    """
    table, signals = inputs.table, inputs.signals
    ranges = _batch_ranges(inputs, slice(0, signals.shape[1]))
    grad_table = table.new_zeros(len(ranges), *table.shape)
    grad_signals = empty(signals.shape, table.dtype) if needs_signals else None
    touched = torch.empty(len(ranges), len(signals), dtype=torch.uint8) if needs_signals else None
    grad_weights = None
    if needs_weights and candidates is not None:
        grad_weights = table.new_zeros(len(ranges), *candidates.shape)
    job = _job(
        inputs,
        grad=grad,
        grad_repeats=inputs.repeats(grad),
        output_kind=_KINDS[grad.dtype],
        grad_table=grad_table,
        grad_signals=grad_signals,
        touched=touched,
        grad_weights=grad_weights,
        candidates=candidates,
        shares=shares,
        num_candidates=0 if candidates is None else len(candidates),
    )
    _run_backward(inputs, job, ranges)
    return grad_signals, _total(grad_table), None if grad_weights is None else _total(grad_weights)


def slot_gradients(inputs: Inputs, grad: Tensor, batch: slice, needs_slots: bool) -> tuple[Tensor, Tensor | None]:
    """The table's gradient by a part of the batch and the gradient at the slots ``(lut_rank, num_luts, part)``."""
    table, grad = inputs.table, readable(grad)
    ranges = _batch_ranges(inputs, batch)
    grad_table = table.new_zeros(max(1, len(ranges)), *table.shape)
    slots = empty((*inputs.indices.shape, batch.stop - batch.start), table.dtype) if needs_slots else None
    job = _job(
        inputs,
        grad=grad,
        grad_repeats=inputs.repeats(grad),
        output_kind=_KINDS[grad.dtype],
        grad_table=grad_table,
        grad_slots=slots,
        slots_first=batch.start,
        slots_width=batch.stop - batch.start,
    )
    _run_backward(inputs, job, ranges)
    return _total(grad_table), slots


def transpose(x: Tensor) -> Tensor:
    """A contiguous ``x.t()`` of a matrix on the CPU whose last dimension is contiguous."""
    output = torch.empty(x.shape[1], x.shape[0], dtype=x.dtype)
    _transpose(f"transpose_{x.element_size()}", x, output)
    return output


def transpose_bits(x: Tensor) -> Tensor | None:
    """The same of a float32 matrix of {0, 1}, as uint8; None where another value is found."""
    output = torch.empty(x.shape[1], x.shape[0], dtype=torch.uint8)
    return output if _transpose("transpose_bits", x, output) else None


def _transpose(name: str, x: Tensor, output: Tensor) -> bool:
    """Whether every part of the call returned something else than 0."""
    (rows, columns), distance = x.shape, x.stride(0)
    call = getattr(library().handle, name)
    call.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 5
    ranges = split(rows, _LINE, x.numel())
    done = [0] * len(ranges)

    def one(part: int) -> None:
        done[part] = call(x.data_ptr(), output.data_ptr(), rows, columns, distance, *ranges[part])

    run(one, len(ranges))
    return all(done)


_POINTERS = (
    "signals table indices output grad grad_table grad_signals touched grad_slots candidates shares grad_weights"
).split()
_NUMBERS = (
    "batch in_dim num_luts sharing rank num_candidates grad_repeats signal_kind output_kind view slots_first "
    "slots_width"
).split()


class _Job(ctypes.Structure):
    """``struct job`` of lut.c."""

    _fields_ = (*((name, ctypes.c_void_p) for name in _POINTERS), *((name, ctypes.c_int64) for name in _NUMBERS))


def _job(inputs: Inputs, **fields: Tensor | int | None) -> "ctypes._CArgObject":
    """A reference to the job; the caller keeps the tensors alive."""
    rank, num_luts = inputs.indices.shape
    job = _Job(
        signals=inputs.signals.data_ptr(),
        table=inputs.table.data_ptr(),
        indices=inputs.indices.data_ptr(),
        batch=inputs.signals.shape[1],
        in_dim=len(inputs.signals),
        num_luts=num_luts,
        sharing=inputs.sharing,
        rank=rank,
        signal_kind=_KINDS[inputs.signals.dtype],
        view=int(inputs.view),
        **{name: value.data_ptr() if isinstance(value, Tensor) else value or 0 for name, value in fields.items()},
    )
    return ctypes.byref(job)


def _function(name: str, inputs: Inputs, num_numbers: int) -> "ctypes._NamedFuncPointer":
    function: ctypes._NamedFuncPointer = getattr(library().handle, f"{name}_{_SUFFIXES[inputs.table.dtype]}")
    function.argtypes = [ctypes.c_void_p] + [ctypes.c_int64] * num_numbers
    function.restype = None
    return function


def _batch_ranges(inputs: Inputs, batch: slice) -> list[tuple[int, int]]:
    width = batch.stop - batch.start
    ranges = split(width, _LINE, inputs.indices.numel() * width)
    return [(batch.start + first, batch.start + last) for first, last in ranges]


def _run_backward(inputs: Inputs, job: "ctypes._CArgObject", ranges: list[tuple[int, int]]) -> None:
    call = _function("lut_backward", inputs, 3)
    run(lambda part: call(job, *ranges[part], part), len(ranges))


def _total(parts: Tensor) -> Tensor:
    """The sum over threads, always in the same order."""
    return parts[0] if len(parts) == 1 else parts.sum(0)
