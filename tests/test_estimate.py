"""The estimate before any tool runs: what operations and bodies cost, what is counted where, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bitlogic.errors import ExportError
from bitlogic.export.cli import cli, main
from bitlogic.export.estimate.bodies import compared_bits, count_luts, memory_blocks
from bitlogic.export.estimate.design import RESOURCES, Estimate, estimate_design
from bitlogic.export.estimate.family import FAMILIES
from bitlogic.export.estimate.fits import shortage
from bitlogic.export.estimate.project import estimate_project
from bitlogic.export.estimate.report import report_of, text_of
from bitlogic.export.estimate.timing import TIMINGS
from bitlogic.export.folder import export
from bitlogic.export.hardware.argmax import ArgmaxPlan, argmax_module
from bitlogic.export.hardware.devices import DEVICES, find_device
from bitlogic.export.hardware.popcount import PopcountPlan, popcount_module
from bitlogic.export.hardware.rtl import Luts, Module, Port, Register, Rom, Slice, whole
from bitlogic.export.netlist import Netlist
from bitlogic.export.synthesis import FLOWS, PARTS
from bitlogic.export.synthesis.project import Project, ShellKind
from bitlogic.export.synthesis.report import Report
from bitlogic.export.synthesis.source import project_of_netlist, wanted_on
from bitlogic.export.synthesis.synthesize import Request, part_and_flow, synthesize
from bitlogic.export.targets.verilog import VerilogOptions
from tests.nets import DEGENERATE, random_netlist, with_weights

ESTIMATED = [name for name, part in PARTS.items() if part.flow in FAMILIES]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in arguments], standalone_mode=False)


def project_on(
    device: str, netlist: Netlist, pipeline: int = 1, fold: int = 1, shell: ShellKind | None = None
) -> Project:
    return project_of_netlist(netlist, wanted_on(device, shell, pipeline, fold))


def estimated(module: Module, family: str) -> Estimate:
    return estimate_design(module, ("core",), FAMILIES[family], None)


def test_a_lut_costs_by_what_its_table_depends_on_and_twins_cost_once() -> None:
    tables = [0xAAAA, 0xCCCC, 0x8888, 0x8888, 0x8000, 0x6996, 0x0000]  # two wires, twins, two of four inputs, constant
    pins = np.tile(np.arange(2, 6, dtype=np.int32), (len(tables), 1))
    nets = np.arange(len(tables), dtype=np.int32)
    assert count_luts(Luts(np.array(tables, dtype=np.uint64), pins, nets), FAMILIES["ice40-hx"]) == 3
    pins[4:6, 3] = 1  # with its highest pin at 1 each depends on three
    pins[4:6, 2] = 0  # and then one is constant, and one the parity of two
    assert count_luts(Luts(np.array(tables, dtype=np.uint64), pins, nets), FAMILIES["ice40-hx"]) == 2


def test_a_comparator_depends_on_the_bits_above_the_lowest_zero_of_its_threshold() -> None:
    for width in range(1, 6):
        for threshold in range(1 << width):
            outcome = [value > threshold for value in range(1 << width)]
            depends = [
                bit for bit in range(width) if any(outcome[v] != outcome[v ^ (1 << bit)] for v in range(1 << width))
            ]
            assert compared_bits(threshold, width) == len(depends)


@pytest.mark.parametrize(
    ("words", "width", "blocks"), [(784, 3, 1), (784, 8, 2), (256, 16, 1), (256, 17, 2), (4096, 1, 2), (8, 8, 0)]
)
def test_a_memory_takes_the_blocks_of_its_best_shape(words: int, width: int, blocks: int) -> None:
    assert memory_blocks(Rom((0,) * words), width, FAMILIES["ice40-hx"]) == blocks


# (bits, levels of the tree to a register): (LUTs on ice40, on ecp5, flip-flops) that Yosys 0.70 makes of the module.
POPCOUNTS = {
    (20, 1): (30, 45, 38),
    (20, 2): (33, 46, 16),
    (20, 0): (31, 54, 0),
    (50, 1): (81, 122, 104),
    (50, 2): (92, 128, 44),
    (50, 0): (94, 182, 0),
    (100, 1): (163, 249, 208),
    (100, 2): (187, 278, 91),
    (100, 0): (192, 299, 0),
}


@pytest.mark.parametrize(("size", "levels"), POPCOUNTS)
def test_a_popcount_is_estimated_as_it_is_synthesised(size: int, levels: int) -> None:
    module = popcount_module(size, PopcountPlan("p", 3, levels))
    ice40, ecp5, flipflops = POPCOUNTS[size, levels]
    for family, luts in (("ice40-hx", ice40), ("ecp5", ecp5)):
        made = estimated(module, family)
        assert made.total("flipflops") == flipflops
        assert abs(made.total("luts") - luts) <= 0.2 * luts, (family, made.total("luts"), luts)


@pytest.mark.parametrize("pipeline", [0, 1, 2])
def test_every_class_has_a_popcount_of_its_own(pipeline: int) -> None:
    netlist = random_netlist(4, num_features=70, widths=(80, 250), num_classes=10)
    made = estimate_project(project_on("ecp5-25k", netlist, pipeline), find_device("ecp5-25k"))
    one = estimated(popcount_module(25, PopcountPlan("p", 3 if pipeline else 1, pipeline)), "ecp5")
    assert made.sections["popcount"]["luts"] == 10 * one.total("luts")
    assert made.sections["popcount"]["flipflops"] == 10 * one.total("flipflops")


# (score width, registers, split): (LUTs on ice40, flip-flops) of ten classes.
ARGMAXES = {
    (5, False, False): (71, 0),
    (5, True, False): (99, 68),
    (5, True, True): (99, 181),
    (7, False, False): (97, 0),
    (7, True, True): (133, 237),
    (9, True, False): (167, 108),
}


@pytest.mark.parametrize(("width", "registered", "split"), ARGMAXES)
def test_an_argmax_is_estimated_as_it_is_synthesised(width: int, registered: bool, split: bool) -> None:
    module = argmax_module(ArgmaxPlan("a", 10, width, 4, False, registered, split))
    luts, flipflops = ARGMAXES[width, registered, split]
    made = estimated(module, "ice40-hx")
    assert made.total("flipflops") == flipflops
    assert abs(made.total("luts") - luts) <= 0.1 * luts, made.total("luts")


def test_what_nothing_reads_is_not_counted() -> None:
    registers = (Register("kept", 3, Slice("i", 0, 3, 5)), Register("lost", 2, Slice("i", 3, 2, 5)))
    ports = (Port("i", 5, True), Port("o", 3, False))
    module = Module("m", "", ports, registers=registers, outputs=(("o", whole("kept", 3)),))
    assert estimated(module, "ice40-hx").total("flipflops") == 3


@pytest.mark.parametrize("device", ESTIMATED)
@pytest.mark.parametrize("pipeline", [0, 1, 2])
def test_parts_and_sections_add_up(device: str, pipeline: int) -> None:
    netlist = with_weights(random_netlist(3, num_features=70, widths=(60, 40)), seed=1)
    project = project_on(device, netlist, pipeline)
    made = estimate_project(project, find_device(device))
    assert set(made.parts) == {"core", "encoder", "shell"}
    for resource in RESOURCES:
        assert made.parts["core"][resource] == sum(section[resource] for section in made.sections.values())
        assert made.total(resource) == sum(part[resource] for part in made.parts.values())
    assert all(sum(made.sections[name].values()) for name in ("lut_levels", "popcount", "product", "argmax"))
    assert made.sections["control"]["luts"] == 0  # else a name of the core is not known here
    assert (made.fmax_mhz is None) == (device not in TIMINGS)


def test_registers_make_a_design_faster_and_size_makes_it_slower() -> None:
    clocks = []
    for widths, pipeline in (((200, 200), 1), ((200, 200), 2), ((200, 200), 0), ((1000, 1000), 0)):
        netlist = random_netlist(1, num_features=300, widths=widths, num_classes=10)
        made = estimate_project(project_on("ecp5-85k", netlist, pipeline), find_device("ecp5-85k"))
        assert made.fmax_mhz is not None
        clocks.append(made.fmax_mhz)
    assert clocks == sorted(clocks, reverse=True)


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_netlist_has_an_estimate(name: str) -> None:
    for device, pipeline, fold, shell in (
        ("ice40-hx8k", 1, 1, ShellKind.BYTE),
        ("ecp5-25k", 2, 2, ShellKind.BYTE),
        ("ecp5-25k", 0, 1, ShellKind.NONE),
        ("ice40-hx8k", 1, 3, ShellKind.NONE),
    ):
        made = estimate_project(project_on(device, DEGENERATE[name], pipeline, fold, shell), find_device(device))
        assert all(made.total(resource) >= 0 for resource in RESOURCES)
        assert (made.fmax_mhz is None) == (pipeline == 0 and shell is ShellKind.NONE)


def test_a_design_without_a_clock_says_so() -> None:
    device = find_device("ecp5-25k")
    project = project_on("ecp5-25k", random_netlist(1), pipeline=0, shell=ShellKind.NONE)
    content = report_of(project, device, estimate_project(project, device), 100.0, "")
    assert content["fmax_mhz"] is None
    assert content["reasons"]["fmax_mhz"] == "nothing in the design has a clock"
    assert "nothing in the design has a clock" in text_of(content)


def nulls(content: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in content.items():
        if value is None:
            found.append(prefix + key)
        elif isinstance(value, dict) and key != "reasons":
            found += nulls(value, "" if key == "design" else f"{prefix}{key}.")
    return found


@pytest.mark.parametrize("device", ESTIMATED)
def test_the_report_has_the_form_of_a_synthesis_and_a_reason_for_every_null(tmp_path: Path, device: str) -> None:
    random_netlist(1, num_features=70).save(tmp_path / "net.npz")
    done = run("estimate", tmp_path / "net.npz", "--device", device, "--json")
    content = json.loads(done.stdout)
    assert (done.return_value, content["stage"], content["fits"]) == (0, "estimate", True)
    assert all(key in content["reasons"] for key in nulls(content)), nulls(content)
    project = project_on(device, random_netlist(1, num_features=70))
    report = Report(project, find_device(device), 1, 100.0)
    report.not_routed("")
    assert set(report.content) <= set(content)
    for part in ("core", "encoder", "shell", "total"):
        assert all(isinstance(content["resources"][part][name], int) for name in RESOURCES)
    assert done.stdout.isascii()
    assert text_of(content) in run("estimate", tmp_path / "net.npz", "--device", device).stdout


def test_an_export_and_its_netlist_have_one_estimate(tmp_path: Path) -> None:
    netlist = random_netlist(5, num_features=70)
    export(netlist, "verilog", VerilogOptions(pipeline=1)).write(tmp_path / "out")
    netlist.save(tmp_path / "net.npz")
    folder, file = (
        json.loads(run("estimate", tmp_path / name, "--device", "ice40-hx8k", "--shell", "byte", "--json").stdout)
        for name in ("out", "net.npz")
    )
    assert folder["resources"] == file["resources"]
    assert folder["fmax_mhz"] == file["fmax_mhz"]


def wide(num_luts: int) -> Netlist:
    return random_netlist(1, num_features=300, widths=(num_luts // 2, num_luts // 2), num_classes=10)


def test_what_cannot_fit_is_refused_with_one_line_and_code_1(tmp_path: Path) -> None:
    wide(10_000).save(tmp_path / "net.npz")
    done = run("estimate", tmp_path / "net.npz", "--device", "ice40-up5k", "--json")
    assert done.return_value == 1
    assert json.loads(done.stdout)["fits"] is False
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("bitlogic: ice40-up5k has 5280 flipflops, and the design needs about ")
    assert "core" in line


def test_synth_refuses_it_before_any_tool_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlogic.export.synthesis.synthesize.find_tool", lambda name: None)
    project = project_on("ice40-hx8k", wide(16_000))
    with pytest.raises(ExportError, match="estimated before synthesis"):
        synthesize(project, Request("ice40-hx8k"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("luts", "flipflops", "fits"), [(7680, 10, True), (7681, 10, None), (9216, 10, None), (10, 9217, False)]
)
def test_only_what_is_beyond_the_error_of_the_estimate_is_certain(luts: int, flipflops: int, fits: bool | None) -> None:
    device = find_device("ice40-hx8k")
    counts = {"luts": luts, "flipflops": flipflops, "block_rams": 0, "dsps": 0}
    made = Estimate({"core": counts}, {}, None, "", "")
    short = shortage(made, device)
    assert (True if short is None else None if not short.certain else False) is fits
    content = report_of(project_on("ice40-hx8k", random_netlist(1)), device, made, 100.0, "x")
    assert content["fits"] is fits
    assert ("within the estimate's error" in content["reasons"].get("fits", "")) == (fits is None)


def test_too_many_pins_and_a_family_without_a_router_have_no_clock() -> None:
    for device, says in (("ice40-hx8k", "pins"), ("gatemate", "delays")):
        project = project_on(device, random_netlist(1, num_features=70), shell=ShellKind.NONE)
        part, flow = part_and_flow(device)
        from bitlogic.export.synthesis.synthesize import why_not_routed

        reason = why_not_routed(project, flow, part, Request(device))
        made = estimate_project(project, find_device(device))
        content = report_of(project, find_device(device), made, 100.0, reason if says == "pins" else "")
        assert says in content["reasons"]["fmax_mhz"]
        assert content["resources"]["shell"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--device", "ice40-hx9k"], "ice40-hx8k"), (["--device", "nexus"], "no estimate for its family")],
)
def test_misuse_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    random_netlist(1).save(tmp_path / "net.npz")
    with pytest.raises(SystemExit) as exit_:
        main(["estimate", str(tmp_path / "net.npz"), *arguments])
    assert exit_.value.code == 2
    assert says in capsys.readouterr().err


def test_every_device_with_delays_has_a_family_and_a_flow() -> None:
    assert set(TIMINGS) <= set(DEVICES)
    assert {PARTS[name].flow for name in TIMINGS} <= set(FAMILIES) <= set(FLOWS)
