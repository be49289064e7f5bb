"""Technology mapping: a netlist in as few LUTs of a device as can be found, before a target prints it."""

from enum import StrEnum


class LutMapping(StrEnum):
    """Which LUTs a netlist is mapped to, and with what."""

    NONE = "none"  # the LUTs as the passes leave them
    LUT4 = "lut4"  # at most four pins
    LUT6 = "lut6"
    ABC4 = "abc4"  # as lut4, and what ABC finds beyond; possibly deeper
    ABC6 = "abc6"
