"""From Verilog to a routed design with open tools: the flows and the parts they serve, by name.

A new family is a file with a ``Flow`` and a line in ``FLOWS``; a new device a line in ``hardware.devices`` and in
``PARTS``.
"""

from bitlogic.export.synthesis.ecp5 import ECP5
from bitlogic.export.synthesis.flow import Flow
from bitlogic.export.synthesis.gatemate import GATEMATE
from bitlogic.export.synthesis.gowin import GOWIN
from bitlogic.export.synthesis.ice40 import HX, UP
from bitlogic.export.synthesis.nexus import NEXUS
from bitlogic.export.synthesis.part import Part
from bitlogic.export.synthesis.xilinx import XC7, XCUP

FLOWS: dict[str, Flow] = {
    "ice40-hx": HX,
    "ice40-up": UP,
    "ecp5": ECP5,
    "gowin": GOWIN,
    "gatemate": GATEMATE,
    "nexus": NEXUS,
    "xc7": XC7,
    "xcup": XCUP,
}

# By the device's name in ``bitlogic.export.hardware.devices``: the flow, nextpnr's and the packer's words for the part
# in its package, and the pins that a design can use there.
PARTS: dict[str, Part] = {
    "ice40-hx8k": Part("ice40-hx", ("--hx8k", "--package", "ct256"), pins=206),
    "ice40-up5k": Part("ice40-up", ("--up5k", "--package", "sg48"), pins=39),
    "ecp5-25k": Part("ecp5", ("--25k", "--package", "CABGA381", "--speed", "6"), pins=197),
    "ecp5-45k": Part("ecp5", ("--45k", "--package", "CABGA381", "--speed", "6"), pins=203),
    "ecp5-85k": Part("ecp5", ("--85k", "--package", "CABGA381", "--speed", "6"), pins=205),
    "gowin-gw1n9": Part(
        "gowin",
        ("--device", "GW1NR-LV9QN88PC6/I5", "-o", "family=GW1N-9C"),
        pins=35,
        packing=("-d", "GW1N-9C"),
        sites=tuple(map(str, (52, *range(25, 43), 51, *range(53, 58), *range(68, 78)))),
    ),
    "gatemate": Part("gatemate", ("--device", "CCGM1A1"), pins=162),
    "nexus": Part("nexus", ("--device", "LIFCL-40-9BG400C"), pins=191),
    "xc7": Part("xc7", (), pins=210),
    "xcup": Part("xcup", (), pins=82),
}
