"""Boards: their pins, constraints and files, and what is refused."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bitlogic.errors import MissingToolError, OptionError, ToolError
from bitlogic.export.boards import ALIASES, BOARDS
from bitlogic.export.boards.board import Board, Pin
from bitlogic.export.boards.board_file import read_board
from bitlogic.export.boards.constraints import CONSTRAINTS, placed_ports
from bitlogic.export.boards.lookup import find_board
from bitlogic.export.boards.mount import mount
from bitlogic.export.cli import main
from bitlogic.export.folder import export
from bitlogic.export.hardware.devices import DEVICES
from bitlogic.export.hardware.uart_line import line_for
from bitlogic.export.netlist import Netlist
from bitlogic.export.synthesis import FLOWS, PARTS
from bitlogic.export.synthesis.nextpnr import Routed
from bitlogic.export.synthesis.part import Mounting
from bitlogic.export.synthesis.process import Finished
from bitlogic.export.synthesis.project import Project, ShellKind
from bitlogic.export.synthesis.source import Wanted, project_of_export, project_of_netlist
from bitlogic.export.synthesis.synthesize import check_clock
from bitlogic.export.synthesis.toolbox import Tool
from bitlogic.export.targets.verilog import VerilogOptions
from tests.nets import DEGENERATE, random_netlist

FILE = """
device = "ecp5-25k"
clock_mhz = 25
nextpnr = ["--25k", "--package", "CABGA256", "--speed", "6"]
program = "openFPGALoader {bitstream}"
attributes = { IO_TYPE = "LVCMOS33" }
[pins]
clk = "P6"
rx = "M13"
tx = "P11"
leds = ["!R1", "T2"]
"""


def mounted(board: Board, netlist: Netlist | None = None, baud: int = 115_200) -> tuple[Project, Mounting]:
    line = line_for(board.clock_hz, baud)
    wanted = Wanted(ShellKind.UART, None, None, None, 4, line=line)
    return mount(project_of_netlist(netlist or random_netlist(1), wanted), board, line, baud)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    return read_board(path)


@pytest.mark.boards
@pytest.mark.parametrize(
    ("name", "device", "clock_hz", "pins", "leds"),
    [
        ("icebreaker", "ice40-up5k", 12_000_000, ("35", "6", "9"), 2),
        ("ulx3s", "ecp5-85k", 25_000_000, ("G2", "M1", "L4"), 8),
        ("ulx3s-12f", "ecp5-25k", 25_000_000, ("G2", "M1", "L4"), 8),
        ("ulx3s-45f", "ecp5-45k", 25_000_000, ("G2", "M1", "L4"), 8),
        ("ice40-hx8k-evn", "ice40-hx8k", 12_000_000, ("J3", "B10", "B12"), 8),
        ("tang-nano-9k", "gowin-gw1n9", 27_000_000, ("52", "18", "17"), 6),
    ],
)
def test_a_board_has_the_pins_of_its_platform(
    name: str, device: str, clock_hz: int, pins: tuple[str, str, str], leds: int
) -> None:
    board = find_board(name)
    assert (board.device, board.clock_hz) == (device, clock_hz)
    assert (board.clock.site, board.rx.site, board.tx.site) == pins
    assert len(board.leds) == leds


@pytest.mark.boards
@pytest.mark.parametrize("name", [*BOARDS, *ALIASES])
def test_every_board_takes_a_network_and_constrains_every_port(name: str) -> None:
    board = find_board(name)
    assert board.device in DEVICES
    router = FLOWS[board.part.flow].router
    assert router is not None
    project, mounting = mounted(board)
    form = CONSTRAINTS[board.family]
    text = project.files[f"{project.top}.{form.suffix}"].decode()
    assert [name for name, _ in project.ports] == ["clk", "rx", "tx", "led0", "led1"]
    for port, site in zip(project.ports, mounting.about["pins"].values(), strict=True):  # type: ignore[attr-defined]
        assert any(port[0] in line.replace('"', " ").split() and site in line for line in text.splitlines())
    assert mounting.part.arguments[: len(board.part.arguments)] == board.part.arguments
    assert "{bitstream}" not in project.files["README.md"].decode()
    assert router.bitstream.replace("{top}", project.top) in project.files["README.md"].decode()


def made(device: str, clock: Pin) -> Board:
    pulled = {"PULLUP": "1"}
    rx, tx, leds = Pin("R1", attributes=pulled), Pin("T1", attributes=pulled), (Pin("L1", inverted=True), Pin("L2"))
    return Board("mine", device, PARTS[device], clock, 12_000_000, rx, tx, leds, "")


def test_ice40_constraints_are_a_pcf_with_pull_ups_at_inputs_alone() -> None:
    board = made("ice40-up5k", Pin("C9"))
    text = CONSTRAINTS["ice40"].text(board, placed_ports(board, 1))
    assert (
        text == "# mine\nset_io clk C9\nset_io -pullup yes rx R1\nset_io tx T1\nset_io led0 L1\nset_frequency clk 12\n"
    )


def test_ecp5_constraints_are_an_lpf_with_the_attributes(board: Board) -> None:
    text = CONSTRAINTS["ecp5"].text(replace(board, rx=Pin("M13")), placed_ports(board, 0))
    assert text.splitlines() == [
        "# mine",
        'LOCATE COMP "clk" SITE "P6";',
        'IOBUF PORT "clk" IO_TYPE=LVCMOS33;',
        'LOCATE COMP "rx" SITE "M13";',
        'IOBUF PORT "rx" IO_TYPE=LVCMOS33;',
        'LOCATE COMP "tx" SITE "P11";',
        'IOBUF PORT "tx" IO_TYPE=LVCMOS33;',
        'FREQUENCY PORT "clk" 25 MHZ;',
    ]


def test_gowin_constraints_are_a_cst() -> None:
    board = made("gowin-gw1n9", Pin("52", attributes={"IO_TYPE": "LVCMOS33"}))
    text = CONSTRAINTS["gowin"].text(board, placed_ports(board, 0))
    assert text.splitlines()[:4] == [
        "// mine",
        'IO_LOC "clk" 52;',
        'IO_PORT "clk" IO_TYPE=LVCMOS33;',
        'IO_LOC "rx" R1;',
    ]


def test_a_file_makes_a_board(board: Board) -> None:
    assert (board.name, board.device, board.clock_hz, board.family) == ("mine", "ecp5-25k", 25_000_000, "ecp5")
    assert board.part.arguments == ("--25k", "--package", "CABGA256", "--speed", "6")
    assert [(led.site, led.inverted) for led in board.leds] == [("R1", True), ("T2", False)]
    project, mounting = mounted(board)
    assert mounting.clock_mhz == 25
    assert mounting.part.arguments[-2:] == ("--lpf", "{top}.lpf")
    top = project.files[f"{project.top}.v"].decode()
    assert "assign led0 = !class_id[0];" in top
    assert "assign led1 = class_id[1];" in top


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('device = "ecp5-25k"\n', "", "device is missing"),
        ('"ecp5-25k"', '"xc7"', "device 'xc7'; a board can have ice40-hx8k"),
        ("clock_mhz = 25", "clock_mhz = true", "clock_mhz has the wrong type, bool"),
        ("clock_mhz = 25", "clock_mhz = -1", "clock of -1000000 Hz"),
        ('clk = "P6"\n', "", "pins.clk is missing"),
        ('clk = "P6"', 'clk = "P6"\nreset = "R1"', "unknown key pins.reset"),
        ('clk = "P6"', "clk = 6", "pins.clk has the wrong type, int"),
        ('clk = "P6"', 'clk = "P6; x"', "name of letters and digits"),
        ('clk = "P6"', 'clk = "M13"', "more than one port is on pin M13"),
        ('"!R1", "T2"', "1, 2", "pins.leds is a list of strings"),
        ("LVCMOS33", "LVCMOS33; x", "has the attribute 'LVCMOS33; x'"),
        ("[pins]", "[pins", "mine.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    with pytest.raises(OptionError, match=says):
        read_board(path)


def test_a_name_or_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="one of icebreaker, ulx3s-12f"):
        find_board("icebraker")
    with pytest.raises(OptionError, match="No such file"):
        find_board(str(tmp_path / "none.toml"))


def test_missing_board_data_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amaranth_boards", None)
    monkeypatch.delitem(sys.modules, "amaranth_boards.icebreaker", raising=False)
    with pytest.raises(MissingToolError, match=r"needs amaranth-boards: pip install 'bitlogic\[boards\]'"):
        find_board("icebreaker")


@pytest.mark.parametrize("name", ["one_lut", "three_classes", "weights_at_both_ends"])
def test_a_netlist_of_bits_is_mounted_too(name: str, board: Board) -> None:
    project, _ = mounted(board, DEGENERATE[name])
    host = project.files["host.py"].decode()
    assert "PACKED = True" in host
    assert "GRID = None" in host
    # One class takes one bit, so there is one lamp.
    assert sum(port.startswith("led") for port, _ in project.ports) == min(2, DEGENERATE[name].class_width)


def test_an_export_is_mounted_with_its_own_name_and_pipeline(board: Board) -> None:
    artifacts = export(random_netlist(1), "verilog", VerilogOptions(module_name="mine", pipeline=2))
    line = line_for(board.clock_hz, 115_200)
    project = project_of_export(artifacts, Wanted(ShellKind.UART, None, None, None, 4, line=line))
    assert (project.top, project.lut_levels, project.shell) == ("mine_uart", 2, ShellKind.UART)
    assert mount(project, board, line, 115_200)[0].top == "mine_board"


def test_a_board_that_is_too_fast_for_the_design_is_an_error(tmp_path: Path) -> None:
    finished = Finished(Tool("nextpnr", (), "1", "native"), 0, 1.0, tmp_path / "nextpnr.log", "")
    routed = Routed(finished, 24.99, None, {}, None)
    with pytest.raises(ToolError, match=r"routed for 24.99 MHz, and the board's clock has 25 MHz.*nextpnr.log"):
        check_clock(routed, 25.0)
    check_clock(replace(routed, fmax_mhz=25.0), 25.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--board", "icebraker"], "one of icebreaker"),
        (["--board", "MINE", "--device", "ecp5-25k"], "--device does not go with --board"),
        (["--board", "MINE", "--target-mhz", "50"], "--target-mhz does not go with --board"),
        (["--board", "MINE", "--stage", "synthesised"], "--stage synthesised does not go with --board"),
        (["--board", "MINE", "--shell", "byte"], "--shell does not go with --board"),
        (["--board", "MINE", "--baud", "4000000"], "serves 300 to 3125000 baud"),
        (["--board", "MINE", "--baud", "2900000"], "at most 2 %"),
        (["--board", "MINE", "--flow", "vivado"], "--board goes with --flow open"),
        (["--device", "ecp5-25k", "--baud", "9600"], "--baud goes with --board"),
        ([], "needs a --device or a --board"),
    ],
)
def test_misuse_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    (tmp_path / "mine.toml").write_text(FILE)
    random_netlist(1).save(tmp_path / "net.npz")
    words = [str(tmp_path / "mine.toml") if word == "MINE" else word for word in arguments]
    with pytest.raises(SystemExit) as exit_:
        main(["synth", str(tmp_path / "net.npz"), "-o", str(tmp_path / "out"), *words])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
