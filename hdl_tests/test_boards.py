"""A board's Verilog with its power-on reset, as written and as synthesised, spoken to over its serial line."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.boards import BOARDS
from bitlogic.export.boards.board import Board, Pin
from bitlogic.export.boards.mount import mount
from bitlogic.export.cli import cli
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.uart_line import Line
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.simulators import environment_of, icarus
from bitlogic.export.synthesis import PARTS
from bitlogic.export.synthesis.project import ShellKind
from bitlogic.export.synthesis.simulation import cell_models, frames_of, result_bytes, results_of
from bitlogic.export.synthesis.source import Wanted, project_of_netlist
from tests.nets import DEGENERATE, random_netlist, samples_for

Array = npt.NDArray[Any]
DIVISOR = 8
BOARD = Board(
    "mine",
    "ice40-up5k",
    PARTS["ice40-up5k"],
    Pin("35"),
    12_000_000,
    Pin("6"),
    Pin("9"),
    (Pin("11", inverted=True),),
    "",
)
FILE = """
device = "{device}"
clock_mhz = {mhz}
[pins]
clk = "{clk}"
rx = "{rx}"
tx = "{tx}"
leds = ["!{led}"]
"""
# The host, on a clock of its own that is 1 % slow: a sample goes out when the result before it has come.
BENCH = """
`timescale 1ns / 1ps
module bench;
    reg clk = 1'b0, rx = 1'b1;
    wire tx, led0;
    reg [7:0] frames [0:{num_in} - 1];
    reg [7:0] data;
    integer sent = 0, received = 0, bit_in, bit_out, results;
    localparam real BIT = 10.0 * {divisor} * 1.01;

    {top} dut (.clk(clk), .rx(rx), .tx(tx), .led0(led0));
    always #5 clk = ~clk;

    initial begin
        $readmemh("frames.hex", frames);
        #{start};
        while (sent < {num_in}) begin
            wait (received >= sent / {frame_bytes} * {result_bytes});
            rx = 1'b0;
            for (bit_in = 0; bit_in < 8; bit_in = bit_in + 1) #BIT rx = frames[sent][bit_in];
            #BIT rx = 1'b1;
            #BIT sent = sent + 1;
        end
    end

    initial begin
        results = $fopen("results.txt", "w");
        #100;
        while (received < {num_out}) begin
            wait (tx === 1'b0);
            #(BIT / 2);
            for (bit_out = 0; bit_out < 8; bit_out = bit_out + 1) #BIT data[bit_out] = tx;
            #BIT;
            $fdisplay(results, "%h %b", data, led0);
            if (tx !== 1'b1) $fdisplay(results, "no stop bit");
            received = received + 1;
        end
        $fclose(results);
        $finish;
    end

    initial #{limit} $finish;
endmodule
"""


def talk(folder: Path, files: dict[str, str], top: str, netlist: Netlist, samples: Samples) -> tuple[Array, list[str]]:
    """uint8 (n, result bytes) from the line, and the lamp at every byte."""
    frames, width = frames_of(netlist, samples), result_bytes(netlist)
    limit = 20_000 + len(samples) * (frames.shape[1] + width + 4) * 120 * DIVISOR
    bench = BENCH.format(
        divisor=DIVISOR,
        top=top,
        num_in=frames.size,
        num_out=len(samples) * width,
        frame_bytes=frames.shape[1],
        result_bytes=width,
        start=4000,
        limit=limit,
    )
    for name, text in {**files, "bench.v": bench}.items():
        (folder / name).write_text(text)
    (folder / "frames.hex").write_text("\n".join(f"{byte:02x}" for byte in frames.ravel().tolist()) + "\n")
    compiler = icarus()
    assert compiler is not None
    compiled = [compiler, "-g2005-sv", "-o", "bench.vvp", "-s", "bench", "bench.v", *files]
    for command in (compiled, ["vvp", "-N", "bench.vvp"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr or done.stdout
    rows = [line.split() for line in (folder / "results.txt").read_text().splitlines()]
    assert all(len(row) == 2 for row in rows), rows
    data = np.array([int(byte, 16) for byte, _ in rows], np.uint8)
    return data.reshape(-1, width), [lamp for _, lamp in rows]


def check(folder: Path, files: dict[str, str], top: str, netlist: Netlist, samples: Samples) -> None:
    data, lamps = talk(folder, files, top, netlist, samples)
    result, expected = results_of(netlist, data), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)
    last = 1 - expected.class_ids % 2  # a 0 lights the lamp
    assert lamps[result_bytes(netlist) - 1 :: result_bytes(netlist)] == [str(lamp) for lamp in last.tolist()]


def mounted_files(netlist: Netlist, lut_memory_bits: int) -> tuple[dict[str, str], str]:
    line = Line(DIVISOR, 15)
    wanted = Wanted(ShellKind.UART, 1, None, None, 4, lut_memory_bits, line=line)
    project, _ = mount(project_of_netlist(netlist, wanted), BOARD, line, 1_500_000)
    return {name: text.decode() for name, text in project.files.items() if name.endswith(".v")}, project.top


@pytest.mark.icarus
@pytest.mark.parametrize("lut_memory_bits", [0, 1 << 16], ids=["block memory", "memory of LUTs"])
def test_the_verilog_of_a_board_answers_like_evaluate(tmp_path: Path, lut_memory_bits: int) -> None:
    netlist = random_netlist(1, num_features=9)
    check(tmp_path, *mounted_files(netlist, lut_memory_bits), netlist, samples_for(netlist, InputKind.X, num=10))


@pytest.mark.icarus
def test_the_verilog_of_a_board_takes_bits(tmp_path: Path) -> None:
    netlist = DEGENERATE["three_classes"]
    check(tmp_path, *mounted_files(netlist, 0), netlist, samples_for(netlist, InputKind.BITS))


@pytest.mark.verilator
@pytest.mark.parametrize("num_classes", [1, 4])
def test_verilator_lints_a_board_without_a_warning(tmp_path: Path, num_classes: int) -> None:
    files, top = mounted_files(random_netlist(1, num_classes=num_classes), 0)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    environment = environment_of("verilator")
    verilator = shutil.which("verilator", path=environment["PATH"])
    assert verilator is not None
    command = [verilator, "--lint-only", "-Wall", "--language", "1364-2001", "--top-module", top, *files]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (done.returncode, done.stderr.count("%Warning")) == (0, 0), done.stderr


@pytest.mark.icarus
def test_a_flipped_bit_on_the_way_is_seen(tmp_path: Path) -> None:
    netlist = random_netlist(1)
    files, top = mounted_files(netlist, 0)
    name = next(name for name in files if name.endswith("_uart.v"))
    assert "byte_in <= data;" in files[name]
    files[name] = files[name].replace("byte_in <= data;", "byte_in <= data ^ 8'h80;")
    samples = samples_for(netlist, InputKind.X, num=10)
    data, _ = talk(tmp_path, files, top, netlist, samples)
    assert not np.array_equal(results_of(netlist, data).scores, evaluate(netlist, samples).scores)


def synth(folder: Path, netlist: Netlist, *arguments: object) -> Result:
    netlist.save(folder / "net.npz")
    words = ["synth", folder / "net.npz", "-o", folder / "out", *arguments]
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


@pytest.mark.synth
@pytest.mark.icarus
@pytest.mark.slow
def test_the_synthesised_board_answers_like_evaluate_and_is_routed_on_its_pins(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FILE.format(device="ice40-up5k", mhz=12, clk=35, rx=6, tx=9, led=11))
    netlist = random_netlist(1, num_features=10)
    done = synth(tmp_path, netlist, "--board", path, "--baud", 12_000_000 // DIVISOR)
    assert done.return_value == 0, done.output
    artifacts = Artifacts.read(tmp_path / "out")
    report = json.loads(artifacts.files["report.json"])
    assert report["target_mhz"] == report["board"]["clock_mhz"] == 12
    assert report["meets_target"]
    assert report["samples_per_second"] == round(12e6 / report["design"]["interval_cycles"])
    assert len(artifacts.files[report["bitstream"]]) > 1000
    assert report["placed"]["pins"]["used"] == 4
    placed = artifacts.files["nextpnr-ice40.log"].decode()
    for pin, port in ((35, "clk"), (6, "rx"), (9, "tx"), (11, "led0")):
        assert f"constrained '{port}'" in placed, (pin, port)
    emitted = Netlist.from_bytes(artifacts.files["netlist.npz"])
    text = artifacts.files[f"{report['design']['top']}_synthesised.v"].decode()
    files = {"net.v": text, "cells.v": cell_models(text, "ice40")}
    check(tmp_path, files, report["design"]["top"], emitted, samples_for(emitted, InputKind.X, num=8))


@pytest.mark.synth
@pytest.mark.slow
def test_a_clock_that_the_design_cannot_follow_is_code_1_and_leaves_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FILE.format(device="ice40-up5k", mhz=400, clk=35, rx=6, tx=9, led=11))
    done = synth(tmp_path, random_netlist(1), "--board", path)
    assert done.return_value == 1
    assert "the board's clock has 400 MHz" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.work" / "nextpnr-ice40.log").is_file()


@pytest.mark.synth
@pytest.mark.boards
@pytest.mark.slow
@pytest.mark.parametrize("name", ["icebreaker", "ulx3s-12f", "ulx3s-45f"])
def test_a_netlist_becomes_the_bitstream_of_a_board(tmp_path: Path, name: str) -> None:
    assert name in BOARDS
    done = synth(tmp_path, random_netlist(1, num_features=10), "--board", name)
    assert done.return_value == 0, done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["meets_target"]
    assert (tmp_path / "out" / report["bitstream"]).stat().st_size > 1000
    assert (tmp_path / "out" / "host.py").is_file()
