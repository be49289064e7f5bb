"""`bitlogic bench`: measurements, as a table and as JSON."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from bitlogic.errors import OptionError


@click.group()
def bench() -> None:
    """Measure against the peers."""


@bench.command()
@click.option("--workload", "names", multiple=True, help="a to f, several times or with commas; default: all.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rows here.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--steps", default=9, show_default=True, type=click.IntRange(min=1), help="Timed steps of each.")
@click.option("--no-compiler", is_flag=True, help="Only the way without a C compiler.")
@click.option("--peer/--no-peer", "with_peer", default=True, help="Against torchlogix (extra bench).")
@click.option("--peer-compile/--no-peer-compile", default=True, help="Against torchlogix and torch.compile, too.")
@click.option("--compile-limit", default=300.0, show_default=True, help="Seconds for torch.compile of one workload.")
@click.option("--scale", default=1, type=click.IntRange(min=1), hidden=True, help="Divide every width.")
def training(
    names: tuple[str, ...],
    path: Path | None,
    threads: int,
    steps: int,
    compile_limit: float,
    scale: int,
    *,
    no_compiler: bool,
    with_peer: bool,
    peer_compile: bool,
) -> int:
    """Time training steps and their memory.

    Every contender trains the same network from the same weights; they take turns in one process. Losses and gradients
    must agree first: a contender whose do not is not timed, and the exit code is 1. Memory is measured in a fresh
    process each: the peak less what was resident before the first step.
    """
    # Threads that spin between many short parallel loops stall on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from bitlogic.export.bench import rows_table, with_ratios, write_rows
    from bitlogic.export.bench_training import Plan, bench_training
    from bitlogic.export.bench_workloads import PEER, PEER_COMPILED, TARGETS, WORKLOADS
    from bitlogic.interop.peer import load_torchlogix

    chosen = _chosen("workload", names, WORKLOADS)
    _check_folder(path)
    plan = Plan(
        peer=load_torchlogix() if with_peer else None,
        steps=steps,
        threads=threads,
        with_compiler=not no_compiler,
        compile_seconds=compile_limit if peer_compile else None,
    )
    workloads = [WORKLOADS[name].scaled(scale) for name in chosen]
    measured = bench_training(workloads, plan, lambda line: click.echo(line, err=True))
    peers = [PEER] + ([PEER_COMPILED] if peer_compile else [])
    rows = with_ratios(measured, peers)
    clock = "CPU time of the process" if threads == 1 else "wall time"
    click.echo(f"batch {workloads[0].batch}, {threads} thread(s), step time: median {clock} of {steps} steps")
    click.echo(rows_table(rows, peers, TARGETS if scale == 1 else {}))
    if path is not None:
        write_rows(rows, path)
    return 1 if any(row.reason is not None and row.reason.startswith("refused") for row in rows) else 0


@bench.command()
@click.option("--workload", "names", multiple=True, help="W1, W2, M, W3, 1M, with commas; default: all.")
@click.option("--model", "models", multiple=True, help="NAME=model.pt: a trained network too, several times.")
@click.option("--contender", "contenders", multiple=True, help="Only these, with commas.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rows here.")
@click.option("--plot", "plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw them (extra report).")
@click.option("--rounds", default=9, show_default=True, type=click.IntRange(min=1), help="Timings of each.")
@click.option(
    "--batch",
    default=8192,
    show_default=True,
    type=click.IntRange(min=64),
    help="Samples of a call, a multiple of 64; packed has four times as many.",
)
@click.option("--limit", default=300.0, show_default=True, help="Seconds for each compiler and each process.")
@click.option("--difflogic", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Its sources.")
@click.option("--files/--no-files", "with_files", default=True, help="Also from a model's file to the first result.")
@click.option("--scale", default=1, type=click.IntRange(min=1), hidden=True, help="Divide every width.")
def cpu(
    names: tuple[str, ...],
    models: tuple[str, ...],
    contenders: tuple[str, ...],
    path: Path | None,
    plot: Path | None,
    rounds: int,
    batch: int,
    limit: float,
    difflogic: Path | None,
    scale: int,
    *,
    with_files: bool,
) -> int:
    """Time every way to run a network on a CPU, and the peers that are here.

    Throughput from bits to counts, from bytes to classes and from packed bits to counts: all contenders take turns in
    one process on one thread, in its CPU time; a large batch on one and two threads in wall time. Every result is
    compared with the reference first: where one is wrong the exit code is 1. A peer that is not installed, or whose
    compiler reaches its limit, has a row that says so.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from bitlogic.export.bench import rows_table, with_ratios, write_rows
    from bitlogic.export.bench_cpu import REFUSED, CpuPlan, bench_cpu
    from bitlogic.export.bench_cpu import contenders as known
    from bitlogic.export.bench_cpu_large import LARGE_NET, NUM_LUTS
    from bitlogic.export.bench_cpu_nets import NAMES, random_workload, trained_workload
    from bitlogic.export.bench_cpu_plot import plot_rows
    from bitlogic.export.bench_cpu_targets import PEERS, targets_table

    chosen = _chosen("workload", names, [*NAMES, LARGE_NET]) if names or not models else []
    if batch % 64:
        raise OptionError(f"--batch {batch}: a multiple of 64")
    _check_folder(path)
    _check_folder(plot, "--plot")
    plan = CpuPlan(
        contenders=None,
        rounds=rounds,
        batch=batch,
        limit_seconds=limit,
        difflogic=difflogic,
        with_files=with_files,
        large_luts=NUM_LUTS // scale if LARGE_NET in chosen else 0,
    )
    if contenders:
        plan = replace(plan, contenders=_chosen("contender", contenders, known(plan)))
    trained = [trained_workload(text) for text in models]
    workloads = [random_workload(name, scale) for name in chosen if name != LARGE_NET] + trained
    rows = with_ratios(bench_cpu(workloads, plan, lambda line: click.echo(line, err=True)), PEERS)
    click.echo(rows_table(rows, PEERS, {}))
    targets = targets_table(rows, [workload.name for workload in trained]) if scale == 1 else ""
    if targets:
        click.echo(f"\n{targets}")
    if path is not None:
        write_rows(rows, path)
    if plot is not None:
        plot_rows(rows, plot)
    return 1 if any(row.reason is not None and row.reason.startswith(REFUSED) for row in rows) else 0


@bench.command()
@click.option("--workload", "names", multiple=True, help="1k, W2, W1, 8k, M, W3, with commas; default: all.")
@click.option("--model", "models", multiple=True, help="NAME=model.pt: a trained network too, several times.")
@click.option(
    "--step", "steps", multiple=True, help="lint, icarus, verilator, yosys, proof or refutation; default: all."
)
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rows here.")
@click.option("--limit", default=900.0, show_default=True, type=click.FloatRange(min=1), help="Seconds for a step.")
@click.option("--scale", default=1, type=click.IntRange(min=1), hidden=True, help="Divide every width.")
def hardware(
    names: tuple[str, ...],
    models: tuple[str, ...],
    steps: tuple[str, ...],
    path: Path | None,
    limit: float,
    scale: int,
) -> int:
    """Time what Verilator, Icarus, Yosys and the proof make of exported Verilog.

    Every result is checked: a lint without a warning, simulations that give the scores and classes of the netlist, a
    proof that holds. Where a step takes longer than its limit its row says so; where a result is wrong the exit code
    is 1. Seconds are of CPU, memory is the largest process.
    """
    from bitlogic.export.bench import rows_table, write_rows
    from bitlogic.export.bench_hardware import REFUSED, STEPS, HardwarePlan, bench_hardware
    from bitlogic.export.bench_hardware_nets import NAMES, TARGETS, random_workload, trained_workload

    chosen = _chosen("workload", names, NAMES) if names or not models else []
    wanted = _chosen("step", steps, STEPS)
    _check_folder(path)
    workloads = [random_workload(name, scale) for name in chosen] + [trained_workload(text) for text in models]
    rows = bench_hardware(workloads, HardwarePlan(wanted, limit), lambda line: click.echo(line, err=True))
    click.echo(rows_table(rows, [], TARGETS if scale == 1 else {}))
    if path is not None:
        write_rows(rows, path)
    return 1 if any(row.reason is not None and row.reason.startswith(REFUSED) for row in rows) else 0


def _chosen(option: str, given: Sequence[str], allowed: Iterable[str]) -> list[str]:
    """The names given one by one or with commas, each once; all that there are where none is given."""
    choices = list(allowed)
    names = [name for word in given for name in word.split(",")] or choices
    for name in names:
        if name not in choices:
            raise OptionError(f"unknown {option} {name!r}; choices: {', '.join(choices)}")
    return list(dict.fromkeys(names))


def _check_folder(path: Path | None, option: str = "--json") -> None:
    if path is not None and not path.resolve().parent.is_dir():
        raise OptionError(f"{option} {path}: there is no folder {path.resolve().parent}")
