"""Libraries of C, built once with the machine's compiler and then found in the user's cache."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

_TIMEOUT_SECONDS = 300  # of one compiler call; they take seconds


class BuildError(Exception):
    """The compiler or the loader refuses; the message is its first line that says an error."""


def find_compiler() -> list[str] | None:
    """The command of the C compiler: $CC, else the first of cc, gcc and clang; None where there is none."""
    named = shlex.split(os.environ.get("CC", ""))
    path = next((found for name in (named[:1] or ["cc", "gcc", "clang"]) if (found := shutil.which(name))), None)
    return None if path is None else [path, *named[1:]]


def missing_compiler() -> str:
    """What was looked for, in words."""
    named = shlex.split(os.environ.get("CC", ""))
    return f"no C compiler ({named[0] if named else 'cc, gcc or clang'})"


def cached_library(name: str, key: str, build: Callable[[Path], None]) -> ctypes.CDLL:
    """The library ``name-key.so`` of the cache, after ``build(path)`` where it is not there or cannot be loaded.

    The cache is $BITLOGIC_CACHE, else $XDG_CACHE_HOME/bitlogic, else ~/.cache/bitlogic; where that folder cannot be
    written, every process builds its own. ``build`` gets a path in an empty folder, where it may leave more files.

    Raises:
        BuildError: of ``build``, or the loader refuses what was built.
    """
    file = f"{name}-{key[:32]}.so"
    for folder in _cache_folders():
        target = folder / file
        if loaded := _load(target):
            return loaded
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as workshop:
                # Of two processes that build at the same time the later one replaces the file by an equal one.
                build(Path(workshop) / file)
                os.replace(Path(workshop) / file, target)
        except OSError:
            continue  # not writable
        if loaded := _load(target):
            return loaded
    with tempfile.TemporaryDirectory() as workshop:
        build(Path(workshop) / file)
        try:
            return ctypes.CDLL(str(Path(workshop) / file))
        except OSError as error:
            raise BuildError(str(error)) from error


def run_compiler(command: Sequence[str]) -> str:
    """What the command prints on stdout; BuildError with the first line it says where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(str(error)) from error
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        said = [line for line in said if "error" in line.lower()] or said
        raise BuildError(said[0] if said else f"{' '.join(command[:1])} ends with status {done.returncode}")
    return done.stdout


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
