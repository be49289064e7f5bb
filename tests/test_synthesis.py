"""Synthesis without its tools: projects, scripts, fits, and readers that refuse what they do not know."""

import json
import os
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bitlogic.errors import ExportError, FormatError, MissingToolError, OptionError, ToolError
from bitlogic.export.cli import cli, main
from bitlogic.export.folder import export
from bitlogic.export.hardware.devices import DEVICES, find_device
from bitlogic.export.mapping import LutMapping
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis import FLOWS, PARTS, toolbox
from bitlogic.export.synthesis.nextpnr import read_report
from bitlogic.export.synthesis.process import Finished, run_tool
from bitlogic.export.synthesis.project import Project, ShellKind
from bitlogic.export.synthesis.report import REPORT, read, text_of
from bitlogic.export.synthesis.source import Wanted, project_of_export, project_of_netlist
from bitlogic.export.synthesis.synthesize import Request, check_fits, synthesize
from bitlogic.export.synthesis.toolbox import Tool, find_tool
from bitlogic.export.synthesis.vendor import VENDORS, vendor_device, vendor_scripts, with_results
from bitlogic.export.synthesis.yosys import count_parts, script
from bitlogic.export.targets.verilog import VerilogOptions
from bitlogic.export.targets.verilog_primitives import Primitives
from tests.nets import random_netlist

WANTED = Wanted(shell=None, pipeline=None, fold=None, pins=30, lut_inputs=4)
HX = FLOWS["ice40-hx"]


@pytest.fixture(scope="module")
def project() -> Project:
    return project_of_netlist(random_netlist(1), WANTED)


def test_every_device_has_a_part_and_every_part_a_device_and_a_flow() -> None:
    assert PARTS.keys() == DEVICES.keys()
    assert {part.flow for part in PARTS.values()} == FLOWS.keys()
    for name, part in PARTS.items():
        assert FLOWS[part.flow].family == DEVICES[name].family


def test_every_flow_routes_or_says_why_not() -> None:
    for flow in FLOWS.values():
        assert (flow.router is None) == bool(flow.no_router)


def test_the_shell_is_taken_where_the_pins_are_too_few(project: Project) -> None:
    assert project.shell is ShellKind.BYTE
    assert project.pins == 2 + 2 * (8 + 2)
    assert project.parts == {"core": ("bitlogic_net_core",), "encoder": ("bitlogic_net_encoder",)}
    bare = project_of_netlist(random_netlist(1), replace(WANTED, pins=1000))
    assert bare.shell is ShellKind.NONE
    assert bare.pins > 30
    assert bare.parts == {"encoder": ("bitlogic_net_encoded_0",)}
    assert project_of_netlist(random_netlist(1), replace(WANTED, shell=ShellKind.NONE)).shell is ShellKind.NONE


def test_an_export_is_synthesised_as_it_stands_or_inside_the_shell() -> None:
    artifacts = export(random_netlist(1), "verilog", VerilogOptions(module_name="mine", pipeline=2))
    bare = project_of_export(artifacts, replace(WANTED, pins=1000))
    assert bare.files["mine.v"] == artifacts.files["mine.v"]
    assert (bare.top, bare.lut_levels, bare.latency_cycles) == ("mine", 2, artifacts.manifest["latency_cycles"])
    inside = project_of_export(artifacts, WANTED)
    assert (inside.top, inside.lut_levels, inside.shell) == ("mine", 2, ShellKind.BYTE)
    with pytest.raises(OptionError, match="export again"):
        project_of_export(artifacts, replace(WANTED, pins=1000, pipeline=1))


def test_an_export_of_bits_takes_bits_in_its_shell() -> None:
    netlist = random_netlist(1, num_features=16)
    artifacts = export(netlist, "verilog", VerilogOptions(input=InputKind.BITS, pipeline=1))
    inside = project_of_export(artifacts, WANTED)
    assert inside.frame_bytes == -(-netlist.num_inputs // 8)


def test_another_target_and_an_edited_file_are_refused() -> None:
    netlist = random_netlist(1)
    with pytest.raises(OptionError, match="to c; synth takes one to verilog"):
        project_of_export(export(netlist, "c"), WANTED)
    artifacts = replace(export(netlist, "verilog"), changed=("bitlogic_net.v",))
    with pytest.raises(OptionError, match="edited"):
        project_of_export(artifacts, WANTED)


def test_the_script_keeps_the_parts_apart_until_they_are_counted(project: Project) -> None:
    lines = script(project, HX).decode().splitlines()
    keeps = [number for number, line in enumerate(lines) if "-set keep_hierarchy 1" in line]
    order = [lines.index(line) for line in ("synth_ice40 -top bitlogic_net", "flatten")]
    assert [lines[number].split()[-1] for number in keeps] == ["bitlogic_net_core", "bitlogic_net_encoder"]
    counted = next(number for number, line in enumerate(lines) if "stat -json" in line)
    assert max(keeps) < order[0] < counted < order[1]


def statistics(**cells: dict[str, int]) -> str:
    return json.dumps({"modules": {f"\\{name}": {"num_cells_by_type": counts} for name, counts in cells.items()}})


COUNTED: dict[str, dict[str, int]] = {
    "bitlogic_net": {"SB_LUT4": 3, "SB_DFFESR": 4, "bitlogic_net_core": 1, "bitlogic_net_encoder": 1},
    "bitlogic_net_core": {"SB_LUT4": 10, "SB_DFF": 20, "SB_DFFSR": 1, "SB_CARRY": 5, "$scopeinfo": 7},
    "bitlogic_net_encoder": {"SB_LUT4": 2, "SB_RAM40_4K": 1},
}


def test_cells_are_counted_part_by_part(project: Project) -> None:
    counts = count_parts(statistics(**COUNTED), project, HX)
    assert counts["core"] == {"luts": 10, "flipflops": 21, "carries": 5, "muxes": 0, "block_rams": 0, "dsps": 0}
    assert counts["encoder"]["block_rams"] == 1
    assert (counts["shell"]["luts"], counts["shell"]["flipflops"]) == (3, 4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not JSON", "no form that is known"),
        ("{}", "no form that is known"),
        ('{"modules": {"\\\\bitlogic_net": {"num_cells": 4}}}', "no form that is known"),
        (statistics(**{**COUNTED, "bitlogic_net_core": {"SB_NEW": 1}}), "SB_NEW"),
        (statistics(**{**COUNTED, "bitlogic_net_core": {"$_AND_": 1}}), r"\$_AND_"),
        (statistics(**{**COUNTED, "other": {}}), "module other"),
        (statistics(bitlogic_net={"SB_LUT4": 3}), "no module bitlogic_net_core"),
    ],
)
def test_statistics_of_another_form_are_refused(project: Project, text: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        count_parts(text, project, HX)


def finished(text: str = "", code: int = 0) -> Finished:
    return Finished(Tool("nextpnr-ice40", ("true",), "0.11", "native"), code, 1.0, Path("nextpnr.log"), text)


def routed_report(**changes: Any) -> str:
    step = {"from": {"cell": "a"}, "to": {"cell": "b"}, "delay": 0.5}
    report = {
        "fmax": {"clk": {"achieved": 210.5, "constraint": 200}},
        "utilization": {name: {"used": 7, "available": 70} for name in ("ICESTORM_LC", "ICESTORM_RAM", "SB_IO")},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk", "path": [{**step, "delay": 9.0, "type": "routing"}]},
            {
                "from": "posedge clk",
                "to": "posedge clk",
                "path": [{**step, "type": t} for t in ("clk-to-q", "routing")],
            },
        ],
    }
    return json.dumps({key: value for key, value in {**report, **changes}.items() if value is not None})


def test_the_router_report_is_read() -> None:
    assert HX.router is not None
    routed = read_report(routed_report(), HX.router, finished("Info: Router1 time 12.50s\n"))
    assert (routed.fmax_mhz, routed.routing_seconds) == (210.5, 12.5)
    assert routed.used == {"logic_cells": (7, 70), "block_rams": (7, 70), "pins": (7, 70)}
    assert routed.critical_path is not None
    assert (routed.critical_path.logic_ns, routed.critical_path.routing_ns) == (0.5, 0.5)


def test_a_design_without_a_clock_has_no_fmax_rather_than_a_zero() -> None:
    assert HX.router is not None
    routed = read_report(routed_report(fmax={}, critical_paths=[]), HX.router, finished())
    assert (routed.fmax_mhz, routed.critical_path, routed.routing_seconds) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fmax": None}, "no form that is known"),
        ({"fmax": {"clk": {"reached": 3}}}, "no form that is known"),
        ({"fmax": {"a": {"achieved": 1}, "b": {"achieved": 2}}}, "2 clocks"),
        ({"utilization": {"LC": {"used": 1, "available": 2}}}, "does not count ICESTORM_LC"),
        ({"utilization": {"ICESTORM_LC": {"used": None, "available": 2}}}, "no form that is known"),
        ({"critical_paths": [{"from": "clk", "to": "clk"}]}, "no form that is known"),
    ],
)
def test_a_router_report_of_another_form_is_refused(changes: dict[str, Any], says: str) -> None:
    assert HX.router is not None
    with pytest.raises(ToolError, match=says):
        read_report(routed_report(**changes), HX.router, finished())


def test_a_device_that_is_too_small_is_refused_with_the_counts() -> None:
    counts = {"core": {"luts": 7000, "flipflops": 10}, "shell": {"luts": 681, "flipflops": 10}}
    with pytest.raises(ExportError, match=r"7680 luts, and the design needs 7681 \(core 7000, shell 681\)"):
        check_fits(counts, find_device("ice40-hx8k"))
    check_fits({"core": {"luts": 7680, "flipflops": 7680}}, find_device("ice40-hx8k"))


def program(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys, time\nif '--version' in sys.argv: print({body!r}); sys.exit()\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ("Yosys 0.71+2 (git sha1 abc)", "native"),
        ("Yosys 0.70", "native"),
        ("Yosys 0.23 (git sha1 abc)", None),
        ("something else", None),
    ],
)
def test_a_native_program_is_taken_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str, kind: str | None
) -> None:
    path = program(tmp_path, "yosys", shown)
    monkeypatch.setenv("PATH", str(tmp_path))
    toolbox._native_version.cache_clear()
    monkeypatch.setattr(toolbox, "find_spec", lambda name: None)
    monkeypatch.setattr(toolbox, "_from_pypi", lambda name: None)
    try:
        if kind is None:
            with pytest.raises(MissingToolError, match=r"bitlogic\[synth\]"):
                find_tool("yosys")
        else:
            assert find_tool("yosys").command == (str(path),)
    finally:
        toolbox._native_version.cache_clear()


def test_nothing_is_started_where_a_tool_is_missing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Tool:
        raise MissingToolError(f"{name} is missing")

    monkeypatch.setattr("bitlogic.export.synthesis.synthesize.find_tool", missing)
    with pytest.raises(MissingToolError, match="yosys is missing"):
        synthesize(project, Request("ice40-hx8k"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def python_tool(code: str) -> Tool:
    return Tool("stub", (sys.executable, "-c", code), "1", "native")


def test_a_tool_that_fails_is_reported_by_its_own_words_and_log(tmp_path: Path) -> None:
    done = run_tool(python_tool("print('ERROR: no such cell'); raise SystemExit(3)"), [], tmp_path, 30, "trying")
    with pytest.raises(ToolError, match=r"stub ended with code 3: ERROR: no such cell; log: .*stub.log"):
        done.check()


def test_a_tool_that_crashes_is_told_from_one_that_fails(tmp_path: Path) -> None:
    done = run_tool(python_tool("import os; os.kill(os.getpid(), 11)"), [], tmp_path, 30, "trying")
    with pytest.raises(ToolError, match="killed by signal 11"):
        done.check()


def test_a_tool_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open('child', 'w').write(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(ToolError, match=r"did not finish in 3 s \(--time-limit\)"):
        run_tool(python_tool(code), [], tmp_path, 3, "trying")
    child = int((tmp_path / "child").read_text())
    for _ in range(100):  # the signal arrives when the machine has time for it
        if not _is_running(child):
            return
        time.sleep(0.1)
    pytest.fail("the child is still running")


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("failing", ["yosys", "nextpnr"])
def test_a_failure_leaves_the_log_and_earlier_artifacts_as_they_were(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    counts = json.dumps(statistics(**COUNTED))
    yosys = f"import json; open('yosys.json', 'w').write({counts})" if failing != "yosys" else "raise SystemExit(1)"
    tools = {"yosys": python_tool(yosys), "nextpnr-ice40": python_tool("raise SystemExit(1)")}
    for module in ("synthesize", "yosys", "nextpnr"):
        monkeypatch.setattr(
            f"bitlogic.export.synthesis.{module}.find_tool",
            lambda name: replace(tools.get(name, python_tool("")), name=name),
        )
    model, output = tmp_path / "net.npz", tmp_path / "out"
    random_netlist(1).save(model)
    vendor_scripts(project, "vivado", find_device("xc7"), 200).write(output)
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    arguments = ["synth", str(model), "--device", "ice40-hx8k", "-o", str(output), "--shell", "byte"]
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert result.return_value == 1
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("bitlogic: ")
    assert (tmp_path / "out.work" / f"{'yosys' if failing == 'yosys' else 'nextpnr-ice40'}.log").is_file()
    assert f"{failing}" in line
    assert "out.work/" in line
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--device", "ice40-hx9k"], "ice40-hx8k"),
        ([], "needs a --device"),
        (["--device", "xc7", "--part", "xc7a35t"], "--part goes with"),
        (["--flow", "quartus"], "needs a --part"),
        (["--flow", "vivado", "--device", "ecp5-25k"], "none of vivado's"),
    ],
)
def test_misuse_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    model = tmp_path / "net.npz"
    random_netlist(1).save(model)
    with pytest.raises(SystemExit) as exit_:
        main(["synth", str(model), "-o", str(tmp_path / "out"), *arguments])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["net.npz"]


def test_a_folder_in_use_or_not_ours_is_not_worked_in(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "out.work"
    work.mkdir()
    (work / "notes.txt").write_text("mine")
    monkeypatch.setattr("bitlogic.export.synthesis.synthesize.find_tool", lambda name: python_tool(""))
    with pytest.raises(ExportError, match="not ours"):
        synthesize(project, Request("ice40-hx8k"), tmp_path / "out")
    (work / "pid").write_text("1\n")
    with pytest.raises(ExportError, match="in use by process 1"):
        synthesize(project, Request("ice40-hx8k"), tmp_path / "out")
    assert (work / "notes.txt").read_text() == "mine"


UTILIZATION = """
| Tool Version : Vivado v.2024.1 (lin64) Build 5076996
+----------------+-----------------+------------+------------+---------+------+------+--------+--------+------------+
|    Instance    |      Module     | Total LUTs | Logic LUTs | LUTRAMs | SRLs |  FFs | RAMB36 | RAMB18 | DSP Blocks |
+----------------+-----------------+------------+------------+---------+------+------+--------+--------+------------+
| bitlogic_net   |           (top) |        712 |        712 |       0 |    0 | 1650 |      0 |      1 |          0 |
|   (bitlogic_net)|          (top) |         40 |         40 |       0 |    0 |  100 |      0 |      0 |          0 |
|   u_core       | bitlogic_net_core |      650 |        650 |       0 |    0 | 1000 |      0 |      0 |          0 |
|   u_encoder    | bitlogic_net_encoder |    22 |         22 |       0 |    0 |  550 |      0 |      1 |          0 |
+----------------+-----------------+------------+------------+---------+------+------+--------+--------+------------+
"""
TIMING = """
| Design Timing Summary
    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints
    -------      -------  ---------------------  -------------------
     -0.500       -3.100                     12                 4000

| Clock Summary
Clock  Waveform(ns)         Period(ns)      Frequency(MHz)
-----  ------------         ----------      --------------
clk    {0.000 2.000}        4.000           250.000
"""
FITTED = """Fitter Status : Successful - Mon Jan  1 00:00:00 2024
Quartus Prime Version : 23.1std.0 Build 991 11/28/2023 SC Lite Edition
Logic utilization (in ALMs) : 1,234 / 80,330 ( 2 % )
Total registers : 3,456
Total RAM Blocks : 1 / 587 ( < 1 % )
Total DSP Blocks : 0 / 156 ( 0 % )
"""
SLOWEST = """
; Slow 900mV 100C Model Fmax Summary               ;
; Fmax       ; Restricted Fmax ; Clock Name ; Note ;
; 312.5 MHz  ; 250.0 MHz       ; clk        ; limit due to minimum period ;
; Slow 900mV 0C Model Fmax Summary                 ;
; 330.03 MHz ; 330.03 MHz      ; clk        ;      ;
"""
REPORTS = {
    "vivado": {"utilization.rpt": UTILIZATION, "timing.rpt": TIMING},
    "quartus": {"bitlogic_net.fit.summary": FITTED, "bitlogic_net.sta.rpt": SLOWEST},
}


@pytest.mark.parametrize("flow", VENDORS)
def test_vendor_scripts_say_that_nothing_was_run_until_their_reports_are_there(
    project: Project, tmp_path: Path, flow: str
) -> None:
    device = vendor_device(flow, None, "some-part")
    vendor_scripts(project, flow, device, 200.0).write(tmp_path / "out")
    folder = tmp_path / "out"
    content = with_results(read(folder), folder)
    assert (content["stage"], content["fmax_mhz"], content["resources"]) == ("scripts", None, None)
    assert "not run here" in content["reasons"]["fmax_mhz"]
    assert "not run here" in text_of(content)
    assert "some-part" in (folder / f"{flow}.tcl").read_text()
    assert "-period 5.000" in next(folder.glob("clock.*")).read_text()
    for name, text in REPORTS[flow].items():
        (folder / name).write_text(text)
    content = with_results(read(folder), folder)
    assert content["stage"] == "routed"
    if flow == "vivado":
        assert content["fmax_mhz"] == 222.22
        assert content["resources"]["core"]["luts"] == 650
        assert content["resources"]["shell"]["flipflops"] == 100
        assert content["resources"]["total"]["block_rams"] == 1
    else:
        assert content["fmax_mhz"] == 250.0
        assert content["resources"]["total"]["luts"] == 1234
        assert content["resources"]["core"] is None
        assert "quartus" in content["reasons"]["resources.core"]
    assert content["meets_target"]
    assert all("not run" not in reason for reason in content["reasons"].values())
    assert text_of(content)


@pytest.mark.parametrize("flow", VENDORS)
@pytest.mark.parametrize("broken", [0, 1])
def test_a_vendor_report_of_another_form_or_a_missing_one_is_refused(
    project: Project, tmp_path: Path, flow: str, broken: int
) -> None:
    device = vendor_device(flow, None, "some-part")
    vendor_scripts(project, flow, device, 200.0).write(tmp_path / "out")
    names = list(REPORTS[flow])
    (tmp_path / "out" / names[broken]).write_text("Total LUTs: many")
    with pytest.raises(ToolError):
        with_results(read(tmp_path / "out"), tmp_path / "out")
    (tmp_path / "out" / names[1 - broken]).write_text(REPORTS[flow][names[1 - broken]])
    with pytest.raises(ToolError):
        with_results(read(tmp_path / "out"), tmp_path / "out")


def test_a_combinational_core_has_no_vendor_scripts() -> None:
    bare = project_of_netlist(random_netlist(1), replace(WANTED, pins=None, pipeline=0))
    with pytest.raises(OptionError, match="--pipeline 1"):
        vendor_scripts(bare, "vivado", find_device("xc7"), 200)


def test_report_refuses_what_synth_did_not_write(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="bitlogic synth writes one"):
        read(tmp_path)
    (tmp_path / REPORT).write_text('{"format": "other"}')
    with pytest.raises(FormatError, match="no report of bitlogic synth"):
        read(tmp_path)
    (tmp_path / REPORT).write_text('{"format": "bitlogic-synthesis", "version": 99}')
    with pytest.raises(FormatError, match="version 99"):
        read(tmp_path)


# --- the LUTs as cells of the device


def test_luts_behind_a_register_each_are_printed_as_the_familys_cells() -> None:
    netlist = random_netlist(1)
    wanted = replace(WANTED, shell=ShellKind.BYTE, primitives=Primitives.ICE40)
    (text,) = project_of_netlist(netlist, wanted).files.values()
    assert text.count(b"SB_LUT4 #(") >= netlist.num_luts
    for pipeline in (0, 2):  # there the tool may merge LUTs with what follows
        (text,) = project_of_netlist(netlist, replace(wanted, pipeline=pipeline)).files.values()
        assert b"SB_LUT4" not in text


def test_luts_that_are_too_large_for_the_familys_cells_stay_expressions() -> None:
    wanted = replace(WANTED, shell=ShellKind.BYTE, primitives=Primitives.ECP5)
    (text,) = project_of_netlist(random_netlist(1, rank=6), wanted).files.values()
    level = text[text.index(b"module bitlogic_net_core_level1_0") :]
    assert b"LUT4 #(" not in level[: level.index(b"endmodule")]


def test_a_mapping_of_an_export_is_the_exports_own() -> None:
    artifacts = export(random_netlist(1), "verilog", VerilogOptions())
    for shell in (ShellKind.NONE, ShellKind.BYTE):
        with pytest.raises(OptionError, match="--map is the export's own"):
            project_of_export(artifacts, replace(WANTED, shell=shell, map=LutMapping.LUT4))
