"""The files of the shipped test folder; hdl_tests run them."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitlogic.export import testbench
from bitlogic.export.folder import export
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.targets.verilog import VerilogOptions
from bitlogic.export.testbench_ports import Ports, packed_inputs, packed_results, unpacked_results
from tests.nets import random_netlist, with_weights

NETLIST = random_netlist(0)


def files(**options: Any) -> dict[str, bytes]:
    """The test folder's files of an export, by their names in it."""
    exported = export(NETLIST, "verilog", VerilogOptions(module_name="net", **options)).files
    return {name.removeprefix("test/"): content for name, content in exported.items() if name.startswith("test/")}


def test_a_verilog_export_has_a_test_folder_unless_it_is_told_not_to() -> None:
    assert {"README.md", "Makefile", "tb_net.v", "cocotb_bench.py", "inputs.mem", "expected.mem"} <= set(files())
    assert not files(testbench=False)


@pytest.mark.parametrize("interface", Interface)
def test_two_exports_have_the_same_test_folder(interface: Interface) -> None:
    assert files(interface=interface) == files(interface=interface)


def test_every_text_says_who_made_it() -> None:
    for name, content in files(primitives="xilinx").items():
        if not name.endswith((".mem", ".json")):
            assert b"enerated by bitlogic " in b"\n".join(content.splitlines()[:3]), name


def test_the_cocotb_bench_imports_only_itself_cocotb_and_the_standard_library() -> None:
    shipped = {name: content for name, content in files().items() if name.endswith(".py")}
    own = {name.removesuffix(".py") for name in shipped}
    for content in shipped.values():
        for node in ast.walk(ast.parse(content)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                root = name.split(".")[0]
                assert root in own | {"cocotb", "cocotb_tools"} or root in sys.stdlib_module_names, name


def test_the_vectors_are_bounded_in_number_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    every = files()["inputs.mem"].split()
    monkeypatch.setattr(testbench, "MAX_VECTORS", 40)
    some = files()["inputs.mem"].split()
    assert len(some) == 40 < len(every)
    assert (some[0], some[-1]) == (every[0], every[-1])
    monkeypatch.setattr(testbench, "MAX_BYTES", 10 * len(some[0]))
    assert len(files()["inputs.mem"].split()) == 10
    assert b"10 of the" in files()["README.md"]


def test_the_expected_results_are_the_vectors_not_the_designs() -> None:
    def reference(inputs: Any) -> Result:
        return Result(np.full((len(inputs), 4), 3), np.full(len(inputs), 2))

    exported = export(NETLIST, "verilog", VerilogOptions(), reference=reference)
    ports = Ports.of(exported.manifest)
    words = [int(line, 16) for line in exported.files["test/expected.mem"].split()]
    assert set(unpacked_results(ports, words).class_ids.tolist()) == {2}
    assert set(unpacked_results(ports, words).scores.ravel().tolist()) == {3}


@pytest.mark.parametrize("interface", Interface)
def test_results_come_back_from_their_words(interface: Interface) -> None:
    netlist = with_weights(NETLIST, 0)
    ports = Ports.of(export(netlist, "verilog", VerilogOptions(interface=interface)).manifest)
    low, high = netlist.score_range
    scores = np.random.default_rng(0).integers(low, high + 1, size=(50, 4))
    result = Result(scores, np.arange(50) % 4)
    back = unpacked_results(ports, packed_results(ports, result))
    np.testing.assert_array_equal(back.scores, result.scores)
    np.testing.assert_array_equal(back.class_ids, result.class_ids)


def test_features_of_more_than_a_byte_have_two_bytes_in_a_frame() -> None:
    netlist = random_netlist(0, num_features=2, input_bits=12)
    ports = Ports.of(export(netlist, "verilog", VerilogOptions(interface=Interface.AXIS)).manifest)
    samples = Samples(InputKind.X, np.array([[0x123, 0x456]], dtype=np.uint16))
    assert packed_inputs(ports, samples)[0].tobytes() == bytes([0x23, 0x01, 0x56, 0x04])


def test_bench_json_says_which_bits_are_not_read() -> None:
    assert int(json.loads(files()["bench.json"])["input"]["unread"], 16) == 0
    assert int(json.loads(files(fold=5)["bench.json"])["input"]["unread"], 16) == 0b11 << 48
    axis = json.loads(files(interface=Interface.AXIS, axis_bytes=4)["bench.json"])
    assert int(axis["input"]["unread"], 16) == 0xFFFF << 48


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_makefile_shows_what_it_would_run(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes(files()["Makefile"])
    command = ["make", "--dry-run", "icarus", "verilator", "cocotb", "clean"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cocotb_launch.py . icarus ../net.v" in done.stdout
