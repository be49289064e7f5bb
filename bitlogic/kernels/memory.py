"""Keeping freed memory for the next step of a training loop."""

import ctypes
import sys

# Of malloc.h in glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 2**25  # glibc takes no more


def keep_freed_memory(num_bytes: int = 2**28) -> bool:
    """Lets this process keep up to that much freed memory instead of giving it back; whether it can be told to.

    A step of training frees and asks for the same tens of megabytes. By default glibc hands them to the system in
    between, and the page faults of getting them back can cost as much as the step. It is a switch of the whole process
    and therefore a program's to use: no layer calls it. Only glibc has it: elsewhere the answer is False and nothing
    changes.

    Raises:
        ValueError: ``num_bytes`` is negative or more than 2**31 - 1.
    """
    if not 0 <= num_bytes < 2**31:
        raise ValueError(f"num_bytes must be 0..{2**31 - 1}, got {num_bytes}")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, num_bytes)) and bool(mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD))
