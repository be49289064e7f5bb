"""The source of ``amaranth_parts``, as it goes into an emitted file."""

import ast
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PARTS = "bitlogic.export.targets.amaranth_parts"
_FACE = frozenset(["In", "Out", "data", "signed", "stream", "wiring"])  # what a file imports beside


@dataclass(frozen=True)
class Source:
    """The import statements, all that follows them, and the names that a file with them has taken."""

    imports: str
    text: str
    names: frozenset[str]


@cache
def parts_source() -> Source:
    """Read as text: to import the module would import amaranth."""
    spec = importlib.util.find_spec(_PARTS)
    if spec is None or spec.origin is None:
        raise ImportError(f"{_PARTS} is not installed")
    source = Path(spec.origin).read_text(encoding="utf-8")
    nodes = ast.parse(source).body
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    names |= {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assigned = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    names |= {target.id for target in assigned if isinstance(target, ast.Name)}
    first, last = imports[0].lineno - 1, imports[-1].end_lineno
    lines = source.splitlines()
    return Source("\n".join(lines[first:last]), "\n".join(lines[last:]).strip() + "\n", _FACE | names)
