"""One run of a Verilog design in a real simulator: samples in, scores and classes out, all read from its ports.

Any top module with the ports of the hardware targets will do. cocotb drives the simulator: a child process
(``cocotb_launch``) builds and starts it, ``cocotb_bench`` runs inside it, and files in a temporary folder carry the
data. Icarus is preferred, then Verilator; the environment variable BITLOGIC_SIMULATOR (``icarus`` or ``verilator``)
chooses.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import numpy.typing as npt

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.simulators import SIMULATORS, available_simulators, environment_of, missing_simulator

Array = npt.NDArray[Any]
TIMEOUT_SECONDS = 3600.0
_LAST_LINES = 12


@dataclass(frozen=True)
class Ports:
    """What the ports of a top module carry; ``latency_cycles`` 0 is a combinational design without ``clk``."""

    input: InputKind
    num_elements: int  # features of x, or bits
    element_width: int
    num_classes: int
    score_width: int
    score_signed: bool
    latency_cycles: int

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> "Ports":
        """The ports of a hardware target's artifacts."""
        kind = InputKind(manifest["input"]["kind"])
        encoder = manifest["input"].get("encoder", {})
        output = manifest["output"]
        return Ports(
            input=kind,
            num_elements=encoder["num_features"] if kind is InputKind.X else manifest["input"]["num_bits"],
            element_width=encoder["input_bits"] if kind is InputKind.X else 1,
            num_classes=output["num_classes"],
            score_width=output["score_width"],
            score_signed=output["score_signed"],
            latency_cycles=manifest["latency_cycles"],
        )


def simulate(
    files: Mapping[str, bytes], top: str, ports: Ports, samples: Samples, simulator: str | None = None
) -> Result:
    """What the module ``top`` of the Verilog ``files`` answers to the samples, in their order.

    A pipelined design gets a reset, a stream with pauses and a reset in mid-stream. TargetError if ``valid_out`` does
    not come after exactly ``latency_cycles`` edges, if an output reads X or Z (it names the sample), if the build fails
    or the run takes longer than an hour, and for samples that the ports cannot carry. MissingToolError without a
    simulator.
    """
    inputs = packed_inputs(ports, samples)
    simulator = choose_simulator(simulator)
    with TemporaryDirectory(prefix="bitlogic-sim-") as name:
        folder = Path(name)
        sources = _write_sources(folder / "sources", files)
        np.save(folder / "inputs.npy", inputs)
        plan = {"simulator": simulator, "top": top, "sources": sources, "ports": asdict(ports)}
        (folder / "plan.json").write_text(json.dumps(plan))
        _launch(folder, simulator)
        return _outcome(folder, ports, len(samples))


def choose_simulator(simulator: str | None = None) -> str:
    """The simulator asked for, by argument or BITLOGIC_SIMULATOR, or the first that is there; else MissingToolError."""
    wanted = simulator or os.environ.get("BITLOGIC_SIMULATOR") or None
    if wanted is not None and wanted not in SIMULATORS:
        raise MissingToolError(f"{wanted!r} is no simulator of ours; choose one of {', '.join(SIMULATORS)}")
    present = available_simulators()
    if wanted in present:
        return wanted
    if wanted is None and present:
        return present[0]
    raise MissingToolError(missing_simulator(wanted))


def packed_inputs(ports: Ports, samples: Samples) -> Array:
    """uint8 ``(n, bytes)``: each sample as the input port's bits, lowest first; TargetError where they do not fit."""
    values = samples.values
    if samples.kind is not ports.input:
        raise TargetError(f"samples of kind {samples.kind} for a design that takes {ports.input}")
    if values.dtype.kind != "u":
        raise TargetError("hardware takes the encoder's integers q(x), not float32: quantize the samples first")
    if values.shape[1] != ports.num_elements:
        raise TargetError(f"samples of {values.shape[1]} values; the port {ports.input} carries {ports.num_elements}")
    if values.size and int(values.max()) >> ports.element_width:
        raise TargetError(f"an input of {values.max()}; the port {ports.input} has {ports.element_width} bits for it")
    shifts = np.arange(ports.element_width, dtype=np.uint16)
    bits = (values.astype(np.uint16)[:, :, None] >> shifts & 1).astype(np.uint8)
    return np.packbits(bits.reshape(len(values), ports.num_elements * ports.element_width), axis=1, bitorder="little")


def _write_sources(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    sources = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix in (".v", ".sv"):
            sources.append(str(path))
    if not sources:
        raise TargetError(f"no Verilog among the files {', '.join(files) or '(none)'}")
    return sources


def _launch(folder: Path, simulator: str) -> None:
    """Runs the child in a process group of its own, so that a time limit ends the simulator with it."""
    command = [sys.executable, "-m", "bitlogic.export.cocotb_launch", str(folder)]
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
    problem = folder / "problem.txt"
    if problem.exists():
        raise TargetError(problem.read_text())
    if not _test_passed(folder / "results.xml"):
        raise TargetError(f"the simulation failed:\n{_last_lines(folder)}")
    scores, class_ids = np.load(folder / "scores.npy"), np.load(folder / "class_ids.npy")
    if scores.shape != (num_samples, ports.num_classes) or class_ids.shape != (num_samples,):
        raise TargetError(f"the bench read {scores.shape} scores for {num_samples} samples")
    return Result(scores, class_ids)


def _test_passed(results: Path) -> bool:
    from cocotb_tools.check_results import get_results

    try:
        return results.is_file() and get_results(results) == (1, 0)
    except ParseError:  # the simulator died while it wrote
        return False


def _last_lines(folder: Path) -> str:
    lines: list[str] = []
    for name in ("build.log", "run.log", "launch.log"):
        path = folder / name
        lines += path.read_text(errors="replace").splitlines()[-_LAST_LINES:] if path.exists() else []
    return "\n".join(lines)
