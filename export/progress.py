"""Signs of life on standard error for work that takes longer than two seconds."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_QUIET_SECONDS = 2.0


@contextmanager
def step(name: str) -> Iterator[None]:
    """Says what is going on after two seconds: a counting line on a terminal, else a line each half minute."""
    done = threading.Event()
    started = time.monotonic()
    watcher = threading.Thread(target=_watch, args=(name, started, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        if sys.stderr.isatty() and time.monotonic() - started > _QUIET_SECONDS:
            print(f"\r{name} … {time.monotonic() - started:.0f} s", file=sys.stderr)


def _watch(name: str, started: float, done: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    wait = _QUIET_SECONDS
    while not done.wait(wait):
        elapsed = time.monotonic() - started
        if terminal:
            print(f"\r{name} … {elapsed:.0f} s", end="", file=sys.stderr, flush=True)
        else:
            print(f"{name} … {elapsed:.0f} s", file=sys.stderr, flush=True)
        wait = 0.5 if terminal else 30.0
