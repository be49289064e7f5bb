"""Proofs over many cycles: folds, handshakes and synthesised netlists with their registers; every edit is refused."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST, export
from bitlogic.export.formal.artifacts import prove_artifacts, prove_synthesised
from bitlogic.export.formal.log import Outcome, ProofLog
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets import TARGETS
from bitlogic.export.targets.verilog import VerilogOptions
from tests.nets import random_netlist, with_weights

pytestmark = pytest.mark.pyosys
TEXT = "bitlogic_net.v"
NET = random_netlist(1, widths=(24, 16))


def exported(netlist: Netlist = NET, **options: Any) -> Artifacts:
    return export(netlist, "verilog", TARGETS["verilog"].options(**options))


def prove(artifacts: Artifacts) -> ProofLog:
    return prove_artifacts(artifacts, limit_seconds=20)


def edited(artifacts: Artifacts, module: str, old: str, new: str) -> Artifacts:
    """The same with the only occurrence of ``old`` in a module of the Verilog replaced."""
    text = artifacts.files[TEXT].decode()
    start = text.index(f"module {module} (")
    end = text.index("endmodule", start)
    assert text.count(old, start, end) == 1, old
    text = text[:start] + text[start:end].replace(old, new) + text[end:]
    return replace(artifacts, files={**artifacts.files, TEXT: text.encode()})


def not_proven(log: ProofLog) -> str:
    rows = [o for o in log.obligations if o.outcome is not Outcome.PROVEN]
    return "\n".join(f"{o.outcome}: {o.name}: {o.statement}: {o.detail}" for o in rows)


# --- what is right is proven, for all time

DESIGNS: dict[str, dict[str, Any]] = {
    "stream": {"interface": Interface.STREAM, "pipeline": 1},
    "a fold": {"fold": 2},
    "a fold of bits": {"fold": 5, "input": InputKind.BITS, "pipeline": 2},
    "a fold behind a stream": {"fold": 3, "interface": Interface.STREAM},
    "axis": {"interface": Interface.AXIS, "pipeline": 2},
    "axis of two bytes, bits": {"interface": Interface.AXIS, "axis_bytes": 2, "input": InputKind.BITS},
    "axis of more bytes than a result": {"interface": Interface.AXIS, "axis_bytes": 64},
    "axis with a register file and a fold": {"interface": Interface.AXIS, "axi_lite": True, "fold": 3},
}


LONG = ("axis", "a fold of bits", "axis of two bytes, bits", "axis of more bytes than a result")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in DESIGNS]
)
def test_a_fold_or_a_handshake_is_proven(name: str) -> None:
    log = prove(exported(**DESIGNS[name]))
    assert log.holds, log.text()
    interface = DESIGNS[name].get("interface", Interface.VALID)
    statements = " ".join(o.statement for o in log.obligations)
    assert ("for all time" in statements) == (interface is not Interface.COMB)


@pytest.mark.slow
def test_a_fold_of_a_head_with_weights_is_proven() -> None:
    log = prove(exported(with_weights(NET, seed=3, low=-3, high=3), fold=2, input=InputKind.BITS))
    assert log.holds, log.text()


@pytest.mark.slow
def test_a_frame_of_features_with_two_bytes_is_proven() -> None:
    netlist = random_netlist(2, num_features=4, input_bits=11)
    log = prove(exported(netlist, interface=Interface.AXIS, pipeline=2))
    assert log.holds, log.text()


# --- what is wrong is refuted

FOLDED, CORE, QUEUE = "bitlogic_net", "bitlogic_net_core", "bitlogic_net_stream_results"
COLLECTOR, SENDER, REGISTERS = "bitlogic_net_collector", "bitlogic_net_sender", "bitlogic_net_registers"
STREAM, BEATS = "bitlogic_net_stream", "bitlogic_net_sender_beats"

# Where, what is edited, into what, and what the log says of it.
EDITS = {
    "ready is ignored": (QUEUE, "push = valid_in & ready;", "push = valid_in;", "refuted: bitlogic_net_stream_results"),
    "a result is doubled": (QUEUE, "pop ? (~shown) : shown", "shown", "is the earliest inside"),
    "a result is lost": (
        QUEUE,
        "(push | (~ready)) | (some & (~pop))",
        "push | (some & (~pop))",
        "valid_out is 1 exactly",
    ),
    "a result does not wait": (QUEUE, "pop = some & ready_out;", "pop = some;", "refuted: bitlogic_net_stream_results"),
    "a queue that is never ready": (QUEUE, "ready <= clear ? 1'd1 : ready_next", "ready <= 1'd0", "ready_in is 1"),
    "clear keeps a result": (QUEUE, "some <= clear ? 1'd0 :", "some <=", "valid_out is 1 exactly"),
    "the core moves without room": (
        STREAM,
        ".enable(ready)",
        ".enable(1'b1)",
        "the core moves while the queue has room",
    ),
    "exchanged halves": (
        STREAM,
        "scores = result[11:0]",
        "scores = {result[5:0], result[11:6]}",
        "scores is the core's",
    ),
    "a frame counter ends early": (COLLECTOR, "number == 3'd4", "number == 3'd3", "refuted: bitlogic_net_collector"),
    "tlast is not read": (COLLECTOR, "ends = counts & (s_axis_tlast & at_end)", "ends = counts & at_end", "taken is 1"),
    "a beat is doubled": (
        COLLECTOR,
        "arrives <= clear ? 1'd0 : beat",
        "arrives <= beat | arrives",
        "the beats move on",
    ),
    "a beat is taken into a waiting sample": (COLLECTOR, "open ? (~ends) : leaves", "1'd1", "no beat is taken while"),
    "samples too close for the fold": (COLLECTOR, "full ? 2'd2 : 2'd0", "full ? 2'd1 : 2'd0", "interval between them"),
    "a byte of another beat": (
        COLLECTOR,
        "x = collected;",
        "x = {collected[39:0], collected[47:40]};",
        "x[0] is not bit 0",
    ),
    "a sample that is never offered": (
        COLLECTOR,
        "offered = full &",
        "offered = 1'd0 &",
        "a sample that waits is offered",
    ),
    "a beat too many": (SENDER, "number == 3'd3", "number == 3'd4", "tlast is at the last beat alone"),
    "bytes in another order": (SENDER, "6'd0, class_id}", "class_id, 6'd0}", "is not loaded as the frame says"),
    "a frame that does not wait": (SENDER, "if (room) begin", "if (1'b1) begin", "does not wait"),
    "a beat without tlast": (
        SENDER,
        ".data_in({at_end, left[7:0]})",
        ".data_in({1'd0, left[7:0]})",
        "tlast is at the last",
    ),
    "a dropped frame is not counted": (
        REGISTERS,
        "{31'd0, dropped}",
        "{31'd0, taken}",
        "error_count counts the frames",
    ),
    "a score of another result": (
        REGISTERS,
        "if (result) last_scores",
        "if (taken) last_scores",
        "of the latest result",
    ),
    "a word at another address": (REGISTERS, "score_number < 5'd4", "score_number < 5'd5", "the register map has"),
    "a write anywhere forgets": (
        REGISTERS,
        "write_allowed = to_control &",
        "write_allowed = 1'd1 &",
        "only one to control",
    ),
    "a read is answered for ever": (
        REGISTERS,
        "read_answered ? (~s_axil_rready)",
        "read_answered ? 1'd1",
        "rvalid is 1",
    ),
    "the sender is not waited for": (
        "bitlogic_net",
        ".ready_out(sender_ready)",
        ".ready_out(1'd1)",
        "sees the sender's ready",
    ),
    "frame_error forgets": ("bitlogic_net", "(frame_error_seen & (~clear_counts))", "1'd0", "frame_error is 1 since"),
    "the last part of a fold is lost": (CORE, "(part == 2'd2)))", "(part == 2'd1)))", ""),
    "the sum of the sample before": (CORE, "sum1 <= (first ? 3'd0 : sum1)", "sum1 <= sum1", ""),
    "a part is counted twice": (CORE, "stage2[7:6] : stage2[5:4]", "stage2[5:4] : stage2[5:4]", "has the weight"),
    "a sample is held too late": (CORE, "if (enable & valid_stage2[1])", "if (enable & valid_stage2[0])", ""),
    "a result too early": (CORE, "valid_out = valid[5]", "valid_out = valid[4]", "valid_out comes when it should"),
}


@pytest.fixture(scope="module")
def whole() -> Artifacts:
    return exported(fold=3, interface=Interface.AXIS, axi_lite=True)


QUICK = ("ready is ignored", "a beat is doubled", "a frame counter ends early", "a part is counted twice")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EDITS]
)
def test_an_edit_of_the_text_is_not_proven(whole: Artifacts, name: str) -> None:
    module, old, new, said = EDITS[name]
    log = prove(edited(whole, module, old, new))
    assert not log.holds
    assert said in not_proven(log)


def test_a_counterexample_says_what_comes_in_edge_by_edge(whole: Artifacts) -> None:
    module, old, new, _ = EDITS["a result does not wait"]
    log = prove(edited(whole, module, old, new))
    wrong = next(o for o in log.obligations if o.outcome is Outcome.REFUTED)
    assert wrong.method == "all states"
    assert "behind a reset, at each edge these are 1: " in wrong.detail
    assert "valid_in" in wrong.detail


def test_a_flipped_table_bit_under_a_fold_is_refuted_with_the_lut() -> None:
    tables = NET.tables.copy()
    tables[3] ^= np.uint64(1 << 6)
    artifacts = TARGETS["verilog"].emit(replace(NET, tables=tables), VerilogOptions(fold=2))
    log = prove(replace(artifacts, files={**artifacts.files, NETLIST: NET.to_bytes()}))
    assert log.refuted
    assert "LUT 3" in not_proven(log)


FOLD_EDITS = {
    "beats in another order": ("collected <= {x, collected[", "collected <= {collected[", "at the nets that they read"),
    "a beat too few": ("valid_in & (beat == 1'd1)", "valid_in & (beat == 1'd0)", "valid_out comes when it should"),
}


@pytest.mark.parametrize("name", FOLD_EDITS)
def test_an_edit_of_a_fold_that_comes_in_beats_is_not_proven(name: str) -> None:
    artifacts = exported(fold=2)
    old, new, said = FOLD_EDITS[name]
    text = artifacts.files[TEXT].decode()
    if name == "beats in another order":
        new = "collected <= {collected[23:0], x} & ~{48{1'b0}}; if (0) collected <= {x, collected["
    assert text.count(old) == 1
    log = prove(replace(artifacts, files={**artifacts.files, TEXT: text.replace(old, new).encode()}))
    assert not log.holds
    assert said in not_proven(log)


def test_a_core_without_the_interface_that_was_asked_for_is_not_proven() -> None:
    stream = exported(interface=Interface.STREAM, pipeline=1)
    core = exported(pipeline=1)
    log = prove(replace(stream, files={**stream.files, TEXT: core.files[TEXT]}))
    assert "not proven: bitlogic_net: has the interface stream" in not_proven(log)


def test_a_module_around_a_proven_stream_is_not_covered() -> None:
    artifacts = exported(interface=Interface.STREAM, pipeline=1)
    text = artifacts.files[TEXT].decode().replace("module bitlogic_net (", "module inner (")
    ports = "clk, rst, valid_in, ready_in, x, valid_out, ready_out, scores, class_id"
    text += (
        f"module bitlogic_net ({ports}); input clk, rst, valid_in, ready_out; input [47:0] x; output ready_in;"
        "output valid_out; output [11:0] scores; output [1:0] class_id;"
        "inner u (clk, rst, valid_in, ready_in, ~x, valid_out, ready_out, scores, class_id); endmodule"
    )
    log = prove(replace(artifacts, files={**artifacts.files, TEXT: text.encode()}))
    assert "not proven: bitlogic_net: behaves as its interface says" in not_proven(log)


def test_too_many_states_are_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlogic.export.formal.automaton.MAX_STATES", 10)
    log = prove(exported(interface=Interface.STREAM, pipeline=1))
    assert not log.holds
    assert not log.refuted
    assert "not all states were reached" in not_proven(log)


# --- what synthesis made of it, by its registers


def synthesised(artifacts: Artifacts, folder: Path) -> Path:
    (folder / TEXT).write_bytes(artifacts.files[TEXT])
    code = (
        "from pyosys import libyosys as y; d = y.Design()\n"
        f"for c in ('read_verilog {TEXT}', 'synth_ice40 -top bitlogic_net', 'write_json out.json'):\n"
        "    y.run_pass('tee -q -o log ' + c, d)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, timeout=300)
    return folder / "out.json"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a fold", "axis with a register file and a fold"])
def test_a_dissolved_netlist_is_proven_by_its_registers_and_a_changed_table_refuted(tmp_path: Path, name: str) -> None:
    artifacts = exported(**DESIGNS[name])
    path = synthesised(artifacts, tmp_path)
    log = prove_synthesised(artifacts, path, "ice40")
    assert log.holds, log.text()
    assert any(o.statement.startswith("whatever its registers are") for o in log.obligations)
    netlist = json.loads(path.read_text())
    cells = [c for m in netlist["modules"].values() for c in m["cells"].values() if c["type"] == "SB_LUT4"]
    parameters = cells[len(cells) // 2]["parameters"]
    parameters["LUT_INIT"] = "".join("10"[int(bit)] for bit in parameters["LUT_INIT"])
    path.write_text(json.dumps(netlist))
    log = prove_synthesised(artifacts, path, "ice40")
    assert log.refuted, log.text()
