"""Choosing a strategy from its registry by name, and the keywords that it takes."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

Strategy = TypeVar("Strategy")


def look_up(what: str, name: str, registry: Mapping[str, type[Strategy]], aliases: Mapping[str, str]) -> type[Strategy]:
    """The class registered under a name or an alias.

    Raises:
        ValueError: no strategy has that name; the message lists the choices.
    """
    canonical = aliases.get(name, name)
    if canonical not in registry:
        raise ValueError(f"unknown {what} {name!r}; choices: {', '.join([*registry, *aliases])}")
    return registry[canonical]


def own_keywords(where: str, strategy: type, registry: Mapping[str, type], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given keywords that the strategy's constructor takes.

    A keyword that only another strategy of the registry takes is dropped, so that one set of options serves all.

    Raises:
        TypeError: no strategy of the registry takes the keyword.
    """
    refuse_unknown_keywords(where, registry, given)
    own = constructor_keywords(strategy)
    return {keyword: value for keyword, value in given.items() if keyword in own}


def refuse_unknown_keywords(where: str, registry: Mapping[str, type], given: Mapping[str, Any]) -> None:
    """Raises a TypeError, naming place and keyword, for a keyword that no strategy of the registry takes."""
    known = frozenset[str]().union(*(constructor_keywords(strategy) for strategy in registry.values()))
    for keyword in given:
        if keyword not in known:
            raise TypeError(f"{where} got an unexpected keyword argument {keyword!r}")


def constructor_keywords(strategy: type) -> frozenset[str]:
    """The names of the constructor's arguments, those of the base classes included."""
    names: set[str] = set()
    for base in strategy.__mro__:
        if "__init__" in vars(base) and base.__module__.startswith("bitlogic."):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            names.update(p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    return frozenset(names - {"self"})
