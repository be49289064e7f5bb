"""A board by its name or by its file."""

from pathlib import Path

from bitlogic.errors import OptionError
from bitlogic.export.boards import ALIASES, BOARDS
from bitlogic.export.boards.board import Board
from bitlogic.export.boards.board_file import read_board
from bitlogic.export.boards.known import known_board


def find_board(name: str) -> Board:
    """The board of that name, or in that ``.toml`` file; OptionError lists the names.

    Raises:
        MissingToolError: The board is known, and amaranth-boards, which has its pins, is not installed.
    """
    if name.endswith(".toml"):
        return read_board(Path(name))
    full = ALIASES.get(name, name)
    if full not in BOARDS:
        raise OptionError(f"--board {name!r}: one of {', '.join([*BOARDS, *ALIASES])}, or a .toml file")
    return known_board(full, BOARDS[full])
