"""Circuits of cells run cycle by cycle in numpy, and samples sent through their ports."""

import numpy as np
import pytest

from bitlogic.errors import OptionError, TargetError
from bitlogic.export.formal.circuit import Bit, Circuit, GateLoopError, Instance, Register
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis.cell_simulation import CellSimulation
from bitlogic.export.synthesis.check import run_circuit
from bitlogic.export.synthesis.lanes import Side, Way, send
from tests.nets import random_netlist, samples_for

CLK, RST, DATA, VALID, READY = 2, 3, 4, 5, 6
Ports = dict[str, tuple[Bit, ...]]
Tables = dict[Bit, tuple[int, tuple[Bit, ...]]]


def toggler(clock: int = CLK) -> Circuit:
    """``q`` takes ``d`` exclusive-or itself, by a table; with ``rst`` it becomes 0."""
    tables: Tables = {11: (0b0110, (DATA, 10)), 12: (0b0010, (11, RST))}
    inputs: Ports = {"clk": (CLK,), "rst": (RST,), "d": (DATA,)}
    return Circuit("toggler", inputs, {"q": (10,)}, tables=tables, registers={10: Register(12, clock, "r")})


def test_every_lane_is_a_device_of_its_own() -> None:
    chance = np.random.default_rng(0)
    lanes = 130
    simulation = CellSimulation(toggler(), lanes)
    state = np.zeros(lanes, dtype=np.uint8)
    simulation.outputs({"rst": np.ones((1, lanes), np.uint8), "d": np.zeros((1, lanes), np.uint8)})
    simulation.edge()
    for _ in range(5):
        data = chance.integers(0, 2, (1, lanes), dtype=np.uint8)
        shown = simulation.outputs({"rst": np.zeros((1, lanes), np.uint8), "d": data})["q"]
        np.testing.assert_array_equal(shown[0], state)
        simulation.edge()
        state = state ^ data[0]


def test_registers_are_anything_at_first() -> None:
    lanes = 256
    zero = np.zeros((1, lanes), np.uint8)
    shown = CellSimulation(toggler(), lanes, seed=1).outputs({"rst": zero, "d": zero})["q"]
    assert 0 < shown.sum() < lanes


def test_another_clock_an_instance_and_a_bit_without_a_driver_are_refused() -> None:
    with pytest.raises(TargetError, match="is not clk"):
        CellSimulation(toggler(clock=DATA), 1)
    with pytest.raises(TargetError, match="which has no gates"):
        CellSimulation(Circuit("a", {}, {}, instances=(Instance("u", "ram", {}),)), 1)
    with pytest.raises(TargetError, match="nothing drives"):
        CellSimulation(Circuit("a", {"clk": (CLK,)}, {"q": (9,)}), 1)


def buffer(*, loses: bool) -> Circuit:
    """One place with a handshake on both sides; bits 10 and 11 say that it is full and what is in it."""
    tables: Tables = {
        12: (0b01, (10,)),  # ready: it is empty
        13: (0b1000, (VALID, 12)),  # takes
        14: (0b0010 if not loses else 0b0000, (10, READY)),  # stays full
        15: (0b1110, (13, 14)),
        16: (0b0010, (15, RST)),
        17: (0b11100100, (13, 11, DATA)),
    }
    inputs: Ports = {"clk": (CLK,), "rst": (RST,), "d": (DATA,), "valid": (VALID,), "ready": (READY,)}
    outputs: Ports = {"taken": (12,), "given": (10,), "q": (11,)}
    registers = {10: Register(16, CLK, "full"), 11: Register(17, CLK, "held")}
    return Circuit("buffer", inputs, outputs, tables=tables, registers=registers)


WAY = Way(Side(("d",), "valid", "taken"), Side(("q",), "given", "ready"))


def test_what_goes_in_comes_out_in_order_in_every_lane_whoever_waits() -> None:
    beats = np.random.default_rng(3).integers(0, 2, (70, 12, 1), dtype=np.uint8)
    np.testing.assert_array_equal(send(CellSimulation(buffer(loses=False), 70), WAY, beats, 12, seed=5), beats)


def test_lost_results_are_an_error_that_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlogic.export.synthesis.lanes._QUIET_EDGES", 50)
    beats = np.zeros((4, 12, 1), dtype=np.uint8)
    with pytest.raises(TargetError, match=r"\d+ of 12 results came of 12 of 12 beats"):
        send(CellSimulation(buffer(loses=True), 4), WAY, beats, 12, seed=5)


@pytest.mark.parametrize(("port", "what"), [("rx", "serial line"), ("s_axil_awaddr", "register file")])
def test_a_face_that_is_not_run_is_refused_and_not_called_wrong(port: str, what: str) -> None:
    netlist = random_netlist(0)
    with pytest.raises(OptionError, match=what):
        run_circuit(Circuit("a", {"clk": (CLK,), port: (DATA,)}, {}), netlist, samples_for(netlist, InputKind.X))


def test_gates_in_a_circle_have_no_order() -> None:
    circle = Circuit("a", {}, {"q": (8,)}, inverters={8: 9, 9: 8})
    with pytest.raises(GateLoopError, match="loop of gates"):
        list(circle.in_order(8, {0, 1}))
    diamond = Circuit("a", {"d": (4,)}, {"q": (8,)}, ands={8: (7, 6)}, inverters={7: 6, 6: 4})
    known: dict[int, None] = {}
    for bit in diamond.in_order(8, known):
        assert all(operand in known for operand in diamond.operands(bit))
        known[bit] = None
    assert list(known) == [4, 6, 7, 8]
