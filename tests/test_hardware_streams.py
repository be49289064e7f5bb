"""Ready and valid around the core: nothing lost, nothing doubled, whatever waits when."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.hardware.architecture import Architecture, Design, Interface, design
from bitlogic.export.hardware.rtl import Constant, Module, whole
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from tests.hardware_drivers import Names, Pace, Traffic, expected_rows, in_beats, port_bits, results, run_handshakes
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

Array = npt.NDArray[Any]
LANES = 48


def drive(netlist: Netlist, made: Design, samples: Samples, seed: int, top: Module | None = None) -> Traffic:
    beats = in_beats(port_bits(netlist, samples), made.num_beats)
    lane = np.arange(LANES)

    def items(position: Array) -> dict[str, Array]:
        sample, beat = position // made.num_beats, position % made.num_beats
        return {str(samples.kind): beats[beat, :, (sample + 7 * lane) % len(samples)].T}

    names = Names(
        "valid_in",
        "ready_in",
        "valid_out",
        "ready_out",
        ("scores", "class_id"),
        lambda outputs: results(netlist, outputs),
    )
    latency = made.latency_cycles + made.interval_cycles
    return run_handshakes(top or made.top, items, names, Pace(LANES, 60 + 3 * latency, latency + 3, seed))


def check(netlist: Netlist, made: Design, samples: Samples, seed: int, top: Module | None = None) -> None:
    traffic = drive(netlist, made, samples, seed, top)
    expected = expected_rows(netlist, samples)
    for lane in range(LANES):
        count = len(traffic.sent[lane]) // made.num_beats
        rows = expected[(np.arange(count) + 7 * lane) % len(samples)]
        assert np.array_equal(np.array(traffic.received[lane]).reshape(-1, rows.shape[1]), rows)
    assert len(traffic.sent[0]) == 60 + 3 * (made.latency_cycles + made.interval_cycles)  # nothing ever made it wait


@pytest.mark.parametrize("fold", [1, 3])
@pytest.mark.parametrize("pipeline", [1, 2, 5])
@pytest.mark.parametrize("kind", [InputKind.X, InputKind.BITS], ids=str)
def test_a_stream_neither_loses_nor_doubles_a_sample(kind: InputKind, pipeline: int, fold: int) -> None:
    netlist = random_netlist(11, widths=(16, 12))
    made = design(netlist, Architecture(input=kind, interface=Interface.STREAM, pipeline=pipeline, fold=fold))
    check(netlist, made, samples_for(netlist, kind, num=40, seed=1), seed=pipeline)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_netlists_stream(name: str) -> None:
    netlist = DEGENERATE[name]
    made = design(netlist, Architecture(input=InputKind.BITS, interface=Interface.STREAM, fold=2))
    check(netlist, made, samples_for(netlist, InputKind.BITS, seed=1), seed=5)


@pytest.mark.parametrize("fold", [1, 4])
def test_the_latency_of_a_stream_is_exact(fold: int) -> None:
    netlist = with_weights(random_netlist(2), seed=3)
    made = design(netlist, Architecture(interface=Interface.STREAM, pipeline=2, fold=fold))
    samples = samples_for(netlist, InputKind.X, num=10)
    beats = in_beats(port_bits(netlist, samples), made.num_beats)
    one = np.ones((1, len(samples)), np.uint8)
    simulation = Simulation(made.top, len(samples))
    idle = {"x": beats[0], "valid_in": 0 * one, "ready_out": one}
    simulation.edge(idle, reset=True)
    for beat in beats:
        simulation.edge({"x": beat, "valid_in": one, "ready_out": one})
    for _ in range(made.latency_cycles - 1):
        assert not simulation.outputs(idle)["valid_out"].any()
        simulation.edge(idle)
    outputs = simulation.outputs(idle)
    assert outputs["valid_out"].all()
    assert np.array_equal(results(netlist, outputs), expected_rows(netlist, samples))


def test_a_reset_in_mid_stream_forgets_every_sample() -> None:
    netlist = random_netlist(4)
    made = design(netlist, Architecture(interface=Interface.STREAM, fold=3))
    samples = samples_for(netlist, InputKind.X, num=10)
    beats = in_beats(port_bits(netlist, samples), 3)
    one = np.ones((1, len(samples)), np.uint8)
    for before in range(1, 3 * made.latency_cycles, 4):
        simulation = Simulation(made.top, len(samples), seed=before)
        simulation.edge({"x": beats[0], "valid_in": one, "ready_out": one}, reset=True)
        for cycle in range(before):
            simulation.edge({"x": 1 - beats[cycle % 3], "valid_in": one, "ready_out": 0 * one})
        simulation.edge({"x": beats[0], "valid_in": one, "ready_out": one}, reset=True)
        assert simulation.outputs({"x": beats[0], "valid_in": one, "ready_out": one})["ready_in"].all()
        for beat in beats:
            assert not simulation.outputs({"x": beat, "valid_in": one, "ready_out": one})["valid_out"].any()
            simulation.edge({"x": beat, "valid_in": one, "ready_out": one})
        seen = []
        for _ in range(made.latency_cycles + 3):
            outputs = simulation.outputs({"x": beats[0], "valid_in": 0 * one, "ready_out": one})
            seen += [results(netlist, outputs)] * int(outputs["valid_out"].all())
            simulation.edge({"x": beats[0], "valid_in": 0 * one, "ready_out": one})
        assert len(seen) == 1 and np.array_equal(seen[0], expected_rows(netlist, samples))


@pytest.mark.parametrize("broken", ["ready_in", "room", "pop", "enable"])
def test_a_dropped_handshake_is_seen(broken: str) -> None:
    netlist = random_netlist(11, widths=(16, 12))
    made = design(netlist, Architecture(interface=Interface.STREAM))
    top, one = made.top, Constant(1, 1)
    if broken == "ready_in":
        outputs = tuple((name, one if name == "ready_in" else value) for name, value in top.outputs)
        top = replace(top, outputs=outputs)
    elif broken in ("room", "pop"):
        core, queue = top.instances
        registers = [
            replace(r, next=one) if (r.name, broken) == ("ready", "room") else r for r in queue.module.registers
        ]
        wires = [replace(w, value=whole("some", 1)) if w.name == broken else w for w in queue.module.wires]
        module = replace(queue.module, registers=tuple(registers), wires=tuple(wires))
        top = replace(top, instances=(core, replace(queue, module=module)))
    else:
        core, queue = top.instances
        inputs = tuple((name, one if name == "enable" else value) for name, value in core.inputs)
        top = replace(top, instances=(replace(core, inputs=inputs), queue))
    with pytest.raises(AssertionError):
        check(netlist, made, samples_for(netlist, InputKind.X, num=40), seed=2, top=top)
