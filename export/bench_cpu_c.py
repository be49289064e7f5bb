"""Generated C as `bitlogic bench cpu` measures it: compiled in a process of its own, which has a limit, then loaded."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bitlogic.errors import ToolError
from bitlogic.export.bench import cpu_seconds
from bitlogic.export.bench_cpu_contenders import BITS, PIXELS, PLANES, Made, Make, Way
from bitlogic.export.bench_cpu_nets import Batch, CpuWorkload
from bitlogic.export.compiled import CompiledLogicNet
from bitlogic.export.engine.inputs import Planes
from bitlogic.export.measured import measured_run
from bitlogic.export.netlist import Netlist

C = "c"
WIDTHS = (64, 256)  # beside the widest of the processor


def generated(limit_seconds: float, width: int | None = None) -> Make:
    """CompiledLogicNet of that width, the widest of the processor for None; ToolError at the limit."""

    def make(workload: CpuWorkload, batch: Batch) -> Made:
        made = Made()
        with TemporaryDirectory(prefix="bitlogic-c-") as name, _cache(name):
            folder = Path(name)
            workload.optimized.save(folder / "net.npz")
            command = [sys.executable, "-m", __name__, "net.npz", str(width or 0)]
            run = measured_run(command, folder, limit_seconds)
            if run.timed_out:
                raise ToolError(f"gave up after {limit_seconds:g} s")
            lines = [line for line in run.text.splitlines() if line.strip()]
            if run.code != 0 or not lines:
                raise ToolError(lines[-1][:200] if lines else f"ends with code {run.code}")
            made.build_seconds, made.build_mb = float(json.loads(lines[-1])), run.peak_mb
            net = CompiledLogicNet(workload.optimized, width=width, threads=1)
        planes = Planes(batch.words(), len(batch))
        made.ways += [
            Way(BITS, lambda: net.scores(batch.bits, ready_bits=True), batch, batch.expected.scores),
            Way(PLANES, lambda: net.scores(planes), batch, batch.expected.scores),
        ]
        if batch.pixels is not None:
            made.ways.append(Way(PIXELS, lambda: net.class_ids(batch.pixels), batch, batch.expected.class_ids))
        return made

    return make


def main(path: str, width: str) -> int:
    """Compiles into the cache and prints the CPU seconds, the compilers' included."""
    netlist = Netlist.load(path)
    before = cpu_seconds()
    CompiledLogicNet(netlist, width=int(width) or None, threads=1)
    print(json.dumps(cpu_seconds() - before))
    return 0


@contextmanager
def _cache(folder: str) -> Iterator[None]:
    """An empty cache, so that compiling is measured and nothing is left in the user's."""
    before = os.environ.get("BITLOGIC_CACHE")
    os.environ["BITLOGIC_CACHE"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["BITLOGIC_CACHE"]
        else:
            os.environ["BITLOGIC_CACHE"] = before


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
