"""A network behind a serial line becomes the design of a board, with the program of its host."""

from dataclasses import replace

from bitlogic.errors import OptionError
from bitlogic.export.boards.board import Board
from bitlogic.export.boards.constraints import CONSTRAINTS, placed_ports
from bitlogic.export.boards.conversation import Conversation, conversation_of, host_program
from bitlogic.export.hardware.uart_line import Line
from bitlogic.export.render import render
from bitlogic.export.synthesis import FLOWS
from bitlogic.export.synthesis.part import Mounting
from bitlogic.export.synthesis.project import Project

_MOST_LAMPS = 8  # the class that the serial line shows has so many bits


def mount(project: Project, board: Board, line: Line, baud: int) -> tuple[Project, Mounting]:
    """The project of a serial line (``uart_project``) on the board's pins, and what synthesis needs to know of those.

    Beside the design there are its constraints, ``host.py`` and a README.

    Raises:
        OptionError: The board's family has no constraint file here.
    """
    if board.family not in CONSTRAINTS:
        raise OptionError(f"board {board.name} has a device of the family {board.family}, which no board is served on")
    form = CONSTRAINTS[board.family]
    top = _top(project)
    num_leds = min(project.netlist.class_width, _MOST_LAMPS, len(board.leds))
    ports = placed_ports(board, num_leds)
    lamps = [port for port in ports if port.port.startswith("led")]
    conversation = conversation_of(project, board.name, line, baud)
    design = {
        **project.files,
        f"{top}.v": render("board_top.v.j2", top=top, uart=project.top, board=board.name, lamps=lamps),
        f"{top}.{form.suffix}": form.text(board, ports).encode(),
        "host.py": host_program(conversation),
        "README.md": _readme(project, board, line, conversation, [lamp.port for lamp in lamps]),
    }
    mounted = replace(project, top=top, files=design, ports=tuple((port.port, 1) for port in ports))
    part = replace(board.part, arguments=(*board.part.arguments, *form.arguments))
    about = {
        "name": board.name,
        "clock_mhz": board.clock_hz / 1e6,
        "baud": baud,
        "divisor": line.divisor,
        "keeps_up": project.keeps_up,
        "pins": {port.port: port.pin.site for port in ports},
    }
    return mounted, Mounting(part, board.clock_hz / 1e6, about)


def _readme(project: Project, board: Board, line: Line, conversation: Conversation, lamps: list[str]) -> bytes:
    form, router = CONSTRAINTS[board.family], FLOWS[board.part.flow].router
    top = _top(project)
    bitstream = "" if router is None else router.bitstream.replace("{top}", top)
    off = 100 * (board.clock_hz / line.divisor / conversation.baud - 1)
    return render(
        "board_readme.md.j2",
        talk=conversation,
        top=top,
        uart=project.top,
        constraints=f"{top}.{form.suffix}",
        program=board.program.replace("{bitstream}", bitstream),
        bitstream=bitstream,
        clock_mhz=f"{board.clock_hz / 1e6:g}",
        divisor=line.divisor,
        rate_error="" if round(off, 2) == 0 else f", which is {off:+.2f} % off",
        gap_ms=round(1000 * conversation.gap_seconds),
        keeps_up=project.keeps_up,
        latency_cycles=project.latency_cycles,
        lamps=lamps,
    )


def _top(project: Project) -> str:
    return f"{project.top.removesuffix('_uart')}_board"
