"""One large network from its layers to the engine's first result: seconds and the peak of memory, step by step."""

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import torch

from bitlogic.export.bench import Row, cpu_seconds
from bitlogic.export.bench_cpu_contenders import ENGINE, build_library
from bitlogic.export.bench_cpu_nets import random_layers
from bitlogic.export.engine.engine import Engine
from bitlogic.export.evaluate import evaluate
from bitlogic.export.extract import extract
from bitlogic.export.measured import measured_run
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets import TARGETS

Made = TypeVar("Made")
LARGE_NET = "1M"
NUM_LUTS = 1_000_000
LARGE_TOTAL, LARGE_PEAK = "layers to engine's first result", "peak memory"
STEPS = ("extract", "optimize", "write", "load", "first result")
_EMIT = "emit C"
_NUM_INPUTS, _NUM_LAYERS, _RANK, _NUM_SAMPLES = 6272, 4, 4, 8
_GOOD = "done: "


@dataclass(frozen=True)
class _Step:
    seconds: float
    peak_mb: float


def large_rows(num_luts: int, limit_seconds: float) -> list[Row]:
    """The rows of ``num_luts`` LUTs of rank 4 in four layers, random tables and wiring, made before the clock starts.

    Seconds are of CPU. The first result is eight samples', checked by ``evaluate`` on the network before the passes.
    The peak is that of the whole process up to the first result, torch and the layers with their weights included.
    """
    with TemporaryDirectory(prefix="bitlogic-large-") as folder:
        run = measured_run([sys.executable, "-m", __name__, str(num_luts)], Path(folder), limit_seconds)
    lines = [line for line in run.text.splitlines() if line.strip()]
    if run.timed_out or run.code != 0 or not lines or not lines[-1].startswith(_GOOD):
        why = f"gave up after {limit_seconds:g} s" if run.timed_out else (lines or [f"ends with code {run.code}"])[-1]
        return [Row(LARGE_NET, ENGINE, LARGE_TOTAL, "s", None, reason=why[:200])]
    steps = {name: _Step(**given) for name, given in json.loads(lines[-1].removeprefix(_GOOD)).items()}
    rows = [Row(LARGE_NET, ENGINE, name, "s", steps[name].seconds) for name in (*STEPS, _EMIT)]
    total = sum(steps[name].seconds for name in STEPS)
    return [
        *rows,
        Row(LARGE_NET, ENGINE, LARGE_TOTAL, "s", total),
        Row(LARGE_NET, ENGINE, LARGE_PEAK, "MB", steps[STEPS[-1]].peak_mb),
        Row(LARGE_NET, ENGINE, f"{LARGE_PEAK} with {_EMIT}", "MB", steps[_EMIT].peak_mb),
    ]


def main(num_luts: int) -> int:
    """Runs the steps in the current folder and prints what they took as the last line."""
    torch.set_num_threads(1)
    build_library()
    width = num_luts // _NUM_LAYERS // 10 * 10
    model = random_layers(_NUM_INPUTS, [width] * _NUM_LAYERS, _RANK)
    bits = np.random.default_rng(1).integers(0, 2, size=(_NUM_SAMPLES, _NUM_INPUTS), dtype=np.uint8)
    steps: dict[str, _Step] = {}

    def timed(name: str, make: Callable[[], Made]) -> Made:
        before = cpu_seconds()
        made = make()
        unit = 2**20 if sys.platform == "darwin" else 2**10
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        steps[name] = _Step(cpu_seconds() - before, peak)
        return made

    extracted = timed("extract", lambda: extract(model))
    netlist = timed("optimize", lambda: optimize(extracted))
    timed("write", lambda: Engine(netlist, threads=1).save("model.engine"))
    engine = timed("load", lambda: Engine.load("model.engine", threads=1))
    scores: Any = timed("first result", lambda: engine.scores(bits))
    target = TARGETS["c"]
    timed(_EMIT, lambda: target.emit(netlist, target.options(input=InputKind.BITS)))
    if not np.array_equal(scores, evaluate(extracted, Samples(InputKind.BITS, bits)).scores):
        print("refused: the first result is wrong")
        return 1
    print(_GOOD + json.dumps({name: vars(step) for name, step in steps.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
