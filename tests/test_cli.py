"""The command line, run as users run it: exit codes, one clear line for a mistake, nothing written."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import bitlogic
from bitlogic import DistributiveThermometer, GroupSum, LogicDense
from tests.models import bits_model, small_model
from tests.test_targets import EVERY_TARGET
from tests.test_verify import weighted_model


def run(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bitlogic.export.cli", *map(str, words)]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.pt"
    bitlogic.save(small_model(4), path)
    return path


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_export_and_verify_from_the_shell(target: str, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    done = run("export", model, "--target", target, "-o", folder)
    assert (done.returncode, said(done)) == (0, [])
    assert f"{target}, " in done.stdout
    checked = run("verify", folder, "--model", model, "--layers")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    report = json.loads((folder / "verify.json").read_text())
    assert report["holds"] is True
    assert {check["name"] for check in report["checks"]} >= {target, "PackedLogicNet", "model.eval()"}
    again = run("export", model, "--target", target, "-o", folder)
    assert again.returncode == 0, "a folder that is wholly ours is replaced"
    assert not (folder / "verify.json").exists()


def test_a_head_with_weights_is_exported_verified_and_inspected(tmp_path: Path) -> None:
    bitlogic.save(weighted_model(4), tmp_path / "model.pt")
    folder = tmp_path / "build"
    assert run("export", tmp_path / "model.pt", "--target", "packed", "-o", folder).returncode == 0
    checked = run("verify", folder, "--model", tmp_path / "model.pt", "--layers")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    output = json.loads((folder / "manifest.json").read_text())["output"]
    assert output["score_signed"] is True and output["score_min"] < 0
    head = json.loads(run("inspect", tmp_path / "model.pt", "--json").stdout)["head"]
    assert head["scale"] == output["scale"]
    assert [[row[f"class_{c}"] for c in range(5)] for row in head["weights"]] == output["weights"]
    assert "class 4" in run("inspect", folder / "netlist.npz").stdout


def test_two_exports_of_the_same_model_are_byte_identical(model: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("export", model, "--target", "c", "-o", tmp_path / name).returncode == 0
    files = [sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("a", "b")]
    assert len(files[0]) > 4
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_a_tampered_export_exits_1_and_says_where(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    run("export", model, "--target", "packed", "-o", folder)
    vectors = folder / "vectors.npz"
    from bitlogic.export.vectors import Vectors

    loaded = Vectors.from_bytes(vectors.read_bytes())
    scores = loaded.expected.scores.copy()
    scores[3, 1] += 1
    from dataclasses import replace

    vectors.write_bytes(replace(loaded, expected=replace(loaded.expected, scores=scores)).to_bytes())
    done = run("verify", folder)
    assert done.returncode == 1
    assert "first difference at sample 3, score 1" in done.stdout
    assert "vectors.npz is not as it was exported" in done.stdout
    vectors.unlink()
    gone = run("verify", folder)
    assert gone.returncode == 2
    assert "vectors.npz" in gone.stderr


def test_verify_runs_a_file_of_samples_and_prints_json(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    run("export", model, "--target", "packed", "-o", folder)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((30, 4, 4)))
    done = run("verify", folder, "--data", tmp_path / "x.npy", "--limit", 20, "--model", model, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    counts = {check["name"]: check["vectors"] for check in report["checks"]}
    assert counts["packed"] == counts["expected (PackedLogicNet)"] + 20


@pytest.mark.formal
def test_verify_proves_the_passes(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    run("export", model, "--target", "packed", "-o", folder)
    done = run("verify", folder, "--formal", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["proof"]["holds"] is True
    assert_refused(run("verify", folder, "--synthesised", tmp_path / "mapped.json"), "--technology", "ice40")


def test_inspect_tells_of_models_netlists_and_exports(model: Path, tmp_path: Path) -> None:
    described = json.loads(run("inspect", model, "--json").stdout)
    assert described["before_passes"]["luts"] == 70
    assert described["after_passes"]["luts"] <= 70
    folder = tmp_path / "build"
    run("export", model, "--target", "packed", "-o", folder)
    assert json.loads(run("inspect", folder, "--json").stdout)["target"] == "packed"
    assert "distinct tables" in run("inspect", folder / "netlist.npz").stdout


def test_doctor_lists_tools_and_what_brings_them() -> None:
    rows = json.loads(run("doctor", "--json").stdout)
    assert {"C compiler", "verilator", "aigverse"} <= {row["name"] for row in rows}
    bare = run("doctor", PATH="/nonexistent")
    assert bare.returncode == 1
    assert "missing" in bare.stdout.splitlines()[0]
    assert "build-essential" in bare.stdout


def test_a_model_of_bits_is_exported_with_input_bits(tmp_path: Path) -> None:
    bitlogic.save(bits_model(), tmp_path / "model.pt")
    refused = run("export", tmp_path / "model.pt", "--target", "c", "-o", tmp_path / "build")
    assert refused.returncode == 2
    assert "--input bits" in refused.stderr
    done = run("export", tmp_path / "model.pt", "--target", "packed", "--input", "bits", "-o", tmp_path / "build")
    assert done.returncode == 0, done.stderr
    assert run("verify", tmp_path / "build").returncode == 0


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(said(done)) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stderr but for signs of life, which a slow machine may give."""
    return [line for line in done.stderr.splitlines() if not re.search(r"… \d+ s$", line)]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _text(path: Path) -> None:
    path.write_text("no model\n")


def _pickled_module(path: Path) -> None:
    torch.save(small_model(0), path)


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


def _newer(path: Path) -> None:
    bitlogic.save(small_model(0), path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "version": 999}, path)


def _nan(path: Path) -> None:
    model = small_model(0)
    with torch.no_grad():
        model[0].thresholds.view(-1)[0] = torch.nan  # type: ignore[operator]
    bitlogic.save(model, path)


def _unfitted(path: Path) -> None:
    model = nn.Sequential(DistributiveThermometer(3), nn.Flatten(), LogicDense(48, 10), GroupSum(5))
    bitlogic.save(model, path)


def _headless(path: Path) -> None:
    bitlogic.save(nn.Sequential(nn.Flatten(), LogicDense(48, 10)), path)


def _truncated(path: Path) -> None:
    bitlogic.save(small_model(0), path)
    path.write_bytes(path.read_bytes()[:2000])


BAD_MODELS = {
    "text": (_text, ["model.pt"]),
    "pickled module": (_pickled_module, ["pickle", "bitlogic.save"]),
    "pickle": (_pickle, ["model.pt"]),
    "newer format": (_newer, ["999", "newer"]),
    "NaN thresholds": (_nan, ["NaN"]),
    "unfitted encoder": (_unfitted, ["DistributiveThermometer", "fit"]),
    "no head": (_headless, ["GroupSum"]),
    "truncated": (_truncated, ["model.pt"]),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_a_bad_model_is_one_line_and_nothing_written(case: str, tmp_path: Path) -> None:
    make, words = BAD_MODELS[case]
    make(tmp_path / "model.pt")
    before = _files(tmp_path)
    assert_refused(run("export", "model.pt", "--target", "packed", "-o", "build", cwd=tmp_path), *words)
    assert _files(tmp_path) == before


BAD_WORDS = {
    "unknown target": (["--target", "systemc"], ["systemc", "verilog"]),
    "unknown option of a target": (["--target", "c", "--pipeline", "2"], ["--pipeline", "--prefix"]),
    "option without value": (["--target", "c", "--prefix"], ["--prefix"]),
    "no whole number": (["--target", "verilog", "--pipeline", "two"], ["--pipeline", "two"]),
    "negative pipeline": (["--target", "verilog", "--pipeline", "-1"], ["pipeline", "-1"]),
    "unknown input": (["--target", "c", "--input", "pixels"], ["pixels", "bits"]),
    "prefix with a dash": (["--target", "c", "--prefix", "my-net"], ["--prefix", "my-net"]),
    "prefix that is a keyword": (["--target", "c", "--prefix", "while"], ["while", "keyword"]),
    "module that starts with a digit": (["--target", "verilog", "--module-name", "4net"], ["--module-name", "4net"]),
    "module that is a Verilog keyword": (
        ["--target", "verilog", "--module-name", "endmodule"],
        ["endmodule", "keyword"],
    ),
    "module that is a Python keyword": (["--target", "amaranth", "--module-name", "class"], ["class", "keyword"]),
    "module named like a port": (["--target", "verilog", "--module-name", "clk"], ["clk", "port"]),
    "component named like a port": (["--target", "amaranth", "--module-name", "scores"], ["scores", "port"]),
    "module with a newline": (["--target", "verilog", "--module-name", "net\n"], ["--module-name"]),
    "a pipeline without a clock": (["--target", "verilog", "--interface", "comb", "--pipeline", "2"], ["no clock"]),
    "a clock that no stage meets": (
        ["--target", "vhdl", "--target-mhz", "2000", "--device", "ecp5-85k"],
        ["2000", "fastest", "MHz"],
    ),
    "a stray word": (["--target", "c", "stray"], ["stray"]),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_a_bad_option_is_one_line_and_nothing_written(case: str, model: Path, tmp_path: Path) -> None:
    words, said = BAD_WORDS[case]
    assert_refused(run("export", model, *words, "-o", tmp_path / "build"), *said)
    assert _files(tmp_path) == {}


def test_other_peoples_files_need_force_and_are_never_replaced(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    words = ("export", model, "--target", "packed", "-o", folder)
    assert_refused(run(*words), "--force", "notes.txt")
    assert _files(folder) == {"notes.txt": b"mine"}
    assert run(*words, "--force").returncode == 0
    assert (folder / "notes.txt").read_text() == "mine"
    assert run("verify", folder).returncode == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "netlist.npz").write_text("mine")
    assert_refused(run("export", model, "--target", "packed", "-o", other, "--force"), "never overwritten")
    assert _files(other) == {"netlist.npz": b"mine"}


def test_a_missing_folder_model_or_manifest_is_one_line(model: Path, tmp_path: Path) -> None:
    assert_refused(run("export", tmp_path / "none.pt", "--target", "c", "-o", tmp_path / "build"), "none.pt")
    assert_refused(run("verify", tmp_path / "none"), "none")
    assert_refused(run("verify", tmp_path), "manifest.json")
    assert_refused(run("inspect", tmp_path / "none.npz"), "none.npz")
    assert_refused(run("export"), "MODEL")
    assert_refused(run("nothing"), "nothing")


@pytest.mark.cc
def test_a_missing_compiler_is_named(model: Path, tmp_path: Path) -> None:
    run("export", model, "--target", "c", "-o", tmp_path / "build")
    assert_refused(run("verify", tmp_path / "build", PATH="/nonexistent", CC=""), "C compiler", "build-essential")


def test_a_missing_simulator_is_named(model: Path, tmp_path: Path) -> None:
    run("export", model, "--target", "verilog", "-o", tmp_path / "build")
    assert_refused(run("verify", tmp_path / "build", PATH="/nonexistent"), "simulator", "iverilog")
