"""The emitted designs behind each of their interfaces: they pass the bench, and a fault in them fails it."""

import re
from typing import Any

import numpy as np
import pytest

from bitlogic.errors import TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.verilog import VerilogOptions, emit, run
from tests.flips import with_a_flipped_bit
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

COMB, VALID, STREAM, AXIS = Interface
BITS, X = InputKind.BITS, InputKind.X
SIMULATORS = [
    pytest.param("icarus", marks=pytest.mark.icarus),
    pytest.param("verilator", marks=[pytest.mark.verilator, pytest.mark.slow]),
]


def small() -> tuple[Netlist, Samples]:
    netlist = random_netlist(0, num_features=3, widths=(12, 9), num_classes=3)
    return netlist, samples_for(netlist, X, num=40)


def options(interface: Interface, **more: Any) -> VerilogOptions:
    return VerilogOptions(module_name="net", interface=interface, **more)


def assert_equal(artifacts: Artifacts, netlist: Netlist, samples: Samples, simulator: str = "icarus") -> None:
    result, expected = run(artifacts, samples, simulator), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


def with_text(artifacts: Artifacts, old: str, new: str) -> Artifacts:
    """The artifacts with the last match of ``old``, which is in the top module, changed."""
    text = artifacts.files["net.v"].decode()
    *_, last = re.finditer(old, text)
    changed = text[: last.start()] + last.expand(new) + text[last.end() :]
    return Artifacts(artifacts.manifest, {"net.v": changed.encode()})


@pytest.mark.parametrize("interface", Interface)
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_every_interface_passes_its_bench(simulator: str, interface: Interface) -> None:
    netlist, samples = small()
    assert_equal(emit(netlist, options(interface)), netlist, samples, simulator)


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("interface", "more"),
    [
        pytest.param(VALID, {"fold": 4}, id="valid folded"),
        pytest.param(STREAM, {"fold": 3}, id="stream folded"),
        pytest.param(STREAM, {"pipeline": 3, "input": BITS}, id="stream of bits"),
        pytest.param(AXIS, {"fold": 5}, id="axis folded"),
        pytest.param(AXIS, {"axis_bytes": 4, "pipeline": 2}, id="axis of four bytes"),
        pytest.param(AXIS, {"input": BITS}, id="axis of bits"),
        pytest.param(AXIS, {"axi_lite": True}, id="axis with registers"),
    ],
)
def test_the_options_of_an_interface_pass_its_bench(interface: Interface, more: dict[str, Any]) -> None:
    netlist, samples = small()
    samples = samples_for(netlist, BITS)[:60] if more.get("input") is BITS else samples
    assert_equal(emit(netlist, options(interface, **more)), netlist, samples)


@pytest.mark.icarus
@pytest.mark.parametrize("interface", [STREAM, AXIS])
def test_signed_scores_and_wide_numbers_pass_the_bench(interface: Interface) -> None:
    netlist = with_weights(random_netlist(3, num_features=3, input_bits=12, widths=(9, 8), num_classes=4), 1)
    assert_equal(emit(netlist, options(interface)), netlist, samples_for(netlist, X, num=30))


@pytest.mark.icarus
@pytest.mark.parametrize("case", ["one_lut", "no_lut", "constant_nets_as_outputs", "weights_of_one_class"])
@pytest.mark.parametrize("interface", [STREAM, AXIS])
def test_degenerate_nets_pass_the_bench(interface: Interface, case: str) -> None:
    netlist = DEGENERATE[case]
    assert_equal(emit(netlist, options(interface, input=BITS)), netlist, samples_for(netlist, BITS))


@pytest.mark.parametrize("interface", Interface)
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_flipped_table_bit_is_seen(simulator: str, interface: Interface) -> None:
    netlist, samples = small()
    flipped = emit(with_a_flipped_bit(netlist, samples), options(interface))
    assert (run(flipped, samples, simulator).scores != evaluate(netlist, samples).scores).any()


HANDSHAKES = [
    pytest.param(VALID, "valid_out", "1'b1", id="valid without a sample"),
    pytest.param(VALID, "valid_out", "1'b0", id="never valid"),
    pytest.param(STREAM, "ready_in", "1'b1", id="always ready"),
    pytest.param(STREAM, "valid_out", r"\1 & ready_out", id="valid waits for ready"),
    pytest.param(AXIS, "s_axis_tready", "1'b1", id="always ready for beats"),
    pytest.param(AXIS, "s_axis_tready", r"\1 & s_axis_tvalid", id="ready follows valid"),
    pytest.param(AXIS, "m_axis_tlast", "1'b0", id="no last beat"),
    pytest.param(AXIS, "frame_error", "1'b0", id="no error"),
]


@pytest.mark.icarus
@pytest.mark.parametrize(("interface", "port", "value"), HANDSHAKES)
def test_a_dropped_handshake_is_seen_by_icarus(interface: Interface, port: str, value: str) -> None:
    assert_fails(interface, port, value, "icarus")


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(("interface", "port", "value"), [HANDSHAKES[i] for i in (0, 2, 4)])
def test_a_dropped_handshake_is_seen_by_verilator(interface: Interface, port: str, value: str) -> None:
    assert_fails(interface, port, value, "verilator")


def assert_fails(interface: Interface, port: str, value: str, simulator: str) -> None:
    """With another value at a port of the top module, the bench fails or reads other results."""
    netlist, samples = small()
    broken = with_text(emit(netlist, options(interface)), rf"assign {port} = ([^;]+);", f"assign {port} = {value};")
    with pytest.raises((TargetError, AssertionError)) as caught:
        assert_equal(broken, netlist, samples, simulator)
    assert "build" not in str(caught.value)  # it compiled


@pytest.mark.icarus
@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("interface", [VALID, STREAM, AXIS])
def test_a_wrong_latency_is_seen_by_icarus(interface: Interface, change: int) -> None:
    assert_late(interface, change, "icarus")


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("interface", [VALID, STREAM, AXIS])
def test_a_wrong_latency_is_seen_by_verilator(interface: Interface) -> None:
    assert_late(interface, 1, "verilator")


def assert_late(interface: Interface, change: int, simulator: str) -> None:
    netlist, samples = small()
    artifacts = emit(netlist, options(interface))
    latency = artifacts.manifest["latency_cycles"] + change
    wrong = Artifacts({**artifacts.manifest, "latency_cycles": latency}, artifacts.files)
    with pytest.raises(TargetError, match=rf"valid.* is due \(latency {latency} cycles\)"):
        run(wrong, samples, simulator)


@pytest.mark.icarus
@pytest.mark.parametrize(("interface", "fold"), [(VALID, 2), (STREAM, 3), (AXIS, 1)])
def test_a_wrong_interval_is_seen(interface: Interface, fold: int) -> None:
    netlist, samples = small()
    artifacts = emit(netlist, options(interface, fold=fold))
    shorter = {**artifacts.manifest, "interval_cycles": artifacts.manifest["interval_cycles"] - 1}
    with pytest.raises(TargetError, match="are promised"):
        run(Artifacts(shorter, artifacts.files), samples, "icarus")
