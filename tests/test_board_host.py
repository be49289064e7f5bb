"""The program of the host against a serial port that answers: a model of the board, and its design bit by bit."""

import gzip
import os
import select
import struct
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.boards.board import Board, Pin
from bitlogic.export.boards.mount import mount
from bitlogic.export.evaluate import evaluate, quantize
from bitlogic.export.hardware.core import Pipeline
from bitlogic.export.hardware.shell import ShellPlan, build_shell
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.hardware.uart import uart_shell
from bitlogic.export.hardware.uart_line import Line
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.synthesis import PARTS
from bitlogic.export.synthesis.project import ShellKind
from bitlogic.export.synthesis.simulation import frames_of, result_bytes
from bitlogic.export.synthesis.source import Wanted, project_of_netlist
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights
from tests.serial_lines import received, sent
from tests.test_hardware_uart import answers_of

pytestmark = pytest.mark.boards
Array = npt.NDArray[Any]
GAP_SECONDS = 0.02
BOARD = Board("mine", "ice40-up5k", PARTS["ice40-up5k"], Pin("1"), 12_000_000, Pin("2"), Pin("3"), (), "")


def host_program(folder: Path, netlist: Netlist) -> Path:
    line = Line(8, round(GAP_SECONDS * 9600))
    wanted = Wanted(ShellKind.UART, None, None, None, 4, line=line)
    project, _ = mount(project_of_netlist(netlist, wanted), BOARD, line, 9600)
    path = folder / "host.py"
    path.write_bytes(project.files["host.py"])
    return path


@contextmanager
def port(answer: Callable[[bytes, float], bytes]) -> Iterator[str]:
    """A serial port behind which ``answer`` takes what came, and after how many seconds of silence, and says what goes
    back; nothing came for a while where it takes no bytes."""
    master, slave = os.openpty()
    tty.setraw(slave)
    ends = threading.Event()

    def serve() -> None:
        last = time.monotonic()
        while not ends.is_set():
            there, _, _ = select.select([master], [], [], GAP_SECONDS / 4)
            data = os.read(master, 4096) if there else b""
            silence, last = time.monotonic() - last, time.monotonic() if data else last
            os.write(master, answer(data, silence))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        ends.set()
        thread.join()
        os.close(master)
        os.close(slave)


class Model:
    """A board that computes with ``evaluate``; it loses the byte that came as number ``lost``."""

    def __init__(self, netlist: Netlist, lost: int | None = None, *, dumb: bool = False) -> None:
        self.netlist, self.lost, self.dumb = netlist, lost, dumb
        self.kind = InputKind.BITS if netlist.encoder is None else InputKind.X
        self.num_values = netlist.num_inputs if netlist.encoder is None else netlist.encoder.num_features
        self.wide = netlist.encoder is not None and netlist.encoder.input_bits > 8
        self.frame_bytes = -(-self.num_values // 8) if netlist.encoder is None else self.num_values << self.wide
        self.came, self.frame = 0, b""
        self.asked: list[bytes] = []

    def __call__(self, data: bytes, silence: float) -> bytes:
        if silence > GAP_SECONDS:
            self.frame = b""
        answer = b""
        for byte in data:
            self.came += 1
            self.frame += bytes([byte]) * (self.came != self.lost)
            if len(self.frame) == self.frame_bytes:
                self.asked.append(self.frame)
                answer += b"" if self.dumb else answers_of(self.netlist, self.samples())[0].tobytes()
                self.frame = b""
        return answer

    def samples(self) -> Samples:
        values = np.frombuffer(self.frame, np.uint8)
        if self.kind is InputKind.BITS:
            values = np.unpackbits(values, bitorder="little")[: self.num_values]
        elif self.wide:
            values = values.view("<u2")
        return Samples(self.kind, values[None])


def ask(
    folder: Path, netlist: Netlist, answer: Callable[[bytes, float], bytes], *arguments: object
) -> subprocess.CompletedProcess[str]:
    program = host_program(folder, netlist)
    with port(answer) as name:
        words = [sys.executable, str(program), "--port", name, *map(str, arguments)]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def lines(netlist: Netlist, samples: Samples) -> list[str]:
    result = evaluate(netlist, samples)
    rows = zip(result.class_ids.tolist(), result.scores.tolist(), strict=True)
    return [f"{n}: class {c}, scores {' '.join(map(str, scores))}" for n, (c, scores) in enumerate(rows)]


def idx_bytes(values: Array) -> bytes:
    return b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write(path: Path, values: Array) -> Path:
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez_compressed(path, x=values, seed=np.array(1))
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(idx_bytes(values)))
    else:
        path.write_bytes(idx_bytes(values) if path.suffix == ".idx" else values.tobytes())
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".idx", ".gz", ".raw"])
def test_samples_of_every_kind_of_file_are_answered(tmp_path: Path, suffix: str) -> None:
    netlist = random_netlist(1)
    samples = samples_for(netlist, InputKind.X, num=3)[slice(6, 12)]
    path = write(tmp_path / f"samples{suffix}", samples.values.reshape(-1, 2, 3))
    done = ask(tmp_path, netlist, Model(netlist), path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == lines(netlist, samples)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i8", "|u1", ">u2", "<i4"])
def test_numbers_of_every_kind_come_as_the_integers_of_the_grid(tmp_path: Path, dtype: str) -> None:
    netlist = random_netlist(4, num_features=30, input_bits=8 if dtype == "|u1" else 12)
    encoder = netlist.encoder
    assert encoder is not None
    rng = np.random.default_rng(1)
    if np.dtype(dtype).kind == "f":
        values: Array = rng.random((4, 30)).astype(np.float32)
        values[0, :6] = [0, 1, -3, 7, np.nan, np.inf]
        values[1] = np.float32((rng.integers(0, 4096, 30) + 0.5) / 4095)  # at the grid's own borders
        expected = quantize(encoder, values)
    else:
        values = rng.integers(0, encoder.max_input + 1, (4, 30))
        expected = values.astype(np.uint16 if encoder.input_bits > 8 else np.uint8)
    samples = Samples(InputKind.X, expected)
    model = Model(netlist)
    done = ask(tmp_path, netlist, model, write(tmp_path / "samples.npy", values.astype(dtype)))
    assert (done.returncode, done.stderr) == (0, "")
    assert model.asked == [frame.tobytes() for frame in frames_of(netlist, samples)]
    assert done.stdout.splitlines() == lines(netlist, samples)


def test_bits_are_packed_and_scores_keep_their_sign(tmp_path: Path) -> None:
    netlist = DEGENERATE["weights_of_16_bits"]
    samples = samples_for(netlist, InputKind.BITS)
    done = ask(tmp_path, netlist, Model(netlist), write(tmp_path / "samples.npy", samples.values))
    assert done.stdout.splitlines() == lines(netlist, samples)
    assert "-" in done.stdout


def test_scores_of_several_bytes_and_labels(tmp_path: Path) -> None:
    netlist = with_weights(random_netlist(6, num_features=9), seed=1, low=-900, high=900)
    samples = samples_for(netlist, InputKind.X, num=3)[slice(0, 5)]
    labels = evaluate(netlist, samples).class_ids.astype(np.uint8)
    labels[1] ^= 1
    given = write(tmp_path / "labels.idx", labels)
    path = write(tmp_path / "samples.npy", samples.values)
    done = ask(tmp_path, netlist, Model(netlist), path, "--labels", given, "--first", 4)
    assert done.stdout.splitlines() == lines(netlist, samples)[:4]
    assert done.stderr == "3 of 4 as labelled (75.00 %)\n"
    done = ask(tmp_path, netlist, Model(netlist), path, "--json", "--first", 1)
    assert done.stdout.startswith('{"sample": 0, "class": ')


def test_a_sample_that_lost_a_byte_is_sent_again(tmp_path: Path) -> None:
    netlist = random_netlist(1)
    samples = samples_for(netlist, InputKind.X, num=3)[slice(0, 3)]
    model = Model(netlist, lost=9)
    done = ask(tmp_path, netlist, model, write(tmp_path / "samples.npy", samples.values), "--timeout", 0.3)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == lines(netlist, samples)
    assert model.came == 4 * 6


def test_a_board_that_does_not_answer_is_code_1(tmp_path: Path) -> None:
    netlist = random_netlist(1)
    path = write(tmp_path / "samples.npy", np.zeros((2, 6), np.uint8))
    model = Model(netlist, dumb=True)
    done = ask(tmp_path, netlist, model, path, "--timeout", 0.1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "host.py: sample 0 was not answered in 3 tries\n"
    assert len(model.asked) == 3


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((2, 5), np.uint8), r"an array (2, 5); a sample has 6 values"),
        (np.full((1, 6), 256), "values from 256 to 256; allowed are 0 to 255"),
        (np.full((1, 6), -1), "allowed are 0 to 255"),
        (np.zeros((1, 6), np.complex64), "save it as C-order numbers"),
        (np.asfortranarray(np.zeros((2, 6), np.uint8)), "Fortran order True"),
    ],
)
def test_samples_that_do_not_fit_are_code_2_and_one_line(tmp_path: Path, values: Array, says: str) -> None:
    netlist = random_netlist(1)
    done = ask(tmp_path, netlist, Model(netlist), write(tmp_path / "samples.npy", values))
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".gz"])
def test_a_damaged_file_is_code_2_and_one_line(tmp_path: Path, suffix: str) -> None:
    netlist = random_netlist(1)
    path = write(tmp_path / f"samples{suffix}", np.arange(60, dtype=np.uint8).reshape(10, 6))
    path.write_bytes(path.read_bytes()[:-20])
    done = ask(tmp_path, netlist, Model(netlist), path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is damaged" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_a_file_or_a_package_that_is_missing_is_code_2_and_one_line(tmp_path: Path) -> None:
    program = host_program(tmp_path, random_netlist(1))
    path = write(tmp_path / "samples.npy", np.zeros((1, 6), np.uint8))
    given: dict[str, list[str]] = {
        "nowhere": ["--port", str(tmp_path / "nowhere"), str(path)],
        "no.npy": ["--port", "x", str(tmp_path / "no.npy")],
        "pip install pyserial": ["--port", "x", str(path)],
    }
    (tmp_path / "serial.py").write_text("raise ImportError")
    for says, arguments in given.items():
        words = [sys.executable, *["-P"] * (says == "nowhere"), str(program), *arguments]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr
        assert done.stderr.count("\n") == 1


class Design:
    """The design itself: what comes goes over its line bit by bit."""

    def __init__(self, netlist: Netlist) -> None:
        shell = build_shell(netlist, ShellPlan("net", Pipeline(), has_restart=True))
        uart = uart_shell(shell, Line(8, 15), "net_uart")
        self.simulation, self.tail = Simulation(uart.module, 1), uart.interval_cycles
        self.simulation.edge({"rx": np.ones((1, 1), np.uint8)}, reset=True)

    def __call__(self, data: bytes, silence: float) -> bytes:
        if not data:
            return b""
        wave = []
        for bit in sent([*data], 8) + [1] * self.tail:
            now = {"rx": np.full((1, 1), bit, np.uint8)}
            wave.append(int(self.simulation.outputs(now)["tx"][0, 0]))
            self.simulation.edge(now)
        return bytes(received(np.array(wave), 8))


def test_the_host_talks_to_the_design_itself(tmp_path: Path) -> None:
    netlist = DEGENERATE["three_classes"]
    samples = samples_for(netlist, InputKind.BITS)[slice(3, 6)]
    assert result_bytes(netlist) == 4
    path = write(tmp_path / "samples.npy", samples.values)
    done = ask(tmp_path, netlist, Design(netlist), path, "--timeout", 60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == lines(netlist, samples)
