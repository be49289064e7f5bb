"""Long concatenations of a module as functions: Icarus 11 copies a continuous one bit by bit, again and again.

As a tree of small concatenations each change of a part runs through it on its own, and the time that it takes to
compile grows with the square of the parts. A function is evaluated once for all changes of one time step.
"""

from dataclasses import dataclass, field

from bitlogic.export.hardware.rtl import Concat, Constant, Expression, Slice
from bitlogic.export.targets.verilog_text import declared, expression_text, flat_parts, join_text, number, select

_MIN_PARTS = 64  # shorter ones stay where they are, which reads better
_WORD_PARTS = 64
_INDENT = " " * 16


@dataclass(frozen=True)
class GatherFunction:
    """The lines of one function, for the template of a module."""

    name: str
    result: str  # its declaration
    arguments: tuple[str, ...]
    words: tuple[tuple[str, str, str], ...]  # declaration, name, value
    joined: str


@dataclass
class Gathers:
    """The functions of one module, which grow as its text is made."""

    functions: list[GatherFunction] = field(default_factory=list)

    def text(self, value: Expression) -> str:
        """The expression; the call of a new function where it is a long concatenation of parts of vectors."""
        parts: list[Expression] = flat_parts(value) if isinstance(value, Concat) else [value]
        sources = {part.name: part.of for part in parts if isinstance(part, Slice)}
        plain = all(isinstance(part, Slice | Constant) for part in parts)
        if len(parts) < _MIN_PARTS or not plain or not sources:
            return expression_text(value)
        name = f"gathered{len(self.functions)}"
        words = tuple(
            self._word(f"word{number}", parts[start : start + _WORD_PARTS])
            for number, start in enumerate(range(0, len(parts), _WORD_PARTS))
        )
        arguments = tuple(declared("input", _argument(source), width) for source, width in sources.items())
        joined = join_text([word for _, word, _ in words], _INDENT)
        self.functions.append(GatherFunction(name, declared("function", name, value.width), arguments, words, joined))
        return f"{name}({', '.join(sources)})"

    def _word(self, name: str, parts: list[Expression]) -> tuple[str, str, str]:
        width = sum(part.width for part in parts)
        return declared("reg", name, width), name, join_text([_part(part) for part in parts], _INDENT)


def _argument(source: str) -> str:
    """Another name than the module's own: linters warn of one that hides another."""
    return f"{source}_given"


def _part(part: Expression) -> str:
    if isinstance(part, Slice):
        return select(_argument(part.name), part.low, part.width, part.of)
    if isinstance(part, Constant):
        return number(part.value, part.width)
    raise ValueError(f"{part} is no part of a vector")
