"""A function of a batch behind torch.compile, for blocks of a few sizes, so that a new batch size compiles nothing."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bitlogic.compile import check_cxx, compile_alone
from bitlogic.errors import MissingToolError
from bitlogic.inference.pack import WORD_BITS

# A function of a tensor and of some more arguments, and these.
Stage = tuple[Callable[..., Any], tuple[Any, ...]]


class CompiledBlocks:
    """``blocks(x)`` is what the stages, one after the other, give for x, or for x and zeros behind it.

    The batch is x's axis ``axis``, and ``largest`` the most of it that a call takes, ``unit`` the least that it is
    filled up to. Each size of block is compiled at its first use, once for each dtype and device. Stages are compiled
    alone: a compiler that sees several of them makes a row anew wherever a LUT reads it. Those of one function and
    equal shapes share their code, which relies on indices that are in range. Without the compiler that torch.compile
    calls it warns once, and the functions run as they are.
    """

    def __init__(self, stages: Sequence[Stage], options: dict[str, Any], *, axis: int, unit: int, largest: int) -> None:
        self.stages, self.axis, self.largest = stages, axis, largest
        self.options = {"dynamic": False, "fullgraph": True, **_without_checks(options)}
        self.sizes = sorted({unit * words for words in (1, 8, 32) if unit * words < largest} | {largest})
        self.compiled: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self.has_compiler = True

    def __call__(self, x: Tensor) -> Any:
        if not self._can_compile(x.device):
            return self._run(x, lambda function, *_: function)
        length = x.shape[self.axis]
        missing = next(size for size in self.sizes if size >= length) - length
        if missing:
            zeros = x.new_zeros(*x.shape[: self.axis], missing, *x.shape[self.axis + 1 :])
            x = torch.cat([x, zeros], self.axis)
        x = x.contiguous()
        if x.storage_offset() * x.element_size() % WORD_BITS:
            x = x.clone()  # the compiled code is made for the alignment of its first input
        return self._run(x, self._compiled)

    def _run(self, x: Any, form: Callable[..., Callable[..., Any]]) -> Any:
        for function, others in self.stages:
            x = form(function, x, *others)(x, *others)
        return x

    def _compiled(self, function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
        key = (function, *map(_kind, arguments))
        if key not in self.compiled:
            self.compiled[key] = compile_alone(function, **self.options)
        return self.compiled[key]

    def _can_compile(self, device: torch.device) -> bool:
        if device.type == "cpu" and self.has_compiler:
            try:
                check_cxx()
            except MissingToolError as error:
                warnings.warn(f"{error}; PackedLogicNet runs without compilation", stacklevel=2)
                self.has_compiler = False
        return self.has_compiler or device.type != "cpu"


def _without_checks(options: dict[str, Any]) -> dict[str, Any]:
    """The options for code that does not check again whether a row exists each time it reads one: half of the time."""
    if "mode" in options or options.get("backend", "inductor") != "inductor":
        return options  # torch.compile takes either a mode or options
    return {**options, "options": {"assert_indirect_indexing": False, **(options.get("options") or {})}}


def _kind(argument: Any) -> Any:
    """What code is compiled for."""
    return (tuple(argument.shape), argument.dtype, argument.device) if isinstance(argument, Tensor) else argument
