"""Modules with a body, as VHDL text: blocks of LUTs, comparators, and memories."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bitlogic.export.expressions import table_expressions
from bitlogic.export.hardware.rtl import Comparators, Luts, Module, Rom
from bitlogic.export.render import render, wrap
from bitlogic.export.targets.vhdl_text import literal, select

_WORD_WIDTH = 64
_INDENT = " " * 8
_CONSTANTS = ("'0'", "'1'")
_OPERATORS = str.maketrans({"&": "and", "|": "or", "^": "xor", "~": "not "})


def luts_module(module: Module, body: Luts, holes: Mapping[str, Any]) -> bytes:
    """The LUTs as expressions over bits of the input."""
    used = np.unique(body.pins)
    width = sum(port.width for port in module.input_ports)
    names = {pin: select("i", pin - 2, 1, width) for pin in used[used > 1].tolist()}
    expressions = table_expressions(body.tables, body.pins, names, _CONSTANTS)
    return _block([text.translate(_OPERATORS) for text in expressions], holes)


def comparators_module(module: Module, body: Comparators, holes: Mapping[str, Any]) -> bytes:
    """The comparisons of parts of the input, as unsigned numbers."""
    width = sum(port.width for port in module.input_ports)
    rows = zip(body.lows.tolist(), body.thresholds.tolist(), strict=True)
    return _block([_comparison(low, threshold, body.value_width, width) for low, threshold in rows], holes)


def rom_module(module: Module, body: Rom, holes: Mapping[str, Any]) -> bytes:
    """A constant array that is read in a clocked process, which synthesis tools know for a memory."""
    (output,) = module.output_ports
    address = next(port for port in module.input_ports if port.name == "i")
    words = [f"{place} => {literal(word, output.width)}" for place, word in enumerate(body.words[: 1 << address.width])]
    return render(
        "vhdl_rom.j2",
        **holes,
        highest=(1 << address.width) - 1,
        words=wrap(words, per_line=4, indent=_INDENT),
        nothing=literal(0, 1) if output.width == 1 else "(others => '0')",
        whole=len(words) == 1 << address.width,
        output=output.name,
        address="unsigned'(0 => i)" if address.width == 1 else "unsigned(i)",
        enabled=any(port.name == "enable" for port in module.input_ports),
    )


def _comparison(low: int, threshold: int, value_width: int, width: int) -> str:
    if threshold >= (1 << value_width) - 1:
        return _CONSTANTS[0]
    value = select("i", low, value_width, width)
    return value if value_width == 1 else f"unsigned({value}) ?> {threshold}"


def _block(expressions: list[str], holes: Mapping[str, Any]) -> bytes:
    """A module whose output bit ``k`` is ``expressions[k]``.

    They are assigned in words of 64 bits, each an aggregate: GHDL's time grows linearly, and slower with an assignment
    for each bit or with concatenations, whose operator it has to choose among many.
    """
    words = []
    for low in range(0, len(expressions), _WORD_WIDTH):
        texts = expressions[low : low + _WORD_WIDTH][::-1]
        value = texts[0] if len(texts) == 1 else f"(\n{_INDENT}{wrap(texts, per_line=1, indent=_INDENT)})"
        words.append((select("o", low, len(texts), len(expressions)), value))
    return render("vhdl_block.j2", **holes, words=words)
