"""The one pool of threads for calls of C libraries, which give up the interpreter's lock."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None


def num_processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """What the calls return, each made on a thread of its own, the first one on this; an error of a call is raised."""
    others = [_threads(len(calls)).submit(call) for call in calls[1:]]
    try:
        first = [call() for call in calls[:1]]
    finally:
        rest = [other.result() for other in others]
    return first + rest


def _threads(num: int) -> ThreadPoolExecutor:
    global _pool
    if _pool is None or _pool._max_workers < num - 1:
        _pool = ThreadPoolExecutor(num - 1, thread_name_prefix="bitlogic")
    return _pool


def _forget() -> None:
    """A forked child has the pool's object, not its threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
