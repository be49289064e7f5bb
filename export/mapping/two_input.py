"""Every function of four inputs in the fewest operations of two inputs: one to seven of them.

An operation is any of the 16 functions of two inputs, so that an inverted input or result costs nothing, as with and,
or, xor, not and and-not of a machine where the inversion goes into the next operation. ``two_input.txt`` holds the
networks, found and proven minimal by ``two_input_proof.py``: one a line, the representative's table and then each
step's table and operands, for instance ``0118 6:2,3 8:0,1 ...``. The first line of a representative is the shallowest.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from bitlogic.export.mapping.networks import Library, Networks, Step, library_of
from bitlogic.export.mapping.npn import classes

_FILE = "two_input.txt"


def binary_steps(function: int) -> tuple[Step, ...]:
    """The fewest operations of two inputs, at most seven, whose last one is the function; never none.

    A constant or a wire is one step too. ``Step`` says how operands and tables are numbered.
    """
    return binary_networks().steps(function)


@cache
def binary_networks() -> Networks:
    """The same for all functions at once, as arrays: row ``f`` is for the function ``f``."""
    return binary_library().smallest()


@cache
def binary_library() -> Library:
    """The smallest networks of each class, which between them begin in every way that any such network does."""
    found: dict[int, list[tuple[Step, ...]]] = {}
    for line in files("bitlogic.export.mapping").joinpath(_FILE).read_text(encoding="ascii").splitlines():
        function, *steps = line.split()
        found.setdefault(int(function, 16), []).append(tuple(map(_step, steps)))
    return library_of([found[function] for function in classes().representatives.tolist()])


def line_of(function: int, steps: Sequence[Step]) -> str:
    """A network as the file has it."""
    return " ".join([f"{function:04x}", *(f"{step.table}:{step.operands[0]},{step.operands[1]}" for step in steps)])


def _step(text: str) -> Step:
    table, operands = text.split(":")
    one, other = operands.split(",")
    return Step(int(table), (int(one), int(other)))
