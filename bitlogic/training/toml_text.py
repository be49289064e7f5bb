"""Tables as TOML text, which the standard library reads but does not write."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """The TOML text that `tomllib` reads back as equal tables; keys without a value (None) are left out.

    A list of tables within a table is written as an array of tables, anything deeper inline.

    Raises:
        TypeError: a value that TOML does not have.
    """
    parts = []
    for name, table in tables.items():
        arrays = {key: value for key, value in table.items() if _is_array_of_tables(value)}
        plain = {key: value for key, value in table.items() if key not in arrays and value is not None}
        parts.append(_lines(f"[{_key(name)}]", plain))
        for key, rows in arrays.items():
            parts.extend(_lines(f"[[{_key(name)}.{_key(key)}]]", row) for row in rows)
    return "\n".join(parts)


def _lines(title: str, table: Mapping[str, Any]) -> str:
    pairs = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join([title, *pairs, ""])


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(part) for part in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_value(part)}" for key, part in value.items() if part is not None)
        return f"{{{', '.join(pairs)}}}"
    raise TypeError(f"TOML has no {type(value).__name__}: {value!r}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped and JSON leaves alone.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
