"""A function of a batch behind torch.compile, for blocks of a few sizes, so that a new batch size compiles nothing."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bitlogic.compile import check_cxx, compile_alone
from bitlogic.errors import MissingToolError
from bitlogic.inference.pack import WORD_BITS


class CompiledBlocks:
    """``blocks(x)`` is what the function gives for x, or for x and zeros behind it.

    The batch is x's axis ``axis``, and ``largest`` the most of it that a call takes, ``unit`` the least that it is
    filled up to. Each size of block is compiled at its first use, once for each dtype and device, into code that relies
    on indices in range. Without the compiler that torch.compile calls it warns once, and the function runs as it is.
    """

    def __init__(
        self, function: Callable[..., Any], options: dict[str, Any], *, axis: int, unit: int, largest: int
    ) -> None:
        self.function, self.axis, self.largest = function, axis, largest
        self.options = {"dynamic": False, "fullgraph": True, **_without_checks(options)}
        self.sizes = sorted({unit * words for words in (1, 8, 32) if unit * words < largest} | {largest})
        self.compiled: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self.has_compiler = True

    def __call__(self, x: Tensor) -> Any:
        if not self._can_compile(x.device):
            return self.function(x)
        length = x.shape[self.axis]
        missing = next(size for size in self.sizes if size >= length) - length
        if missing:
            zeros = x.new_zeros(*x.shape[: self.axis], missing, *x.shape[self.axis + 1 :])
            x = torch.cat([x, zeros], self.axis)
        x = x.contiguous()
        if x.storage_offset() * x.element_size() % WORD_BITS:
            x = x.clone()  # the compiled code is made for the alignment of its first input
        key = (tuple(x.shape), x.dtype, x.device)
        if key not in self.compiled:
            self.compiled[key] = compile_alone(self.function, **self.options)
        return self.compiled[key](x)

    def _can_compile(self, device: torch.device) -> bool:
        if device.type == "cpu" and self.has_compiler:
            try:
                check_cxx()
            except MissingToolError as error:
                warnings.warn(f"{error}; PackedLogicNet runs without compilation", stacklevel=2)
                self.has_compiler = False
        return self.has_compiler or device.type != "cpu"


def _without_checks(options: dict[str, Any]) -> dict[str, Any]:
    """The options for code that does not check again whether a row exists each time it reads one.

    With these checks it takes up to twice as long.
    """
    if "mode" in options or options.get("backend", "inductor") != "inductor":
        return options  # torch.compile takes either a mode or options
    return {**options, "options": {"assert_indirect_indexing": False, **(options.get("options") or {})}}
