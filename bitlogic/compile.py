"""compile_model: torch.compile around a model, with optional mixed precision, the model itself untouched."""

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.errors import MissingToolError

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


@dataclass(frozen=True)
class CompileOptions:
    """What `compile_model` was asked for, checked."""

    mode: str | None  # None: no compilation
    dynamic: bool | None
    fullgraph: bool
    amp_dtype: torch.dtype | None
    device_type: str


class CompiledModel(nn.Module):
    """What `compile_model` gives: it runs the compiled form of ``model``, whose parameters and buffers it shares.

    Training it trains ``model``, and ``train()`` and ``eval()`` reach it; the names in its ``state_dict`` begin with
    ``model.``. To save, pack or export, take ``model``. A deep copy is compiled anew around a copy of ``model``.

    Attributes:
        model: the model as it was given.
        options: how it is run.
    """

    def __init__(self, model: nn.Module, options: CompileOptions) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self.options = options
        self._run = model.__call__ if options.mode is None else _compiled(model, options)

    def forward(self, *args: Any, **keywords: Any) -> Any:
        """The model's own output; under autocast with an ``amp_dtype``."""
        if self.options.amp_dtype is None:
            return self._run(*args, **keywords)
        with torch.autocast(self.options.device_type, dtype=self.options.amp_dtype):
            return self._run(*args, **keywords)

    def extra_repr(self) -> str:
        return str(self.options)

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledModel, (self.model, self.options)


def compile_model(
    model: nn.Module,
    *,
    mode: str | bool = "reduce-overhead",
    dynamic: bool | None = False,
    fullgraph: bool = False,
    amp_dtype: torch.dtype | None = None,
    device_type: str | None = None,
) -> CompiledModel:
    """The model behind torch.compile; the first call of each input shape compiles, which takes seconds to minutes.

    Args:
        model: any module; it is not changed and shares its state with the result.
        mode: a mode of torch.compile, True for ``reduce-overhead``, False for no compilation, autocast alone.
        dynamic: torch.compile's: False compiles anew for each batch size, True once for all, None decides by itself.
        fullgraph: torch.compile's: an error where the model does not compile as one graph.
        amp_dtype: bfloat16 or float16 to run under torch.autocast; evaluation stays bit for bit the same.
        device_type: ``cpu``, ``cuda``, …; None: where the model's first parameter or buffer is.

    Raises:
        ValueError: an unknown mode or device, or an ``amp_dtype`` that the device does not have.
        MissingToolError: compilation for the CPU without a C++ compiler.
    """
    options = CompileOptions(_mode(mode), dynamic, fullgraph, amp_dtype, _device_type(model, device_type))
    if amp_dtype is not None:
        _check_amp(options.device_type, amp_dtype)
    if options.mode is not None and options.device_type == "cpu":
        check_cxx()
    return CompiledModel(model, options)


def compile_alone(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """torch.compile of the function, with its options, as if no other code had been compiled before."""

    def run(*args: Any, **keywords: Any) -> Any:
        return function(*args, **keywords)

    # torch.compile counts the compilations of a code object and gives up, back to eager, at eight; all models in one
    # process would share that of `run`, so each takes a code object of its own.
    own = FunctionType(run.__code__.replace(), run.__globals__, run.__name__, None, run.__closure__)
    compiled: Callable[..., Any] = torch.compile(own, **options)
    return compiled


def check_cxx() -> None:
    """MissingToolError without the compiler that torch.compile calls; its own error comes late, behind a long trace."""
    compiler = os.environ.get("CXX") or {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    if shutil.which(compiler) is None:
        raise MissingToolError(
            f"torch.compile needs a C++ compiler for the CPU, and {compiler} is not there; on Debian and Ubuntu: "
            "apt install build-essential; without one use mode=False"
        )


def _compiled(model: nn.Module, options: CompileOptions) -> Callable[..., Any]:
    return compile_alone(model, mode=options.mode, dynamic=options.dynamic, fullgraph=options.fullgraph)


def _mode(mode: str | bool) -> str | None:
    if isinstance(mode, bool):
        return "reduce-overhead" if mode else None
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}; choices: {', '.join(MODES)}, True (reduce-overhead), False (none)")
    return mode


def _device_type(model: nn.Module, device_type: str | None) -> str:
    if device_type is None:
        tensors: list[Tensor] = [*model.parameters(), *model.buffers()]
        return tensors[0].device.type if tensors else "cpu"
    try:
        return torch.device(device_type).type
    except RuntimeError as error:
        raise ValueError(f"unknown device_type {device_type!r}") from error


def _check_amp(device_type: str, dtype: torch.dtype) -> None:
    """ValueError unless autocast has that dtype on that device; torch itself would mostly warn and go on without."""
    if dtype not in (torch.bfloat16, torch.float16):
        raise ValueError(f"amp_dtype is torch.bfloat16, torch.float16 or None, not {dtype}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            torch.autocast(device_type, dtype=dtype)
    except (RuntimeError, UserWarning) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"the device {device_type!r} has no amp_dtype {dtype}: {reason}") from error
