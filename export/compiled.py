"""CompiledLogicNet: a model as C of its own, compiled for this machine and called from Python."""

import ctypes
import hashlib
from collections import deque
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import OptionError
from bitlogic.export.compilers import Compiler, find_compiler
from bitlogic.export.engine import Engine
from bitlogic.export.engine.engine import netlist_of
from bitlogic.export.engine.inputs import Input, Rows, rows_of
from bitlogic.export.engine.model import Interface
from bitlogic.export.engine.outputs import head_floats, like
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c import COptions, emit
from bitlogic.native import cached_library
from bitlogic.pool import num_processors, run

if TYPE_CHECKING:
    from torch import nn

Array = npt.NDArray[Any]
_PREFIX = "net"
_LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")
_ENTRIES = {
    Input.UINT8: "batch",
    Input.UINT16: "batch",
    Input.FLOAT32: "batch_float",
    Input.BITS: "batch_bools",
    Input.WORDS: "batch_planes",
}


class CompiledLogicNet:
    """The model's discrete function as a compiled program; equal to ``model.eval()`` and `PackedLogicNet` bit for bit.

    It is a copy: training the model further does not change it. Calling it gives the head's float scores ``(n, k)``,
    ``scores(x)`` and ``class_ids(x)`` integers: tensors for tensors, arrays for arrays. ``x`` is a batch ``(n, ...)``
    on the CPU: floats, or integers of the encoder's grid (`Encoder.quantize`). With ``ready_bits=True``, and for a
    model without an encoder, it is the encoder's output as bool or as 0 and 1 of any dtype. Classes alone are the
    quickest. Several threads may call one net at the same time.

    Compiling takes about a second of gcc for each 1000 LUTs of rank 4, once: the program is kept in the user's cache
    (`bitlogic.native`) under a digest of netlist, compiler and flags. `Engine` compiles nothing for a model.

    Args:
        model: a trained model, which is extracted and optimised; or a netlist, which is taken as it is.
        compiler: ``gcc``, ``clang`` or ``zig`` (pip install 'bitlogic[cross]'); None: `Engine` answers instead.
        optimization_level: of the code that encodes, counts and compares. The LUTs are always compiled with -O1: -O3
            makes them no faster and takes several times as long.
        width: samples in a word, 32, 64, 128, 256 or 512; None: as many as this processor's registers hold.
        threads: how many share a large batch; None: as many as the processors this process may use.

    Raises:
        MissingToolError: that compiler is not installed.
        OptionError: a value that is not allowed.
        ExportError: a model that cannot be extracted.
        ToolError: the compiler fails.
    """

    def __init__(
        self,
        model: "nn.Module | Netlist",
        compiler: str | None = "gcc",
        optimization_level: str = "-O3",
        *,
        width: int | None = None,
        threads: int | None = None,
    ) -> None:
        if optimization_level not in _LEVELS:
            raise OptionError(f"optimization_level is one of {', '.join(_LEVELS)}, not {optimization_level!r}")
        if threads is not None and threads < 1:
            raise OptionError(f"threads is at least 1, not {threads}")
        netlist = netlist_of(model)
        self._engine: Any = None
        if compiler is None:
            self._engine = Engine(netlist, width=width, threads=threads)
            return
        found = find_compiler(compiler)
        self.compiler = compiler
        self.width = found.width if width is None else width
        self.threads = num_processors() if threads is None else threads
        self.interface = _interface(netlist)
        kind = InputKind.BITS if netlist.encoder is None else InputKind.X
        options = COptions(prefix=_PREFIX, input=kind, width=self.width)
        self._library = _library(netlist, options, found, optimization_level)
        self._work_bytes = ctypes.c_int64.in_dll(self._library, f"{_PREFIX}_work_bytes").value
        self._work: deque[Array] = deque()  # buffers of earlier calls

    def __call__(self, x: Any, *, ready_bits: bool = False) -> Any:
        """The head's float scores ``(n, k)``: ``scale * score / tau + beta``, float32 or x's wider dtype."""
        if self._engine is not None:
            return self._engine(x, ready_bits=ready_bits)
        return head_floats(x, self._scores(x, ready_bits), self.interface.head)

    def scores(self, x: Any, *, ready_bits: bool = False) -> Any:
        """The integer scores before tau and beta, int64 ``(n, k)``."""
        if self._engine is not None:
            return self._engine.scores(x, ready_bits=ready_bits)
        return like(x, self._scores(x, ready_bits))

    def class_ids(self, x: Any, *, ready_bits: bool = False) -> Any:
        """The class with the highest score of each sample, int64 ``(n,)``; the lowest index of equal ones."""
        if self._engine is not None:
            return self._engine.class_ids(x, ready_bits=ready_bits)
        rows = self._rows(x, ready_bits)
        class_ids = np.empty(rows.num_samples, dtype=np.int32)
        self._run(rows, None, class_ids)
        return like(x, class_ids.astype(np.int64))

    def _scores(self, x: Any, ready_bits: bool) -> Array:
        rows = self._rows(x, ready_bits)
        scores = np.empty((rows.num_samples, self.interface.head.num_classes), dtype=np.int32)
        self._run(rows, scores, None)
        return scores.astype(np.int64)

    def _rows(self, x: Any, ready_bits: bool) -> Rows:
        """The batch as the C code reads it: rows without gaps, and nothing in them that it does not expect."""
        rows = rows_of(x, self.interface, ready_bits=ready_bits)
        values = rows.values
        if rows.input is Input.WORDS:
            return rows
        if rows.input is not Input.FLOAT32 and values.size and values.dtype.kind == "u":
            top = 1 if rows.input is Input.BITS else self.interface.max_input
            if top < np.iinfo(values.dtype).max and int(values.max()) > top:
                what = "the bits hold a value that is neither 0 nor 1"
                if rows.input is not Input.BITS:
                    what = f"an input beyond the encoder's grid, which is 0 to {top}"
                raise ValueError(what)
        return Rows(rows.input, np.ascontiguousarray(values), rows.num_samples)

    def _run(self, rows: Rows, scores: Array | None, class_ids: Array | None) -> None:
        function = self._library[f"{_PREFIX}_{_ENTRIES[rows.input]}"]
        of_words = rows.input is Input.WORDS
        strides = [stride // 8 for stride in rows.values.strides] if of_words else []
        function.argtypes = [ctypes.c_void_p, *[ctypes.c_int64] * (len(strides) + 1), *[ctypes.c_void_p] * 3]
        function.restype = None
        block = max(64, self.width)  # packed rows hold 64 samples
        blocks = -(-rows.num_samples // block)
        step = max(1, -(-blocks // self.threads)) * block

        def call(start: int) -> int:
            try:
                work = self._work.pop()
            except IndexError:
                work = np.empty(self._work_bytes, dtype=np.uint8)
            values = rows.values[:, start // 64 :] if of_words else rows.values[start:]
            function(
                values.ctypes.data,
                *strides,
                min(step, rows.num_samples - start),
                None if scores is None else scores[start:].ctypes.data,
                None if class_ids is None else class_ids[start:].ctypes.data,
                work.ctypes.data,
            )
            self._work.append(work)
            return 0

        run([lambda start=start: call(start) for start in range(0, rows.num_samples, step)])  # type: ignore[misc]


def _interface(netlist: Netlist) -> Interface:
    encoder = netlist.encoder
    return Interface(
        num_inputs=netlist.num_inputs,
        num_features=0 if encoder is None else encoder.num_features,
        input_bits=0 if encoder is None else encoder.input_bits,
        input_shape=() if encoder is None else encoder.input_shape,
        has_encoder=encoder is not None,
        head=netlist.head,
        netlist_digest=netlist.digest(),
    )


def _library(netlist: Netlist, options: COptions, compiler: Compiler, level: str) -> ctypes.CDLL:
    """The compiled program, from the cache where it is there; ToolError, with the compiler's words, if it refuses."""
    key = hashlib.sha256("\0".join([netlist.digest(), repr(options), *compiler.command, level]).encode())
    key.update(compiler.target.encode() + _code_digest())

    def build(target: Path) -> None:
        sources = emit(netlist, options).files
        wanted = {name: content for name, content in sources.items() if _is_wanted(name, options.width)}
        upper = _PREFIX.upper()
        wanted[f"src/{_PREFIX}_size.c"] = (
            f'#include "{_PREFIX}.h"\nextern const int64_t {_PREFIX}_work_bytes;\n'
            f"const int64_t {_PREFIX}_work_bytes = {upper}_WORK_BATCH_BYTES;\n"
        ).encode()
        levels = {name: "-O1" if "_luts_" in name else level for name in wanted if name.endswith(".c")}
        compiler.build(wanted, levels, target)

    with compiler.as_tool_error():
        return cached_library("net", key.hexdigest(), build)


def _is_wanted(name: str, width: int) -> bool:
    """Whether the batch entry points need the file: headers, and of the sources their own."""
    needed = ("batch", "head", "argmax", *(("bits64",) if width == 64 else ()))
    return name.endswith(".h") or name.startswith(tuple(f"src/{_PREFIX}_{part}" for part in needed))


@cache
def _code_digest() -> bytes:
    """A digest of the code that writes C: writing it takes longer than all else at a start."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")) + sorted(folder.rglob("*.txt")):
        digest.update(path.read_bytes())
    for template in sorted(files("bitlogic.templates").iterdir(), key=lambda entry: entry.name):
        if template.name.startswith("c_"):
            digest.update(template.read_bytes())
    return digest.digest()
