"""A board: its part, its clock, and the pins that a serial line and a few lamps need."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bitlogic.errors import OptionError
from bitlogic.export.synthesis import FLOWS
from bitlogic.export.synthesis.part import Part

_SITE = re.compile(r"[A-Za-z0-9_]+")
_WORD = re.compile(r"[A-Za-z0-9_.]+")


@dataclass(frozen=True)
class Pin:
    """A pin of the package."""

    site: str
    inverted: bool = False  # a lamp that a 0 lights
    attributes: Mapping[str, str] = field(default_factory=dict)  # in the words of the family's constraint file

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site):
            raise OptionError(f"pin {self.site!r}: a name of letters and digits, as the package has it")
        for word in (*self.attributes, *self.attributes.values()):
            if not _WORD.fullmatch(word):
                raise OptionError(f"pin {self.site} has the attribute {word!r}; allowed are letters, digits, _ and .")


@dataclass(frozen=True)
class Board:
    """What it takes to bring a network onto a board; OptionError where two ports share a pin."""

    name: str
    device: str  # its name in ``hardware.devices``
    part: Part  # the device in the package that the board has
    clock: Pin
    clock_hz: int
    rx: Pin  # from the host, into the device
    tx: Pin
    leds: tuple[Pin, ...]
    program: str  # the command that loads ``{bitstream}``; empty: not known

    def __post_init__(self) -> None:
        sites = [pin.site for pin in (self.clock, self.rx, self.tx, *self.leds)]
        shared = {site for site in sites if sites.count(site) > 1}
        if shared:
            raise OptionError(f"board {self.name}: more than one port is on pin {min(shared)}")
        if self.clock_hz <= 0:
            raise OptionError(f"board {self.name}: a clock of {self.clock_hz} Hz")

    @property
    def family(self) -> str:
        return FLOWS[self.part.flow].family
