"""`bitlogic bench cpu`: how many samples a second every way to run a network gives, interleaved in one process.

Before anything is timed its result is compared with ``evaluate``, in integers. A contender that is wrong is refused;
one that is not there, or does not come to an end, has a row without a figure that says why.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bitlogic.errors import BitlogicError
from bitlogic.export.bench import Row, spread_of
from bitlogic.export.bench_cpu_c import WIDTHS, C, generated
from bitlogic.export.bench_cpu_contenders import (
    BITS,
    BUILD,
    BUILD_MEMORY,
    EAGER,
    EAGER_NATIVE,
    ENGINE,
    ENGINE_2,
    LARGE,
    PACKED,
    PACKED_COMPILED,
    PIXELS,
    PLANES,
    Made,
    Make,
    Way,
    eager,
    engine,
    packed,
)
from bitlogic.export.bench_cpu_files import file_rows
from bitlogic.export.bench_cpu_large import large_rows
from bitlogic.export.bench_cpu_nets import Batch, CpuWorkload, make_batch
from bitlogic.export.bench_cpu_operations import operation_rows
from bitlogic.export.bench_cpu_peers import DIFFLOGIC, TORCHLOGIX, build_peer, encoded
from bitlogic.export.engine.engine import usable_widths

Say = Callable[[str], None]
REFUSED = "refused: "  # how the reason of a wrong result begins
UNIT = "M samples/s"
_ORDER = (BITS, PIXELS, PLANES, LARGE, BUILD, BUILD_MEMORY)
# Of one timing: quicker calls are repeated. Wall time counts what other processes take away, which comes in bursts.
_SHORTEST_SECONDS, _SHORTEST_WALL_SECONDS = 0.03, 0.5


@dataclass(frozen=True)
class CpuPlan:
    """What is measured and how often."""

    contenders: Sequence[str] | None = None  # None: all that `contenders` names
    rounds: int = 9
    batch: int = 8192  # a multiple of 64
    limit_seconds: float = 300.0  # for each compiler and each process
    difflogic: Path | None = None  # a folder of its sources
    with_files: bool = True  # the time from a file to the first result
    large_luts: int = 0  # LUTs of the large network; 0: without it


def bench_cpu(workloads: Sequence[CpuWorkload], plan: CpuPlan, say: Say) -> list[Row]:
    """The rows of all workloads without their ratios.

    Throughput is the median over the rounds, in each of which every contender has its turn. All but the large batch are
    on one thread and in CPU time of the process, which a busy machine disturbs least; the large batch is in wall time.
    """
    torch.set_num_threads(1)
    rows: list[Row] = []
    for workload in workloads:
        say(f"{workload.name}: {workload.netlist.num_luts} LUTs of rank {workload.netlist.rank}")
        batch = make_batch(workload, plan.batch)
        rows += _throughput_rows(workload, batch, plan, say)
        rows += operation_rows(workload)
        if plan.with_files:
            say(f"{workload.name}: from a file to the first result")
            rows += file_rows(workload, batch, plan.limit_seconds)
        torch.compiler.reset()
    if plan.large_luts:
        say(f"{plan.large_luts} LUTs in four layers")
        rows += large_rows(plan.large_luts, plan.limit_seconds)
    return rows


def contenders(plan: CpuPlan) -> dict[str, Make]:
    """All that can be measured, or those that the plan names, by name in the order of the table."""
    wanted = plan.contenders
    found: dict[str, Make] = {EAGER: eager(), EAGER_NATIVE: eager(native=True)}
    found |= {PACKED: packed(), PACKED_COMPILED: packed(compiled=True)}
    if wanted is None or any(name.startswith(ENGINE) for name in wanted):  # which widths there are, its library says
        found |= _engines()
    limit = plan.limit_seconds
    found |= {C: generated(limit), **{f"{C}-{width}": generated(limit, width) for width in WIDTHS}}
    found |= {name: _peer(name, plan) for name in (TORCHLOGIX, DIFFLOGIC)}
    return found if wanted is None else {name: make for name, make in found.items() if name in wanted}


def time_ways(ways: Sequence[Way], rounds: int) -> list[list[float]]:
    """Millions of samples a second of each way, round after round; they take turns."""
    repeats = []
    for way in ways:
        started = time.perf_counter()
        way.call()
        shortest = _SHORTEST_WALL_SECONDS if way.metric == LARGE else _SHORTEST_SECONDS
        repeats.append(1 + int(shortest / max(time.perf_counter() - started, 1e-6)))
    rates: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, times, found in zip(ways, repeats, rates, strict=True):
            clock = time.perf_counter if way.metric == LARGE else time.process_time
            started = clock()
            for _ in range(times):
                way.call()
            found.append(times * len(way.batch) / (clock() - started) / 1e6)
    return rates


def _throughput_rows(workload: CpuWorkload, batch: Batch, plan: CpuPlan, say: Say) -> list[Row]:
    rows: list[Row] = []
    names, ways = [], []
    for name, make in contenders(plan).items():
        say(f"{workload.name}: {name}")
        made, why = _made(make, workload, batch)
        if made is None:
            metrics = [LARGE] if name == ENGINE_2 else [BITS] + ([PIXELS] if batch.pixels is not None else [])
            rows += [Row(workload.name, name, metric, UNIT, None, reason=why) for metric in metrics]
            continue
        if made.build_seconds > 0:
            rows.append(Row(workload.name, name, BUILD, "s", made.build_seconds))
        if made.build_mb is not None:
            rows.append(Row(workload.name, name, BUILD_MEMORY, "MB", made.build_mb))
        for way in made.ways:
            wrong = way.wrong()
            if wrong is not None:
                rows.append(Row(workload.name, name, way.metric, UNIT, None, reason=REFUSED + wrong))
            else:
                names.append(name)
                ways.append(way)
    say(f"{workload.name}: {plan.rounds} rounds")
    measured = [
        Row(workload.name, name, way.metric, UNIT, statistics.median(rates), spread_of(rates))
        for name, way, rates in zip(names, ways, time_ways(ways, plan.rounds), strict=True)
    ]
    return sorted([*measured, *rows], key=lambda row: _ORDER.index(row.metric))


def _made(make: Make, workload: CpuWorkload, batch: Batch) -> tuple[Made | None, str]:
    """What the contender made, or None and why there is nothing."""
    try:
        return make(workload, batch), ""
    except Exception as error:  # a compiler or another project's code may end in any way; the others still run
        lines = [line for line in str(error).splitlines() if line.strip()]
        said = lines[0][:200] if lines else type(error).__name__
        return None, said if isinstance(error, BitlogicError) else f"{type(error).__name__}: {said}"


def _engines() -> dict[str, Make]:
    """By the widest width of the processor, by each other one, and with two threads."""
    try:
        others = usable_widths()[:-1]
    except BitlogicError:
        others = ()  # no compiler: the rows say what is missing
    return {ENGINE: engine(), **{f"{ENGINE}-{width}": engine(width) for width in others}, ENGINE_2: engine(threads=2)}


def _peer(name: str, plan: CpuPlan) -> Make:
    def make(workload: CpuWorkload, batch: Batch) -> Made:
        built = build_peer(name, workload.netlist, plan.limit_seconds, plan.difflogic)
        made = Made(build_seconds=built.build_seconds, build_mb=built.peak_mb)
        made.ways.append(Way(BITS, lambda: built.counts(batch.bits), batch, batch.expected.scores))
        encoder, pixels = workload.netlist.encoder, batch.pixels
        if encoder is not None and pixels is not None:
            encode = encoded(encoder)
            call = lambda: built.counts(encode(pixels)).argmax(axis=1)  # noqa: E731
            made.ways.append(Way(PIXELS, call, batch, batch.expected.class_ids))
        return made

    return make
