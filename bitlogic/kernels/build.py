"""The kernels' shared library: built once by the machine's C compiler, then found in the user's cache."""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("lut.c", "lut_real.h")
_FLAGS = ("-std=gnu99", "-O3", "-ffp-contract=fast", "-fPIC", "-shared")
_TIMEOUT_SECONDS = 300  # a build takes seconds


@dataclass(frozen=True)
class Library:
    """The loaded library, or None, and in words what it is or why there is none."""

    handle: ctypes.CDLL | None
    description: str


@functools.cache
def library() -> Library:
    """The library, built at the first call on this machine.

    The compiler is $CC, else the first of cc, gcc and clang. The library is kept in $BITLOGIC_CACHE, else
    $XDG_CACHE_HOME/bitlogic, else ~/.cache/bitlogic, under a name made of source, compiler and processor; where that
    folder cannot be written, every process builds its own. BITLOGIC_NATIVE=0 switches it off. A compiler that fails is
    one RuntimeWarning; its absence is none.
    """
    if os.environ.get("BITLOGIC_NATIVE") == "0":
        return Library(None, "switched off by BITLOGIC_NATIVE=0")
    named = shlex.split(os.environ.get("CC", ""))
    path = next((found for name in (named[:1] or ["cc", "gcc", "clang"]) if (found := shutil.which(name))), None)
    if path is None:
        return Library(None, f"no C compiler ({named[0] if named else 'cc, gcc or clang'})")
    compiler = [path, *named[1:]]
    try:
        return Library(_load_or_build(compiler), f"built by {' '.join(compiler)}")
    except _BuildError as error:
        warnings.warn(
            f"the training kernels cannot be built, a slower path is used (BITLOGIC_NATIVE=0 silences this): {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return Library(None, str(error))


class _BuildError(Exception):
    """The compiler or the loader refuses; the message is its first line."""


def _load_or_build(compiler: list[str]) -> ctypes.CDLL:
    version = _run([*compiler, "--version"])
    source = Path(__file__).parent
    key = hashlib.sha256(b"\0".join((source / name).read_bytes() for name in SOURCES))
    key.update("\0".join([version, *compiler, *_FLAGS, _processor()]).encode())
    name = f"lut-{key.hexdigest()[:32]}.so"
    for folder in _cache_folders():
        target = folder / name
        if loaded := _load(target):
            return loaded
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as workshop:
                # Of two processes that build at the same time the later one replaces the file by an equal one.
                os.replace(_compile(compiler, source, Path(workshop) / name), target)
        except OSError:
            continue  # not writable
        if loaded := _load(target):
            return loaded
    with tempfile.TemporaryDirectory() as workshop:
        built = _compile(compiler, source, Path(workshop) / name)
        try:
            return ctypes.CDLL(str(built))
        except OSError as error:
            raise _BuildError(str(error)) from error


def _load(path: Path) -> ctypes.CDLL | None:
    """The library, or None where there is no such file or it is not one that can be loaded."""
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _cache_folders() -> list[Path]:
    """The one folder in use, or none where there is no home."""
    if named := os.environ.get("BITLOGIC_CACHE"):
        return [Path(named)]
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return [Path(cache) / "bitlogic"]
    home = os.path.expanduser("~")
    return [Path(home) / ".cache" / "bitlogic"] if os.path.isabs(home) else []


def _compile(compiler: list[str], source: Path, target: Path) -> Path:
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
    command = [*compiler, *_FLAGS, str(source / SOURCES[0]), "-o", str(target)]
    try:
        _run([*command, "-march=native" if x86 else "-mcpu=native"])
    except _BuildError:
        _run(command)  # a compiler that does not know the processor
    return target


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _BuildError(str(error)) from error
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise _BuildError(said[0] if said else f"{' '.join(command[:1])} ends with status {done.returncode}")
    return done.stdout


def _processor() -> str:
    """What -march=native depends on: folders are shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    known = {line for line in lines if line.lower().startswith(("model name", "flags", "features", "cpu part"))}
    return "\n".join([platform.machine(), platform.processor(), *sorted(known)])
