"""A part: a device in a package, in the words of the tools that place, route and pack for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What the flow needs to know beside the device."""

    flow: str  # its name in FLOWS
    arguments: tuple[str, ...]  # nextpnr's
    pins: int  # that a design can use in this package
    packing: tuple[str, ...] = ()  # the packer's
    sites: tuple[str, ...] = ()  # of pins, for a router that places none by itself; the first is good for a clock
