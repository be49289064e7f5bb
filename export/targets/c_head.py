"""The head's product with its weights as C: a table of integers and two loops."""

from typing import Any

from bitlogic.export.head import Head
from bitlogic.export.render import render, wrap

_PER_LINE = 16


def head_sources(head: Head, names: dict[str, Any]) -> dict[str, bytes]:
    """``src/P_head.c`` for a head with weights; nothing for group sums."""
    if head.weights is None:
        return {}
    rows = [wrap([str(weight) for weight in row], per_line=_PER_LINE, indent=" " * 8) for row in head.weights.tolist()]
    narrow = bool(((head.weights >= -128) & (head.weights <= 127)).all())
    holes = {"weight_type": "int8_t" if narrow else "int16_t", "rows": rows}
    return {f"src/{names['prefix']}_head.c": render("c_head.c.j2", **names, **holes)}


def integer_literal(value: int) -> str:
    """The C constant of an int32; there is no negative constant in C, and 2147483648 is no int32."""
    if value == -(2**31):
        return "(-2147483647 - 1)"
    return str(value) if value >= 0 else f"({value})"
