"""The FuseSoC core of a Verilog export, run: its simulation passes, and fails on another design."""

import subprocess
import sys
from pathlib import Path

import pytest

from bitlogic.export.folder import export, options_from
from tests.nets import random_netlist

pytestmark = [pytest.mark.fusesoc, pytest.mark.icarus]


def simulated(folder: Path) -> str:
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(folder), "run", "--target", "sim", "::net:0"]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=240)
    return done.stdout + done.stderr


def test_the_simulation_target_passes_and_fails_on_another_design(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    options = options_from("verilog", {"module_name": "net", "map": "lut4", "pipeline": "1"})
    export(random_netlist(1), "verilog", options).write(folder)
    assert "PASS" in simulated(folder)
    other = export(random_netlist(2), "verilog", options)
    (folder / "net.v").write_bytes(other.files["net.v"])
    text = simulated(folder)
    assert "PASS" not in text and "FAIL" in text
