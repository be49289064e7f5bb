"""The lowered core against ``evaluate``, computed from its register-transfer form."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bitlogic.export.hardware import popcount
from bitlogic.export.hardware.blocks import MAX_PORT_BITS
from bitlogic.export.hardware.core import Core, CorePlan, Pipeline, build_core
from bitlogic.export.hardware.popcount import LEAF_SIZES, PopcountPlan, popcount_module, unregistered_leaf_size
from bitlogic.export.hardware.rtl import Constant, Module, Operation, Port, Register, Wire, modules_below, whole
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Head, Netlist
from bitlogic.export.samples import InputKind, Samples
from tests.hardware_drivers import check_well_formed, expected_rows, in_beats, port_bits, results
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

Array = npt.NDArray[Any]
PIPELINES = {"none": Pipeline(), "1": Pipeline.of(1), "2": Pipeline.of(2), "9": Pipeline.of(9)}


def check(netlist: Netlist, core: Core, samples: Samples, num_beats: int = 1) -> None:
    check_well_formed(core.module)
    beats = in_beats(port_bits(netlist, samples), num_beats)
    name = str(samples.kind)
    simulation = Simulation(core.module, len(samples))
    if not core.latency_cycles:
        assert np.array_equal(results(netlist, simulation.outputs({name: beats[0]})), expected_rows(netlist, samples))
        return
    one = np.ones((1, len(samples)), dtype=np.uint8)
    noise = {name: 1 - beats[0], "valid_in": 0 * one}
    simulation.edge({**noise, "valid_in": one}, reset=True)
    for number, beat in enumerate(beats):
        for _ in range(number % 3):
            simulation.edge(noise)
        simulation.edge({name: beat, "valid_in": one})
    for _ in range(core.latency_cycles - 1):
        assert not simulation.outputs(noise)["valid_out"].any()
        simulation.edge(noise)
    outputs = simulation.outputs(noise)
    assert outputs["valid_out"].all()
    assert np.array_equal(results(netlist, outputs), expected_rows(netlist, samples))


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
    assert np.array_equal(results(netlist, outputs), expected_rows(netlist, samples))


@pytest.mark.parametrize("input_beats", [False, True], ids=["one beat", "beats"])
@pytest.mark.parametrize("fold", [2, 3, 8, 17])
@pytest.mark.parametrize("weighted", [False, True], ids=["popcounts", "weights"])
def test_a_folded_core_gives_the_same_in_several_cycles(fold: int, weighted: bool, input_beats: bool) -> None:
    netlist = with_weights(random_netlist(fold), seed=4) if weighted else random_netlist(fold)
    for kind, pipeline in ((InputKind.X, Pipeline.of(1)), (InputKind.BITS, Pipeline.of(3))):
        beats = fold if input_beats else 1
        core = build_core(netlist, CorePlan("net", kind, pipeline, fold=fold, input_beats=beats))
        check(netlist, core, samples_for(netlist, kind, seed=1), beats)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_netlists_fold(name: str) -> None:
    netlist = DEGENERATE[name]
    core = build_core(netlist, CorePlan("net", InputKind.BITS, Pipeline.of(1), fold=3, input_beats=3))
    check(netlist, core, samples_for(netlist, InputKind.BITS, seed=2), 3)


@pytest.mark.parametrize("input_beats", [1, 4])
def test_a_folded_core_takes_a_sample_every_fold_cycles(input_beats: int) -> None:
    netlist = random_netlist(9)
    core = build_core(netlist, CorePlan("net", InputKind.X, Pipeline.of(1), fold=4, input_beats=input_beats))
    samples = samples_for(netlist, InputKind.X, seed=1)
    beats = in_beats(port_bits(netlist, samples), input_beats)
    one = np.ones((1, len(samples)), dtype=np.uint8)
    simulation = Simulation(core.module, len(samples))
    simulation.edge({"x": beats[0], "valid_in": one}, reset=True)
    seen = []
    for cycle in range(4 * 12 + core.latency_cycles):
        rolled = np.roll(beats[cycle % input_beats], cycle // 4, axis=1)
        offered = one * (cycle < 4 * 12 and (input_beats == 4 or cycle % 4 == 0))
        outputs = simulation.outputs({"x": rolled, "valid_in": offered})
        if outputs["valid_out"].any():
            seen.append((cycle, results(netlist, outputs)))
        simulation.edge({"x": rolled, "valid_in": offered})
    first = core.latency_cycles + input_beats - 1
    assert [cycle for cycle, _ in seen] == list(range(first, first + 48, 4))[: len(seen)] and len(seen) >= 11
    for number, (_, values) in enumerate(seen):
        assert np.array_equal(values, np.roll(expected_rows(netlist, samples), number, axis=0))


@pytest.mark.parametrize("name", ["taken", "clk", "rst"])
def test_a_module_has_one_thing_of_a_name(name: str) -> None:
    ports = (Port("taken", 1, is_input=False),)
    with pytest.raises(ValueError, match=f"more than one {name}"):
        Module("net", "", ports, registers=(Register(name, 1, Constant(0, 1)),))


# --- few modules, however many bits


@pytest.mark.parametrize("leaf_size", [3, 6])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 13, 20, 50, 640])
def test_a_popcount_is_one_module_and_its_leaves(size: int, leaf_size: int) -> None:
    for levels in (0, 1, 2):
        module = popcount_module(size, PopcountPlan("net", leaf_size, levels))
        check_well_formed(module)
        assert len(module.instances) <= 2 and not any(instance.module.instances for instance in module.instances)
        parts: list[Wire | Register] = [*module.wires, *module.registers]
        adders = [value for part in parts if (value := _of(part)) is not None]
        assert len(adders) == -(-size // leaf_size) - 1


def test_the_leaves_of_a_large_popcount_are_blocks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(popcount, "MAX_LEAVES", 4)
    module = popcount_module(29, PopcountPlan("net", 3))
    assert [instance.module.name for instance in module.instances] == [
        "net_count12",
        "net_count12",
        "net_count3",
        "net_count2",
    ]
    assert len({id(instance.module) for instance in module.instances}) == 3
    bits = np.concatenate([np.eye(29, dtype=np.uint8), np.tri(29, dtype=np.uint8)]).T
    count = Simulation(module, bits.shape[1]).outputs({"i": bits})["count"]
    assert np.array_equal((count << np.arange(len(count))[:, None]).sum(axis=0), bits.sum(axis=0))


def test_a_level_that_reads_wide_vectors_takes_them_whole_in_smaller_blocks() -> None:
    num_inputs, rng = 63_000, np.random.default_rng(0)
    netlist = Netlist(
        num_inputs=num_inputs,
        tables=np.full(5000, 6, dtype=np.uint64),
        pins=rng.integers(2, 2 + num_inputs, size=(5000, 2), dtype=np.int32),
        outputs=np.arange(2 + num_inputs, 5002 + num_inputs, dtype=np.int32),
        head=Head(2),
    )
    core = build_core(netlist, CorePlan("net", InputKind.BITS))
    blocks = [instance for instance in core.module.instances if "level1" in instance.name]
    assert all(instance.inputs == (("i", whole("bits", num_inputs)),) for instance in blocks)
    assert len(blocks) == 2 and all(sum(p.width for p in b.module.ports) <= MAX_PORT_BITS for b in blocks)


def _of(part: Wire | Register) -> Operation | None:
    """The sum that a wire or register takes."""
    value = part.value if isinstance(part, Wire) else part.next
    return value if isinstance(value, Operation) else None


@pytest.mark.parametrize(
    ("size", "family", "leaf_size"), [(49, None, 1), (50, None, 3), (200, "ice40", 1), (200, "ecp5", 3)]
)
def test_a_popcount_without_registers_is_of_adders_alone_where_that_is_smaller(
    size: int, family: str | None, leaf_size: int
) -> None:
    assert unregistered_leaf_size(size, LEAF_SIZES[4], family) == leaf_size
    assert unregistered_leaf_size(size, LEAF_SIZES[6], family) == LEAF_SIZES[6]


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_a_design_for_a_family_gives_what_evaluate_does(family: str) -> None:
    netlist = random_netlist(11, widths=(90, 120), num_classes=2)
    core = build_core(netlist, CorePlan("net", InputKind.X, family=family))
    assert any("_count" in module.name for module in modules_below(core.module)) == (family == "ecp5")
    check(netlist, core, samples_for(netlist, InputKind.X, num=50))
