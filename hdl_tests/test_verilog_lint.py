"""The emitted Verilog through the tools that complain: no error, no warning."""

import contextlib
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.verilog import VerilogOptions, emit
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_primitives import Primitives
from tests.nets import DEGENERATE, random_netlist, with_weights

BITS = {"input": InputKind.BITS}
CASES: dict[str, tuple[Netlist, dict[str, Any]]] = {
    "random": (random_netlist(4, widths=(90, 70)), {}),
    "wires": (random_netlist(4, widths=(90, 70)), {"style": Style.WIRES}),
    "generic": (random_netlist(4, widths=(90, 70)), {"primitives": Primitives.GENERIC, "pipeline": 2}),
    "pipelined": (random_netlist(4), {"pipeline": 1}),
    "weights": (with_weights(random_netlist(4), 4), {}),
    "weights pipelined": (with_weights(random_netlist(4), 4), {"pipeline": 2, "lut_size": 6}),
    "stream": (random_netlist(4), {"interface": Interface.STREAM}),
    "axis": (random_netlist(4), {"interface": Interface.AXIS, "axis_bytes": 4}),
    "axi_lite": (random_netlist(4), {"interface": Interface.AXIS, "axi_lite": True}),
    "fold": (random_netlist(4), {"fold": 3}),
    **{
        name: (DEGENERATE[name], BITS)
        for name in ("no_lut", "dead_luts", "constant_luts_in_a_class", "weights_all_zero", "weights_of_one_class")
    },
    "no_lut pipelined": (DEGENERATE["no_lut"], {**BITS, "pipeline": 1}),
}


@pytest.fixture(params=CASES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    netlist, options = CASES[request.param]
    path = tmp_path / "net.v"
    path.write_bytes(emit(netlist, VerilogOptions(module_name="net", **options)).files["net.v"])
    return path


@pytest.mark.icarus
def test_icarus_reads_it_as_verilog_2001_without_a_warning(source: Path) -> None:
    command = ["iverilog", "-g2001", "-Wall", "-s", "net", "-o", str(source.with_suffix(".vvp")), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.verilator
def test_verilator_lints_it_without_a_warning(source: Path) -> None:
    from bitlogic.export.simulators import environment_of

    environment = environment_of("verilator")
    verilator = shutil.which("verilator", path=environment["PATH"])
    assert verilator is not None
    command = [verilator, "--lint-only", "-Wall", "--language", "1364-2001", "--top-module", "net", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr


@pytest.mark.slang
def test_slang_reads_it_as_verilog_without_a_warning(source: Path) -> None:
    from pyslang.driver import Driver

    driver = Driver()
    driver.addStandardArgs()
    assert driver.parseCommandLine(f"slang --std 1364-2005 -Wextra -Wconversion --top net {source}")
    assert driver.processOptions() and driver.parseAllSources()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        driver.reportCompilation(driver.createCompilation(), False)
    assert (driver.diagEngine.numErrors, driver.diagEngine.numWarnings) == (0, 0), shown.getvalue()


@pytest.mark.pyosys
def test_yosys_reads_it_and_finds_nothing_to_check(source: Path) -> None:
    script = f"read_verilog {source}; hierarchy -check -top net; proc; check -assert"
    code = f"from pyosys import libyosys; libyosys.run_pass({script!r}, libyosys.Design())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert "Warning" not in done.stdout + done.stderr
