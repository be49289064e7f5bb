"""The engine's C: rendered, built once with the machine's compiler, a width at its first use, and loaded."""

import ctypes
import hashlib
import math
import platform
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import bitlogic
from bitlogic.errors import MissingToolError, ToolError
from bitlogic.export.engine import kernels as own_kernels
from bitlogic.export.engine.kernels import bodies, kernels
from bitlogic.export.engine.model import MAGIC, VERSION
from bitlogic.export.mapping import networks, npn, three_input, two_input
from bitlogic.export.render import render
from bitlogic.native import BuildError, cached_library, find_compiler, missing_compiler, run_compiler

Unit = tuple[str, tuple[str, ...]]  # a source and flags of its own
# Bits of a word and the flags of its instruction set on x86; 128 bits are what every aarch64 has.
_X86_FLAGS: dict[int, tuple[str, ...]] = {
    64: (),
    128: ("-mavx", "-mno-vzeroupper"),
    256: ("-mavx2", "-mno-vzeroupper"),
    512: ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mno-vzeroupper"),
}
_FLAGS = ("-std=gnu11", "-O2", "-fno-tree-vectorize", "-Wno-psabi", "-fPIC")
_HEADERS = tuple(f"engine{name}.h" for name in ("", "_vector", "_luts", "_bits", "_encode", "_scores", "_sums"))
_UNITS = ("engine.c", "engine_load.c", "engine_sha256.c")
_WIDTH_UNIT, _KERNELS = "engine_width.c", "engine_kernels.h"


class Call(ctypes.Structure):
    """``struct engine_call`` of engine.h."""

    _fields_ = (
        ("input", ctypes.c_int64),
        ("num_samples", ctypes.c_int64),
        ("grain", ctypes.c_int64),
        ("next", ctypes.POINTER(ctypes.c_int64)),
        ("x", ctypes.c_void_p),
        ("row_bytes", ctypes.c_int64),
        ("word_bytes", ctypes.c_int64),
        ("scores", ctypes.c_void_p),
        ("class_ids", ctypes.c_void_p),
        ("work", ctypes.c_void_p),
    )


@cache
def library() -> ctypes.CDLL:
    """The part that reads models, built at the first call on a machine, in a second.

    Compiler and cache are those of ``bitlogic.native``.

    Raises:
        MissingToolError: there is no C compiler.
        ToolError: the compiler fails.
    """
    loaded = _cached("engine", [(name, ()) for name in _UNITS])
    pointer, number = ctypes.c_void_p, ctypes.c_size_t
    loaded.engine_open.argtypes = [pointer, number, ctypes.POINTER(pointer), ctypes.c_char_p, number]
    loaded.engine_close.argtypes = [pointer]
    loaded.engine_close.restype = None
    loaded.engine_work_bytes.argtypes = [pointer]
    loaded.engine_work_bytes.restype = ctypes.c_uint64
    loaded.engine_widths.restype = ctypes.c_uint32
    return loaded


@cache
def kernels_of(width: int) -> "ctypes._NamedFuncPointer":
    """The function that runs a model with words of one of ``usable_widths``, built as ``library``, in some seconds."""
    flags = _X86_FLAGS[width] if platform.machine().lower() in ("x86_64", "amd64") else ()
    loaded = _cached(f"engine{width}", [(_WIDTH_UNIT, (f"-DENGINE_WIDTH={width}", *flags))])
    run: ctypes._NamedFuncPointer = loaded[f"engine_run_{width}"]
    run.argtypes = [ctypes.c_void_p, ctypes.POINTER(Call)]
    return run


def _cached(name: str, units: Sequence[Unit]) -> ctypes.CDLL:
    compiler = find_compiler()
    if compiler is None:
        raise MissingToolError(
            f"the engine is built with a C compiler at its first use and there is {missing_compiler()}; on Debian and "
            "Ubuntu: apt install build-essential. PackedLogicNet needs none and gives the same scores"
        )
    try:
        version = run_compiler([*compiler, "--version"])
        key = hashlib.sha256("\0".join([version, *compiler, platform.machine(), *_FLAGS, repr(units)]).encode())
        key.update(_sources_digest())
        return cached_library(name, key.hexdigest(), lambda target: _build(compiler, units, target))
    except BuildError as error:
        raise ToolError(
            f"the engine cannot be built: {error}; PackedLogicNet needs no compiler and gives the same scores"
        ) from error


def _build(compiler: list[str], units: Sequence[Unit], target: Path) -> None:
    """Compiles the units to ``target``, their sources and objects beside it."""
    folder, objects = target.parent, []
    for name, content in sources().items():
        (folder / name).write_bytes(content)
    for source, flags in units:
        objects.append(f"{folder / source}.o")
        run_compiler([*compiler, *_FLAGS, *flags, "-c", str(folder / source), "-o", objects[-1]])
    run_compiler([*compiler, "-shared", *objects, "-o", str(target)])


def sources() -> dict[str, bytes]:
    """The C of the library by file name."""
    table = kernels()
    primes = [number for number in range(2, 312) if all(number % divisor for divisor in range(2, number))]
    holes = {
        "version": VERSION,
        "magic": MAGIC.decode(),
        "arities": ", ".join(map(str, table.arities.tolist())),
        "functions": ", ".join(map(str, table.functions.tolist())),
        "constants": ", ".join(f"0x{_fraction(prime, 3):08x}" for prime in primes[:64]),
        "start": ", ".join(f"0x{_fraction(prime, 2):08x}" for prime in primes[:8]),
    }
    rendered = {name: render(f"{name}.j2", **holes) for name in (*_HEADERS, *_UNITS, _WIDTH_UNIT)}
    for name, operands in (("engine_ternary.h", 3), ("engine_binary.h", 2)):
        rendered[name] = render(f"{_KERNELS}.j2", kernels=bodies(operands), operands=operands)
    return rendered


def _fraction(prime: int, root: int) -> int:
    """The first 32 bits behind the point of the prime's square or cube root: the constants of SHA-256."""
    scaled = prime << (32 * root)
    if root == 2:
        return math.isqrt(scaled) & 0xFFFFFFFF
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= scaled else (low, middle)
    return low & 0xFFFFFFFF


def _sources_digest() -> bytes:
    """A digest of what the sources are rendered from: rendering them takes longer than all else at a start."""
    digest = hashlib.sha256(bitlogic.__version__.encode())
    for name in (*_HEADERS, *_UNITS, _WIDTH_UNIT, _KERNELS):
        digest.update(files("bitlogic.templates").joinpath(f"{name}.j2").read_bytes())
    for module in (own_kernels, networks, npn, three_input, two_input):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(files("bitlogic.export.mapping").joinpath("two_input.txt").read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.digest()
