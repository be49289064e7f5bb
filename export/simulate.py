"""One run of a Verilog or VHDL design in a real simulator: samples in, scores and classes out, all read from its ports.

Any top module with the ports of one of the interfaces will do (``testbench_ports``). cocotb drives the simulator: a
child process (``cocotb_launch``) builds and starts it, ``cocotb_bench`` runs inside it, and files in a temporary folder
carry the data. For Verilog Icarus is preferred, then Verilator; the environment variable BITLOGIC_SIMULATOR (``icarus``
or ``verilator``) chooses. For VHDL there is ``ghdl``.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import ParseError

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.samples import Result, Samples
from bitlogic.export.simulators import (
    GHDL,
    SIMULATORS,
    available_simulators,
    environment_of,
    missing_ghdl,
    missing_simulator,
)
from bitlogic.export.testbench_ports import Ports as Ports
from bitlogic.export.testbench_ports import described, hex_lines, packed_inputs, unpacked_results

TIMEOUT_SECONDS = 3600.0
TEST_FOLDER = "test/"  # of an export: benches, which are no part of the design
_LAST_LINES = 12
_SUFFIXES = {"Verilog": (".v", ".sv"), "VHDL": (".vhd",)}


def simulate(
    files: Mapping[str, bytes], top: str, ports: Ports, samples: Samples, simulator: str | None = None
) -> Result:
    """What the module ``top`` of the Verilog ``files``, for ``ghdl`` the VHDL ones, answers to the samples, in order.

    A clocked design starts with unknown inputs and one edge of ``rst``, then gets samples one by one, back to back, and
    with random pauses on both sides and two resets on the way, after which the interrupted samples are given again;
    with back-pressure also a standstill, an AXI4-Stream also frames of a wrong length. TargetError, one line, if a
    handshake breaks a rule, a sample is lost or doubled, the latency or the interval is not the promised one, an output
    reads X or Z (it names the sample), if the build fails or the run takes longer than an hour, and for samples that
    the ports cannot carry. MissingToolError without a simulator.
    """
    inputs = packed_inputs(ports, samples)
    simulator = choose_simulator(simulator)
    with TemporaryDirectory(prefix="bitlogic-sim-") as name:
        folder = Path(name)
        sources = _write_sources(folder / "sources", files, "VHDL" if simulator == GHDL else "Verilog")
        (folder / "inputs.mem").write_bytes(hex_lines(inputs))
        run = {"top": top, "sources": sources, "num_samples": len(samples), "compare": False}
        (folder / "bench.json").write_text(json.dumps({**run, **described(ports)}))
        _launch(folder, simulator)
        return _outcome(folder, ports, len(samples))


def choose_simulator(simulator: str | None = None) -> str:
    """The simulator asked for, by argument or BITLOGIC_SIMULATOR, or the first that is there; else MissingToolError."""
    if simulator == GHDL:
        missing = missing_ghdl()
        if missing is not None:
            raise MissingToolError(missing)
        return GHDL
    wanted = simulator or os.environ.get("BITLOGIC_SIMULATOR") or None
    if wanted is not None and wanted not in SIMULATORS:
        raise MissingToolError(f"{wanted!r} is no simulator of ours; choose one of {', '.join(SIMULATORS)}")
    present = available_simulators()
    if wanted in present:
        return wanted
    if wanted is None and present:
        return present[0]
    raise MissingToolError(missing_simulator(wanted))


def _write_sources(folder: Path, files: Mapping[str, bytes], language: str) -> list[str]:
    sources = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix in _SUFFIXES[language] and not name.startswith(TEST_FOLDER):
            sources.append(str(path))
    if not sources:
        raise TargetError(f"no {language} among the files {', '.join(files) or '(none)'}")
    return sources


def _launch(folder: Path, simulator: str) -> None:
    """Runs the child in a process group of its own, so that a time limit ends the simulator with it."""
    command = [sys.executable, "-m", "bitlogic.export.cocotb_launch", str(folder), simulator]
    with (folder / "launch.log").open("wb") as log:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of(simulator),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            child.wait(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"{simulator} did not finish in {TIMEOUT_SECONDS:.0f} s") from error
        finally:
            if child.poll() is None:  # also when the user interrupts
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _outcome(folder: Path, ports: Ports, num_samples: int) -> Result:
    """The result that the bench left; cocotb's results.xml decides, for a simulator exits 0 when a test failed."""
    output = folder / "build"
    problem = output / "problem.txt"
    if problem.exists():
        raise TargetError(problem.read_text())
    if not _test_passed(output / "results.xml"):
        raise TargetError(f"the simulation failed:\n{_last_lines(folder)}")
    words = [int(line, 16) for line in (output / "got.mem").read_text().split()]
    if len(words) != num_samples:
        raise TargetError(f"the bench read {len(words)} results for {num_samples} samples")
    return unpacked_results(ports, words)


def _test_passed(results: Path) -> bool:
    from cocotb_tools.check_results import get_results

    try:
        return results.is_file() and get_results(results) == (1, 0)
    except ParseError:  # the simulator died while it wrote
        return False


def _last_lines(folder: Path) -> str:
    lines: list[str] = []
    for name in ("build/build.log", "build/run.log", "launch.log"):
        path = folder / name
        lines += path.read_text(errors="replace").splitlines()[-_LAST_LINES:] if path.exists() else []
    return "\n".join(lines)
