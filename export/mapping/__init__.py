"""Technology mapping: a netlist in as few LUTs or operations of a device as are found, before a target prints it."""

from enum import StrEnum


class LutMapping(StrEnum):
    """Which LUTs a netlist is mapped to, and with what."""

    NONE = "none"  # the LUTs as the passes leave them
    LUT2 = "lut2"  # operations of at most two pins, as and, or, xor of a processor; as many levels as they need
    LUT3 = "lut3"  # operations of at most three pins, as vpternlog and lop3
    LUT4 = "lut4"  # at most four pins
    LUT6 = "lut6"
    ABC4 = "abc4"  # as lut4, and what ABC finds beyond; possibly deeper
    ABC6 = "abc6"
