"""The kernels' shared library: built once by the machine's C compiler, then found in the user's cache."""

import ctypes
import functools
import hashlib
import os
import platform
import warnings
from dataclasses import dataclass
from pathlib import Path

from bitlogic.native import BuildError, cached_library, find_compiler, missing_compiler, run_compiler

SOURCES = ("lut.c", "pack.c", "lut_real.h")
_FLAGS = ("-std=gnu99", "-O3", "-ffp-contract=fast", "-fPIC", "-shared")


@dataclass(frozen=True)
class Library:
    """The loaded library, or None, and in words what it is or why there is none."""

    handle: ctypes.CDLL | None
    description: str


@functools.cache
def library() -> Library:
    """The library, built at the first call on this machine.

    Compiler and cache are those of ``bitlogic.native``; the file's name is made of source, compiler and processor.
    BITLOGIC_NATIVE=0 switches it off. A compiler that fails is one RuntimeWarning; its absence is none.
    """
    if os.environ.get("BITLOGIC_NATIVE") == "0":
        return Library(None, "switched off by BITLOGIC_NATIVE=0")
    compiler = find_compiler()
    if compiler is None:
        return Library(None, missing_compiler())
    try:
        return Library(_load_or_build(compiler), f"built by {' '.join(compiler)}")
    except BuildError as error:
        warnings.warn(
            f"the kernels cannot be built, a slower path is used (BITLOGIC_NATIVE=0 silences this): {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return Library(None, str(error))


def _load_or_build(compiler: list[str]) -> ctypes.CDLL:
    version = run_compiler([*compiler, "--version"])
    source = Path(__file__).parent
    key = hashlib.sha256(b"\0".join((source / name).read_bytes() for name in SOURCES))
    key.update("\0".join([version, *compiler, *_FLAGS, _processor()]).encode())

    def build(target: Path) -> None:
        x86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
        units = [str(source / name) for name in SOURCES if name.endswith(".c")]
        command = [*compiler, *_FLAGS, *units, "-o", str(target)]
        try:
            run_compiler([*command, "-march=native" if x86 else "-mcpu=native"])
        except BuildError:
            run_compiler(command)  # a compiler that does not know the processor

    return cached_library("lut", key.hexdigest(), build)


def _processor() -> str:
    """What -march=native depends on: folders are shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    known = {line for line in lines if line.lower().startswith(("model name", "flags", "features", "cpu part"))}
    return "\n".join([platform.machine(), platform.processor(), *sorted(known)])
