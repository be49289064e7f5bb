"""A pool of threads for library calls, which give up the interpreter's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_pool: ThreadPoolExecutor | None = None


def split(total: int, multiple: int, work: int) -> list[tuple[int, int]]:
    """Ranges that cut ``0 .. total`` into at most one a thread of torch's, at multiples; one range for little work."""
    num = torch.get_num_threads() if work >= 2**17 else 1
    width = max(1, -(-total // (num * multiple))) * multiple
    return [(start, min(start + width, total)) for start in range(0, total, width)]


def run(call: Callable[[int], object], num: int) -> None:
    """Calls with 0 .. num - 1, each on a thread of its own, and waits for all; an error of a call is raised."""
    if num <= 1:
        if num:
            call(0)
        return
    others = [_threads(num).submit(call, part) for part in range(1, num)]
    call(0)
    for other in others:
        other.result()


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
