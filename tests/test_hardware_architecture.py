"""The options of a design, what they refuse, and the clock that chooses the registers."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.hardware.architecture import Architecture, Interface, design
from bitlogic.export.hardware.clocking import pipeline_for, stages
from bitlogic.export.hardware.core import CorePlan, Pipeline
from bitlogic.export.hardware.devices import DEVICES, Delays, find_device
from bitlogic.export.hardware.frames import input_frame, result_frame
from bitlogic.export.netlist import Head, Netlist
from bitlogic.export.samples import InputKind
from tests.hardware_drivers import check_well_formed
from tests.nets import bits_netlist, random_netlist, with_weights

SLOW = replace(find_device("ecp5-85k"), delays=Delays(register_ns=1.0, lut_ns=1.0, chain_ns=1.0, carry_ns=0.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline": -1}, "--pipeline -1"),
        ({"pipeline": True}, "--pipeline True"),
        ({"fold": 0}, "--fold 0: a whole number of cycles a sample, 1 to 256"),
        ({"fold": 257}, "--fold 257"),
        ({"lut_size": 5}, "--lut-size 5: one of 4, 6"),
        ({"interface": "bus"}, "--interface 'bus': allowed are comb, valid, stream, axis"),
        ({"input": "y"}, "--input 'y': allowed are x, bits"),
        ({"interface": "comb", "pipeline": 1}, "leave --pipeline out"),
        ({"interface": "comb", "fold": 2}, "leave --fold out"),
        ({"interface": "comb", "target_mhz": 9, "device": "xc7"}, "leave --target-mhz out"),
        ({"interface": "axis", "axis_bytes": 3}, "--axis-bytes 3: one of 1, 2, 4"),
        ({"interface": "stream", "axis_bytes": 2}, "--axis-bytes goes with --interface axis, not stream"),
        ({"axi_lite": True}, "--axi-lite goes with --interface axis, not comb"),
        ({"device": "ice41"}, "--device 'ice41': one of ice40-hx8k"),
        ({"target_mhz": 100}, "--target-mhz needs the delays of a --device"),
        ({"target_mhz": 0, "device": "xc7"}, "--target-mhz 0: a frequency above 0"),
        ({"target_mhz": float("nan"), "device": "xc7"}, "--target-mhz nan"),
        ({"target_mhz": 100, "device": "ecp5-85k", "pipeline": 2}, "leave --pipeline out"),
    ],
)
def test_an_option_that_is_not_allowed_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        Architecture(**options)
    assert message in str(error.value)


def test_what_needs_a_clock_gets_one() -> None:
    assert Architecture().face is Interface.COMB
    for options in ({"pipeline": 3}, {"fold": 2}, {"target_mhz": 90.5, "device": "ecp5-25k"}):
        assert Architecture(**options).face is Interface.VALID
    made = design(random_netlist(0), Architecture(interface=Interface.VALID))
    assert made.pipeline == Pipeline.of(1)
    assert made.interval_cycles == 1


def test_the_lut_size_is_the_devices() -> None:
    assert [Architecture(device=name).lut_inputs for name in (None, "ecp5-85k", "xc7")] == [4, 4, 6]
    assert Architecture(device="xc7", lut_size=4).lut_inputs == 4


def test_a_device_holds_something() -> None:
    for name, device in DEVICES.items():
        assert device.name == name
        assert min(device.num_luts, device.num_registers) > 0 and device.lut_inputs in (4, 6)


@pytest.mark.parametrize("interface", [None, *Interface], ids=str)
@pytest.mark.parametrize("fold", [1, 2])
def test_every_design_is_well_formed_and_says_what_its_ports_carry(interface: Interface | None, fold: int) -> None:
    if interface is Interface.COMB and fold > 1:
        return
    netlist = with_weights(random_netlist(1), seed=2)
    lite = interface is Interface.AXIS
    made = design(netlist, Architecture(interface=interface, fold=fold, axi_lite=lite))
    check_well_formed(made.top)
    assert made.top.name == "bitlogic_net"
    described = json.loads(json.dumps(made.described()))
    assert described["interface"] == str(made.interface) and described["interval_cycles"] == made.interval_cycles
    if lite:
        assert described["num_beats"] == described["input_frame"]["num_beats"] == 6
        assert described["result_frame"]["fields"][1] == {
            "name": "scores",
            "offset_bytes": 1,
            "count": 4,
            "bytes": 2,
            "bits": 16,
            "signed": True,
        }
        assert described["axi_lite_registers"][0]["value"] == 0x424C4731
        assert made.interval_cycles == 9


def test_frames_count_their_bytes() -> None:
    netlist = random_netlist(1, num_features=5, input_bits=12)
    frame = input_frame(netlist, InputKind.X, 4)
    assert (frame.num_bytes, frame.num_beats) == (10, 3)
    assert input_frame(netlist, InputKind.BITS, 1).num_bytes == 2
    wide = bits_netlist(1, [], [], [2] * 128, 1)
    assert result_frame(wide, 1).fields[1].num_bytes == 2  # 128 is no number of 8 bits in two's complement
    assert result_frame(bits_netlist(1, [], [], [2] * 127, 1), 1).fields[1].num_bytes == 1
    assert result_frame(bits_netlist(1, [], [], [2] * 257, 257), 1).fields[0].num_bytes == 2


def test_a_design_of_the_wrong_input_or_size_is_refused() -> None:
    with pytest.raises(ExportError, match="--input bits"):
        design(random_netlist(0).without_encoder(), Architecture())
    outputs = np.full(2 * 40_000, 2, dtype=np.int32)
    wide = Netlist(70_000, np.zeros(0, np.uint64), np.zeros((0, 2), np.int32), outputs, Head(2))
    with pytest.raises(ExportError, match="70000 bits wide"):
        design(wide, Architecture(input=InputKind.BITS))


@pytest.mark.parametrize(
    ("target_mhz", "expected"),
    [
        (1, Pipeline(3, 3, False)),
        (1000 / 4.0, Pipeline(3, 2, False)),  # three LUTs 4.0 ns; leaf and adder 3.3; comparison and choice 3.4
        (1000 / 3.2, Pipeline(2, 1, True)),
        (1000 / 3.0, Pipeline(2, 1, True)),
    ],
)
def test_a_clock_chooses_the_fewest_registers(target_mhz: float, expected: Pipeline) -> None:
    netlist = random_netlist(0, widths=(20, 20, 24), num_classes=2, input_bits=4)
    assert netlist.depth == 3 and netlist.score_width == 4
    plan = CorePlan("net", InputKind.X)
    assert SLOW.delays is not None
    assert pipeline_for(netlist, plan, SLOW, target_mhz) == expected
    assert all(ns <= 1000 / target_mhz for _, ns in stages(netlist, plan, expected, 4, SLOW.delays))


def test_a_clock_that_no_stage_meets_names_the_fastest() -> None:
    netlist = random_netlist(0, widths=(20, 20), input_bits=8)
    with pytest.raises(OptionError, match=r"the encoder takes 3.0 ns on ecp5-85k, so the fastest clock is 333 MHz"):
        pipeline_for(netlist, CorePlan("net", InputKind.X), SLOW, 340)
    with pytest.raises(OptionError, match="the delays of xc7 are not known"):
        design(netlist, Architecture(target_mhz=10, device="xc7"))
    with pytest.raises(OptionError, match="a level of the popcount takes"):  # a choice of 64 parts in front of it
        pipeline_for(random_netlist(0, input_bits=1), CorePlan("net", InputKind.X, fold=64), SLOW, 200)


def test_a_design_has_the_pipeline_that_its_clock_chose() -> None:
    netlist = random_netlist(0, widths=(30, 30, 30, 30))
    quick, slow = (
        design(netlist, Architecture(target_mhz=mhz, device="ice40-hx8k", interface=Interface.STREAM))
        for mhz in (150, 20)
    )
    assert quick.latency_cycles > slow.latency_cycles
    assert asdict(slow.pipeline) == slow.described()["pipeline"]
