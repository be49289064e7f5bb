"""The pipeline schedule: every net that a stage reads is there in that clock cycle, and no register is wasted."""

from itertools import product

import numpy as np
import pytest

from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.stages import Schedule, schedule
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, samples_for

NETS = {
    **DEGENERATE,
    "random": random_netlist(1, widths=(20, 16)),
    "deep": random_netlist(2, num_features=2, widths=(4,) * 9, rank=3),
}
CASES = list(product(NETS, [1, 2, 3, 100]))


def outputs_by_stages(netlist: Netlist, plan: Schedule) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The output nets, computed stage by stage from nothing but the registers of the boundary before."""
    nets = evaluate_nets(netlist, samples_for(netlist, InputKind.BITS))
    unknown = np.uint8(255)  # what a register that is not there would give
    held = np.full_like(nets, unknown)
    held[0], held[1] = 0, 1
    held[plan.boundaries[0]] = nets[plan.boundaries[0]]
    for stage, boundary in enumerate(plan.boundaries[1:], 1):
        now = held.copy()
        for lut in np.flatnonzero(plan.lut_stages == stage):
            address = np.zeros(nets.shape[1], dtype=np.int64)
            for pin, net in enumerate(netlist.pins[lut].tolist()):
                assert (now[net] != unknown).all(), f"stage {stage}: LUT {lut} reads net {net}, which is not there"
                address |= now[net].astype(np.int64) << pin
            now[netlist.first_lut + lut] = int(netlist.tables[lut]) >> address & 1
        held[2:] = unknown
        held[boundary] = now[boundary]
    return held[netlist.outputs]


@pytest.mark.parametrize(("name", "levels"), CASES)
def test_the_stages_compute_the_outputs(name: str, levels: int) -> None:
    netlist = NETS[name]
    expected = evaluate_nets(netlist, samples_for(netlist, InputKind.BITS))[netlist.outputs]
    plan = schedule(netlist, levels, encoder_inside=False)
    np.testing.assert_array_equal(outputs_by_stages(netlist, plan), expected)


@pytest.mark.parametrize(("name", "levels"), CASES)
def test_a_stage_holds_at_most_its_levels_and_reads_only_earlier_ones(name: str, levels: int) -> None:
    netlist = NETS[name]
    plan = schedule(netlist, levels, encoder_inside=True)
    num_stages = -(-netlist.depth // levels)
    assert len(plan.boundaries) == num_stages + 1
    own = netlist.levels[netlist.first_lut :]
    for stage in range(1, num_stages + 1):
        inside = own[plan.lut_stages == stage]
        assert len(inside), "no stage is empty"
        assert inside.min() > (stage - 1) * levels and inside.max() <= stage * levels


@pytest.mark.parametrize(("name", "levels"), CASES)
def test_every_register_is_made_before_and_read_after(name: str, levels: int) -> None:
    netlist = NETS[name]
    plan = schedule(netlist, levels, encoder_inside=True)
    made = np.concatenate([np.zeros(netlist.first_lut, dtype=np.int32), plan.lut_stages])
    for stage, boundary in enumerate(plan.boundaries):
        assert boundary.tolist() == sorted(set(boundary.tolist()))
        assert (boundary >= FIRST_INPUT).all(), "a constant needs no register"
        assert (made[boundary] <= stage).all()
        later = netlist.pins[plan.lut_stages > stage].ravel().tolist()
        assert set(boundary.tolist()) <= {*later, *netlist.outputs.tolist()}
    feeding_head = {net for net in netlist.outputs.tolist() if net >= FIRST_INPUT}
    assert set(plan.boundaries[-1].tolist()) == feeding_head


def test_a_net_that_skips_levels_is_carried_along() -> None:
    # 5 = 2 & 3, 6 = 5 | 3, 7 = 6 ^ 2: input 2 is carried to the third stage, input 4 to nobody
    netlist = bits_netlist(3, [AND, OR, XOR], [[2, 3], [5, 3], [6, 2]], [7, 2], 2)
    plan = schedule(netlist, 1, encoder_inside=True)
    assert plan.lut_stages.tolist() == [1, 2, 3]
    assert [boundary.tolist() for boundary in plan.boundaries] == [[2, 3], [2, 3, 5], [2, 6], [2, 7]]
    assert plan.registers_inputs


@pytest.mark.parametrize("inside", [True, False])
def test_only_an_encoder_inside_has_a_register_behind_it(inside: bool) -> None:
    plan = schedule(NETS["random"], 1, encoder_inside=inside)
    assert plan.registers_inputs == inside
    assert len(plan.boundaries) == 3


@pytest.mark.parametrize("name", NETS)
def test_0_levels_are_combinational(name: str) -> None:
    plan = schedule(NETS[name], 0, encoder_inside=True)
    assert plan.boundaries == ()
    assert not plan.registers_inputs
    assert (plan.lut_stages == 1).all() and len(plan.lut_stages) == NETS[name].num_luts
