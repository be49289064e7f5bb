"""Building C artifacts into a shared library with the machine's compiler."""

import os
import platform
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.doctor import c_compiler

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
_TIMEOUT_SECONDS = 900  # of one compiler call; a unit of 2048 LUTs takes seconds


def build(artifacts: Artifacts, driver: bytes, folder: Path) -> Path:
    """Writes the artifacts and the driver into ``folder``, compiles every source and links a shared library; its path.

    The compiler is $CC, else the first of cc, gcc and clang. MissingToolError without one; TargetError, with the end of
    the compiler's output, where it refuses.
    """
    compiler = _compiler()
    for name, content in {**artifacts.files, "driver.c": driver}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    sources = sorted(name for name in artifacts.files if name.startswith("src/") and name.endswith(".c"))

    # Wide words are for the machine's own registers; without them a compiler makes do with several narrow ones.
    native = ["-march=native"] if artifacts.manifest["options"].get("width", 64) > 64 and _is_x86() else []

    def compile_one(source: str) -> str:
        flags = [*WARNINGS, *native, "-O1", "-fPIC", "-Iinclude", "-c", source, "-o", f"{source}.o"]
        _call([*compiler, *flags], folder)
        return f"{source}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, [*sources, "driver.c"]))
    # A big network has hundreds of objects; a file of names keeps clear of the limit of a command line.
    (folder / "objects.txt").write_text("\n".join(objects))
    _call([*compiler, "-shared", "-o", "library.so", "@objects.txt"], folder)
    return folder / "library.so"


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64", "i686")


def _compiler() -> list[str]:
    path = c_compiler()
    named = shlex.split(os.environ.get("CC", ""))
    if path is None:
        what = f"{named[0]}, which CC names," if named else "a C compiler (cc, gcc or clang)"
        raise MissingToolError(f"the c target needs {what} to run; on Debian and Ubuntu: apt install build-essential")
    return [path, *named[1:]]


def _call(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{command[0]} took more than {_TIMEOUT_SECONDS} s on {command[-3]}") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[:8]
        raise TargetError(f"{command[0]} refuses the C code:\n" + "\n".join(lines))
