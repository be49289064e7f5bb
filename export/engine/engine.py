"""The engine: a network as data for a library that is built once, not a program that is compiled for each network."""

import ctypes
import weakref
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import FormatError, OptionError
from bitlogic.export.engine.inputs import Rows, rows_of
from bitlogic.export.engine.library import Call, kernels_of, library
from bitlogic.export.engine.model import Interface, model_bytes, read_interface
from bitlogic.export.engine.outputs import head_floats, like
from bitlogic.export.engine.plan import plan
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.pool import num_processors, run

if TYPE_CHECKING:
    from torch import nn

Array = npt.NDArray[Any]
WIDTHS = (64, 128, 256, 512)
_BLOCK = 512  # samples that the library works on at a time
_SHARES = 64  # of each thread in a large batch
_LINE = 64  # bytes of a cache line
_DONE, _NO_BIT, _BEYOND_GRID = range(3)  # enum engine_status of engine.h


class Engine:
    """A network on a CPU: integers equal to those of ``evaluate``, scores equal to those of ``model.eval()``.

    ``engine(x)`` gives the head's float scores as `PackedLogicNet` does, ``scores(x)`` and ``class_ids(x)`` integers:
    tensors for tensors, arrays for arrays. ``x`` is a batch ``(n, ...)``: floats, or integers of the encoder's grid
    (`Encoder.quantize`). With ``ready_bits=True``, and for a model without an encoder, it is the encoder's output as
    bool or as 0 and 1 of any dtype. `Planes` and `PackBitsTensor` are such bits, packed, and the quickest to read. NaN
    is above no threshold. What does not fit the model is a ValueError, what is no number or bit a TypeError.

    Several threads may call one engine at the same time.

    Args:
        source: a trained model, which is extracted and optimised; or a netlist, which is taken as it is.
        width: bits of the words to compute with, 64, 128, 256 or 512; None: the most that this processor has.
        threads: how many share a large batch; None: as many as the processors this process may use.

    Attributes:
        interface: what the model says of its inputs, its head and the netlist that it comes from.
        width: bits of a word.
        threads: how many share a large batch.

    Raises:
        MissingToolError: the machine has no C compiler, which the first use on a machine needs, for some seconds.
        OptionError: a width that this processor does not have, or no thread at all.
        ExportError: a model that cannot be extracted.
    """

    interface: Interface
    width: int
    threads: int

    def __init__(self, source: "nn.Module | Netlist", *, width: int | None = None, threads: int | None = None) -> None:
        netlist = netlist_of(source)
        self._set_up(model_bytes(netlist, plan(netlist)), width, threads, "the model")

    @classmethod
    def load(cls, path: str | Path, *, width: int | None = None, threads: int | None = None) -> "Engine":
        """The engine of a file that ``save`` wrote, in milliseconds; FormatError for any other file."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise FormatError(f"{path}: {error.strerror}") from error
        return cls.from_bytes(data, str(path), width=width, threads=threads)

    @classmethod
    def from_bytes(
        cls, data: bytes, where: str = "model", *, width: int | None = None, threads: int | None = None
    ) -> "Engine":
        """The engine of a model file's content; FormatError, naming ``where``, for anything else."""
        engine = cls.__new__(cls)
        engine._set_up(data, width, threads, where)
        return engine

    def save(self, path: str | Path) -> None:
        """Writes the model file (``bitlogic.export.engine.model``) to ``path``, whole or not at all."""
        path = Path(path)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(self._data)
        partial.replace(path)

    def __call__(self, x: Any, *, ready_bits: bool = False) -> Any:
        """The head's float scores ``(n, num_classes)``: ``scale * score / tau + beta``, float32 or x's wider dtype."""
        scores = self._run(x, ready_bits=ready_bits, wants_scores=True)[0]
        return head_floats(x, scores, self.interface.head)

    def scores(self, x: Any, *, ready_bits: bool = False) -> Any:
        """The integer scores before tau and beta, int64 ``(n, num_classes)``."""
        return like(x, self._run(x, ready_bits=ready_bits, wants_scores=True)[0])

    def class_ids(self, x: Any, *, ready_bits: bool = False) -> Any:
        """The class with the highest score of each sample, int64 ``(n,)``; the lowest index of equal ones."""
        return like(x, self._run(x, ready_bits=ready_bits, wants_classes=True)[1])

    def results(self, x: Any, *, ready_bits: bool = False) -> tuple[Array, Array]:
        """Scores and classes of one pass, as arrays."""
        return self._run(x, ready_bits=ready_bits, wants_scores=True, wants_classes=True)

    def __repr__(self) -> str:
        shape = self.interface.input_shape if self.interface.has_encoder else (self.interface.num_inputs,)
        return (
            f"Engine({shape} to {self.interface.head.num_classes} classes, width={self.width}, threads={self.threads})"
        )

    def _set_up(self, data: bytes, width: int | None, threads: int | None, where: str) -> None:
        if threads is not None and threads < 1:
            raise OptionError(f"threads is at least 1, not {threads}")
        self._library = library()
        self.width = _usable(width)
        self._kernels = kernels_of(self.width)
        self.threads = num_processors() if threads is None else threads
        handle, message = ctypes.c_void_p(), ctypes.create_string_buffer(256)
        if not self._library.engine_open(data, len(data), ctypes.byref(handle), message, len(message)):
            raise FormatError(f"{where}: {message.value.decode(errors='replace')}")
        self._handle = handle
        weakref.finalize(self, self._library.engine_close, handle)
        self._data = data
        self.interface = read_interface(data)
        self._work_bytes = int(self._library.engine_work_bytes(handle))
        self._work: deque[Array] = deque()  # memory of earlier calls: the signals of a block

    def _run(
        self, x: Any, *, ready_bits: bool, wants_scores: bool = False, wants_classes: bool = False
    ) -> tuple[Array, Array]:
        rows = rows_of(x, self.interface, ready_bits=ready_bits)
        num, num_classes = rows.num_samples, self.interface.head.num_classes
        scores = np.empty((num if wants_scores else 0, num_classes), dtype=np.int64)
        class_ids = np.empty(num if wants_classes else 0, dtype=np.int64)
        blocks = -(-num // _BLOCK)
        threads = min(self.threads, blocks)
        # Small shares, so that a thread that wakes late leaves the others no rest to wait for.
        grain = _BLOCK * max(1, blocks // (_SHARES * threads)) if threads > 1 else max(1, num)
        taken = ctypes.c_int64(0)
        statuses = run([partial(self._call, rows, scores, class_ids, grain, taken)] * threads)
        if _NO_BIT in statuses:
            raise ValueError("the bits hold a value that is neither 0 nor 1")
        if _BEYOND_GRID in statuses:
            raise ValueError(f"an input beyond the encoder's grid, which is 0 to {self.interface.max_input}")
        if any(statuses):
            raise RuntimeError(f"the engine's library ends with status {max(statuses)}")
        return scores, class_ids

    def _call(self, rows: Rows, scores: Array, class_ids: Array, grain: int, taken: ctypes.c_int64) -> int:
        """Computes shares of the batch until all are taken."""
        try:
            work = self._work.pop()
        except IndexError:
            work = np.zeros(self._work_bytes + _LINE, dtype=np.uint8)
        row_bytes, word_bytes = rows.values.strides
        call = Call(
            input=rows.input,
            num_samples=rows.num_samples,
            grain=grain,
            next=ctypes.pointer(taken),
            x=rows.values.ctypes.data,
            row_bytes=row_bytes,
            word_bytes=word_bytes,
            scores=scores.ctypes.data if len(scores) else None,
            class_ids=class_ids.ctypes.data if len(class_ids) else None,
            work=work.ctypes.data + -work.ctypes.data % _LINE,
        )
        status: int = self._kernels(self._handle, ctypes.byref(call))
        self._work.append(work)
        return status


def usable_widths() -> tuple[int, ...]:
    """The widths that this processor runs, ascending; the library is built where it was not yet."""
    found = library().engine_widths()
    return tuple(width for width in WIDTHS if found & width)


def _usable(width: int | None) -> int:
    here = usable_widths()
    if width is None:
        return here[-1]
    if width not in here:
        raise OptionError(f"width {width!r}: this processor computes with {', '.join(map(str, here))} bits")
    return width


def netlist_of(source: "nn.Module | Netlist") -> Netlist:
    """The netlist itself, or a model's, extracted and optimised; ExportError for a model that cannot be extracted."""
    if isinstance(source, Netlist):
        return source
    from bitlogic.export.extract import extract  # torch

    return optimize(extract(source))
