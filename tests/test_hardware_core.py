"""The lowered core against ``evaluate``, computed from its register-transfer form."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.core import Core, CorePlan, Pipeline, build_core
from bitlogic.export.hardware.rtl import modules_below
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

Array = npt.NDArray[Any]
PIPELINES = {"none": Pipeline(), "1": Pipeline.of(1), "2": Pipeline.of(2), "9": Pipeline.of(9)}


def port_bits(netlist: Netlist, samples: Samples) -> Array:
    width = netlist.encoder.input_bits if samples.kind is InputKind.X and netlist.encoder is not None else 1
    shifts = np.arange(width, dtype=np.uint16)
    bits = samples.values.astype(np.uint16)[:, :, None] >> shifts & 1
    return bits.reshape(len(samples), -1).T.astype(np.uint8)


def results(netlist: Netlist, outputs: dict[str, Array]) -> tuple[Array, Array]:
    width = netlist.score_width
    bits = outputs["scores"].reshape(netlist.head.num_classes, width, -1).astype(np.int64)
    scores = np.einsum("cwl,w->lc", bits, np.left_shift(1, np.arange(width)))
    if netlist.score_signed:
        scores -= (scores >> width - 1) << width
    class_bits = outputs["class_id"].astype(np.int64)
    return scores, np.left_shift(1, np.arange(len(class_bits))) @ class_bits


def check(netlist: Netlist, core: Core, samples: Samples) -> None:
    expected = evaluate(netlist, samples)
    inputs = {str(samples.kind): port_bits(netlist, samples)}
    simulation = Simulation(core.module, len(samples))
    if core.latency_cycles:
        ones = np.ones((1, len(samples)), dtype=np.uint8)
        noise = {name: 1 - value for name, value in inputs.items()}
        simulation.edge({**noise, "valid_in": ones}, reset=True)
        for cycle in range(core.latency_cycles):
            assert not simulation.outputs({**noise, "valid_in": ones})["valid_out"].any()
            simulation.edge({**(inputs if cycle == 0 else noise), "valid_in": ones * (cycle == 0)})
        outputs = simulation.outputs({**noise, "valid_in": ones})
        assert outputs["valid_out"].all()
    else:
        outputs = simulation.outputs(inputs)
    scores, class_ids = results(netlist, outputs)
    assert np.array_equal(scores, expected.scores)
    assert np.array_equal(class_ids, expected.class_ids)


@pytest.mark.parametrize("kind", [InputKind.X, InputKind.BITS], ids=str)
@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("weighted", [False, True], ids=["popcounts", "weights"])
def test_the_core_gives_the_scores_and_classes_of_evaluate(kind: InputKind, pipeline: str, weighted: bool) -> None:
    netlist = with_weights(random_netlist(0), seed=4) if weighted else random_netlist(0)
    core = build_core(netlist, CorePlan("net", kind, PIPELINES[pipeline]))
    check(netlist, core, samples_for(netlist, kind, seed=1))


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("pipeline", ["none", "1", "2"])
def test_degenerate_netlists_keep_their_scores(name: str, pipeline: str) -> None:
    netlist = DEGENERATE[name]
    core = build_core(netlist, CorePlan("net", InputKind.BITS, PIPELINES[pipeline]))
    check(netlist, core, samples_for(netlist, InputKind.BITS, seed=2))


@pytest.mark.parametrize("leaf_size", [3, 6])
@pytest.mark.parametrize("group", [1, 2, 3, 4, 6, 7, 13, 24, 25])
def test_a_popcount_of_any_size_is_exact(leaf_size: int, group: int) -> None:
    netlist = random_netlist(group, widths=(40, 2 * group), num_classes=2)
    for pipeline in (Pipeline(), Pipeline.of(1), Pipeline.of(3)):
        check(
            netlist,
            build_core(netlist, CorePlan("net", InputKind.BITS, pipeline, leaf_size)),
            samples_for(netlist, InputKind.BITS, seed=3),
        )


def test_a_core_that_is_not_enabled_stands_still() -> None:
    netlist = random_netlist(5)
    core = build_core(netlist, CorePlan("net", InputKind.BITS, Pipeline.of(1), has_enable=True))
    samples = samples_for(netlist, InputKind.BITS, seed=1)
    bits = port_bits(netlist, samples)
    one, zero = np.ones((1, len(samples)), np.uint8), np.zeros((1, len(samples)), np.uint8)
    simulation = Simulation(core.module, len(samples))
    simulation.edge({"bits": bits, "valid_in": one, "enable": one}, reset=True)
    for cycle in range(core.latency_cycles):
        for _ in range(cycle % 3):
            simulation.edge({"bits": 1 - bits, "valid_in": one, "enable": zero})
        simulation.edge({"bits": bits, "valid_in": one * (cycle == 0), "enable": one})
    outputs = simulation.outputs({"bits": 1 - bits, "valid_in": zero, "enable": zero})
    assert outputs["valid_out"].all()
    assert np.array_equal(results(netlist, outputs)[0], evaluate(netlist, samples).scores)


def test_every_name_of_a_module_stands_for_one_module() -> None:
    netlist = random_netlist(7, widths=(50, 36))
    names = [module.name for module in modules_below(build_core(netlist, CorePlan("net", InputKind.X)).module)]
    assert len(names) == len(set(names))
