"""The byte-wide shell after a sample that is not complete: a restart makes the next byte the first."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.core import Pipeline
from bitlogic.export.hardware.shell import ShellPlan, build_shell
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis.simulation import frames_of, results_of
from tests.hardware_drivers import check_well_formed
from tests.nets import random_netlist, samples_for
from tests.test_hardware_shell import with_shared_thresholds

Array = npt.NDArray[Any]
REST = 12  # edges until what was taken is in its place

NETLISTS: dict[str, Netlist] = {
    "memory": random_netlist(3, num_features=9, bits_per_feature=3, widths=(16, 8)),
    "constants": with_shared_thresholds(random_netlist(3, num_features=9, bits_per_feature=3, widths=(16, 8))),
    "two bytes a value": random_netlist(4, num_features=5, bits_per_feature=3, widths=(16, 8), input_bits=12),
    "one value": random_netlist(2, num_features=1, bits_per_feature=3, widths=(8, 8)),
}


@pytest.mark.parametrize("lut_memory_bits", [0, 1 << 16], ids=["block memory", "memory of LUTs"])
@pytest.mark.parametrize("name", NETLISTS)
def test_a_sample_behind_a_restart_is_answered_however_much_came_before(name: str, lut_memory_bits: int) -> None:
    netlist = NETLISTS[name]
    plan = ShellPlan("net", Pipeline.of(1), lut_memory_bits=lut_memory_bits, has_restart=True)
    shell = build_shell(netlist, plan)
    check_well_formed(shell.module)
    samples = samples_for(netlist, InputKind.X, num=3)[slice(-3, None)]
    whole, cut, after = frames_of(netlist, samples)
    lanes = shell.frame_bytes  # lane k gets k bytes of the sample that is cut off
    simulation = Simulation(shell.module, lanes)
    received: list[list[int]] = [[] for _ in range(lanes)]

    def edge(byte: int, valid: Array, *, restart: int = 0, reset: bool = False) -> None:
        inputs = {
            "byte_in": np.repeat(np.unpackbits(np.array([[byte]], np.uint8), axis=0, bitorder="little"), lanes, axis=1),
            "byte_valid": valid[None].astype(np.uint8),
            "restart": np.full((1, lanes), restart, np.uint8),
            "out_ready": np.ones((1, lanes), np.uint8),
        }
        outputs = simulation.outputs(inputs)
        for lane in np.flatnonzero(outputs["out_valid"][0]):
            received[lane].append(int(np.packbits(outputs["byte_out"][:, lane], bitorder="little")[0]))
        simulation.edge(inputs, reset=reset)

    every, nobody = np.ones(lanes, bool), np.zeros(lanes, bool)
    edge(0, nobody, reset=True)
    for row in received:
        row.clear()
    for byte in whole.tolist():
        edge(byte, every)
    for place, byte in enumerate(cut.tolist()[:-1]):  # while the result of the whole sample is on its way
        edge(byte, np.arange(lanes) > place)
    for step in range(REST + 3):
        edge(0xFF, nobody, restart=int(step >= REST))
    for _ in range(shell.interval_cycles):
        edge(0xFF, nobody)
    for byte in after.tolist():
        edge(byte, every)
    for _ in range(shell.interval_cycles):
        edge(0xFF, nobody)
    result, expected = (
        results_of(netlist, np.array(received, np.uint8).reshape(2 * lanes, -1)),
        evaluate(netlist, samples),
    )
    np.testing.assert_array_equal(result.scores, np.tile(expected.scores[[0, 2]], (lanes, 1)))
    np.testing.assert_array_equal(result.class_ids, np.tile(expected.class_ids[[0, 2]], lanes))
