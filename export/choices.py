"""Options that are one of a few words."""

from enum import StrEnum
from typing import TypeVar

from bitlogic.errors import OptionError

Choice = TypeVar("Choice", bound=StrEnum)


def chosen(option: str, given: str, kind: type[Choice]) -> Choice:
    """The member of ``kind`` with that value; OptionError, naming ``--option`` and what is allowed, for any other."""
    if given not in list(kind):
        raise OptionError(f"--{option} {given!r}: allowed are {', '.join(kind)}")
    return kind(given)
