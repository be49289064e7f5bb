"""`bitlogic bench hardware` on small networks: rows, limits, and a wrong result that is seen."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitlogic.errors import OptionError
from bitlogic.export import bench_hardware as measured
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.bench_hardware import STEPS, HardwarePlan, bench_hardware
from bitlogic.export.bench_hardware_nets import NAMES, random_workload, trained_workload
from bitlogic.export.bench_refutation import EDITS
from bitlogic.export.bench_refutation import main as refute
from bitlogic.export.cli import main
from bitlogic.export.evaluate import evaluate
from bitlogic.export.folder import NETLIST
from bitlogic.export.netlist import FIRST_INPUT
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.verilog import VerilogOptions, emit

SMALL = random_workload("1k", 50)


def rows_of(*steps: str, limit: float = 300) -> dict[str, tuple[float | None, str | None]]:
    rows = bench_hardware([SMALL], HardwarePlan(steps, limit), lambda line: None)
    return {row.metric: (row.value, row.reason) for row in rows}


@pytest.mark.icarus
@pytest.mark.verilator
@pytest.mark.pyosys
def test_every_step_gives_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.json"
    words = ["bench", "hardware", "--workload", "1k", "--scale", "50", "--json", str(path)]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert not ended.value.code, capsys.readouterr()
    rows = json.loads(path.read_text())
    refuted = {f"refutation of a {edit}" for edit in EDITS}
    steps = {*STEPS} - {"refutation"} | refuted
    assert {row["metric"] for row in rows} >= steps | {"export", "LUTs", "text", "icarus run", "verilator run"}
    assert all(row["value"] > 0 and row["workload"] == "1k" for row in rows)


@pytest.mark.pyosys
def test_text_without_an_edit_is_not_refuted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = emit(SMALL.netlist, VerilogOptions(input=InputKind.BITS))
    Artifacts(made.manifest, {**made.files, NETLIST: SMALL.netlist.to_bytes()}).write(tmp_path / "export")
    monkeypatch.setitem(EDITS, "pin", lambda netlist: netlist)
    assert refute(tmp_path / "export", "pin") == 1
    assert refute(tmp_path / "export", "table bit") == 0


@pytest.mark.icarus
def test_a_wrong_score_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = evaluate

    def wrong(netlist: object, samples: object) -> object:
        result = right(netlist, samples)  # type: ignore[arg-type]
        return replace(result, scores=result.scores + 1)

    monkeypatch.setattr(measured, "evaluate", wrong)
    found = rows_of("icarus")
    value, reason = found["icarus run"]
    assert value is None and reason is not None and reason.startswith("refused: ends with code 1")
    assert found["icarus"][0] is not None


def test_at_a_limit_the_row_names_it() -> None:
    assert rows_of("proof", limit=0.01)["export"] == (None, "> 0.01 s")


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "icarus", lambda: None)
    value, reason = rows_of("icarus")["icarus"]
    assert value is None and reason == "icarus is missing: apt install iverilog"


def test_random_workloads_are_as_large_as_they_say_and_read_different_nets() -> None:
    for name, (num_inputs, num_luts, rank) in {"W1": (784, 16_000, 2), "M": (6272, 32_000, 4)}.items():
        netlist = random_workload(name).netlist
        assert (netlist.num_inputs, netlist.num_luts, netlist.pins.shape[1]) == (num_inputs, num_luts, rank)
        assert (np.diff(np.sort(netlist.pins, axis=1)) > 0).all() and netlist.pins.min() >= FIRST_INPUT
    assert set(NAMES) >= {"W1", "W2", "M", "W3"}
    assert random_workload("1k", 50).netlist.digest() == SMALL.netlist.digest()


@pytest.mark.parametrize("text", ["model.pt", "=model.pt", "name="])
def test_a_model_needs_a_name(text: str) -> None:
    with pytest.raises(OptionError, match=r"NAME=model\.pt"):
        trained_workload(text)
