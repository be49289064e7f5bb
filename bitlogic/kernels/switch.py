"""Switching the C kernels off for a while, so that one process can compare the two ways."""

from collections.abc import Iterator
from contextlib import contextmanager

_wanted = True


@contextmanager
def use_native(wanted: bool) -> Iterator[None]:
    """Whether the C kernels are used, where they exist, in all threads until the block ends; forward and backward."""
    global _wanted
    before, _wanted = _wanted, wanted
    try:
        yield
    finally:
        _wanted = before


def native_wanted() -> bool:
    """Whether no `use_native(False)` is in force."""
    return _wanted
