"""Designs and synthesised cells run in numpy through their ports, and ``bitlogic verify`` on a folder of synthesis."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bitlogic.errors import OptionError, TargetError
from bitlogic.export.artifacts import MANIFEST, Artifacts
from bitlogic.export.cli import cli
from bitlogic.export.evaluate import evaluate
from bitlogic.export.folder import export
from bitlogic.export.formal.circuit import circuits
from bitlogic.export.formal.clocked import flattened
from bitlogic.export.formal.log import PROOF
from bitlogic.export.formal.yosys import read_design
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.samples import Result as Scores
from bitlogic.export.synthesis.check import run_circuit
from bitlogic.export.synthesis.source import Wanted, project_of_netlist
from bitlogic.export.targets import TARGETS
from tests.nets import random_netlist, samples_for, with_weights

pytestmark = pytest.mark.pyosys
NET = random_netlist(2, num_features=11)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in arguments], standalone_mode=False)


def files_of(netlist: Netlist, **options: Any) -> dict[str, bytes]:
    artifacts = export(netlist, "verilog", TARGETS["verilog"].options(**options))
    return {"bitlogic_net.v": artifacts.files["bitlogic_net.v"]}


def result_of(files: dict[str, bytes], netlist: Netlist, kind: InputKind) -> Scores:
    modules = circuits(read_design(files, "bitlogic_net", 100.0))
    return run_circuit(flattened(modules, "bitlogic_net"), netlist, samples_for(netlist, kind, num=40), seed=7)


def assert_equal(found: Scores, netlist: Netlist, kind: InputKind) -> None:
    expected = evaluate(netlist, samples_for(netlist, kind, num=40))
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)


WAYS: dict[str, dict[str, Any]] = {
    "comb": {},
    "valid": {"pipeline": 1},
    "beats of a fold": {"fold": 3, "input": InputKind.BITS},
    "stream": {"interface": "stream", "fold": 2},
    "axis": {"interface": "axis", "axis_bytes": 2},
}


@pytest.mark.parametrize("name", WAYS)
def test_every_interface_gives_the_scores_of_evaluate(name: str) -> None:
    kind = InputKind(str(WAYS[name].get("input", "x")))
    assert_equal(result_of(files_of(NET, **WAYS[name]), NET, kind), NET, kind)


@pytest.mark.parametrize("weighted", [False, True], ids=["popcounts", "weights"])
def test_the_byte_wide_shell_gives_the_scores_of_evaluate(weighted: bool) -> None:
    netlist = with_weights(NET, seed=3) if weighted else NET
    project = project_of_netlist(netlist, Wanted(None, None, None, pins=30, lut_inputs=4))
    assert_equal(result_of(dict(project.files), netlist, InputKind.X), netlist, InputKind.X)


def test_a_flipped_table_is_seen() -> None:
    tables = NET.tables.copy()
    tables[-1] ^= np.uint64((1 << 16) - 1)
    broken = Netlist(NET.num_inputs, tables, NET.pins, NET.outputs, NET.head, NET.encoder)
    found = result_of(files_of(broken, pipeline=1), NET, InputKind.X)
    assert not np.array_equal(found.scores, evaluate(NET, samples_for(NET, InputKind.X, num=40)).scores)


def test_a_register_file_and_a_missing_port_are_refused() -> None:
    with pytest.raises(OptionError, match="register file"):
        result_of(files_of(NET, interface="axis", axi_lite=True), NET, InputKind.X)
    with pytest.raises(TargetError, match="no port that is known to take x"):
        result_of(files_of(NET, input=InputKind.BITS), NET, InputKind.X)


@pytest.mark.synth
@pytest.mark.slow
def test_verify_runs_and_proves_the_cells_of_a_folder_of_synthesis(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    random_netlist(1, num_features=10).save(tmp_path / "net.npz")
    options = ("--device", "ice40-hx8k", "--shell", "byte", "--stage", "synthesised")
    assert run("synth", tmp_path / "net.npz", "-o", folder, *options).return_value == 0
    done = run("verify", folder)
    assert done.return_value == 0, done.output
    assert "the synthesised cells" in done.output
    proven = run("verify", folder, "--formal")
    assert proven.return_value == 1  # the shell's own logic has no proof, and that is said
    (log,) = json.loads((folder / PROOF).read_text())
    outcomes = {o["name"]: o["outcome"] for o in log["obligations"] if o["outcome"] != "proven"}
    assert set(outcomes.values()) == {"not proven"}
    assert "bitlogic_net_core" not in outcomes
    assert any(o["statement"].startswith("whatever its registers are") for o in log["obligations"])
    netlist = json.loads((folder / "bitlogic_net.json").read_text())
    cells = [c for m in netlist["modules"].values() for c in m["cells"].values() if c["type"] == "SB_LUT4"]
    for cell in cells[:40]:
        cell["parameters"]["LUT_INIT"] = "".join("10"[int(bit)] for bit in cell["parameters"]["LUT_INIT"])
    (folder / "bitlogic_net.json").write_text(json.dumps(netlist))
    refused = run("verify", folder)
    assert refused.return_value == 1
    assert "bitlogic_net.json is not as it was exported" in refused.output


@pytest.mark.synth
@pytest.mark.slow
def test_a_folder_that_does_not_say_how_it_was_made_is_not_proven(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    random_netlist(1, num_features=4, widths=(8, 8)).save(tmp_path / "net.npz")
    options = ("--device", "ice40-hx8k", "--shell", "none", "--stage", "synthesised")
    assert run("synth", tmp_path / "net.npz", "-o", folder, *options).return_value == 0
    proven = run("verify", folder, "--formal")
    assert proven.return_value == 0, proven.output
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["plan"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert "synthesise it again" in str(run("verify", folder, "--formal").exception)
    assert Artifacts.read(folder).manifest["target"] == "synthesis"
