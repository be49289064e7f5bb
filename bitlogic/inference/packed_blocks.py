"""A function of samples behind torch.compile, for blocks of a few sizes, so that a new batch size compiles nothing."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bitlogic.compile import check_cxx, compile_alone
from bitlogic.errors import MissingToolError
from bitlogic.inference.pack import WORD_BITS


class CompiledBlocks:
    """``blocks(samples, ready_bits)`` is what the function gives for them, or for them and zeros behind them.

    Each size of block is compiled at its first use, once for each dtype, device and ``ready_bits``. Without the
    compiler that torch.compile calls it warns once, and the function runs as it is.
    """

    def __init__(self, function: Callable[[Tensor, bool], Any], largest: int, options: dict[str, Any]) -> None:
        self.function, self.options = function, options
        self.sizes = sorted({WORD_BITS, 8 * WORD_BITS, largest})
        self.compiled: dict[tuple[Any, ...], Callable[[Tensor, bool], Any]] = {}
        self.has_compiler = True

    @property
    def largest(self) -> int:
        """Samples, as many as a call takes at most."""
        return self.sizes[-1]

    def __call__(self, samples: Tensor, ready_bits: bool) -> Any:
        if not self._can_compile(samples.device):
            return self.function(samples, ready_bits)
        size = next(size for size in self.sizes if size >= len(samples))
        if size > len(samples):
            filled = samples.new_zeros(size, *samples.shape[1:])
            filled[: len(samples)] = samples
            samples = filled
        samples = samples.contiguous()
        if samples.storage_offset() * samples.element_size() % WORD_BITS:
            samples = samples.clone()  # the compiled code is made for the alignment of its first input
        key = (tuple(samples.shape), samples.dtype, samples.device, ready_bits)
        if key not in self.compiled:
            self.compiled[key] = compile_alone(self.function, **{"dynamic": False, "fullgraph": True, **self.options})
        return self.compiled[key](samples, ready_bits)

    def _can_compile(self, device: torch.device) -> bool:
        if device.type == "cpu" and self.has_compiler:
            try:
                check_cxx()
            except MissingToolError as error:
                warnings.warn(f"{error}; PackedLogicNet runs without compilation", stacklevel=2)
                self.has_compiler = False
        return self.has_compiler or device.type != "cpu"
