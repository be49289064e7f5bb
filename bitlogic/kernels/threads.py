"""The work of a kernel cut into ranges, one for each thread of torch's."""

from collections.abc import Callable
from functools import partial

import torch

from bitlogic import pool


def split(total: int, multiple: int, work: int) -> list[tuple[int, int]]:
    """Ranges that cut ``0 .. total`` into at most one a thread of torch's, at multiples; one range for little work."""
    num = torch.get_num_threads() if work >= 2**17 else 1
    width = max(1, -(-total // (num * multiple))) * multiple
    return [(start, min(start + width, total)) for start in range(0, total, width)]


def run(call: Callable[[int], object], num: int) -> None:
    """Calls with 0 .. num - 1, each on a thread of its own, and waits for all; an error of a call is raised."""
    pool.run([partial(call, part) for part in range(num)])
