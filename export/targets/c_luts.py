"""The LUTs as C statements: one text for every form of the code, over the names that a form header defines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bitlogic.export.expressions import lut_expressions
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_layout import Chunk, Layout

_INPUT = re.compile(r"\bi(\d+)")


@dataclass(frozen=True)
class Statement:
    """``v[cell] = expression``, behind the declarations of the input bits that are new in this function."""

    inputs: tuple[tuple[int, str], ...]  # (bit, arguments of the IN macro)
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

    In an expression ``i5`` is input bit 5 and ``v[5]`` a cell. Where a word holds one sample only its bit 0 counts.
    """
    cells: list[int] = layout.cell_of.tolist()
    zero, one = f"({prefix}_word)0", f"~({prefix}_word)0"
    computed = np.unique(np.concatenate([chunk.nets for chunk in layout.chunks]))
    luts = computed[computed >= netlist.first_lut] - netlist.first_lut
    names = {0: zero, 1: one}
    names.update((net, f"i{net - FIRST_INPUT}") for net in range(FIRST_INPUT, netlist.first_lut))
    names.update((net, f"v[{cell}]") for net, cell in enumerate(cells) if cell >= 0)
    texts = lut_expressions(netlist, luts, names.__getitem__, (f"({zero})", f"({one})"))
    expressions = dict(zip((luts + netlist.first_lut).tolist(), texts, strict=True))
    arguments = _arguments(netlist, kind)
    for number, chunk in enumerate(layout.chunks):
        # An output that is an input bit, a constant or stored already has a name; the others are computed here.
        chosen = [expressions, names] if chunk.class_id is None else [names, expressions]
        yield _function(number, chunk, [chosen[0].get(net) or chosen[1][net] for net in chunk.nets.tolist()], arguments)


def _function(number: int, chunk: Chunk, texts: list[str], arguments: list[str]) -> Function:
    statements = []
    seen: set[str] = set()
    cells: list[int] = chunk.cells.tolist()
    for cell, text in zip(cells, texts, strict=True):
        new = [bit for bit in dict.fromkeys(_INPUT.findall(text)) if bit not in seen]
        seen.update(new)
        statements.append(Statement(tuple((int(bit), arguments[int(bit)]) for bit in new), cell, text))
    return Function(number, tuple(statements), chunk.class_id, cells[0], len(cells))


def _arguments(netlist: Netlist, kind: InputKind) -> list[str]:
    """The arguments of the IN macro: the bit, and with a grid the feature and the threshold it is above."""
    encoder = netlist.encoder
    if kind is InputKind.BITS or encoder is None or encoder.integer_thresholds is None:
        return [str(bit) for bit in range(netlist.num_inputs)]
    rows = zip(encoder.features.tolist(), encoder.integer_thresholds.tolist(), strict=True)
    return [f"{bit}, {feature}, {threshold}" for bit, (feature, threshold) in enumerate(rows)]
