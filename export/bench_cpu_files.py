"""How long it takes from a model's file to its first result, each in a process of its own."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import bitlogic
from bitlogic.export.bench import Row, cpu_seconds
from bitlogic.export.bench_cpu_c import C
from bitlogic.export.bench_cpu_contenders import ENGINE, PACKED, build_library
from bitlogic.export.bench_cpu_nets import Batch, CpuWorkload
from bitlogic.export.compiled import CompiledLogicNet
from bitlogic.export.engine.engine import Engine
from bitlogic.export.measured import measured_run
from bitlogic.inference import PackedLogicNet

FROM_MODEL, FROM_FILE = "model.pt to result", "engine file to result"
_NUM = 64  # samples of the first result


def file_rows(workload: CpuWorkload, batch: Batch, limit_seconds: float) -> list[Row]:
    """CPU seconds from the file to the scores of 64 samples' bits, with those of compilers that are started.

    What the process imports first does not count: torch alone takes two seconds. The engine's library is there before.
    """
    jobs = [(ENGINE, FROM_FILE), (ENGINE, FROM_MODEL), (PACKED, FROM_MODEL), (C, FROM_MODEL)]
    with TemporaryDirectory(prefix="bitlogic-files-") as name:
        folder = Path(name)
        write_files(workload, batch, folder)
        return [_row(workload.name, contender, metric, folder, limit_seconds) for contender, metric in jobs]


def write_files(workload: CpuWorkload, batch: Batch, folder: Path) -> None:
    """Both model files, the samples and what they must give."""
    few = batch.first(_NUM)
    np.save(folder / "bits.npy", few.bits)
    np.save(folder / "scores.npy", few.expected.scores)
    np.save(folder / "checked.npy", few.checked)
    bitlogic.save(workload.layers, folder / "model.pt")
    Engine(workload.optimized.without_encoder()).save(folder / "model.engine")


def _row(workload: str, contender: str, metric: str, folder: Path, limit_seconds: float) -> Row:
    words = [contender, "model.engine" if metric == FROM_FILE else "model.pt"]
    environment = dict(os.environ)
    if contender == C:
        environment["BITLOGIC_CACHE"] = str(folder / "cache")  # nothing was compiled before
    run = measured_run([sys.executable, "-m", __name__, *words], folder, limit_seconds, environment)
    lines = [line for line in run.text.splitlines() if line.strip()]
    last = lines[-1] if lines else f"ends with code {run.code}"
    if run.timed_out:
        last = f"gave up after {limit_seconds:g} s"
    elif run.code == 0:
        return Row(workload, contender, metric, "s", float(json.loads(last)))
    return Row(workload, contender, metric, "s", None, reason=last[:200])


def main(contender: str, file: str) -> int:
    """Measures in the folder that ``file_rows`` made."""
    torch.set_num_threads(1)
    if contender == ENGINE:
        build_library()
    bits, scores, checked = (np.load(f"{name}.npy") for name in ("bits", "scores", "checked"))
    before = cpu_seconds()
    got = np.asarray(_READERS[contender](file)(bits))
    seconds = cpu_seconds() - before
    if not np.array_equal(got[checked], scores):
        print("refused: the first result is wrong")
        return 1
    print(json.dumps(seconds))
    return 0


def _engine(file: str) -> Callable[[Any], Any]:
    if file.endswith(".pt"):
        return Engine(bitlogic.load(file), threads=1).scores
    return Engine.load(file, threads=1).scores


def _packed(file: str) -> Callable[[Any], Any]:
    net = PackedLogicNet(bitlogic.load(file))
    return lambda bits: net.scores(torch.from_numpy(bits))


def _c(file: str) -> Callable[[Any], Any]:
    return CompiledLogicNet(bitlogic.load(file), threads=1).scores


_READERS: dict[str, Callable[[str], Callable[[Any], Any]]] = {ENGINE: _engine, PACKED: _packed, C: _c}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
