"""The serial line bit by bit: bytes in and out, and a core behind it against ``evaluate``, whatever goes wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.errors import OptionError
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.core import Pipeline
from bitlogic.export.hardware.rtl import Module, modules_below
from bitlogic.export.hardware.shell import ShellPlan, build_shell
from bitlogic.export.hardware.uart import Uart, uart_shell
from bitlogic.export.hardware.uart_line import Line, line_for
from bitlogic.export.hardware.uart_receiver import SYNCHRONISING_EDGES, receiver_module
from bitlogic.export.hardware.uart_transmitter import EDGES_BETWEEN, transmitter_module
from bitlogic.export.names import PYTHON_KEYWORDS, VERILOG_KEYWORDS, VHDL_RESERVED
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.synthesis.simulation import frames_of, result_bytes
from tests.hardware_drivers import check_well_formed
from tests.nets import random_netlist, samples_for, with_weights
from tests.serial_lines import received, run_lines, run_waves, sent

Array = npt.NDArray[Any]
GAP = 15
BYTES = [0x55, 0x00, 0xFF, 0x80, 0x01, 0xA7]


def got(seen: dict[str, Array], lane: int = 0) -> tuple[list[int], int]:
    """The bytes that arrived, and how many were broken."""
    arrived = seen["arrived"][:, 0, lane] == 1
    data = np.packbits(seen["data"][:, :, lane], axis=1, bitorder="little")[:, 0]
    return data[arrived].tolist(), int(seen["broken"][:, 0, lane].sum())


def receive(lines: list[list[int]], divisor: int = 8, *, more: int = 40) -> dict[str, Array]:
    outputs = ("data", "arrived", "broken", "silent")
    edges = max(map(len, lines)) + more
    return run_lines(receiver_module(Line(divisor, GAP), "receiver"), lines, outputs, edges=edges)


@pytest.mark.parametrize("divisor", [8, 9, 17])
def test_bytes_are_received_at_any_phase_and_two_per_cent_too_slow_or_too_fast(divisor: int) -> None:
    lines = [
        [1] * phase + sent(BYTES, divisor * rate, stop_bits=stop_bits)
        for phase in (1, 3, 6)
        for rate in (0.98, 0.99, 1.0, 1.01, 1.02)
        for stop_bits in (1, 2)
    ]
    seen = receive(lines, divisor)
    for lane in range(len(lines)):
        assert got(seen, lane) == (BYTES, 0)


def test_every_byte_is_received_as_itself() -> None:
    seen = receive([sent(range(start, start + 16), 8) for start in range(0, 256, 16)])
    assert [got(seen, lane)[0] for lane in range(16)] == [list(range(start, start + 16)) for start in range(0, 256, 16)]


def test_a_start_bit_that_is_too_short_is_none() -> None:
    low = [[1] * 5 + [0] * length + [1] * 60 + sent([0x3C], 8) for length in (1, 2, 3)]
    seen = receive(low)
    assert [got(seen, lane) for lane in range(3)] == [([0x3C], 0)] * 3


def test_a_disturbance_of_one_edge_is_not_seen() -> None:
    clean = sent([0x5A], 9)
    lines = []
    for place in range(1, len(clean) - 1):
        if clean[place - 1] == clean[place] == clean[place + 1]:
            lines.append([*clean[:place], 1 - clean[place], *clean[place + 1 :]])
    seen = receive(lines, 9)
    assert [got(seen, lane) for lane in range(len(lines))] == [([0x5A], 0)] * len(lines)


def test_a_byte_without_a_stop_bit_is_dropped_and_the_next_one_waits_for_the_line_to_rise() -> None:
    broken = [*sent([0x12], 8)[:-8], *[0] * 40, *[1] * 8, *sent([0x34], 8)]
    assert got(receive([broken])) == ([0x34], 1)


def test_the_line_is_silent_when_nothing_came_for_the_gap() -> None:
    line = sent([0x00], 8)
    silent = receive([line], more=8 * GAP + 30)["silent"][:, 0, 0]
    first = int(np.flatnonzero(silent)[0])
    # Quiet begins in the middle of the stop bit, and the first of its ticks comes within a bit.
    middle = len(line) - 4 + SYNCHRONISING_EDGES
    assert 8 * (GAP - 1) <= first - middle <= 8 * GAP + 2
    assert silent[first:].all()
    again = receive([[1] * (8 * GAP + 20) + sent([0xFF], 8)])["silent"][:, 0, 0]
    start = 8 * GAP + 20 + SYNCHRONISING_EDGES
    assert again[start]
    assert not again[start + 2 :].any()


@pytest.mark.parametrize("divisor", [8, 11])
def test_a_transmitter_sends_what_it_takes_with_a_whole_stop_bit(divisor: int) -> None:
    module = transmitter_module(Line(divisor, GAP), "transmitter")
    check_well_formed(module)
    edges_a_byte = 10 * divisor + EDGES_BETWEEN
    edges = len(BYTES) * edges_a_byte + 40
    data, valid = np.zeros((edges, 8, 2), np.uint8), np.zeros((edges, 1, 2), np.uint8)
    starts = np.arange(len(BYTES)) * edges_a_byte
    # On the second line another byte is offered all the time between, when none is taken.
    data[:, :, 1], valid[: starts[-1], 0, 1] = 1, 1
    data[starts] = np.unpackbits(np.array(BYTES, np.uint8)[:, None], axis=1, bitorder="little")[:, :, None]
    valid[starts] = 1
    seen = run_waves(module, {"data": data, "valid": valid}, ("tx", "ready"))
    bits = [bit for byte in BYTES for bit in (*sent([byte], divisor), *[1] * EDGES_BETWEEN)]
    for lane in range(2):
        assert np.flatnonzero(seen["ready"][: starts[-1] + 1, 0, lane]).tolist() == starts.tolist()
        assert seen["tx"][: 1 + len(bits), 0, lane].tolist() == [1, *bits]
        assert received(seen["tx"][:, 0, lane], divisor) == BYTES


def uart_of(netlist: Netlist, line: Line) -> Uart:
    shell = build_shell(netlist, ShellPlan("net", Pipeline.of(1), has_restart=True))
    return uart_shell(shell, line, "net_uart")


def answers_of(netlist: Netlist, samples: Samples) -> Array:
    """uint8 (n, result bytes): what the serial line has to say, by ``evaluate``."""
    result = evaluate(netlist, samples)
    columns = []
    for values, width in ((result.class_ids[:, None], netlist.class_width), (result.scores, netlist.score_width)):
        shifts = 8 * np.arange(-(-width // 8))
        columns.append((values[:, :, None] >> shifts & 255).reshape(len(samples), -1))
    return np.concatenate(columns, axis=1).astype(np.uint8)


@dataclass(frozen=True)
class Host:
    """What a host sends on a line, and which samples it must get answers for, in their order."""

    line: list[int]
    answered: list[int]


LINE = Line(8, GAP)
PAUSE = [1] * (8 * (GAP + 3))


def misfortunes(frames: Array) -> dict[str, Host]:
    """Hosts that do something wrong on the way, each on a line of its own."""
    one, two, three = (frame.tolist() for frame in frames[:3])

    def wave(data: list[int]) -> list[int]:
        return sent(data, 8)

    broken = wave(two)
    broken[3 * 80 + 72 : 3 * 80 + 80] = [0] * 8  # the fourth byte's stop bit
    cut = [*wave(two)[: 2 * 80 + 30], *[1] * 200]  # the host dies in the middle of a bit
    short = [1, 0, 0, *[1] * 90]
    answer = [1] * 600
    return {
        "nothing": Host(wave(one) + answer + wave(two) + answer + wave(three), [0, 1, 2]),
        "dies_between_bytes": Host(wave(two[:4]) + PAUSE + wave(one) + answer + wave(three), [0, 2]),
        "dies_before_the_last_byte": Host(wave(two[:-1]) + PAUSE + wave(one) + answer + wave(three), [0, 2]),
        "dies_in_a_byte": Host(cut + PAUSE + wave(one) + answer + wave(three), [0, 2]),
        "a_byte_without_a_stop_bit": Host(wave(one) + answer + broken + PAUSE + wave(three), [0, 2]),
        "goes_on_after_a_broken_byte": Host(broken + wave(one) + wave(three) + PAUSE + wave(two), [1]),
        "a_short_start_bit": Host(short + wave(one) + answer + wave(three), [0, 2]),
        "a_break": Host([0] * 300 + PAUSE + wave(one) + answer + wave(three), [0, 2]),
        "a_pause_shorter_than_the_gap": Host(wave(one[:3]) + [1] * (8 * (GAP - 3)) + wave(one[3:]), [0]),
        "dies_while_the_result_goes_out": Host(wave(one) + wave(two[:2]) + PAUSE + [1] * 300 + wave(three), [0, 2]),
        "no_pause_and_two_per_cent_too_fast": Host(sent(one + two + three, 8 * 0.98), [0, 1, 2]),
    }


NAMES = list(misfortunes(np.zeros((3, 6), np.uint8)))


@pytest.fixture(scope="module")
def answered() -> tuple[Netlist, Uart, Array, dict[str, Host], dict[str, Array]]:
    """The netlist, what it answers, every host, and the line that came back to each."""
    netlist = random_netlist(1, widths=(12, 8))
    uart = uart_of(netlist, LINE)
    check_well_formed(uart.module)
    samples = samples_for(netlist, InputKind.X, num=8)
    expected = answers_of(netlist, samples)
    distinct = np.unique(expected, axis=0, return_index=True)[1][:3]
    assert len(distinct) == 3
    hosts = misfortunes(frames_of(netlist, samples)[distinct])
    edges = max(len(host.line) for host in hosts.values()) + uart.interval_cycles + 60
    seen = run_lines(uart.module, [host.line for host in hosts.values()], ("tx", "class_id"), edges=edges)
    return netlist, uart, expected[distinct], hosts, seen


@pytest.mark.parametrize("name", NAMES)
def test_a_host_gets_the_answers_of_whole_samples_and_no_others(name: str, answered: Any) -> None:
    _, _, expected, hosts, seen = answered
    lane = NAMES.index(name)
    back = received(seen["tx"][:, 0, lane], LINE.divisor)
    assert back == [byte for place in hosts[name].answered for byte in expected[place].tolist()]
    last = np.packbits(seen["class_id"][-1, :, lane], bitorder="little")[0]
    assert last == expected[hosts[name].answered[-1], 0]


def test_the_latency_is_what_the_module_says(answered: Any) -> None:
    _, uart, _, hosts, seen = answered
    frame = hosts["nothing"].line[: 6 * 80]
    middle_of_stop = len(frame) - 8 + (LINE.divisor - 1) // 2 + SYNCHRONISING_EDGES
    wave = seen["tx"][:, 0, NAMES.index("nothing")]
    assert int(np.flatnonzero(wave == 0)[0]) - middle_of_stop == uart.latency_cycles


def test_results_longer_than_samples_do_not_keep_up_and_lost_samples_are_not_answered() -> None:
    netlist = with_weights(random_netlist(2, num_features=2, widths=(12, 8)), seed=1)
    uart = uart_of(netlist, LINE)
    assert result_bytes(netlist) > 2
    assert not uart.keeps_up
    samples = samples_for(netlist, InputKind.X, num=4)
    frames, expected = frames_of(netlist, samples)[:6], answers_of(netlist, samples)
    rude = sent(frames.ravel().tolist(), 8)
    polite = [bit for frame in frames[:3] for bit in (*sent(frame.tolist(), 8), *[1] * uart.interval_cycles)]
    after = [*rude, *[1] * 3 * uart.interval_cycles, *sent(frames[5].tolist(), 8)]
    edges = max(len(polite), len(after)) + uart.interval_cycles + 60
    seen = run_lines(uart.module, [polite, after, sent(frames[:2].ravel().tolist(), 8)], ("tx",), edges=edges)["tx"]
    assert received(seen[:, 0, 0], 8) == expected[:3].ravel().tolist()
    rows = np.array(received(seen[:, 0, 1], 8)).reshape(-1, result_bytes(netlist)).tolist()
    # Two samples fit, the third loses a byte and is not answered, and neither is what follows without a pause.
    assert rows == expected[[0, 1, 5]].tolist()
    # A last byte that waits for the result before it waits through any silence.
    assert received(seen[:, 0, 2], 8) == expected[:2].ravel().tolist()


def test_no_name_is_a_keyword_of_a_language_that_prints_it(answered: Any) -> None:
    _, uart, *_ = answered
    for module in modules_below(uart.module):
        names = {module.name, *(port.name for port in module.ports), *(wire.name for wire in module.wires)}
        names |= {register.name for register in module.registers} | {inner.name for inner in module.instances}
        assert not names & (VERILOG_KEYWORDS | VHDL_RESERVED | PYTHON_KEYWORDS), module.name


@pytest.mark.parametrize("clock_hz", [12_000_000, 25_000_000, 27_000_000, 48_000_000, 100_000_000])
@pytest.mark.parametrize("baud", [9600, 115_200, 1_000_000])
def test_usual_clocks_serve_usual_rates(clock_hz: int, baud: int) -> None:
    line = line_for(clock_hz, baud)
    assert abs(clock_hz / line.divisor / baud - 1) < 0.02
    assert abs(line.gap_bits / baud - 0.05) < 0.001


@pytest.mark.parametrize(
    ("baud", "says"),
    [
        (1_500_001, "300 to 1500000 baud"),
        (100, "300 to 1500000 baud"),
        (1_270_000, r"divided by 9 is 1333333 baud, 5.0 % off; at most 2 %"),
    ],
)
def test_a_rate_that_a_clock_cannot_make_is_refused(baud: int, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        line_for(12_000_000, baud)


def test_the_shell_without_a_serial_line_is_as_it_was() -> None:
    def ports(module: Module) -> list[str]:
        return [port.name for port in module.ports]

    netlist = random_netlist(1)
    assert "restart" not in ports(build_shell(netlist, ShellPlan("net", Pipeline.of(1))).module)
    assert "restart" in ports(build_shell(netlist, ShellPlan("net", Pipeline.of(1), has_restart=True)).module)
