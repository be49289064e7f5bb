"""A part: a device in a package, in the words of the tools that place, route and pack for it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What the flow needs to know beside the device."""

    flow: str  # its name in FLOWS
    arguments: tuple[str, ...]  # nextpnr's
    pins: int  # that a design can use in this package
    packing: tuple[str, ...] = ()  # the packer's
    sites: tuple[str, ...] = ()  # of pins, for a router that places none by itself; the first is good for a clock


@dataclass(frozen=True)
class Mounting:
    """A part on a board, which sets the clock and the pins."""

    part: Part
    clock_mhz: float  # a design that is slower is an error
    about: Mapping[str, object]  # what the report says of the board
