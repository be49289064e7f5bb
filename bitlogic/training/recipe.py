"""A recipe: data, model and settings as one TOML file, and changes to it from the command line."""

import copy
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitlogic.errors import FormatError
from bitlogic.training.settings import Settings
from bitlogic.training.toml_text import toml_text

TABLES = ("data", "model", "train")
# Where the data lie, and how often the state is saved, do not change what is trained.
_FREE = {"data.root", "data.path", "data.test_path", "train.checkpoint_steps", "train.checkpoint_seconds"}
GIVEN = "given"  # the name of data and models that a Python caller handed over


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, and how.

    `data` holds the `name` of a data set and its loader's options; `model` is described in `bitlogic.training.build`.
    """

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    train: Settings

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> "Recipe":
        """The recipe of plain tables as a TOML file holds them; a missing table is one of defaults.

        Raises:
            ValueError: an unknown table or key, where the choices are listed, or a wrong value.
        """
        for name, table in tables.items():
            if name not in TABLES:
                raise ValueError(f"unknown table [{name}]; choices: {', '.join(TABLES)}")
            if not isinstance(table, Mapping):
                raise ValueError(f"{name} must be a table, got {table!r}")
        data = {"name": "digits", **tables.get("data", {})}
        if not isinstance(data["name"], str):
            raise ValueError(f"data.name must be a text, got {data['name']!r}")
        return cls(data, dict(tables.get("model", {})), Settings.of(tables.get("train", {})))

    def to_tables(self) -> dict[str, dict[str, Any]]:
        """Plain tables that `of` turns into the same recipe."""
        return {"data": dict(self.data), "model": dict(self.model), "train": self.train.to_table()}

    def to_toml(self) -> str:
        """The text of a TOML file that `read_tables` and `of` turn into the same recipe."""
        return toml_text(self.to_tables())

    def differences(self, other: "Recipe") -> list[str]:
        """The keys, as `train.lr`, in which two recipes would not train the same."""
        ours, theirs = (dict(_flat(recipe.to_tables())) for recipe in (self, other))
        keys = [*ours, *(key for key in theirs if key not in ours)]
        return [key for key in keys if key not in _FREE and ours.get(key) != theirs.get(key)]


def read_tables(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file; FormatError, naming it, where it is none."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: no TOML file: {error}") from error


def with_changes(tables: Mapping[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """A copy of the tables with changes such as `train.lr=0.02` or `model.layers.2.out_dim=500` made.

    A value is read as TOML; what is no TOML value is a text.

    Raises:
        ValueError: a change without `=`, or a place that does not exist.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(tables))
    for change in changes:
        key, equals, text = change.partition("=")
        words = key.strip().split(".")
        if not equals or len(words) < 2 or words[0] not in TABLES or not all(words):
            raise ValueError(f"{change!r} is no change such as train.lr=0.02; tables: {', '.join(TABLES)}")
        place: Any = changed.setdefault(words[0], {})
        for word in words[1:-1]:
            place = _step_into(place, word, change)
        last = words[-1]
        if isinstance(place, list):
            _step_into(place, last, change)
            place[int(last)] = _value(text.strip())
        elif isinstance(place, dict):
            place[last] = _value(text.strip())
        else:
            raise ValueError(f"{change!r}: {'.'.join(words[:-1])} has no keys")
    return changed


def _step_into(place: Any, word: str, change: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(word, {})
    if isinstance(place, list) and word.isdecimal() and int(word) < len(place):
        return place[int(word)]
    raise ValueError(f"{change!r}: there is no {word!r}")


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if set(parsed) == {"value"} else text


def _flat(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(part, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        for number, part in enumerate(value):
            yield from _flat(part, f"{key}.{number}")
    else:
        yield key, list(value) if isinstance(value, tuple) else value
