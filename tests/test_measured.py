"""A measured run: CPU seconds, peak memory, the end, and the limit."""

import sys
import time
from pathlib import Path

from bitlogic.export.measured import measured_run

PYTHON = (sys.executable, "-I", "-S", "-c")


def test_a_run_tells_its_memory_and_not_its_parents(tmp_path: Path) -> None:
    held = bytearray(400 << 20)
    small = measured_run((*PYTHON, "print('ready')"), tmp_path, 20)
    large = measured_run((*PYTHON, "x = bytearray(100 << 20)"), tmp_path, 20)
    assert small.code == 0 and small.text == "ready\n" and len(held)
    assert small.peak_mb is not None and small.peak_mb < 60
    assert large.peak_mb is not None and 100 < large.peak_mb < 200


def test_seconds_are_of_cpu_with_those_of_the_processes_it_starts(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    nested = f"import subprocess, sys\nsubprocess.run([sys.executable, '-I', '-S', '-c', {burn!r}])"
    burnt = measured_run((*PYTHON, nested), tmp_path, 20).seconds
    slept = measured_run((*PYTHON, "import time; time.sleep(0.5)"), tmp_path, 20).seconds
    assert burnt is not None and 0.4 <= burnt < 1.5
    assert slept is not None and slept < 0.4


def test_a_failure_keeps_its_code_and_what_it_said(tmp_path: Path) -> None:
    run = measured_run((*PYTHON, "import sys; print('why', file=sys.stderr); sys.exit(3)"), tmp_path, 20)
    assert (run.code, run.text, run.timed_out) == (3, "why\n", False)


def test_at_its_limit_a_run_ends_with_all_that_it_started(tmp_path: Path) -> None:
    late = tmp_path / "late"
    nested = f"import time, pathlib\ntime.sleep(1.5)\npathlib.Path({str(late)!r}).touch()"
    command = (*PYTHON, f"import subprocess, sys\nsubprocess.run([sys.executable, '-I', '-S', '-c', {nested!r}])")
    run = measured_run(command, tmp_path, 0.3)
    assert run.timed_out and run.peak_mb is None and run.seconds is None
    time.sleep(1.6)
    assert not late.exists()


def test_a_command_that_is_not_there_fails_and_did_not_take_too_long(tmp_path: Path) -> None:
    run = measured_run(("no-such-program",), tmp_path, 20)
    assert run.code != 0 and not run.timed_out and run.seconds is None
    assert "no-such-program" in run.text.splitlines()[-1]
