"""One run of an outside tool: in a process group of its own, with a time limit and its output in a log."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bitlogic.errors import ToolError
from bitlogic.export.progress import step
from bitlogic.export.synthesis.toolbox import Tool


@dataclass(frozen=True)
class Finished:
    """A run that came to an end, well or not."""

    tool: Tool
    code: int  # as the process returned it; negative: killed by that signal
    seconds: float
    log: Path
    text: str  # the log

    def check(self) -> None:
        """ToolError, with what the tool said last, unless the code is 0."""
        if self.code != 0:
            how = f"was killed by signal {-self.code}" if self.code < 0 else f"ended with code {self.code}"
            raise ToolError(f"{self.tool.name} {how}{self.complaint()}; log: {self.log}")

    def complaint(self) -> str:
        """The first line of the log that names an error, with a colon before it, or nothing."""
        for line in self.text.splitlines():
            if "ERROR" in line or line.lower().startswith("error"):
                return f": {line.strip()}"
        return ""


def run_tool(tool: Tool, arguments: Sequence[str], folder: Path, limit_seconds: float, doing: str) -> Finished:
    """The tool's run in ``folder``, its output in ``{tool}.log`` there; a ToolError if it takes longer than allowed.

    ``doing`` is what standard error shows meanwhile.
    """
    log = folder / f"{tool.name}.log"
    started = time.monotonic()
    with log.open("wb") as output, step(doing):
        child = subprocess.Popen(
            [*tool.command, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = child.wait(timeout=limit_seconds)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{tool.name} did not finish in {limit_seconds:g} s (--time-limit); log: {log}") from error
        finally:
            if child.poll() is None:  # also when the user interrupts
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    return Finished(tool, code, time.monotonic() - started, log, log.read_text(errors="replace"))
