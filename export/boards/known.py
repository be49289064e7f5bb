"""Boards whose pins the package amaranth-boards knows: they are read from its platform classes, not written here."""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from bitlogic.errors import MissingToolError, OptionError
from bitlogic.export.boards.board import Board, Pin
from bitlogic.export.synthesis import PARTS
from bitlogic.export.synthesis.part import Part

EXTRA = "pip install 'bitlogic[boards]'"

# By the platform's word for its device: ours, and nextpnr's.
_DEVICES = {
    "iCE40UP5K": ("ice40-up5k", "--up5k"),
    "iCE40HX8K": ("ice40-hx8k", "--hx8k"),
    "LFE5U-12F": ("ecp5-25k", "--12k"),  # the same die
    "LFE5U-25F": ("ecp5-25k", "--25k"),
    "LFE5U-45F": ("ecp5-45k", "--45k"),
    "LFE5U-85F": ("ecp5-85k", "--85k"),
}
_PACKAGES = {"BG256": "CABGA256", "BG381": "CABGA381", "BG554": "CABGA554"}  # Lattice's short and nextpnr's long names


@dataclass(frozen=True)
class Known:
    """Where amaranth-boards has a board, and the command that loads a bitstream."""

    module: str
    platform: str
    program: str


def known_board(name: str, known: Known) -> Board:
    """The board of that platform class, whose serial line is ``uart`` 0 and whose lamps are ``led`` 0, 1 and so on."""
    try:
        platform = getattr(import_module(f"amaranth_boards.{known.module}"), known.platform)()
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("amaranth"):
            raise
        raise MissingToolError(f"--board {name} needs amaranth-boards: {EXTRA}") from error
    device, part = _part(name, platform)
    clock = platform.lookup(platform.default_clk)
    serial = platform.lookup("uart", 0)
    lines = {subsignal.name: subsignal for subsignal in serial.ios}
    numbers = sorted(number for kind, number in platform.resources if kind == "led")
    leds = [platform.lookup("led", number) for number in numbers]
    return Board(
        name=name,
        device=device,
        part=part,
        clock=_pin(clock, {}),
        clock_hz=round(clock.clock.frequency),
        rx=_pin(lines["rx"], serial.attrs),
        tx=_pin(lines["tx"], serial.attrs),
        leds=tuple(_pin(led, {}) for led in leds),
        program=known.program,
    )


def _part(name: str, platform: Any) -> tuple[str, Part]:
    """The device and its part, in the package that the platform has."""
    if getattr(platform, "part", "") in PARTS["gowin-gw1n9"].arguments:
        part = PARTS["gowin-gw1n9"]
        return "gowin-gw1n9", replace(part, sites=())
    if getattr(platform, "device", "") not in _DEVICES:
        raise OptionError(f"board {name}: its device has no open flow here")
    device, size = _DEVICES[platform.device]
    part = PARTS[device]
    if part.flow != "ecp5":
        return device, replace(part, arguments=(size, "--package", platform.package.lower()))
    arguments = (size, "--package", _PACKAGES[platform.package], "--speed", platform.speed)
    return device, replace(part, arguments=arguments)


def _pin(resource: Any, around: Any) -> Pin:
    """A resource, or a part of one, of a single pin; ``around`` has the attributes of the whole."""
    (pins,) = resource.ios
    (site,) = pins.names
    attributes = {**around, **resource.attrs}
    return Pin(site, pins.invert, {name: str(value) for name, value in attributes.items() if value is not None})
