"""`bitlogic bench hardware`: what other people's tools make of an exported Verilog, step by step, with limits."""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bitlogic.errors import MissingToolError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.bench import Row
from bitlogic.export.bench_hardware_nets import VERILOG, HardwareWorkload
from bitlogic.export.bench_refutation import EDITS
from bitlogic.export.evaluate import evaluate
from bitlogic.export.folder import NETLIST, options_from_manifest
from bitlogic.export.formal.log import PROOF
from bitlogic.export.measured import Run, measured_run
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import Samples
from bitlogic.export.simulators import BRINGS, environment_of, icarus, verilator
from bitlogic.export.synthesis.toolbox import find_tool
from bitlogic.export.testbench import FOLDER, testbench_files
from bitlogic.export.testbench_ports import WHOLE_BYTES
from bitlogic.export.vectors import VECTORS, Inputs, Vectors

Say = Callable[[str], None]
REFUSED = "refused: "  # how the reason of a result that is wrong begins
_BITLOGIC = (sys.executable, "-m", "bitlogic")


@dataclass(frozen=True)
class HardwarePlan:
    """Which steps are measured, and how long each may take."""

    steps: Sequence[str]
    limit_seconds: float


@dataclass(frozen=True)
class _Place:
    """An export under measurement, beside it a test folder with the workload's few vectors."""

    folder: Path
    wires: Path  # the same with LUTs written as wires, which is how `synth` hands them to Yosys
    top: str
    num_vectors: int


@dataclass(frozen=True)
class _Step:
    """A command with what must be true of its end, or the reason why it cannot run here."""

    metric: str
    command: tuple[str, ...]
    folder: Path
    wrong: Callable[[Run], str | None]  # what is wrong with the result, or None
    tool: str = "icarus"  # whose environment


def bench_hardware(workloads: Sequence[HardwareWorkload], plan: HardwarePlan, say: Say) -> list[Row]:
    """The rows of all workloads, in turn; nothing runs side by side.

    A step's figures are the CPU seconds of its processes and their largest resident set in MB of 2**20 bytes. It has
    them only if its result is right: a lint without a warning, a simulation whose every score and class is that of
    ``evaluate``, a proof that holds.
    """
    rows: list[Row] = []
    for workload in workloads:
        with tempfile.TemporaryDirectory(prefix="bitlogic-bench-") as name:
            rows += _bench(workload, plan, Path(name), say)
    return rows


def _bench(workload: HardwareWorkload, plan: HardwarePlan, folder: Path, say: Say) -> list[Row]:
    source, exported, wires = folder / "net.npz", folder / "export", folder / "wires"
    workload.netlist.save(source)
    kind = "bits" if workload.netlist.encoder is None else "x"
    command = (*_BITLOGIC, "export", str(source), "--target", "verilog", "--input", kind, "--testbench", "false")
    say(f"{workload.name}: export")
    run = measured_run((*command, "-o", str(exported)), folder, plan.limit_seconds)
    rows = _rows(workload.name, "export", run, plan, _failed(run))
    if rows[0].value is None:
        return rows
    artifacts = Artifacts.read(exported)
    top = options_from_manifest(artifacts.manifest).module_name
    rows.append(Row(workload.name, VERILOG, "LUTs", "", float(Netlist.from_bytes(artifacts.files[NETLIST]).num_luts)))
    rows.append(Row(workload.name, VERILOG, "text", "MB", len(artifacts.files[f"{top}.v"]) / 1e6))
    as_wires = measured_run((*command, "--style", "wires", "-o", str(wires)), folder, plan.limit_seconds)
    if as_wires.code != 0:
        return [*rows, _missing(workload.name, "export of wires", REFUSED + (_failed(as_wires) or "no code"))]
    place = _Place(exported, wires, top, _write_bench(artifacts, exported, workload.num_vectors))
    for name in plan.steps:
        rows += _step_rows(workload.name, name, place, plan, say)
    return rows


def _write_bench(artifacts: Artifacts, folder: Path, num_vectors: int) -> int:
    """Writes the test folder with so many of the export's vectors, spread over all; how many there are."""
    vectors = Vectors.from_bytes(artifacts.files[VECTORS])
    given = vectors.inputs.samples
    chosen = np.unique(np.linspace(0, len(given) - 1, num_vectors).round().astype(np.int64))
    samples = Samples(given.kind, given.values[chosen])
    expected = evaluate(Netlist.from_bytes(artifacts.files[NETLIST]), samples)
    few = replace(vectors, inputs=Inputs(samples, None), expected=expected, source="evaluate")
    options = options_from_manifest(artifacts.manifest)
    for name, content in testbench_files(artifacts.manifest, few, options).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return len(chosen)


def _step_rows(workload: str, name: str, place: _Place, plan: HardwarePlan, say: Say) -> list[Row]:
    """The rows of a step's commands; one that needs another which did not end well is not run."""
    rows: list[Row] = []
    try:
        for step in STEPS[name](place):
            _require(step.tool)
            say(f"{workload}: {step.metric}")
            environment = {**environment_of(step.tool), "CCACHE_DISABLE": "1"}  # each build is a first one
            run = measured_run(step.command, step.folder, plan.limit_seconds, environment)
            rows += _rows(workload, step.metric, run, plan, step.wrong(run))
            if rows[-1].value is None:
                break
    except MissingToolError as error:
        rows.append(_missing(workload, name, str(error)))
    return rows


def _rows(workload: str, metric: str, run: Run, plan: HardwarePlan, wrong: str | None) -> list[Row]:
    if run.timed_out:
        return [_missing(workload, metric, f"> {plan.limit_seconds:g} s")]
    if wrong is not None:
        return [_missing(workload, metric, REFUSED + wrong)]
    return [
        Row(workload, VERILOG, metric, "s", run.seconds),
        Row(workload, VERILOG, f"{metric} memory", "MB", run.peak_mb),
    ]


def _missing(workload: str, metric: str, reason: str) -> Row:
    return Row(workload, VERILOG, metric, "s", None, reason=reason)


def _failed(run: Run) -> str | None:
    if run.code == 0:
        return None
    lines = [line for line in run.text.splitlines() if line.strip()]
    return f"ends with code {run.code}: {lines[-1][:200] if lines else 'nothing printed'}"


def _require(tool: str) -> None:
    """MissingToolError unless the tool is here."""
    if tool == "yosys":
        find_tool("yosys")
    elif (icarus if tool == "icarus" else verilator)() is None:
        raise MissingToolError(f"{tool} is missing: {BRINGS[tool]}")


def _lint(place: _Place) -> list[_Step]:
    def wrong(run: Run) -> str | None:
        warnings = [line for line in run.text.splitlines() if line.startswith("%")]
        return warnings[0][:200] if warnings else _failed(run)

    # No code comes out of a lint, so that the passes which make it faster only take time.
    command = ("verilator", "--lint-only", "-Wall", "-O0", "-fno-dfg", "--top-module", place.top, f"{place.top}.v")
    return [_Step("lint", command, place.folder, wrong, "verilator")]


def _icarus(place: _Place) -> list[_Step]:
    bench = place.folder / FOLDER
    build = ("iverilog", "-g2012", "-s", f"tb_{place.top}", "-o", "bench.vvp", f"tb_{place.top}.v", f"../{place.top}.v")
    return [
        _Step("icarus", build, bench, _failed),
        _Step("icarus run", ("vvp", "-n", "bench.vvp"), bench, _passes(place.num_vectors)),
    ]


def _verilator(place: _Place) -> list[_Step]:
    bench = place.folder / FOLDER
    whole = (place.folder / f"{place.top}.v").stat().st_size <= WHOLE_BYTES  # as the test folder's Makefile has it
    split = ("--output-split", "0") if whole else ()
    quiet = ("--binary", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-fno-dfg", "-j", "1", *split)
    top = ("--top-module", f"tb_{place.top}", "-Mdir", "built", "-o", "bench")
    build = ("verilator", *quiet, *top, f"tb_{place.top}.v", f"../{place.top}.v")
    return [
        _Step("verilator", build, bench, _failed, "verilator"),
        _Step("verilator run", ("built/bench",), bench, _passes(place.num_vectors), "verilator"),
    ]


def _yosys(place: _Place) -> list[_Step]:
    lines = [f"read_verilog {place.top}.v", f"hierarchy -check -top {place.top}", "proc", "flatten", "stat"]
    (place.wires / "read.ys").write_text("".join(f"{line}\n" for line in lines))
    return [_Step("yosys", (*find_tool("yosys").command, "read.ys"), place.wires, _failed, "yosys")]


def _proof(place: _Place) -> list[_Step]:
    def wrong(run: Run) -> str | None:
        if not (place.folder / PROOF).exists():
            return _failed(run) or "there is no proof"
        logs = json.loads((place.folder / PROOF).read_text())
        undecided = [item for log in logs for item in log["obligations"] if item["outcome"] != "proven"]
        if undecided:
            return f"{undecided[0]['outcome']}: {undecided[0]['name']}: {undecided[0]['statement']}"[:200]
        return None if logs and all(log["holds"] for log in logs) else "no obligation was proven"

    command = (sys.executable, "-m", "bitlogic.export.bench_proof", str(place.folder))
    return [_Step("proof", command, place.folder, wrong, "yosys")]


def _refutation(place: _Place) -> list[_Step]:
    def wrong(run: Run) -> str | None:
        return None if run.code == 0 else _failed(run) or "not refuted"

    command = (sys.executable, "-m", "bitlogic.export.bench_refutation", str(place.folder))
    return [_Step(f"refutation of a {edit}", (*command, edit), place.folder, wrong, "yosys") for edit in EDITS]


def _passes(num_vectors: int) -> Callable[[Run], str | None]:
    """What is wrong with a bench's run, whose last word is that all vectors pass."""
    word = f"PASS {num_vectors}/{num_vectors}"
    return lambda run: None if word in run.text and run.code == 0 else _failed(run) or f"does not print {word}"


STEPS: dict[str, Callable[[_Place], list[_Step]]] = {
    "lint": _lint,
    "icarus": _icarus,
    "verilator": _verilator,
    "yosys": _yosys,
    "proof": _proof,
    "refutation": _refutation,
}
