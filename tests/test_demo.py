"""The demo: the main job from training to every target, and exit code 1 on any mismatch."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from bitlogic import DistributiveThermometer, GroupSum, LogicDense
from bitlogic.datasets import Dataset
from bitlogic.export import cli, demo
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.passes import optimize
from bitlogic.export.samples import Result, Samples
from bitlogic.export.targets import TARGETS
from tests.test_cli import run
from tests.test_verify import flip_table_bit

pytestmark = [pytest.mark.data, pytest.mark.cc, pytest.mark.sim]


@pytest.mark.ghdl
@pytest.mark.slow
def test_the_demo_trains_exports_and_finds_every_target_equal(tmp_path: Path) -> None:
    done = run("demo", "-o", tmp_path / "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.split()[0] in TARGETS}
    assert list(rows) == list(TARGETS)
    for row in rows.values():
        assert row[1:3] == ["360", "0"], "all held-out images, no mismatch"
        assert float(row[3]) >= 90.0
        assert int(row[5]) == 2 * demo.LAYER_WIDTH >= 1000
    assert re.search(r"trained 2 x \d+ rank-4 LUTs in \d+ s", done.stderr)
    assert "netlist before and after the passes: " in done.stdout
    assert (tmp_path / "demo" / "verilog" / "manifest.json").exists()


def _untrained(data: Dataset, seed: int, say: Callable[[str], None]) -> nn.Sequential:
    torch.manual_seed(seed)
    encoder = DistributiveThermometer(2, distinct=True).fit(data.train_x)
    return nn.Sequential(encoder, nn.Flatten(), LogicDense(128, 30, lut_rank=4, weight_init="random"), GroupSum(10))


@pytest.mark.parametrize("wrong", [None, "packed"])
def test_the_demo_exits_1_on_any_mismatch(
    wrong: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "train", _untrained)
    if wrong is not None:
        honest = TARGETS[wrong]

        def lie(artifacts: Artifacts, samples: Samples) -> Result:
            result = honest.run(artifacts, samples)
            result.class_ids[41] ^= 1
            return result

        monkeypatch.setitem(TARGETS, wrong, replace(honest, run=lie))
    with pytest.raises(SystemExit) as left:
        cli.main(["demo"])
    assert left.value.code == (0 if wrong is None else 1)
    if wrong is not None:
        assert "packed: first difference: sample 41, class" in capsys.readouterr().out


@pytest.mark.formal
def test_the_demo_exits_1_when_the_proof_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = optimize
    monkeypatch.setattr(demo, "train", _untrained)
    monkeypatch.setattr("bitlogic.export.demo.optimize", lambda netlist: flip_table_bit(honest(netlist), 3))
    with pytest.raises(SystemExit) as left:
        cli.main(["demo"])
    assert left.value.code == 1


def test_the_demo_refuses_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    done = run("demo", "-o", tmp_path)
    assert done.returncode == 2
    assert "thesis.tex" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_command_line_is_the_installed_entry_point() -> None:
    assert Path(sys.executable).with_name("bitlogic").exists()
