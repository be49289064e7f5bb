"""A gradient whose rows repeat, held once: what the sum of a group of outputs hands back to each of them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from bitlogic.kernels.recycling import empty

_aten = torch.ops.aten


class RepeatedRows(Tensor):
    """``rows.repeat_interleave(repeats, 0)`` on the CPU, or its transpose; not in memory until somebody asks for it.

    Autograd carries it from a head to the LUTs, who read the rows (`compact`): a gradient of ``(num_outputs, batch)``
    is neither written nor read. Every operation but a transpose, a hook's, an in-place one or a user's, works on the
    plain tensor, which is made once, and gives plain tensors.

    Args:
        rows: ``(num_groups, batch)``, contiguous.
        repeats: how often each row stands there.
        transposed: whether the shape is ``(batch, num_groups * repeats)``.
    """

    rows: Tensor
    repeats: int
    transposed: bool
    written: Tensor | None

    @staticmethod
    def __new__(cls, rows: Tensor, repeats: int, *, transposed: bool = False) -> "RepeatedRows":
        length, batch = len(rows) * repeats, rows.shape[1]
        made: RepeatedRows = torch.Tensor._make_wrapper_subclass(
            cls,
            (batch, length) if transposed else (length, batch),
            strides=(1, batch) if transposed else (batch, 1),
            dtype=rows.dtype,
        )
        made.rows, made.repeats, made.transposed, made.written = rows, repeats, transposed, None
        return made

    def extents(self) -> list[int]:
        """The shape, which the tensor's own attribute would not tell without writing it out."""
        length, batch = len(self.rows) * self.repeats, self.rows.shape[1]
        return [batch, length] if self.transposed else [length, batch]

    # From Python, also for what has no operator: numpy(), data_ptr(), pickling.
    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            return _call_written(func, args, kwargs)

    # From C++: autograd's own steps between a head and a layer are the first ones.
    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = args[0] if args else None
        if isinstance(given, RepeatedRows) and given.written is None:
            same = func in (_aten.alias.default, _aten.detach.default)
            if same or (func is _aten.view.default and list(args[1]) == given.extents()):
                return RepeatedRows(given.rows, given.repeats, transposed=given.transposed)
            if func is _aten.t.default:
                return RepeatedRows(given.rows, given.repeats, transposed=not given.transposed)
        return _call_written(func, args, kwargs)


def compact(grad: Tensor) -> Tensor:
    """The rows ``(num_groups, batch)`` of a gradient that is still made of them, else the plain tensor."""
    if not isinstance(grad, RepeatedRows):
        return grad
    return grad.rows if grad.written is None and not grad.transposed else _write(grad)


def _call_written(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    args, kwargs = tree_map_only(RepeatedRows, _write, (args, kwargs or {}))
    return func(*args, **kwargs)


def _write(given: RepeatedRows) -> Tensor:
    if given.written is None:
        groups, batch = given.rows.shape
        plain = empty((groups * given.repeats, batch), given.rows.dtype)
        plain.view(groups, given.repeats, batch).copy_(given.rows[:, None])
        given.written = plain.t() if given.transposed else plain
    return given.written
