"""The devices that the toolchain knows: what they hold and how fast their logic is, as plain data."""

from dataclasses import dataclass

from bitlogic.errors import OptionError


@dataclass(frozen=True)
class Delays:
    """Nanoseconds of a path between two registers: ``register_ns`` once, the others for what lies between.

    They are read off the critical paths that nextpnr reports of a few routed designs of random wiring, 200 LUTs wide,
    so they are rough, and a wider design has longer wires.
    """

    register_ns: float  # from the clock to the output and, at the far end, the set-up
    lut_ns: float  # a LUT and the wiring to it
    chain_ns: float  # a carry chain and the wiring to it, whatever its length
    carry_ns: float  # a bit of the chain


@dataclass(frozen=True)
class Device:
    """A device; ``delays`` None where nothing was measured."""

    name: str
    family: str
    part: str
    lut_inputs: int  # 4 or 6
    num_luts: int
    num_registers: int
    delays: Delays | None = None
    num_block_rams: int | None = None  # as nextpnr counts them; None where it was not asked


DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        Device("ice40-hx8k", "ice40", "hx8k", 4, 7_680, 7_680, Delays(1.4, 1.6, 1.7, 0.13), 32),
        Device("ice40-up5k", "ice40", "up5k", 4, 5_280, 5_280, num_block_rams=30),
        Device("ecp5-25k", "ecp5", "25k", 4, 24_288, 24_288, Delays(1.9, 1.4, 1.8, 0.04)),
        Device("ecp5-45k", "ecp5", "45k", 4, 43_848, 43_848, Delays(1.9, 1.4, 1.8, 0.04)),
        Device("ecp5-85k", "ecp5", "85k", 4, 83_640, 83_640, Delays(1.9, 1.4, 1.8, 0.04), 208),
        Device("gowin-gw1n9", "gowin", "GW1NR-LV9QN88PC6/I5", 4, 8_640, 6_480, num_block_rams=26),
        Device("gatemate", "gatemate", "CCGM1A1", 4, 40_960, 40_960),
        Device("nexus", "nexus", "LIFCL-40-9BG400C", 4, 32_256, 32_256),
        Device("xc7", "xc7", "xc7a100tcsg324-1", 6, 63_400, 126_800),
        Device("xcup", "xcup", "xczu3eg-sbva484-1-e", 6, 70_560, 141_120),
    )
}


def find_device(name: str) -> Device:
    """The device of that name; OptionError lists the names."""
    if name not in DEVICES:
        raise OptionError(f"--device {name!r}: one of {', '.join(DEVICES)}")
    return DEVICES[name]
