"""Modules with a body, as Verilog text: blocks of LUTs, comparators, and memories.

A block of LUTs or comparators is written in words of 64 bits, each the concatenation of as many expressions, in one of
two styles, since no single one suits every tool at 64,000 LUTs.
"""

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.expressions import table_expressions
from bitlogic.export.formulas import Operators
from bitlogic.export.hardware.rtl import Comparators, Luts, Module, Rom
from bitlogic.export.render import render, wrap
from bitlogic.export.targets.verilog_text import declared, join_text, number, select

Array = npt.NDArray[Any]
WORD_WIDTH = 64
_CONSTANTS = ("1'b0", "1'b1")
_PER_LINE = 1  # a line is a LUT
_INDENT = " " * 16
_SMALL_INDENT = " " * 8


class Style(StrEnum):
    """How a block of LUTs or comparators is written."""

    FUNCTION = "function"  # one function, evaluated once for a change of the input: simulators that interpret like it
    WIRES = "wires"  # a wire for each word: Yosys reads large blocks of it in less time and memory


def luts_module(module: Module, body: Luts, ports: list[str], style: Style) -> bytes:
    """The LUTs as expressions over bits of the words ``i0``, ``i1``, … that the input is cut into."""
    width = sum(port.width for port in module.input_ports)
    used = np.unique(body.pins)
    bits = used[used > 1] - 2
    small = width <= WORD_WIDTH and len(body.tables) <= WORD_WIDTH
    texts = [select("i", bit, 1, width) for bit in bits.tolist()] if small else _bit_names(bits, width)
    names = dict(zip((bits + 2).tolist(), texts, strict=True))
    operators = Operators.BITWISE if style is Style.FUNCTION and not small else Operators.CHOICE
    expressions = table_expressions(body.tables, body.pins, names, _CONSTANTS, operators)
    if small:
        return _small_block(module, ports, expressions)
    cuts = []
    for word in np.unique(bits // WORD_WIDTH).tolist():
        low = word * WORD_WIDTH
        cuts.append((f"i{word}", low, min(WORD_WIDTH, width - low)))
    return _block(module, ports, style, cuts, expressions, width)


def comparators_module(module: Module, body: Comparators, ports: list[str], style: Style) -> bytes:
    """The comparisons of the features ``f0``, ``f1``, … that the input is cut into; ``f{i}`` starts at bit i*b."""
    width = body.value_width
    top = (1 << width) - 1
    numbers = (body.lows // width).tolist()
    expressions = [
        f"(f{value} > {number(threshold, width)})" if threshold < top else _CONSTANTS[0]
        for value, threshold in zip(numbers, body.thresholds.tolist(), strict=True)
    ]
    used = np.unique(body.lows[body.thresholds < top]).tolist()
    cuts = [(f"f{low // width}", low, width) for low in used]
    return _block(module, ports, style, cuts, expressions, sum(port.width for port in module.input_ports))


def rom_module(module: Module, body: Rom, ports: list[str]) -> bytes:
    """A case statement in a clocked block, which synthesis tools know for a memory."""
    (output,) = module.output_ports
    address = next(port for port in module.input_ports if port.name == "i")
    rows = [
        (number(place, address.width), number(word, output.width))
        for place, word in enumerate(body.words)
        if place < 1 << address.width
    ]
    return render(
        "verilog_rom.j2",
        module=module,
        ports=ports,
        output=output.name,
        held=declared("reg", "held", output.width),
        enabled=any(port.name == "enable" for port in module.input_ports),
        rows=rows,
        nothing=number(0, output.width),
        whole=len(rows) == 1 << address.width,
    )


def _small_block(module: Module, ports: list[str], expressions: list[str]) -> bytes:
    """A module of no more than a word in and out, where all styles are one."""
    joined = wrap(expressions[::-1], per_line=_PER_LINE, indent=_SMALL_INDENT)
    value = expressions[0] if len(expressions) == 1 else f"{{\n{_SMALL_INDENT}{joined}}}"
    return render("verilog_block_wires.j2", module=module, ports=ports, cuts=[], words=[], joined=value)


def _block(
    module: Module,
    ports: list[str],
    style: Style,
    cuts: list[tuple[str, int, int]],
    expressions: list[str],
    width: int,
) -> bytes:
    """A module whose output bit ``k`` is ``expressions[k]`` over the ``cuts`` (name, lowest bit, width) of its input.

    As a function the assignments are evaluated by Icarus once for a change of the input, ten times faster than it
    follows as many wires; and unlike an always block also for an input that never changes. Without an input there is
    nothing to call a function with.
    """
    words = []
    for place, start in enumerate(range(0, len(expressions), WORD_WIDTH)):
        highest_first = expressions[start : start + WORD_WIDTH][::-1]
        text = wrap(highest_first, per_line=_PER_LINE, indent=_INDENT)
        words.append((declared("{kind}", f"o{place}", len(highest_first)), f"o{place}", text))
    as_function = style is Style.FUNCTION and bool(cuts)
    kind = "reg" if as_function else "wire"
    whole = "all" if as_function else "i"
    return render(
        "verilog_block_function.j2" if as_function else "verilog_block_wires.j2",
        module=module,
        ports=ports,
        outputs=declared("function", "outputs", len(expressions)),
        whole=declared("input", "all", width),
        cuts=[(declared(kind, name, size), name, select(whole, low, size, width)) for name, low, size in cuts],
        words=[(declaration.format(kind=kind), name, text) for declaration, name, text in words],
        joined=join_text([name for _, name, _ in words], _INDENT),
    )


def _bit_names(bits: Array, width: int) -> list[str]:
    """The bits as selections of words; a word of one bit is a scalar."""
    tail = width - width % WORD_WIDTH if width % WORD_WIDTH == 1 else width
    return [
        f"i{bit // WORD_WIDTH}" if bit == tail else f"i{bit // WORD_WIDTH}[{bit % WORD_WIDTH}]" for bit in bits.tolist()
    ]
