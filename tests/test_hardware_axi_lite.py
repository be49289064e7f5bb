"""The register file, over a bus with pauses of every kind."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.architecture import Architecture, Design, Interface, design
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from tests.hardware_drivers import numbers, port_bits
from tests.nets import random_netlist, samples_for, with_weights

Array = npt.NDArray[Any]
OKAY, SLVERR = 0, 2


class Bus:
    """A design with one lane, its streams idle unless told otherwise, and a bus master that pauses at random."""

    def __init__(self, made: Design, seed: int) -> None:
        self.made, self.rng = made, np.random.default_rng(seed)
        self.simulation = Simulation(made.top, 1, seed)
        self.idle = {port.name: np.zeros((port.width, 1), np.uint8) for port in made.top.input_ports}
        self.idle["m_axis_tready"][:] = 1
        self.simulation.edge(self.idle, reset=True)

    def cycle(self, **driven: int) -> dict[str, int]:
        """What the outputs show in a cycle with these inputs, and the edge behind it."""
        inputs = {**self.idle}
        for name, value in driven.items():
            width = len(self.idle[name])
            inputs[name] = np.array([[value >> bit & 1] for bit in range(width)], np.uint8)
        outputs = self.simulation.outputs(inputs)
        self.simulation.edge(inputs)
        return {name: int(numbers(bits)[0]) for name, bits in outputs.items()}

    def send(self, data: list[int], last_at: int | None = None) -> None:
        last_at = len(data) - 1 if last_at is None else last_at
        for number, value in enumerate(data):
            while not self.cycle(s_axis_tdata=value, s_axis_tvalid=1, s_axis_tlast=int(number == last_at))[
                "s_axis_tready"
            ]:
                pass

    def settle(self) -> None:
        for _ in range(self.made.latency_cycles + 2 * self.made.interval_cycles):
            self.cycle()

    def read(self, address: int) -> tuple[int, int]:
        """The word and the response."""
        self._pause()
        while not self.cycle(s_axil_araddr=address, s_axil_arvalid=1)["s_axil_arready"]:
            pass
        self._pause("s_axil_rvalid")
        seen = self.cycle(s_axil_rready=1)
        assert seen["s_axil_rvalid"] and not self.cycle()["s_axil_rvalid"]
        return seen["s_axil_rdata"], seen["s_axil_rresp"]

    def write(self, address: int, word: int, strobes: int = 15) -> int:
        """The response."""
        pending = {"aw": {"s_axil_awaddr": address}, "w": {"s_axil_wdata": word, "s_axil_wstrb": strobes}}
        while pending:
            offered = [name for name in pending if self.rng.random() < 0.5]
            driven = {port: value for name in offered for port, value in pending[name].items()}
            seen = self.cycle(**driven, **{f"s_axil_{name}valid": 1 for name in offered})
            for name in offered:
                if seen[f"s_axil_{name}ready"]:
                    del pending[name]
        self.cycle()
        self._pause("s_axil_bvalid")
        seen = self.cycle(s_axil_bready=1)
        assert seen["s_axil_bvalid"] and not self.cycle()["s_axil_bvalid"]
        return seen["s_axil_bresp"]

    def _pause(self, stays: str | None = None) -> None:
        for _ in range(self.rng.integers(4)):
            seen = self.cycle()
            assert stays is None or seen[stays]


def lite(netlist: Netlist, kind: InputKind = InputKind.X) -> Design:
    return design(netlist, Architecture(input=kind, interface=Interface.AXIS, axi_lite=True))


def frame(netlist: Netlist, samples: Samples, row: int) -> list[int]:
    if samples.kind is InputKind.X:
        return [int(value) for value in samples.values[row]]
    bits = port_bits(netlist, samples)[:, row]
    return [int(byte) for byte in np.packbits(bits, bitorder="little")]


def address(made: Design, name: str) -> int:
    return next(register.address for register in made.registers if register.name == name)


@pytest.mark.parametrize("kind", [InputKind.X, InputKind.BITS], ids=str)
def test_the_registers_say_which_network_it_is(kind: InputKind) -> None:
    netlist = random_netlist(1, widths=(12, 12))
    bus = Bus(lite(netlist, kind), seed=1)
    assert bus.read(0x00) == (0x424C4731, OKAY)
    assert bus.read(0x04) == (int(netlist.digest()[:8], 16), OKAY)
    assert bus.read(0x08) == (6 if kind is InputKind.X else 18, OKAY)
    assert bus.read(0x0C) == (4, OKAY)
    assert {register.value for register in bus.made.registers} >= {0x424C4731, 4}


@pytest.mark.parametrize("weighted", [False, True], ids=["popcounts", "weights"])
def test_the_registers_hold_the_latest_result(weighted: bool) -> None:
    netlist = random_netlist(2, widths=(12, 12))
    netlist = with_weights(netlist, seed=1) if weighted else netlist
    samples = samples_for(netlist, InputKind.X, num=4, seed=3)
    expected = evaluate(netlist, samples)
    bus = Bus(lite(netlist), seed=2)
    for row in range(len(samples) - 4, len(samples)):
        bus.send(frame(netlist, samples, row))
        bus.settle()
        assert bus.read(address(bus.made, "last_class"))[0] == expected.class_ids[row]
        scores = [bus.read(address(bus.made, "score") + 4 * c)[0] for c in range(4)]
        assert scores == [score % 2**32 for score in expected.scores[row].tolist()]
    assert bus.read(address(bus.made, "frame_count")) == (4, OKAY)
    assert bus.read(address(bus.made, "error_count")) == (0, OKAY)


def test_errors_are_counted_and_cleared() -> None:
    netlist = random_netlist(2, widths=(12, 12))
    data = frame(netlist, samples_for(netlist, InputKind.X, num=1), 0)
    bus = Bus(lite(netlist), seed=5)
    assert bus.cycle()["frame_error"] == 0
    bus.send(data[:3])
    bus.send(data)
    bus.send(data + data)
    bus.settle()
    assert bus.cycle()["frame_error"] == 1
    assert (bus.read(0x10)[0], bus.read(0x14)[0]) == (1, 2)
    assert bus.write(0x1C, 1, strobes=14) == SLVERR
    assert bus.write(0x10, 1) == SLVERR
    assert (bus.read(0x10)[0], bus.read(0x14)[0], bus.cycle()["frame_error"]) == (1, 2, 1)
    assert bus.write(0x1C, 1) == OKAY
    assert (bus.read(0x10)[0], bus.read(0x14)[0], bus.cycle()["frame_error"]) == (0, 0, 0)


def test_a_frame_error_stays_until_the_reset_without_registers() -> None:
    netlist = random_netlist(2, widths=(12, 12))
    bus = Bus(design(netlist, Architecture(interface=Interface.AXIS)), seed=5)
    bus.send([0, 0])
    bus.cycle()
    bus.send(frame(netlist, samples_for(netlist, InputKind.X, num=1), 0))
    assert bus.cycle()["frame_error"] == 1
    bus.simulation.edge(bus.idle, reset=True)
    assert bus.cycle()["frame_error"] == 0


@pytest.mark.parametrize("wait", range(0, 40, 6))
def test_what_is_inside_can_be_forgotten(wait: int) -> None:
    netlist = random_netlist(2, widths=(12, 12))
    samples = samples_for(netlist, InputKind.X, num=4, seed=3)
    bus = Bus(lite(netlist), seed=wait)
    for row in (3, 5):
        bus.send(frame(netlist, samples, row))
    bus.send(frame(netlist, samples, 7)[:4], last_at=-1)
    for _ in range(wait):
        bus.cycle(m_axis_tready=0)
    bus.idle["m_axis_tready"][:] = 0
    assert bus.write(0x1C, 2) == OKAY
    bus.idle["m_axis_tready"][:] = 1
    for _ in range(2 * bus.made.latency_cycles + 20):
        assert not bus.cycle()["m_axis_tvalid"]
    bus.send(frame(netlist, samples, 1))
    bus.settle()
    assert bus.read(0x18)[0] == evaluate(netlist, samples).class_ids[1]
    assert bus.read(0x14)[0] == 0


def test_an_address_without_a_register_is_an_error() -> None:
    netlist = random_netlist(2, widths=(12, 12))
    bus = Bus(lite(netlist), seed=6)
    assert bus.read(0x1C) == (0, OKAY)
    assert [bus.read(wrong) for wrong in (0x20, 0x3C, 0x50, 0x7C)] == [(0, SLVERR)] * 4
    assert bus.read(0x03)[0] == 0x424C4731
    assert bus.write(0x50, 3) == SLVERR
