"""How long logic and wires take on a device, as plain data.

Read off the critical paths that nextpnr 0.11 reports of routed designs: 2 x 200 LUTs of rank 4 on iCE40, trained on
MNIST and random, with a register after one level, after two and after none; on ECP5 2 x 500 with one after each level
and 2 x 200 also with one after two. 2 x 500 with fewer was not routed there in a quarter of an hour, and what holds for
it is nextpnr's own number after placement, which for such designs on an iCE40 HX was within 5 % of the routed one.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Nanoseconds. A path is the clock's edge, then wires and logic in turn, then a set-up."""

    clock_to_output: float
    setup: float
    lut: float
    near: float  # the wire between what belongs together
    far: float  # the wire to a LUT of the network, in a design of no size at all: its inputs come from anywhere
    far_growth: float  # what ``far`` gains for the square root of a thousand cells: wires cross the whole design
    fanout: float  # a wire gains for each doubling of the bits that it drives
    chain: float  # into a carry chain and out of it
    carry: float  # a bit of it
    memory_output: float  # clock to the word of a block memory

    def far_ns(self, cells: float) -> float:
        """The wire to a LUT of the network in a design of so many cells."""
        return self.far + self.far_growth * math.sqrt(cells / 1000)


TIMELESS = Timing(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_ECP5 = Timing(0.52, 0.1, 0.24, 1.1, 1.6, 0.3, 0.15, 0.9, 0.035, 5.6)
# By the name of the device; one that is not here was not measured.
TIMINGS: dict[str, Timing] = {
    "ice40-hx8k": Timing(0.54, 0.1, 0.38, 0.7, 1.2, 0.4, 0.25, 0.8, 0.13, 2.2),
    "ice40-up5k": Timing(1.39, 0.1, 0.95, 1.9, 3.2, 1.0, 0.4, 2.0, 0.28, 5.0),
    "ecp5-25k": _ECP5,
    "ecp5-45k": _ECP5,
    "ecp5-85k": _ECP5,
}
