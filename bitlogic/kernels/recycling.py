"""Memory for large tensors that is used again: what a step of training frees, the next step writes.

The operators' outputs and gradients are megabytes that die within the step. malloc hands them back to the system, and
getting them back costs a page fault for every 4 KiB, together as much as the arithmetic.
"""

import mmap
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

_SMALLEST = 2**20  # bytes of a tensor; malloc keeps what is smaller
_KEPT = 2**28  # bytes of all blocks that wait for a tensor
_GRAIN = 2**21  # Linux' large page: blocks of whole ones are placed on their borders


def empty(shape: Sequence[int], dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
    """An uninitialised contiguous tensor; on Linux' CPU in the memory of a dead one, where that fits.

    Its memory returns when the last tensor that sees it dies, in whatever thread. The storage cannot be resized, as
    that of `torch.from_numpy` cannot; it is private to the process, and saved, pickled and shared like any other. Up to
    256 MiB are kept; `release_memory` gives them up.
    """
    size = dtype.itemsize
    strides = [1] * len(shape)
    for place in reversed(range(len(shape))):
        strides[place] = size // dtype.itemsize
        size *= shape[place]
    wanted = sys.platform == "linux" and _SMALLEST <= size <= _KEPT
    if not wanted or torch.device(device).type != "cpu":
        return torch.empty(tuple(shape), dtype=dtype, device=device)
    block = _take(size)
    loan = np.frombuffer(block, np.uint8)
    weakref.finalize(loan, _give_back, block).atexit = False
    storage = torch.from_numpy(loan).untyped_storage()
    return torch.empty(0, dtype=dtype, device="cpu").set_(storage, 0, tuple(shape), strides)


def release_memory() -> int:
    """Gives the memory that waits for the next step back to the system; how many bytes of address space."""
    with _lock:
        _settle()
        released = sum(map(len, _free))
        _free.clear()
    return released


_lock = threading.Lock()
_free: list[mmap.mmap] = []  # oldest first; changed under the lock
_returned: deque[mmap.mmap] = deque()  # not yet in `_free`


def _take(size: int) -> mmap.mmap:
    """The smallest block that fits and is not much larger, else a new one."""
    with _lock:
        _settle()
        fitting = [block for block in _free if size <= len(block) <= 2 * size + _GRAIN]
        if fitting:
            block = min(fitting, key=len)
            _free.remove(block)
            return block
    # Private: a forked child gets a copy.
    block = mmap.mmap(-1, -(-size // _GRAIN) * _GRAIN, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Large pages where the tensor fills them: rows are read at random, and every small page is a look-up of its own.
    if size >= _GRAIN:
        with suppress(OSError):  # a kernel without them
            block.madvise(mmap.MADV_HUGEPAGE, 0, size // _GRAIN * _GRAIN)
    return block


def _give_back(block: mmap.mmap) -> None:
    # The garbage collector may call this anywhere, within `_take` too, so that it must not wait for the lock.
    _returned.append(block)
    if _lock.acquire(blocking=False):
        try:
            _settle()
        finally:
            _lock.release()


def _settle() -> None:
    """Takes over what was returned and drops the oldest blocks beyond what is kept."""
    while _returned:
        _free.append(_returned.popleft())
    excess = sum(map(len, _free)) - _KEPT
    while excess > 0:
        excess -= len(_free.pop(0))


def _forget() -> None:
    """A forked child may have been born while another thread held the lock."""
    global _lock
    _lock = threading.Lock()
    _free.clear()
    _returned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
