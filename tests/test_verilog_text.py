"""The Verilog target's text, read without any tool."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.hardware.architecture import Interface, design
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.verilog import VerilogOptions, emit
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_primitives import Primitives
from tests.nets import AND, DEGENERATE, XOR, bits_netlist, random_netlist

BITS = InputKind.BITS


def text_of(netlist: Netlist, options: VerilogOptions) -> str:
    return emit(netlist, options).files[f"{options.module_name}.v"].decode()


def instances(text: str, module: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(f"{module} #(")]


# --- primitives


@pytest.mark.parametrize(
    ("primitives", "expected"),
    [
        (
            Primitives.ICE40,
            "SB_LUT4 #(.LUT_INIT(16'h4444)) lut1 (.O(o[1]), .I0(i[0]), .I1(i[2]), .I2(1'b0), .I3(1'b0));",
        ),
        (Primitives.ECP5, "LUT4 #(.INIT(16'h4444)) lut1 (.Z(o[1]), .A(i[0]), .B(i[2]), .C(1'b0), .D(1'b0));"),
        (Primitives.XILINX, "LUT2 #(.INIT(4'h4)) lut1 (.O(o[1]), .I0(i[0]), .I1(i[2]));"),
        (Primitives.GENERIC, "net_lut #(.RANK(2), .INIT(4'h4)) lut1 (.a({i[2], i[0]}), .o(o[1]));"),
    ],
)
def test_pin_0_is_the_lowest_bit_of_the_address(primitives: Primitives, expected: str) -> None:
    netlist = bits_netlist(3, [AND, 0b0100], [[2, 3], [2, 4]], [5, 6], 1)  # 0b0100: not pin 0, and pin 1
    assert expected in text_of(netlist, VerilogOptions("net", BITS, primitives=primitives))


def test_a_xilinx_primitive_has_as_many_inputs_as_the_lut_reads() -> None:
    tables = [0b0000000000000001 * 0x1111, 0b1010101010101010, 0x0001, 0xFFFF]
    netlist = bits_netlist(4, tables, [[2, 3, 0, 0], [2, 0, 0, 0], [2, 3, 4, 5], [0, 0, 0, 0]], [6, 7, 8, 9], 1)
    text = text_of(netlist, VerilogOptions("net", BITS, primitives=Primitives.XILINX))
    assert instances(text, "LUT2")[0].startswith("LUT2 #(.INIT(4'h1)) lut0 ")
    assert instances(text, "LUT1") == [
        "LUT1 #(.INIT(2'h2)) lut1 (.O(o[1]), .I0(i[0]));",
        "LUT1 #(.INIT(2'h3)) lut3 (.O(o[3]), .I0(1'b0));",
    ]
    assert instances(text, "LUT4")[0].startswith("LUT4 #(.INIT(16'h0001)) lut2 ")


@pytest.mark.parametrize("primitives", [Primitives.ICE40, Primitives.ECP5])
def test_a_lut_with_more_pins_than_the_primitive_is_refused_with_the_way_out(primitives: Primitives) -> None:
    with pytest.raises(ExportError, match=rf"--primitives {primitives}.*net_level1_0.*6 pins.*--map lut4"):
        emit(random_netlist(0, rank=6), VerilogOptions("net", primitives=primitives))
    with pytest.raises(ExportError, match=r"net_count\d.*--lut-size 4"):
        emit(random_netlist(0, widths=(20, 40)), VerilogOptions("net", primitives=primitives, lut_size=6))


def test_a_netlist_of_rank_6_whose_luts_read_four_pins_fits_a_primitive_of_four() -> None:
    small = random_netlist(0, widths=(8, 8))
    repeated = sum((small.tables << np.uint64(16 * part) for part in range(4)), np.zeros(16, dtype=np.uint64))
    wide = replace(small, tables=repeated, pins=np.pad(small.pins, ((0, 0), (0, 2))))
    options = VerilogOptions(primitives=Primitives.ICE40)
    assert instances(text_of(wide, options), "SB_LUT4") == instances(text_of(small, options), "SB_LUT4")


# --- names.json


def test_names_say_which_lut_every_bit_is() -> None:
    netlist = replace(
        bits_netlist(2, [AND, XOR, AND], [[2, 3], [2, 3], [4, 5]], [6, 5], 2),
        origins=np.array([[1, 7], [1, 3], [2, 0]], dtype=np.int32),
    )
    names = json.loads(emit(netlist, VerilogOptions("net", BITS)).files["names.json"])
    assert (names["format"], names["version"]) == ("bitlogic-names", 1)
    assert names["modules"] == {
        "net_level1_0": {"instance": "u_level1_0", "kind": "luts", "net": [4, 5], "layer": [1, 1], "neuron": [7, 3]},
        "net_level2_0": {"instance": "u_level2_0", "kind": "luts", "net": [6], "layer": [2], "neuron": [0]},
    }


@pytest.mark.parametrize("interface", Interface)
def test_names_hold_every_net_once_and_instances_that_are_there(interface: Interface) -> None:
    netlist = random_netlist(3, widths=(30, 20, 8))
    options = VerilogOptions(interface=interface)
    names = json.loads(emit(netlist, options).files["names.json"])["modules"]
    luts = [net for module in names.values() if module["kind"] == "luts" for net in module["net"]]
    assert sorted(luts) == list(range(netlist.first_lut, netlist.num_nets))
    encoded = [net for module in names.values() if module["kind"] == "comparators" for net in module["net"]]
    read = np.unique(np.concatenate([netlist.pins.ravel(), netlist.outputs]))
    assert set(encoded) == set(read[(read >= FIRST_INPUT) & (read < netlist.first_lut)].tolist())
    text = text_of(netlist, options)
    for name, module in names.items():
        inner = module["instance"].split(".")[-1]
        assert re.search(rf"^    {name} {inner} \($", text, flags=re.MULTILINE)
        assert module.get("layer") is None


# --- the rest of the text


@pytest.mark.parametrize("interface", Interface)
def test_the_manifest_and_the_text_say_when_results_come(interface: Interface) -> None:
    netlist, options = random_netlist(1), VerilogOptions(interface=interface)
    made, artifacts = design(netlist, options), emit(netlist, options)
    assert made.described().items() <= artifacts.manifest.items()
    head = artifacts.files["bitlogic_net.v"].decode()[:400]
    assert f"interface {interface}" in head
    assert f"latency {made.latency_cycles} cycles" in head or interface is Interface.COMB


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("rank", [4, 6])
def test_no_line_is_long(style: Style, rank: int) -> None:
    netlist = random_netlist(1, num_features=60, widths=(700, 600), rank=rank)
    text = text_of(netlist, VerilogOptions(style=style, pipeline=1))
    assert max(map(len, text.splitlines())) < {4: 240, 6: 1500}[rank]


def test_a_block_of_a_word_reads_the_port_itself() -> None:
    text = text_of(DEGENERATE["pins_on_constants"], VerilogOptions("net", BITS))
    assert "function" not in text
    assert "assign o = {\n" in text


@pytest.mark.parametrize("option", ["primitives", "style"])
def test_an_unknown_choice_is_refused_with_the_choices(option: str) -> None:
    with pytest.raises(OptionError, match=f"--{option} 'lut5': allowed are "):
        VerilogOptions(**{option: "lut5"})  # type: ignore[arg-type]


def test_choices_may_be_given_as_text() -> None:
    assert VerilogOptions(primitives="ice40", style="wires") == VerilogOptions(  # type: ignore[arg-type]
        primitives=Primitives.ICE40, style=Style.WIRES
    )
