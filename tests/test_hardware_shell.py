"""The byte-wide shell against ``evaluate``, computed from its register-transfer form, with random stalls."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.errors import ExportError
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.arrival import byte_lanes
from bitlogic.export.hardware.core import Pipeline
from bitlogic.export.hardware.rtl import modules_below
from bitlogic.export.hardware.shell import Shell, ShellPlan, build_shell
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.synthesis.simulation import frames_of, results_of
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

Array = npt.NDArray[Any]
LANES = 40


def with_shared_thresholds(netlist: Netlist) -> Netlist:
    """The same with thresholds 50, 100 and 200 for every feature."""
    encoder = netlist.encoder
    assert encoder is not None and encoder.integer_thresholds is not None
    integer = np.repeat(np.array([50, 100, 200], np.int32), encoder.num_features)
    thresholds = ((integer + 0.25) / encoder.max_input).astype(np.float32)
    return replace(netlist, encoder=replace(encoder, integer_thresholds=integer, thresholds=thresholds))


def run(shell: Shell, frames: Array, *, stall: float, seed: int = 0, reset_after: int = 3) -> Array:
    """uint8 (n, result bytes); the frames go in in ``LANES`` copies that each stall on their own."""
    rng = np.random.default_rng(seed)
    queues = [part.ravel() for part in np.array_split(frames, LANES)]
    sent, received = [0] * LANES, [list[int]() for _ in range(LANES)]
    simulation = Simulation(shell.module, LANES, seed)
    noise = {name: rng.integers(0, 2, (width, LANES), np.uint8) for name, width in _INPUTS.items()}
    for _ in range(reset_after):  # bytes before the reset are forgotten
        simulation.edge(noise)
    simulation.edge(noise, reset=True)
    limit = 200 + 20 * max(map(len, queues)) + 60 * sum(map(len, queues)) // LANES
    waiting = len(frames) * shell.result_bytes
    for _ in range(limit):
        go_in, go_out = rng.random((2, LANES)) >= stall
        there = np.array([position < len(queue) for position, queue in zip(sent, queues, strict=True)])
        byte = [queue[position] if go else 85 for position, queue, go in zip(sent, queues, go_in & there, strict=True)]
        inputs = {
            "byte_in": np.unpackbits(np.array(byte, np.uint8)[None], axis=0, bitorder="little"),
            "byte_valid": (go_in & there).astype(np.uint8)[None],
            "out_ready": go_out.astype(np.uint8)[None],
        }
        outputs = simulation.outputs(inputs)
        taken_in = (inputs["byte_valid"] & outputs["byte_ready"])[0]
        taken_out = (inputs["out_ready"] & outputs["out_valid"])[0]
        byte_out = np.packbits(outputs["byte_out"], axis=0, bitorder="little")[0]
        for lane in range(LANES):
            sent[lane] += int(taken_in[lane])
            if taken_out[lane]:
                received[lane].append(int(byte_out[lane]))
                waiting -= 1
        simulation.edge(inputs)
        if waiting == 0:
            break
    assert sent == [len(queue) for queue in queues]
    return np.concatenate([np.array(part, np.uint8).reshape(-1, shell.result_bytes) for part in received])


_INPUTS = {"byte_in": 8, "byte_valid": 1, "out_ready": 1}


def check(netlist: Netlist, samples: Samples, *, pipeline: int = 1, stall: float = 0.3, **plan: Any) -> None:
    shell = build_shell(netlist, ShellPlan("net", Pipeline.of(pipeline) if pipeline else Pipeline(), **plan))
    result = results_of(netlist, run(shell, frames_of(netlist, samples), stall=stall))
    expected = evaluate(netlist, samples)
    assert np.array_equal(result.scores, expected.scores)
    assert np.array_equal(result.class_ids, expected.class_ids)


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("pipeline", [0, 1, 2])
@pytest.mark.parametrize("shared", [True, False], ids=["constants", "memory"])
def test_the_shell_gives_the_class_and_the_scores_of_evaluate(shared: bool, pipeline: int, stall: float) -> None:
    netlist = random_netlist(3, num_features=30, bits_per_feature=3, widths=(24, 16))
    netlist = with_shared_thresholds(netlist) if shared else netlist
    arrival = byte_lanes(netlist)
    assert arrival.thresholds is not None
    assert arrival.thresholds.ndim == (1 if shared else 2)
    check(netlist, samples_for(netlist, InputKind.X, num=60), pipeline=pipeline, stall=stall)


@pytest.mark.parametrize("shared", [True, False], ids=["constants", "memory"])
@pytest.mark.parametrize("input_bits", [3, 8, 9, 16])
def test_integers_of_any_width_arrive_in_as_many_bytes_as_they_need(input_bits: int, shared: bool) -> None:
    netlist = random_netlist(4, num_features=7, bits_per_feature=3, widths=(20, 12), input_bits=input_bits)
    if shared and input_bits >= 8:
        netlist = with_shared_thresholds(netlist)
    assert byte_lanes(netlist).frame_bytes == (7 if input_bits <= 8 else 14)
    check(netlist, samples_for(netlist, InputKind.X, num=60))


@pytest.mark.parametrize("shared", [True, False], ids=["constants", "memory"])
@pytest.mark.parametrize("num_features", [1, 2, 63, 64, 65, 300])
def test_a_memory_of_luts_finds_the_same_words(num_features: int, shared: bool) -> None:
    netlist = random_netlist(3, num_features=num_features, bits_per_feature=2, widths=(60, 12))
    netlist = with_shared_thresholds(random_netlist(3, num_features=num_features)) if shared else netlist
    check(netlist, samples_for(netlist, InputKind.X, num=20), stall=0.1, lut_memory_bits=1 << 16)


def test_a_folded_core_counts_in_the_shell() -> None:
    netlist = random_netlist(5, num_features=20, widths=(40, 32))
    check(netlist, samples_for(netlist, InputKind.X, num=60), fold=4)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_netlists_without_an_encoder_take_eight_bits_a_byte(name: str) -> None:
    check(DEGENERATE[name], samples_for(DEGENERATE[name], InputKind.BITS))


def test_scores_of_several_bytes_are_sign_extended() -> None:
    netlist = with_weights(random_netlist(6, num_features=9), seed=1, low=-900, high=900)
    assert netlist.score_width > 8
    check(netlist, samples_for(netlist, InputKind.X, num=60))


def test_a_score_that_fills_its_bytes_keeps_its_sign() -> None:
    netlist = with_weights(random_netlist(6, widths=(20, 4)), seed=1, low=-64, high=63)
    check(netlist, samples_for(netlist, InputKind.X, num=60))


def test_the_shell_keeps_exactly_the_bits_that_are_read() -> None:
    netlist = with_shared_thresholds(random_netlist(3, num_features=30, bits_per_feature=3, widths=(12, 8)))
    used = np.unique(np.concatenate([netlist.pins.ravel(), netlist.outputs]))
    read = int(((used >= 2) & (used < netlist.first_lut)).sum())
    assert 0 < read < netlist.num_inputs
    shell = build_shell(netlist, ShellPlan("net", Pipeline.of(1)))
    kept = sum(register.width for register in shell.arrival.registers if register.name.startswith("lane"))
    assert kept == byte_lanes(netlist).num_stored == read


def test_bits_with_one_feature_and_one_threshold_are_kept_once() -> None:
    netlist = random_netlist(2, num_features=5, bits_per_feature=3)
    encoder = netlist.encoder
    assert isinstance(encoder, Encoder) and encoder.integer_thresholds is not None
    same = replace(
        encoder,
        integer_thresholds=np.full_like(encoder.integer_thresholds, 77),
        thresholds=np.full_like(encoder.thresholds, np.float32(77.25 / 255)),
    )
    netlist = replace(netlist, encoder=same)
    assert byte_lanes(netlist).num_stored == 5
    check(netlist, samples_for(netlist, InputKind.X, num=60))


def test_latency_and_interval_are_what_the_shell_says() -> None:
    netlist = random_netlist(3, num_features=30, bits_per_feature=2, widths=(24, 16))
    for pipeline in (Pipeline(), Pipeline.of(1)):
        shell = build_shell(netlist, ShellPlan("net", pipeline))
        one = np.ones((1, 1), np.uint8)
        inputs = {"byte_in": np.zeros((8, 1), np.uint8), "byte_valid": one, "out_ready": one}
        simulation = Simulation(shell.module, 1)
        simulation.edge(inputs, reset=True)
        last_bytes, first_bytes, ready_before = [], [], 0
        out_before = 0
        for edge in range(3 * shell.interval_cycles + shell.latency_cycles):
            outputs = simulation.outputs(inputs)
            ready_before += int(outputs["byte_ready"][0, 0])
            if outputs["byte_ready"][0, 0] and ready_before % shell.frame_bytes == 0:
                last_bytes.append(edge)
            if outputs["out_valid"][0, 0]:
                if out_before % shell.result_bytes == 0:
                    first_bytes.append(edge)
                out_before += 1
            simulation.edge(inputs)
        assert first_bytes[0] - last_bytes[0] == shell.latency_cycles
        assert last_bytes[2] - last_bytes[1] == shell.interval_cycles


def test_every_name_of_a_module_stands_for_one_module() -> None:
    shell = build_shell(random_netlist(7, widths=(50, 36)), ShellPlan("net", Pipeline.of(1)))
    names = [module.name for module in modules_below(shell.module)]
    assert len(names) == len(set(names))


def test_an_encoder_without_a_grid_is_refused_by_name() -> None:
    netlist = random_netlist(1)
    encoder = netlist.encoder
    assert encoder is not None
    bare = replace(netlist, encoder=replace(encoder, input_bits=0, integer_thresholds=None))
    with pytest.raises(ExportError, match="input_bits=8"):
        build_shell(bare, ShellPlan("net", Pipeline.of(1)))
