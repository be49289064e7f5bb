"""`bitlogic bench training`: rows, ratios, refusals; what is timed here is tiny."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bitlogic.export import bench_processes, bench_training, cli
from bitlogic.export.bench import Row, Target, rows_table, with_ratios, write_rows
from bitlogic.export.bench_processes import Job, peak_memory
from bitlogic.export.bench_training import Contender, Plan, disagreements
from bitlogic.export.bench_workloads import (
    OURS,
    OURS_WITHOUT_COMPILER,
    PEER,
    PEER_COMPILED,
    TARGETS,
    WORKLOADS,
    own_model,
)
from bitlogic.interop.peer import load_torchlogix

ROW_KEYS = {"workload", "contender", "metric", "unit", "value", "spread", "ratios"}


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "training", *map(str, words)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_ratios_say_how_many_times_better() -> None:
    rows = [
        Row("w", "ours", "step time", "ms", 2.0, 0.1),
        Row("w", "peer", "step time", "ms", 30.0),
        Row("w", "ours", "throughput", "1/s", 50.0),
        Row("w", "peer", "throughput", "1/s", 10.0),
        Row("w", "ours", "peak memory", "MB", 5.0),
        Row("w", "peer", "peak memory", "MB", None, reason="no such thing"),
    ]
    ratios = [row.ratios for row in with_ratios(rows, ["peer"])]
    assert ratios == [{"peer": 15.0}, {}, {"peer": 5.0}, {}, {"peer": None}, {}]


def test_the_table_shows_targets_and_reasons() -> None:
    rows = with_ratios(
        [
            Row("w", "ours", "step time", "ms", 2.0, 0.1),
            Row("w", "peer", "step time", "ms", 30.0),
            Row("w", "ours", "cold", "s", 9.0),
            Row("w", "other", "step time", "ms", None, reason="gave up"),
        ],
        ["peer"],
    )
    targets = {("w", "ours", "step time"): Target(20, 40, "peer"), ("w", "ours", "cold"): Target(15, 8)}
    lines = rows_table(rows, ["peer"], targets).splitlines()
    assert lines[2].split() == ["w", "ours", "step", "time", "2", "0.1", "ms", "15", "20x", "40x", "no"]
    assert lines[4].split() == ["w", "ours", "cold", "9", "-", "s", "-", "15", "8", "yes"]
    assert lines[-1] == "w, other, step time: gave up"


def test_a_row_has_a_value_or_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a value or a reason"):
        Row("w", "ours", "step time", "ms", None)
    with pytest.raises(ValueError, match="is nan"):
        Row("w", "ours", "step time", "ms", float("nan"))
    rows = [
        Row("w", "ours", "step time", "ms", None, reason="gone"),
        Row("w", "ours", "cold", "s", 1.0, 0.5, {"p": 2.0}),
    ]
    write_rows(rows, tmp_path / "rows.json")
    first, second = json.loads((tmp_path / "rows.json").read_text())
    assert set(first) == ROW_KEYS | {"reason"} and first["value"] is None
    assert second == {
        "workload": "w",
        "contender": "ours",
        "metric": "cold",
        "unit": "s",
        "value": 1.0,
        "spread": 0.5,
        "ratios": {"p": 2.0},
    }
    assert list(tmp_path.iterdir()) == [tmp_path / "rows.json"]


def test_every_workload_has_its_targets() -> None:
    assert {(name, OURS, metric) for name in WORKLOADS for metric in ("step time", "peak memory")} <= set(TARGETS)
    assert {(name, OURS_WITHOUT_COMPILER, "step time") for name in WORKLOADS} <= set(TARGETS)


def test_alone_without_a_compiler(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    words = ["--workload", "b", "--scale", 40, "--steps", 2, "--no-peer", "--no-compiler", "--json", path]
    code, out, _ = run(capsys, *words)
    assert code == 0
    rows = json.loads(path.read_text())
    assert [(row["contender"], row["metric"]) for row in rows] == [
        (OURS_WITHOUT_COMPILER, "step time"),
        (OURS_WITHOUT_COMPILER, "peak memory"),
    ]
    assert all(set(row) == ROW_KEYS and row["value"] > 0 for row in rows)
    assert rows[0]["ratios"] == {PEER: None, PEER_COMPILED: None}
    assert out.splitlines()[0].endswith("step time: median CPU time of the process of 2 steps")


@pytest.mark.interop
@pytest.mark.cc
@pytest.mark.slow
def test_every_contender_has_its_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    words = ["--workload", "c", "--scale", 40, "--steps", 2, "--no-peer-compile", "--json", path]
    code, _, err = run(capsys, *words)
    assert code == 0, err
    rows = json.loads(path.read_text())
    contenders = [OURS, OURS_WITHOUT_COMPILER, PEER]
    expected = [("c", who, what) for what in ("step time", "peak memory") for who in contenders]
    expected += [("start-up", OURS, "cold"), ("start-up", OURS, "cached")]
    assert [(row["workload"], row["contender"], row["metric"]) for row in rows] == expected
    assert all(row["value"] is not None for row in rows)
    assert all(row["ratios"][PEER] > 0 for row in rows[:6] if row["contender"] != PEER)


@pytest.mark.interop
def test_a_compiler_that_does_not_finish_is_given_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_training, "peak_memory", lambda job: bench_processes.Measured(1.0))
    path = tmp_path / "rows.json"
    words = ["--workload", "b", "--scale", 40, "--steps", 1, "--no-compiler", "--compile-limit", 0.01, "--json", path]
    code, out, _ = run(capsys, *words)
    assert code == 0
    given_up = [row for row in json.loads(path.read_text()) if row["contender"] == PEER_COMPILED]
    assert {row["metric"]: (row["value"], row["reason"]) for row in given_up} == {
        "step time": (None, "gave up after 0.01 s"),
        "compile time": (None, "gave up after 0.01 s"),
        "peak memory": (None, "not measured: in its first step torch.compile's own memory would count"),
    }
    assert "b, torchlogix-compile, step time: gave up after 0.01 s" in out


@pytest.mark.interop
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_same_weights_give_the_same_loss_and_gradients(name: str) -> None:
    workload = WORKLOADS[name].scaled(20)
    contenders = bench_training._contenders(workload, Plan(load_torchlogix()), compiled=False)
    assert [contender.name for contender in contenders][-2:] == [OURS_WITHOUT_COMPILER, PEER]
    assert disagreements(contenders, *workload.inputs()) == {}


def test_a_contender_with_wrong_gradients_is_refused() -> None:
    workload = WORKLOADS["b"].scaled(40)
    x, labels = workload.inputs()
    right, wrong = own_model(workload), own_model(workload)
    layer: Any = wrong[1]
    layer.grad_factor = 1.01
    contenders = [Contender(name, model, model) for name, model in (("wrong", wrong), ("right", right))]
    found = disagreements(contenders, x, labels)
    assert list(found) == ["wrong"]
    assert found["wrong"].startswith(
        "refused: its gradient of 0.parametrization.weight differs from that of right by 0.01"
    )
    assert disagreements([contenders[1], contenders[1]], x, labels) == {}
    nan = Contender("nan", right, lambda x: right(x) * torch.nan)
    assert "loss" in disagreements([nan, contenders[1]], x, labels)["nan"]


def test_a_refusal_ends_with_exit_code_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def broken(wanted: bool) -> Any:
        own = nn.functional.cross_entropy
        monkeypatch.setattr(bench_training, "cross_entropy", lambda x, y: own(x, y) * 2)
        yield
        monkeypatch.setattr(bench_training, "cross_entropy", own)

    monkeypatch.setattr(bench_training, "use_native", broken)
    monkeypatch.setattr(bench_training, "native_available", lambda: True)
    monkeypatch.setattr(bench_training, "peak_memory", lambda job: bench_processes.Measured(1.0))
    monkeypatch.setattr(bench_training, "start_up", lambda job, cache: bench_processes.Measured(1.0))
    code, out, _ = run(capsys, "--workload", "b", "--scale", 40, "--steps", 1, "--no-peer")
    assert code == 1
    assert f"b, {OURS}, step time: refused: its loss differs from that of {OURS_WITHOUT_COMPILER} by 0.5" in out


def test_a_missing_peer_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = run(capsys)
    assert code == 2
    assert err == "bitlogic: torchlogix is not installed: pip install --no-deps torchlogix==0.2.2 (extra bench)\n"


def test_misuse_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words, reason in [
        (["--workload", "z"], "unknown workload 'z'; choices: a, b, c, d, e, f"),
        (["--no-peer", "--json", "nowhere/rows.json"], "there is no folder"),
        (["--steps", "0"], "x>=1"),
    ]:
        code, _, err = run(capsys, *words)
        assert (code, len(err.splitlines())) == (2, 1)
        assert reason in err


def test_a_process_that_fails_is_a_reason() -> None:
    measured = peak_memory(Job("nonsense", WORKLOADS["b"].scaled(40), OURS_WITHOUT_COMPILER, 1))
    assert (measured.value, measured.reason) == (None, "KeyError: 'nonsense'")
