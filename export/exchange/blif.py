"""The text of BLIF, read: models of ``.names`` only, and what they compute.

``.names`` lists inputs and one output; each line below is a cube of the inputs (``0``, ``1`` or ``-`` for each) and the
value that the output then has, which is one and the same for all lines. ``.names y`` without a line is the constant 0,
with the line ``1`` the constant 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bitlogic.errors import FormatError
from bitlogic.export.exchange.cubes import Cube, value_of

_NOT_LOGIC = {
    ".latch": "a latch; only combinational models can be read",
    ".subckt": "a sub-circuit; flatten the model first",
    ".gate": "a library gate; write the model as .names",
    ".mlatch": "a latch; only combinational models can be read",
}


@dataclass(frozen=True)
class Names:
    """One ``.names``: ``output`` is ``value`` where any of the cubes holds, else the opposite."""

    line: int
    inputs: tuple[str, ...]
    output: str
    cubes: tuple[Cube, ...]
    value: int


@dataclass(frozen=True)
class Model:
    """A model: its ports, and the ``.names`` with every one behind those it reads."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    names: tuple[Names, ...]

    def evaluate(self, values: Mapping[str, int], ones: int) -> list[int]:
        """The outputs for inputs that are integers of bits, one for each place of ``ones``, the integer of all 1."""
        known = dict(values)
        for names in self.names:
            value = value_of(names.cubes, [known[net] for net in names.inputs], ones)
            known[names.output] = value if names.value else value ^ ones
        return [known[net] for net in self.outputs]


def parse(text: str, where: str) -> Model:
    """The one model of a BLIF text.

    Raises:
        FormatError: Naming ``where`` and the line: a malformed line, a latch, a sub-circuit, a library gate, a net that
            is driven twice or not at all, or a loop.
    """
    name, inputs, outputs = "", list[str](), list[str]()
    blocks: list[tuple[int, list[str], list[tuple[int, list[str]]]]] = []
    is_open = False  # a .names that takes cubes
    for number, words in _lines(text):
        directive, rest = words[0], words[1:]
        if not directive.startswith("."):
            if not is_open:
                raise FormatError(f"{where}, line {number}: {' '.join(words)!r} stands under no .names")
            blocks[-1][2].append((number, words))
            continue
        is_open = directive == ".names"
        if directive == ".end":
            break
        if directive == ".model":
            if name:
                raise FormatError(f"{where}, line {number}: a second model; flatten the hierarchy first")
            name = rest[0] if rest else "unnamed"
        elif directive == ".inputs":
            inputs += rest
        elif directive == ".outputs":
            outputs += rest
        elif directive == ".names":
            if not rest:
                raise FormatError(f"{where}, line {number}: .names without an output")
            blocks.append((number, rest, []))
        else:
            reason = _NOT_LOGIC.get(directive, "no part of a model of look-up tables")
            raise FormatError(f"{where}, line {number}: {directive} is {reason}")
    if not outputs:
        raise FormatError(f"{where}: no .outputs: not a BLIF model")
    names = [_names(number, nets, cubes, where) for number, nets, cubes in blocks]
    return Model(name, tuple(inputs), tuple(outputs), _in_order(names, inputs, outputs, where))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each line with its number, comments gone and continued lines joined."""
    words: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        body = line.partition("#")[0].rstrip()
        start = start or number
        words += body.removesuffix("\\").split()
        if body.endswith("\\"):
            continue
        if words:
            yield start, words
        words, start = [], 0
    if words:
        yield start, words


def _names(line: int, nets: list[str], rows: list[tuple[int, list[str]]], where: str) -> Names:
    cubes, values = [], set()
    for number, row in rows:
        cube, value = ("", row[0]) if len(nets) == 1 and len(row) == 1 else (row[0], row[1] if len(row) == 2 else "")
        if value not in ("0", "1") or len(cube) != len(nets) - 1 or set(cube) - {"0", "1", "-"}:
            raise FormatError(
                f"{where}, line {number}: {' '.join(row)!r} is no row of {len(nets) - 1} inputs and one output"
            )
        cubes.append(cube)
        values.add(value)
    if len(values) > 1:
        raise FormatError(f"{where}, line {line}: the rows of {nets[-1]} give both 0 and 1")
    return Names(line, tuple(nets[:-1]), nets[-1], tuple(cubes), int(values.pop()) if values else 1)


def _in_order(names: list[Names], inputs: list[str], outputs: list[str], where: str) -> tuple[Names, ...]:
    """The names, each behind those it reads; else as they stand in the file."""
    driver: dict[str, Names] = {}
    for block in names:
        if block.output in driver or block.output in inputs:
            raise FormatError(f"{where}, line {block.line}: {block.output} is driven twice")
        driver[block.output] = block
    state = dict.fromkeys(inputs, "done")
    ordered: list[Names] = []
    for block in names:
        waiting = [block]
        while waiting:
            top = waiting[-1]
            if state.get(top.output) == "done":
                waiting.pop()
                continue
            state[top.output] = "open"
            missing = [net for net in top.inputs if state.get(net) != "done"]
            for net in missing:
                if net not in driver:
                    raise FormatError(f"{where}, line {top.line}: {net} is driven by nothing")
                if state.get(net) == "open":
                    raise FormatError(f"{where}, line {top.line}: {net} depends on itself")
                waiting.append(driver[net])
                break
            else:
                state[top.output] = "done"
                ordered.append(top)
                waiting.pop()
    for net in outputs:
        if state.get(net) != "done":
            raise FormatError(f"{where}: output {net} is driven by nothing")
    return tuple(ordered)
