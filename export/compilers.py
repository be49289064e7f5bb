"""The C compilers by name, what they make code for, and sources made into a shared library with one of them."""

import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bitlogic.errors import MissingToolError, OptionError, ToolError
from bitlogic.native import BuildError, run_compiler

COMPILERS = {
    "gcc": "apt install build-essential",
    "clang": "apt install clang",
    "zig": "pip install 'bitlogic[cross]'",
}
_FLAGS = ("-std=c99", "-fPIC")


@dataclass(frozen=True)
class Compiler:
    """A compiler for this machine."""

    name: str
    command: tuple[str, ...]
    target: str  # the macros that it defines, one a line: its version and what the processor has

    @property
    def width(self) -> int:
        """Bits of the widest registers that it uses, at least 64."""
        for macro, width in (("AVX512F", 512), ("AVX2", 256), ("SSE2", 128), ("ARM_NEON", 128)):
            if f"#define __{macro}" in self.target:
                return width
        return 64

    def build(self, sources: Mapping[str, bytes], levels: Mapping[str, str], target: Path) -> None:
        """Writes the sources beside ``target``, compiles those that ``levels`` names, each with its level, and links.

        Raises:
            BuildError: the compiler fails.
        """
        folder = target.parent
        for name, content in sources.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)

        def compile_one(name: str) -> str:
            path = str(folder / f"{name}.o")
            flags = [*_FLAGS, f"-I{folder / 'include'}", levels[name]]
            run_compiler([*self.command, *flags, "-c", str(folder / name), "-o", path])
            return path

        with ThreadPoolExecutor() as pool:
            objects = list(pool.map(compile_one, levels))
        names = folder / "objects.txt"  # hundreds for a big network: too many for a command line
        names.write_text("\n".join(objects))
        run_compiler([*self.command, "-shared", f"@{names}", "-o", str(target)])

    @contextmanager
    def as_tool_error(self) -> Iterator[None]:
        """Turns a BuildError into a ToolError that says what answers without the compiler."""
        try:
            yield
        except BuildError as error:
            raise ToolError(f"{self.name} cannot compile the model: {error}; {_WITHOUT}") from error


_WITHOUT = "PackedLogicNet(model) (torch) and evaluate(extract(model), samples) (numpy) need no compiler"


def find_compiler(name: str) -> Compiler:
    """The compiler ``gcc``, ``clang`` or ``zig``, for the processor of this machine.

    Raises:
        OptionError: another name.
        MissingToolError: it is not installed.
        ToolError: it does not run.
    """
    if name not in COMPILERS:
        raise OptionError(f"compiler is one of {', '.join(COMPILERS)}, or None for the engine, not {name!r}")
    command = _zig() if name == "zig" else _program(name)
    if command is None:
        raise MissingToolError(f"{name} is not installed: {COMPILERS[name]}. {_WITHOUT}")
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
    command = (*command, "-march=native" if x86 else "-mcpu=native")
    try:
        macros = run_compiler([*command, "-dM", "-E", "-x", "c", "/dev/null"])
    except BuildError as error:
        raise ToolError(f"{name} does not run: {error}; {_WITHOUT}") from error
    return Compiler(name, command, macros)


def _program(name: str) -> tuple[str, ...] | None:
    path = shutil.which(name)
    return None if path is None else (path,)


def _zig() -> tuple[str, ...] | None:
    """The wheel's, else one on the path; without the checks that it adds to every program by default."""
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
    path = shutil.which("zig")
    return None if path is None else (path, "cc", "-fno-sanitize=undefined")
