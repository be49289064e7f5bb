"""Measurements that need a process of their own: peak memory, start-up, and a compiler that may not come to an end.

The process is this module with a job as its argument; it prints one number.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from bitlogic.export.bench_workloads import (
    OURS_WITHOUT_COMPILER,
    PEER,
    PEER_COMPILED,
    Workload,
    adam,
    own_model,
    peer_model,
)
from bitlogic.interop.peer import load_torchlogix

_STEPS = 3  # Adam's state is made in the first, and a peak shows in the second
_LIMIT_SECONDS = 600.0
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Job:
    """What the process measures: `memory`, `start` or `compile`."""

    measure: str
    workload: Workload
    contender: str
    threads: int


@dataclass(frozen=True)
class Measured:
    """A figure, or the reason why there is none."""

    value: float | None
    reason: str | None = None


def peak_memory(job: Job) -> Measured:
    """MB (2**20 bytes) of the peak of the resident set within three steps, less what was resident before the first."""
    return _run(job, {}, _LIMIT_SECONDS)


def start_up(job: Job, cache: str) -> Measured:
    """Seconds that the first step takes longer than the second, with the kernels' cache in that folder."""
    return _run(job, {"BITLOGIC_CACHE": cache}, _LIMIT_SECONDS)


def compile_time(job: Job, seconds: float) -> Measured:
    """Seconds of the first step of the compiled peer, given up after that many; the result stays in torch's cache."""
    return _run(job, {}, seconds)


def main(text: str) -> None:
    """Does the job that `_run` wrote down."""
    given = json.loads(text)
    shape = given.pop("workload")
    job = Job(workload=Workload(**{**shape, "widths": tuple(shape["widths"])}), **given)
    torch.set_num_threads(job.threads)
    foreign = job.contender in (PEER, PEER_COMPILED)
    model = peer_model(job.workload, load_torchlogix()) if foreign else own_model(job.workload)
    call = torch.compile(model) if job.contender == PEER_COMPILED else model
    optimizer = adam(model)
    x, labels = job.workload.inputs()
    before = _reset_peak()
    seconds = []
    for _ in range(_STEPS):
        started = time.perf_counter()
        optimizer.zero_grad()
        cross_entropy(call(x), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seconds.append(time.perf_counter() - started)
        if job.measure == "compile":
            break
    result = {"memory": _peak() - before, "start": max(seconds[0] - seconds[-1], 0.0), "compile": seconds[0]}
    print(result[job.measure])


def _run(job: Job, environment: dict[str, str], limit: float) -> Measured:
    env = {**os.environ, **environment, "OMP_WAIT_POLICY": "passive"}
    if job.contender == OURS_WITHOUT_COMPILER:
        env["BITLOGIC_NATIVE"] = "0"
    command = [sys.executable, "-m", "bitlogic.export.bench_processes", json.dumps(asdict(job))]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=limit)
        except BaseException as error:
            # The compiler's own processes are of the same group.
            os.killpg(process.pid, 9)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                return Measured(None, f"gave up after {limit:g} s")
            raise
    if process.returncode != 0:
        return Measured(None, (err.strip().splitlines() or [f"ends with status {process.returncode}"])[-1][:200])
    return Measured(float(out.split()[-1]))


def _reset_peak() -> float:
    """Gives back what building the model freed, restarts the peak where the system allows it; the MB resident now."""
    if not _STATUS.exists():
        return _maximum()
    ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _status("VmHWM")  # the peak so far: what lies above it is the steps' doing
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM") if _STATUS.exists() else _maximum()


def _status(name: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) / 1024  # kB


def _maximum() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main(sys.argv[1])
