"""The LUTs as C statements: one text for every form of the code, over the names that a form header defines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from bitlogic.export.expressions import expression
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_layout import Chunk, Layout

_INPUT = re.compile(r"\bi(\d+)")


@dataclass(frozen=True)
class Statement:
    """``v[cell] = expression``, or the definition of a name; behind those of the input bits that are new here."""

    inputs: tuple[tuple[int, str], ...]  # (bit, arguments of the IN macro)
    name: str | None  # None: into the cell
    cell: int
    expression: str


@dataclass(frozen=True)
class Function:
    """One chunk as text; with a ``class_id``, ``count`` cells from ``first_cell`` on are then added to that class."""

    number: int
    statements: tuple[Statement, ...]
    class_id: int | None
    first_cell: int
    count: int


def functions(netlist: Netlist, layout: Layout, kind: InputKind, prefix: str) -> Iterator[Function]:
    """The chunks of the layout as statements; with ``kind`` X an input bit also names its feature and threshold.

    In an expression ``i5`` is input bit 5, ``v[5]`` a cell and ``t5`` LUT 5 where only the same function reads it. LUTs
    of three pins may be calls of the macro T3. Where a word holds one sample only its bit 0 counts.
    """
    upper = prefix.upper()
    constants = {"zero": f"{upper}_ZERO", "one": f"{upper}_ONES", "T3": f"{upper}_T3"}
    names = [constants["zero"], constants["one"]]
    names += [f"i{bit}" for bit in range(netlist.num_inputs)]
    cells = layout.cell_of.tolist()
    names += [f"t{lut}" if cell < 0 else f"v[{cell}]" for lut, cell in enumerate(cells[netlist.first_lut :])]
    rank, arguments = netlist.rank, _arguments(netlist, kind)
    for number, chunk in enumerate(layout.chunks):
        luts = chunk.nets[chunk.nets >= netlist.first_lut] - netlist.first_lut
        tables = dict(zip(luts.tolist(), netlist.tables[luts].tolist(), strict=True))
        pins = dict(zip(luts.tolist(), netlist.pins[luts].tolist(), strict=True))
        texts = []
        for net in chunk.nets.tolist():
            lut = net - netlist.first_lut
            # An output that is an input bit, a constant or in a cell has a name; the others are computed here.
            if lut < 0 or (chunk.class_id is not None and cells[net] >= 0):
                texts.append(names[net])
            else:
                texts.append(_pattern(tables[lut], rank).format(*[names[pin] for pin in pins[lut]], **constants))
        yield _function(number, chunk, netlist.first_lut, texts, arguments)


@cache
def _pattern(table: int, num_pins: int) -> str:
    """The C of one LUT; ``{0}`` is the pin that is bit 0 of the address."""
    text = expression(table, num_pins)
    inverted = text.startswith("~(")
    if num_pins < 3 or (not inverted and sum(map(text.count, "&|^")) < 2):
        return text
    # The macro is indexed as the instruction is, with its first operand as the highest bit.
    return f"{{T3}}({table:#04x}, {{2}}, {{1}}, {{0}})"


def _function(number: int, chunk: Chunk, first_lut: int, texts: list[str], arguments: list[str]) -> Function:
    statements = []
    seen: set[str] = set()
    for net, cell, text in zip(chunk.nets.tolist(), chunk.cells.tolist(), texts, strict=True):
        new = [bit for bit in dict.fromkeys(_INPUT.findall(text)) if bit not in seen]
        seen.update(new)
        inputs = tuple((int(bit), arguments[int(bit)]) for bit in new)
        statements.append(Statement(inputs, f"t{net - first_lut}" if cell < 0 else None, cell, text))
    return Function(number, tuple(statements), chunk.class_id, chunk.first_cell, chunk.count)


def _arguments(netlist: Netlist, kind: InputKind) -> list[str]:
    """The arguments of the IN macro: the bit, and with a grid the feature and the threshold it is above."""
    encoder = netlist.encoder
    if kind is InputKind.BITS or encoder is None or encoder.integer_thresholds is None:
        return [str(bit) for bit in range(netlist.num_inputs)]
    rows = zip(encoder.features.tolist(), encoder.integer_thresholds.tolist(), strict=True)
    return [f"{bit}, {feature}, {threshold}" for bit, (feature, threshold) in enumerate(rows)]
