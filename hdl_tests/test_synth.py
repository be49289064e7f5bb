"""From a netlist to a routed design with the real tools, and what they made of it in a simulator."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.cli import cli
from bitlogic.export.evaluate import evaluate
from bitlogic.export.folder import NETLIST, optimize_for
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis.simulation import simulate_shell
from bitlogic.export.synthesis.source import Wanted, project_of_netlist
from tests.nets import random_netlist, samples_for, with_weights

WANTED = Wanted(shell=None, pipeline=None, fold=None, pins=30, lut_inputs=4)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in arguments], standalone_mode=False)


def synth(folder: Path, netlist: Netlist, device: str, *options: object) -> Artifacts:
    netlist.save(folder / "net.npz")
    done = run("synth", folder / "net.npz", "--device", device, "-o", folder / "out", *options)
    assert done.return_value == 0, done.output
    assert not (folder / "out.work").exists()
    artifacts = Artifacts.read(folder / "out")
    assert not artifacts.changed
    return artifacts


@pytest.mark.icarus
@pytest.mark.parametrize("lut_memory_bits", [0, 1 << 16], ids=["block memory", "memory of LUTs"])
@pytest.mark.parametrize("pipeline", [0, 1])
@pytest.mark.parametrize("weighted", [False, True], ids=["popcounts", "weights"])
def test_the_verilog_of_the_shell_runs_like_evaluate(weighted: bool, pipeline: int, lut_memory_bits: int) -> None:
    netlist = random_netlist(2, num_features=70, widths=(30, 20))
    netlist = with_weights(netlist, seed=3) if weighted else netlist
    project = project_of_netlist(
        netlist, Wanted(None, pipeline, None, pins=30, lut_inputs=4, lut_memory_bits=lut_memory_bits)
    )
    samples = samples_for(netlist, InputKind.X, num=20)
    result, expected = simulate_shell(project.files, project.top, netlist, samples), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


@pytest.mark.icarus
def test_a_flipped_table_in_the_shell_is_seen() -> None:
    netlist = random_netlist(2, num_features=12)
    samples = samples_for(netlist, InputKind.X, num=60)
    tables = netlist.tables.copy()
    tables[-1] ^= np.uint64((1 << 16) - 1)
    broken = Netlist(netlist.num_inputs, tables, netlist.pins, netlist.outputs, netlist.head, netlist.encoder)
    project = project_of_netlist(broken, WANTED)
    result = simulate_shell(project.files, project.top, netlist, samples)
    assert not np.array_equal(result.scores, evaluate(netlist, samples).scores)


@pytest.mark.synth
@pytest.mark.icarus
@pytest.mark.slow
@pytest.mark.parametrize(("device", "family"), [("ice40-hx8k", "ice40"), ("ecp5-25k", "ecp5")])
def test_a_netlist_becomes_a_bitstream_and_the_synthesised_cells_run_like_evaluate(
    tmp_path: Path, device: str, family: str
) -> None:
    netlist = random_netlist(1, num_features=10)
    artifacts = synth(tmp_path, netlist, device, "--shell", "byte")
    report = json.loads(artifacts.files["report.json"])
    assert report["stage"] == "routed"
    assert report["fmax_mhz"] > 20
    assert len(artifacts.files[report["bitstream"]]) > 1000
    assert report["resources"]["encoder"]["flipflops"] > 0
    assert report["resources"]["total"]["luts"] == sum(
        report["resources"][part]["luts"] for part in ("core", "encoder", "shell")
    )
    assert report["reasons"] == {}
    emitted = Netlist.from_bytes(artifacts.files[NETLIST])
    assert emitted.digest() == optimize_for(netlist, InputKind.X).digest() == report["netlist"]["digest"]
    samples = samples_for(emitted, InputKind.X, num=30)
    files = {"net.v": artifacts.files["bitlogic_net_synthesised.v"]}
    result, expected = (
        simulate_shell(files, "bitlogic_net", emitted, samples, models=family),
        evaluate(emitted, samples),
    )
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)
    shown = run("report", tmp_path / "out")
    assert f"{report['fmax_mhz']} MHz" in shown.output


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize("device", ["ice40-up5k", "gowin-gw1n9", "gatemate", "nexus", "xc7", "xcup"])
def test_every_family_is_synthesised_and_its_cells_counted(tmp_path: Path, device: str) -> None:
    options = ["--shell", "byte", "--stage", "synthesised"]
    report = json.loads(synth(tmp_path, random_netlist(1, num_features=10), device, *options).files["report.json"])
    assert (report["stage"], report["fmax_mhz"], report["bitstream"]) == ("synthesised", None, None)
    assert report["reasons"]["fmax_mhz"]
    for part in ("core", "encoder", "shell"):
        assert report["resources"][part]["luts"] > 0
        assert report["resources"][part]["flipflops"] > 0


@pytest.mark.synth
def test_a_design_with_more_pins_than_the_package_is_synthesised_and_says_why_it_is_not_routed(tmp_path: Path) -> None:
    netlist = random_netlist(1, num_features=40, widths=(8, 8))
    report = json.loads(synth(tmp_path, netlist, "ice40-hx8k", "--shell", "none").files["report.json"])
    assert report["stage"] == "synthesised"
    assert report["fmax_mhz"] is None
    assert "206" in report["reasons"]["fmax_mhz"]
    assert report["resources"]["shell"] is None


@pytest.mark.synth
def test_a_net_that_is_too_large_for_the_device_is_refused_before_routing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from bitlogic.errors import ExportError
    from bitlogic.export.hardware.devices import DEVICES

    monkeypatch.setitem(DEVICES, "ice40-hx8k", dataclasses.replace(DEVICES["ice40-hx8k"], num_luts=20))
    random_netlist(1).save(tmp_path / "net.npz")
    done = run("synth", tmp_path / "net.npz", "--device", "ice40-hx8k", "-o", tmp_path / "out", "--shell", "byte")
    assert isinstance(done.exception, ExportError)
    assert "20 luts" in str(done.exception)
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "out.work").glob("nextpnr*"))
