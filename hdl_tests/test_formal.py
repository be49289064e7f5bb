"""Proofs of the emitted text: it is proven as it is, and every kind of edit is refuted or left without a proof."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitlogic.errors import OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST, export
from bitlogic.export.formal.artifacts import prove_artifacts, prove_synthesised
from bitlogic.export.formal.log import PROOF, Outcome, ProofLog
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets import TARGETS
from bitlogic.export.targets.verilog import VerilogOptions
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_primitives import Primitives
from bitlogic.export.verification import Request, run_verification
from tests.nets import DEGENERATE, random_netlist, with_weights

pytestmark = pytest.mark.pyosys
TEXT = "bitlogic_net.v"
NET = random_netlist(1, widths=(24, 16))
BITS = InputKind.BITS


def exported(netlist: Netlist, target: str = "verilog", **options: object) -> Artifacts:
    return export(netlist, target, TARGETS[target].options(**options))


def prove(artifacts: Artifacts) -> ProofLog:
    return prove_artifacts(artifacts, limit_seconds=20)


def edited(artifacts: Artifacts, old: str, new: str) -> Artifacts:
    """The same with the only occurrence of ``old`` in the Verilog replaced."""
    text = artifacts.files[TEXT].decode()
    assert text.count(old) == 1, old
    return replace(artifacts, files={**artifacts.files, TEXT: text.replace(old, new).encode()})


def not_proven(log: ProofLog) -> str:
    """What the log says of the obligations that are not proven."""
    return "\n".join(f"{o.outcome}: {o.name}: {o.detail}" for o in log.obligations if o.outcome is not Outcome.PROVEN)


@pytest.fixture(scope="module")
def pipelined() -> Artifacts:
    return exported(NET, pipeline=1)


# --- what is right is proven


@pytest.mark.parametrize("pipeline", [0, 2])
@pytest.mark.parametrize("kind", InputKind)
@pytest.mark.parametrize("style", Style)
def test_the_emitted_verilog_is_proven(kind: InputKind, pipeline: int, style: Style) -> None:
    log = prove(exported(random_netlist(pipeline, num_features=5), input=kind, pipeline=pipeline, style=style))
    assert log.holds, log.text()


@pytest.mark.parametrize("name", ["no_lut", "constant_nets_as_outputs", "dead_luts", "repeated_pin", "one_lut"])
def test_degenerate_netlists_are_proven(name: str) -> None:
    log = prove(exported(DEGENERATE[name], input=BITS, pipeline=1))
    assert log.holds, log.text()


@pytest.mark.parametrize("name", ["weights_that_tie", "weights_all_zero", "weights_of_one_class"])
def test_a_head_with_weights_is_proven(name: str) -> None:
    log = prove(exported(DEGENERATE[name], input=BITS, pipeline=1))
    assert log.holds, log.text()


@pytest.mark.slow
def test_a_random_head_with_weights_is_proven() -> None:
    log = prove(exported(with_weights(NET, seed=3), input=BITS))
    assert log.holds, log.text()


@pytest.mark.parametrize("pipeline", [0, 1])
@pytest.mark.parametrize("primitives", [Primitives.ICE40, Primitives.GENERIC])
def test_primitives_are_proven_by_their_models(primitives: Primitives, pipeline: int) -> None:
    log = prove(exported(NET, input=BITS, primitives=primitives, pipeline=pipeline))
    assert log.holds, log.text()


@pytest.mark.parametrize("device", ["ice40-hx8k", "ecp5-85k"])
def test_popcounts_without_registers_are_proven_with_leaves_and_without(device: str) -> None:
    log = prove(exported(random_netlist(3, widths=(40, 240)), input=BITS, device=device))
    assert log.holds, log.text()


@pytest.mark.yosys
@pytest.mark.parametrize("pipeline", [0, 1])
def test_amaranth_s_conversion_is_proven(pipeline: int) -> None:
    log = prove(exported(NET, "amaranth", input=BITS, pipeline=pipeline))
    assert log.holds, log.text()


@pytest.mark.yosys
def test_a_flipped_table_in_the_amaranth_module_is_refuted() -> None:
    artifacts = exported(NET, "amaranth", input=BITS)
    files = dict(artifacts.files)
    files["bitlogic_net.py"] = exported(flipped(NET), "amaranth", input=BITS).files["bitlogic_net.py"]
    log = prove(replace(artifacts, files=files))
    assert log.refuted
    assert "differ where of the inputs these are 1" in not_proven(log)


# --- what is wrong is refuted, by name


def flipped(netlist: Netlist, lut: int = 3, entry: int = 6) -> Netlist:
    tables = netlist.tables.copy()
    tables[lut] ^= np.uint64(1 << entry)
    return replace(netlist, tables=tables)


def test_a_flipped_table_bit_is_refuted_with_the_lut_and_what_it_reads() -> None:
    origins = np.stack([np.repeat([0, 1], [24, 16]), np.arange(40)], axis=1).astype(np.int32)
    netlist = replace(random_netlist(1, widths=(24, 16)), origins=origins).without_encoder()
    artifacts = TARGETS["verilog"].emit(flipped(netlist), VerilogOptions(input=BITS))
    artifacts = replace(artifacts, files={**artifacts.files, NETLIST: netlist.to_bytes()})
    log = prove(artifacts)
    wrong = [o for o in log.obligations if o.outcome is Outcome.REFUTED]
    assert [o.name for o in wrong] == ["bitlogic_net_level1_0"]
    assert wrong[0].detail.startswith("LUT 3 (layer 0, neuron 3) differ; output bit 3 is ")
    read = dict(re.findall(r"input bit (\d+) = (\d)", wrong[0].detail))
    pins = netlist.pins[3].tolist()
    assert [int(read[str(pin - 2)]) if pin > 1 else pin for pin in pins] == [0, 1, 1, 0]  # address 6


# What is edited, into what, and what the log says of it.
EDITS = {
    "a swapped pin": ("(i[0] & ~i[15])", "(i[15] & ~i[0])", "refuted: bitlogic_net_level1_0: LUT"),
    "a threshold": ("(f5 > 8'd164)", "(f5 > 8'd165)", "refuted: bitlogic_net_encoded_0: input bit"),
    "a swapped layer wire": (
        "level1_0, stage0[15:13],",
        "level1_0[23:2], level1_0[0], level1_0[1], stage0[15:13],",
        "LUT",
    ),
    "a bit of another class": (".i(stage2[3:0])", ".i(stage2[4:1])", "refuted: bitlogic_net: score 0: LUT"),
    "a bit counted twice": (".i(stage2[3:0])", ".i({stage2[2:0], stage2[0]})", "has the weight 2, not 1"),
    "exchanged scores": (
        "scores0 <= {count3, count2,",
        "scores0 <= {count2, count3,",
        "refuted: bitlogic_net: score 2",
    ),
    "an adder": ("{1'd0, leaves0_held} + ", "{1'd0, leaves0_held} | ", "is no sum of what it reads"),
    "a tie": ("score_a < score_b", "score_a <= score_b", "refuted: bitlogic_net_argmax_node"),
    "the numbers of classes": (".index_b(2'd1)", ".index_b(2'd3)", "is no candidate at side b"),
    "exchanged candidates": (
        ".score_a(score0_0),\n        .index_a(index0_0),\n        .score_b(score0_1),\n        .index_b(index0_1),",
        ".score_a(score0_1),\n        .index_a(index0_1),\n        .score_b(score0_0),\n        .index_b(index0_0),",
        "is not below those at side b",
    ),
    "a missing register": ("scores3 <= scores2", "scores3 <= scores1", "scores is 8 late"),
    "an early bit": ("stage0[15:13], stage0[11],", "stage0[15:13], encoded_0[11],", "is 1 and 2 clock edges late"),
    "a second instance": (
        "bitlogic_net_level2_0 u_level2_0 (",
        "bitlogic_net_level2_0 again (.i(~stage1), .o(level2_0));\n    bitlogic_net_level2_0 u_level2_0 (",
        "drives a bit that is driven already",
    ),
    "a late bit": ("stage2 <= {level2_0[14:10]", "stage2 <= {stage2[15], level2_0[13:10]", "has a loop"),
    "valid out too early": ("valid_out = valid[8]", "valid_out = valid[7]", "valid_out is 8 late"),
    "a reset that sets": ("valid <= 9'd0", "valid <= 9'd1", "is not cleared"),
    "another clock": (".i(stage0),\n        .o(level1_0)", ".i({17{rst}}),\n        .o(level1_0)", "LUT"),
    "an x": ("(i[0] & ~i[15])", "1'bx", "not proven: bitlogic_net"),
    "a second driver": (
        "    assign scores = scores3;",
        "    assign scores = scores3;\n    assign scores[0] = rst;",
        "",
    ),
    "an error of syntax": ("assign scores = scores3;", "assign scores = ;", "not proven: the emitted Verilog"),
    "a missing module": ("module bitlogic_net_count3 (", "module bitlogic_net_count9 (", "not proven"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_the_text_is_not_proven(pipelined: Artifacts, name: str) -> None:
    old, new, said = EDITS[name]
    log = prove(edited(pipelined, old, new))
    assert not log.holds
    assert said in not_proven(log)


def test_a_wrapper_of_the_same_ports_around_the_core_is_not_taken_for_it(pipelined: Artifacts) -> None:
    text = pipelined.files[TEXT].decode().replace("module bitlogic_net (", "module inner (")
    ports = re.search(r"module inner \((.*?)\);", text, flags=re.DOTALL)
    assert ports is not None
    text += (
        f"module bitlogic_net ({ports[1]});\ninner u (clk, rst, valid_in, ~x, valid_out, scores, class_id);\nendmodule"
    )
    log = prove(replace(pipelined, files={**pipelined.files, TEXT: text.encode()}))
    assert not log.holds
    assert "not proven: bitlogic_net: the logic around the core is not covered" in not_proven(log)


# --- what is not covered says so


def test_a_core_that_does_not_stand_still_is_refuted() -> None:
    artifacts = exported(NET, interface=Interface.STREAM, pipeline=1)
    text = artifacts.files[TEXT].decode()
    found = re.search(r"if \(enable\) begin\s+leaves0_held <= ", text)
    assert found is not None
    broken = text[: found.start()] + found[0].replace("enable", "1'b1") + text[found.end() :]
    log = prove(replace(artifacts, files={**artifacts.files, TEXT: broken.encode()}))
    assert "does not keep its value" in not_proven(log)


def test_a_target_that_is_no_hardware_is_refused() -> None:
    with pytest.raises(OptionError, match="verilog or vhdl or amaranth, not packed"):
        prove(exported(NET, "packed"))


def test_an_undecided_question_is_not_a_proof(monkeypatch: pytest.MonkeyPatch, pipelined: Artifacts) -> None:
    monkeypatch.setattr("bitlogic.export.formal.solver.EXHAUSTIVE_VARIABLES", 0)
    monkeypatch.setattr("bitlogic.export.formal.solver._solve", lambda *_: (None, [], None))
    log = prove(pipelined)
    assert not log.holds
    assert not log.refuted
    assert "the solver did not decide within 20 s" in log.text()


# --- a synthesised netlist


def synthesised(artifacts: Artifacts, folder: Path, command: str, suffix: str) -> Path:
    """What Yosys makes of the Verilog with this command."""
    (folder / TEXT).write_bytes(artifacts.files[TEXT])
    writer = {".json": "write_json", ".v": "write_verilog -noattr", ".blif": "write_blif -gates -param"}[suffix]
    code = (
        "from pyosys import libyosys as y; d = y.Design()\n"
        f"for c in ('read_verilog {TEXT}', '{command} -top bitlogic_net', '{writer} out{suffix}'):\n"
        "    y.run_pass('tee -q -o log ' + c, d)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, timeout=300)
    return folder / f"out{suffix}"


SYNTHESES = {
    "ice40 with modules": ("synth_ice40 -noflatten", "ice40", ".json"),
    "ice40 dissolved": ("synth_ice40", "ice40", ".json"),
    "ice40 as Verilog": ("synth_ice40", "ice40", ".v"),
    "ice40 as BLIF": ("synth_ice40", "ice40", ".blif"),
    "xilinx dissolved": ("synth_xilinx -family xc7 -noiopad -noclkbuf", "xilinx", ".json"),
    "ecp5 dissolved": ("synth_ecp5", "ecp5", ".json"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SYNTHESES)
def test_a_synthesised_netlist_is_proven_and_a_changed_table_in_it_refuted(tmp_path: Path, name: str) -> None:
    command, technology, suffix = SYNTHESES[name]
    artifacts = exported(NET, pipeline=1, style=Style.WIRES)
    path = synthesised(artifacts, tmp_path, command, suffix)
    log = prove_synthesised(artifacts, path, technology)
    assert log.holds, log.text()
    if suffix == ".json":
        netlist = json.loads(path.read_text())
        cells = [
            c for m in netlist["modules"].values() for c in m["cells"].values() if c["type"] in ("SB_LUT4", "LUT4")
        ]
        parameters = cells[len(cells) // 2]["parameters"]
        (table,) = [key for key in parameters if "INIT" in key]
        parameters[table] = "".join("10"[int(bit)] for bit in parameters[table])
        path.write_text(json.dumps(netlist))
        assert prove_synthesised(artifacts, path, technology).refuted


def test_a_file_that_is_no_netlist_is_refused(tmp_path: Path, pipelined: Artifacts) -> None:
    with pytest.raises(OptionError, match=r"no synthesised netlist; a \.json"):
        prove_synthesised(pipelined, tmp_path / "missing.json", "ice40")


# --- the log


@pytest.mark.sim
@pytest.mark.formal
def test_verify_proves_the_passes_and_the_text_and_writes_the_log(tmp_path: Path) -> None:
    exported(NET, input=BITS).write(tmp_path / "build")
    artifacts = Artifacts.read(tmp_path / "build")
    outcome = run_verification(artifacts, Request(formal=True))
    outcome.write(tmp_path / "build")
    assert outcome.holds, outcome.text()
    assert "proof of the emitted Verilog: proven" in outcome.text()
    (log,) = json.loads((tmp_path / "build" / PROOF).read_text())
    assert log["holds"] is True
    exported(NET, input=BITS).write(tmp_path / "build")  # the log is ours to replace
    failed = replace(outcome, logs=(ProofLog("nothing"),))
    assert not failed.holds
    assert "equal on all vectors, NOT PROVEN" in failed.text()


def test_the_log_says_what_was_proven_how_and_with_which_tool(pipelined: Artifacts) -> None:
    log = prove(pipelined)
    found = json.loads(log.to_bytes())
    assert found["holds"] is True
    assert found["tools"]["yosys"]
    methods = {o["method"] for o in found["obligations"]}
    assert methods <= {"structure", "exhaustive", "SAT", "tracing"}
    assert all(o["outcome"] == "proven" for o in found["obligations"])
    assert {"bitlogic_net_level1_0", "bitlogic_net_argmax_node", "bitlogic_net"} <= {
        o["name"] for o in found["obligations"]
    }


def test_the_log_of_nothing_does_not_hold() -> None:
    assert not ProofLog("nothing").holds
