"""Which port is on which pin, in the words of each family's place-and-route tool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bitlogic.export.boards.board import Board, Pin


@dataclass(frozen=True)
class Placed:
    """A port of the top module, one bit wide, and its pin."""

    port: str
    pin: Pin
    is_input: bool


@dataclass(frozen=True)
class Format:
    """A family's file: its suffix, nextpnr's arguments that name it, and its text."""

    suffix: str
    arguments: tuple[str, ...]
    text: Callable[[Board, Sequence[Placed]], str]


def placed_ports(board: Board, num_leds: int) -> tuple[Placed, ...]:
    """The ports of a board's top module: ``clk``, ``rx``, ``tx`` and as many of ``led0``, ``led1``, … as are wanted."""
    ports = [Placed("clk", board.clock, True), Placed("rx", board.rx, True), Placed("tx", board.tx, False)]
    ports += [Placed(f"led{place}", pin, False) for place, pin in enumerate(board.leds[:num_leds])]
    return tuple(ports)


def _pcf(board: Board, ports: Sequence[Placed]) -> str:
    """Of the attributes only a pull-up has a word there; it is of use at inputs alone."""
    lines = [
        f"set_io {'-pullup yes ' * (port.is_input and port.pin.attributes.get('PULLUP') == '1')}"
        f"{port.port} {port.pin.site}"
        for port in ports
    ]
    return "\n".join([f"# {board.name}", *lines, f"set_frequency clk {board.clock_hz / 1e6:g}", ""])


def _lpf(board: Board, ports: Sequence[Placed]) -> str:
    lines = [f"# {board.name}"]
    for port in ports:
        lines.append(f'LOCATE COMP "{port.port}" SITE "{port.pin.site}";')
        lines += [f'IOBUF PORT "{port.port}"{_words(port.pin)};'] * bool(port.pin.attributes)
    return "\n".join([*lines, f'FREQUENCY PORT "clk" {board.clock_hz / 1e6:g} MHZ;', ""])


def _cst(board: Board, ports: Sequence[Placed]) -> str:
    lines = [f"// {board.name}"]
    for port in ports:
        lines.append(f'IO_LOC "{port.port}" {port.pin.site};')
        lines += [f'IO_PORT "{port.port}"{_words(port.pin)};'] * bool(port.pin.attributes)
    return "\n".join([*lines, ""])


def _words(pin: Pin) -> str:
    return "".join(f" {name}={value}" for name, value in pin.attributes.items())


CONSTRAINTS: dict[str, Format] = {
    "ice40": Format("pcf", ("--pcf", "{top}.pcf"), _pcf),
    "ecp5": Format("lpf", ("--lpf", "{top}.lpf"), _lpf),
    "gowin": Format("cst", (), _cst),  # its flow names the file already
}
