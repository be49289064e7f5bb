"""Samples a second against the size of the batch: python examples/throughput.py --workload W2 --plot throughput.png.

One thread; the medians of CPU time of each way to run a random network of `bitlogic bench cpu`, or the one of --model:
the model in eager mode, PackedLogicNet and the engine, from bits to scores. Every result is checked first.
"""

import argparse
import importlib
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bitlogic import Engine, PackedLogicNet
from bitlogic.errors import BitlogicError
from bitlogic.export.bench_cpu import time_ways
from bitlogic.export.bench_cpu_contenders import BITS, Way
from bitlogic.export.bench_cpu_nets import NAMES, Batch, CpuWorkload, make_batch, random_workload, trained_workload
from bitlogic.export.table import table


def main() -> int:
    parser = argparse.ArgumentParser(description="Samples a second against the size of the batch.")
    parser.add_argument("--workload", choices=NAMES, default="W2")
    parser.add_argument("--model", help="NAME=model.pt: this one instead")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64, 512, 4096, 32_768])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, default=1, help="divide every width of the random network")
    parser.add_argument("--eager-limit", type=int, default=512, help="samples up to which eager mode runs")
    parser.add_argument("--plot", type=Path, help="draw it here (extra report)")
    options = parser.parse_args()
    try:
        workload = (
            trained_workload(options.model) if options.model else random_workload(options.workload, options.scale)
        )
        return run(workload, options)
    except BitlogicError as error:
        print(f"throughput: {error}", file=sys.stderr)
        return 2


def run(workload: CpuWorkload, options: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    everything = make_batch(workload, max(options.batches))
    packed, engine = PackedLogicNet(workload.layers), Engine(workload.optimized, threads=1)
    head: Any = workload.layers[-1]
    body = workload.layers[:-1]

    @torch.no_grad()
    def eager(bits: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = head.scores(body(bits))
        return scores

    rates: dict[str, dict[int, float]] = {"eager": {}, "PackedLogicNet": {}, "engine": {}}
    for num in options.batches:
        batch = everything.first(num)
        bits = torch.from_numpy(batch.bits).reshape(num, *workload.bits_shape)
        calls: dict[str, Callable[[], Any]] = {
            "PackedLogicNet": lambda bits=bits: packed.scores(bits),  # type: ignore[misc]
            "engine": lambda batch=batch: engine.scores(batch.bits, ready_bits=True),  # type: ignore[misc]
        }
        if num <= options.eager_limit:
            calls["eager"] = lambda bits=bits: eager(bits)  # type: ignore[misc]
        for name, rate in measured(calls, batch, options.rounds).items():
            rates[name][num] = rate
    rows = [[num, *(_figure(rates[name].get(num)) for name in rates)] for num in options.batches]
    print(table(["batch", *(f"{name}, samples/s" for name in rates)], rows))
    if options.plot is not None:
        draw(rates, workload.name, options.plot)
    return 0


def measured(calls: dict[str, Callable[[], Any]], batch: Batch, rounds: int) -> dict[str, float]:
    """Samples a second of each call; RuntimeError where a result is wrong."""
    ways = {name: Way(BITS, call, batch, batch.expected.scores) for name, call in calls.items()}
    for name, way in ways.items():
        wrong = way.wrong()
        if wrong is not None:
            raise RuntimeError(f"{name}: {wrong}")
    times = time_ways(list(ways.values()), rounds)
    return {name: 1e6 * statistics.median(rates) for name, rates in zip(ways, times, strict=True)}


def draw(rates: dict[str, dict[int, float]], title: str, path: Path) -> None:
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, found in rates.items():
        axes.plot(list(found), list(found.values()), marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("samples in a batch")
    axes.set_ylabel("samples/s, one thread")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def _figure(rate: float | None) -> int | None:
    """Three digits."""
    return None if rate is None else int(float(f"{rate:.3g}"))


if __name__ == "__main__":
    sys.exit(main())
