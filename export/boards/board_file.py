"""A board from a TOML file, for those that are not known here.

device = "ecp5-25k"                       # one of `bitlogic synth --device`, of the families ice40, ecp5 and gowin
clock_mhz = 25                            # what drives the pin clk
name = "colorlight-i5"                    # optional, else the file's name
nextpnr = ["--25k", "--package", "CABGA381", "--speed", "6"]    # optional: the part and its package in nextpnr's
                                          # words, where they are not those of --device
program = "openFPGALoader -c cmsisdap {bitstream}"              # optional: for the folder's README
attributes = { IO_TYPE = "LVCMOS33" }     # optional: of every pin, in the words of the family's constraint file

[pins]
clk = "P3"
rx = "H18"                                # from the host, into the device
tx = "J17"
leds = ["!U16"]                           # optional, the lowest bit of the class first; with ! a 0 lights it
"""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from bitlogic.errors import OptionError
from bitlogic.export.boards.board import Board, Pin
from bitlogic.export.boards.constraints import CONSTRAINTS
from bitlogic.export.synthesis import FLOWS, PARTS

_REQUIRED = {"device": str, "clock_mhz": (int, float), "pins": dict}
_OPTIONAL = {"name": str, "nextpnr": list, "program": str, "attributes": dict}
_PINS = {"clk": str, "rx": str, "tx": str}


def read_board(path: Path) -> Board:
    """The board in a file; OptionError, with the key, for one that is not of the form above."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise OptionError(f"--board {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--board {path}: {error}") from error
    _check(path, "", content, _REQUIRED, _OPTIONAL)
    pins = content["pins"]
    _check(path, "pins.", pins, _PINS, {"leds": list})
    for key, words in (("nextpnr", content.get("nextpnr", [])), ("pins.leds", pins.get("leds", []))):
        if not all(isinstance(word, str) for word in words):
            raise OptionError(f"--board {path}: {key} is a list of strings")
    device = content["device"]
    if device not in PARTS or FLOWS[PARTS[device].flow].family not in CONSTRAINTS:
        served = [name for name, part in PARTS.items() if FLOWS[part.flow].family in CONSTRAINTS]
        raise OptionError(f"--board {path}: device {device!r}; a board can have {', '.join(served)}")
    arguments = tuple(content.get("nextpnr", PARTS[device].arguments))
    attributes = {name: str(value) for name, value in content.get("attributes", {}).items()}
    return Board(
        name=content.get("name", path.stem),
        device=device,
        part=replace(PARTS[device], arguments=arguments, sites=()),
        clock=_pin(pins["clk"], attributes),
        clock_hz=round(content["clock_mhz"] * 1e6),
        rx=_pin(pins["rx"], attributes),
        tx=_pin(pins["tx"], attributes),
        leds=tuple(_pin(led, attributes) for led in pins.get("leds", [])),
        program=content.get("program", ""),
    )


def _check(path: Path, where: str, content: dict[str, Any], required: dict[str, Any], optional: dict[str, Any]) -> None:
    kinds = {**required, **optional}
    for key, value in content.items():
        kind = kinds.get(key)
        if kind is None:
            raise OptionError(f"--board {path}: unknown key {where}{key}; there are: {', '.join(kinds)}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise OptionError(f"--board {path}: {where}{key} has the wrong type, {type(value).__name__}")
    missing = [key for key in required if key not in content]
    if missing:
        raise OptionError(f"--board {path}: {where}{missing[0]} is missing")


def _pin(site: str, attributes: dict[str, str]) -> Pin:
    return Pin(site.removeprefix("!"), site.startswith("!"), attributes)
