"""A verification that is told to stop takes its simulator and its temporary folder with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bitlogic.export.folder import export
from tests.nets import random_netlist


@pytest.mark.verilator
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sigterm_ends_the_simulator_and_removes_its_folder(tmp_path: Path) -> None:
    export(random_netlist(0), "verilog").write(tmp_path / "build")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "BITLOGIC_SIMULATOR": "verilator"}
    command = [sys.executable, "-m", "bitlogic.export.cli", "verify", str(tmp_path / "build")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(temporary.glob("bitlogic-sim-*/launch.log")):
        assert process.poll() is None and time.monotonic() < deadline, "the simulation does not start"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert not list(temporary.iterdir())
    assert not (tmp_path / "build" / "verify.json").exists()
    assert not [path for path in Path("/proc").glob("[0-9]*/cwd") if _leads_into(path, temporary)]


def _leads_into(link: Path, folder: Path) -> bool:
    try:
        return str(link.readlink()).startswith(str(folder))
    except OSError:  # the process has just ended, or is not ours to look at
        return False
