"""`bitlogic bench training`: training steps against torchlogix, interleaved in one process.

A step is forward, cross-entropy, backward and Adam. All contenders start from the same weights and wiring, and before
anything is timed their losses and gradients must agree: a contender whose do not is refused.
"""

import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bitlogic.export.bench import Row, spread_of
from bitlogic.export.bench_processes import Job, compile_time, peak_memory, start_up
from bitlogic.export.bench_workloads import (
    OURS,
    OURS_WITHOUT_COMPILER,
    PEER,
    PEER_COMPILED,
    Workload,
    adam,
    own_model,
    peer_model,
)
from bitlogic.interop import from_torchlogix
from bitlogic.kernels import describe, native_available, use_native

# Of a tensor's largest gradient, and of the loss: float32 sums over a batch in another order.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    peer: ModuleType | None  # torchlogix.layers; None: ours alone
    steps: int = 9  # timed steps of every contender
    threads: int = 1
    with_compiler: bool = True
    compile_seconds: float | None = 300.0  # for torch.compile of the peer, each workload; None: leave it out


@dataclass(frozen=True)
class Contender:
    """One way to train the same network."""

    name: str
    model: nn.Module  # whose parameters are trained
    call: Callable[[Tensor], Tensor]
    foreign: bool = False  # torchlogix' layers, whose gradients have another layout
    way: Callable[[], AbstractContextManager[Any]] = nullcontext  # entered around every step

    def gradients(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss and every gradient of one step, in our layout and names."""
        with self.way():
            loss = cross_entropy(self.call(x), labels)
            loss.backward()  # type: ignore[no-untyped-call]
        found = {"loss": loss.detach()}
        if not self.foreign:
            found |= {f"gradient of {name}": _gradient(value) for name, value in self.model.named_parameters()}
        else:
            # A linear map turns weights into ours, so it turns gradients into ours.
            holder = copy.deepcopy(self.model)
            with torch.no_grad():
                for place, value in zip(holder.parameters(), self.model.parameters(), strict=True):
                    place.copy_(_gradient(value))
            ours = from_torchlogix(holder).named_parameters()
            found |= {f"gradient of {name}": value.detach() for name, value in ours}
        self.model.zero_grad()
        return found


def bench_training(workloads: list[Workload], plan: Plan, say: Callable[[str], None]) -> list[Row]:
    """All rows without their ratios: step time and peak memory of every contender, then our start-up.

    A contender whose loss or gradients are wrong is not timed: its row has the reason instead, which begins with
    "refused".
    """
    torch.set_num_threads(plan.threads)
    rows = []
    for workload in workloads:
        say(f"{workload.name}: {workload.title}")
        rows += _time_rows(workload, plan, say) + _memory_rows(workload, plan, say)
    if plan.with_compiler:
        say("start-up of the kernels")
        with tempfile.TemporaryDirectory(prefix="bitlogic-cache-") as cache:
            for metric in ("cold", "cached"):
                measured = start_up(Job("start", workloads[0], OURS, plan.threads), cache)
                rows.append(Row("start-up", OURS, metric, "s", measured.value, reason=measured.reason))
    return rows


def disagreements(contenders: list[Contender], x: Tensor, labels: Tensor) -> dict[str, str]:
    """For each contender whose first loss or gradients are not those of the last one, the simplest, what differs."""
    *others, reference = contenders
    expected = reference.gradients(x, labels)
    wrong: dict[str, str] = {}
    for contender in others:
        for name, found in contender.gradients(x, labels).items():
            largest = expected[name].abs().max().clamp(min=1e-30)
            distance = float((found - expected[name]).abs().max() / largest)
            if not distance <= TOLERANCE and contender.name not in wrong:
                wrong[contender.name] = (
                    f"refused: its {name} differs from that of {reference.name} by {distance:.2g} of the largest, "
                    f"allowed {TOLERANCE:g}"
                )
    return wrong


def time_steps(contenders: list[Contender], x: Tensor, labels: Tensor, plan: Plan) -> dict[str, list[float]]:
    """Milliseconds of each step of each contender, who take turns; two more steps in front are not counted.

    The clock is the process's CPU time on one thread, which a busy machine disturbs least, else the wall's.
    """
    clock = time.process_time if plan.threads == 1 else time.perf_counter
    optimizers = {contender.name: adam(contender.model) for contender in contenders}
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(2 + plan.steps):
        for contender in contenders:
            optimizer = optimizers[contender.name]
            started = clock()
            with contender.way():
                optimizer.zero_grad()
                cross_entropy(contender.call(x), labels).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            times[contender.name].append((clock() - started) * 1e3)
    return {name: values[2:] for name, values in times.items()}


def _time_rows(workload: Workload, plan: Plan, say: Callable[[str], None]) -> list[Row]:
    missing: dict[str, str] = {}
    extra = []
    compiled = False
    if plan.peer is not None and plan.compile_seconds is not None:
        # In a process of its own first: a compiler cannot be interrupted, and what it makes is cached.
        say(f"{workload.name}: torch.compile of torchlogix, at most {plan.compile_seconds:g} s")
        measured = compile_time(Job("compile", workload, PEER_COMPILED, plan.threads), plan.compile_seconds)
        extra.append(Row(workload.name, PEER_COMPILED, "compile time", "s", measured.value, reason=measured.reason))
        compiled = measured.value is not None
        if measured.reason is not None:
            missing[PEER_COMPILED] = measured.reason
    if plan.with_compiler and not native_available():
        missing[OURS] = describe()
    contenders = _contenders(workload, plan, compiled=compiled)
    x, labels = workload.inputs()
    say(f"{workload.name}: losses and gradients")
    wrong = disagreements(contenders, x, labels)
    missing |= wrong
    contenders = [contender for contender in contenders if contender.name not in wrong]
    say(f"{workload.name}: {plan.steps} steps each of {', '.join(contender.name for contender in contenders)}")
    rows = [
        Row(workload.name, name, "step time", "ms", statistics.median(values), spread_of(values))
        for name, values in time_steps(contenders, x, labels, plan).items()
    ]
    rows += [Row(workload.name, name, "step time", "ms", None, reason=why) for name, why in missing.items()]
    torch.compiler.reset()
    return rows + extra


def _contenders(workload: Workload, plan: Plan, *, compiled: bool) -> list[Contender]:
    """Equal copies of one network, the reference last."""
    peer = None if plan.peer is None else peer_model(workload, plan.peer)
    own = own_model(workload) if peer is None else from_torchlogix(peer).train()
    found = []
    if plan.with_compiler and native_available():
        found.append(Contender(OURS, own, own))
    plain = copy.deepcopy(own)
    found.append(Contender(OURS_WITHOUT_COMPILER, plain, plain, way=lambda: use_native(False)))
    if peer is not None and compiled:
        twin = copy.deepcopy(peer)
        found.append(Contender(PEER_COMPILED, twin, torch.compile(twin), foreign=True))
    if peer is not None:
        found.append(Contender(PEER, peer, peer, foreign=True))
    return found


def _memory_rows(workload: Workload, plan: Plan, say: Callable[[str], None]) -> list[Row]:
    names = [OURS] if plan.with_compiler and native_available() else []
    names += [OURS_WITHOUT_COMPILER] + ([PEER] if plan.peer is not None else [])
    rows = []
    for name in names:
        say(f"{workload.name}: memory of {name}")
        measured = peak_memory(Job("memory", workload, name, plan.threads))
        rows.append(Row(workload.name, name, "peak memory", "MB", measured.value, reason=measured.reason))
    if plan.peer is not None and plan.compile_seconds is not None:
        why = "not measured: in its first step torch.compile's own memory would count"
        rows.append(Row(workload.name, PEER_COMPILED, "peak memory", "MB", None, reason=why))
    return rows


def _gradient(parameter: nn.Parameter | Tensor) -> Tensor:
    if parameter.grad is None:
        raise RuntimeError("a weight got no gradient")
    return parameter.grad
