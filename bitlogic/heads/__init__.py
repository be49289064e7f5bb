"""Heads: from the last layer's outputs to the scores of the classes."""

from typing import Any

from bitlogic.heads.base import Head as Head
from bitlogic.heads.grouped_dsp import GroupedDSP as GroupedDSP
from bitlogic.heads.groupsum import GroupSum as GroupSum
from bitlogic.keywords import look_up, own_keywords

HEADS: dict[str, type[Head]] = {
    "groupsum": GroupSum,
    "grouped_dsp": GroupedDSP,
}


def setup_head(name: str, k: int, **options: Any) -> Head:
    """The head of that name; options that only another head takes are ignored, an unknown one is a TypeError."""
    head = look_up("head", name, HEADS, {})
    return head(**own_keywords(f"head {name!r}", head, HEADS, {"k": k, **options}))


def list_heads() -> list[str]:
    """The names `setup_head` takes."""
    return list(HEADS)
