"""One run of a command, measured: its seconds, its peak memory and what it printed, with a time limit.

A process starts with the peak memory of the one that it was forked from, so the command is started by this file as a
program, which needs the standard library only and stays small: about 14 MB is the least that a run can have.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """A command that ended, by itself or at its limit."""

    seconds: float | None  # of CPU, its own and that of the processes it started; None where it did not end by itself
    peak_mb: float | None  # the largest resident set among those processes, in 2**20 bytes; None likewise
    code: int  # as the process ended; negative: killed by that signal
    text: str  # standard output and standard error as they came
    timed_out: bool = False


def measured_run(
    command: Sequence[str], folder: Path, limit_seconds: float, environment: Mapping[str, str] | None = None
) -> Run:
    """Runs the command in ``folder``; after ``limit_seconds`` of wall time it and all that it started are killed."""
    with tempfile.TemporaryDirectory(prefix="bitlogic-measured-") as name:
        usage, log = Path(name) / "usage.json", Path(name) / "log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(usage), *command],
                cwd=folder,
                env=None if environment is None else dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            timed_out = False
            try:
                child.wait(timeout=limit_seconds)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                if child.poll() is None:  # also when the user interrupts
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        text = log.read_text(errors="replace")
        if timed_out or not usage.exists():  # it was stopped, or not even started
            return Run(None, None, child.returncode, text, timed_out)
        return Run(**json.loads(usage.read_text()), text=text)


def main(usage: str, command: Sequence[str]) -> None:
    """Runs the command and writes what it used."""
    child = subprocess.Popen(command)
    _, status, used = os.wait4(child.pid, 0)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    seconds = used.ru_utime + used.ru_stime
    found = {"seconds": seconds, "peak_mb": used.ru_maxrss / unit, "code": os.waitstatus_to_exitcode(status)}
    partial = Path(usage + ".partial")
    partial.write_text(json.dumps(found))
    partial.rename(usage)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
