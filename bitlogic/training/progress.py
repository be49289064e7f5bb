"""Signs of life on standard error."""

import sys
import time

_TERMINAL_SECONDS = 0.2
_QUIET_SECONDS = 30.0


class ProgressLine:
    """One line that rewrites itself on a terminal, else a line each half minute; lasting lines in between."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the line would be written now; what it says may be costly to find out."""
        wait = _TERMINAL_SECONDS if self._terminal else _QUIET_SECONDS
        return self._shown and time.monotonic() - self._last >= wait

    def write(self, text: str) -> None:
        """The passing line."""
        if self._shown:
            self._last = time.monotonic()
            print(self._over(text), end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def keep(self, text: str) -> None:
        """A line that stays."""
        if self._shown:
            self._last = time.monotonic()
            print(self._over(text), file=sys.stderr, flush=True)

    def _over(self, text: str) -> str:
        return f"\r\x1b[K{text}" if self._terminal else text
