"""A core that takes several cycles a sample: its control by all of its states, its function by its window of cycles.

The states that the control reaches, whatever comes in when, say what every bit of control is at each edge behind a
sample's last beat. With these bits the cycles up to the result are one function, which is proven part by part as that
of a core without a fold.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from bitlogic.export.formal.automaton import Automaton, explore, image
from bitlogic.export.formal.chains import places
from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.clocked import Clocked, flattened, substituted
from bitlogic.export.formal.control import prove_control
from bitlogic.export.formal.function import (
    CLEAR,
    CLOCK,
    CONTROL,
    ENABLE,
    RESET,
    Function,
    NotProvenError,
    check_stands_still,
)
from bitlogic.export.formal.graph import TRUE
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.unrolled import Window, unrolled
from bitlogic.export.formal.watch import Watch, constant, counted, equals, pick, write_down

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Fold:
    """How samples come: in ``beats`` beats with any gaps, or where that is 1, ``cycles`` edges apart or more."""

    cycles: int
    beats: int
    latency_cycles: int  # from the last beat
    port: str  # x or bits
    sample_width: int


def folded_function(
    core: str, modules: Mapping[str, Circuit], latencies: Mapping[str, int | None], fold: Fold, prover: Prover
) -> Function:
    """The function of one sample, with the control of the core settled.

    Raises:
        NotProvenError: The control is not as it should be (which the log then says), or is not decided.
    """
    return _Folded(core, modules, latencies, fold, prover).function()


class _Folded:
    def __init__(
        self,
        core: str,
        modules: Mapping[str, Circuit],
        latencies: Mapping[str, int | None],
        fold: Fold,
        prover: Prover,
    ) -> None:
        closed = {instance.module for instance in modules[core].instances}
        self.core, self.modules, self.latencies, self.fold, self.prover = core, modules, latencies, fold, prover
        self.clocked = Clocked(flattened(modules, core, closed))
        self.watch = Watch(self.clocked)
        inputs = self.clocked.inputs
        if "valid_in" not in inputs or fold.port not in inputs:
            raise NotProvenError(f"{core} has no valid_in or no {fold.port}")
        (self.valid,) = inputs["valid_in"]
        self._check_instances()
        self.still = {inputs[port][0] >> 1: CONTROL[port] for port in (ENABLE, RESET, CLEAR) if port in inputs}

    def function(self) -> Function:
        automaton, last, valid = self._automaton()
        known = self._window(automaton, last, valid)
        sample = self._sample()
        fold = self.fold
        end = fold.latency_cycles - (fold.beats > 1)
        window = Window(lambda node, time: known[time].get(node), sample, fold.sample_width, end)
        return unrolled(self.clocked, self.modules, self.latencies, window, ("scores", "class_id"), fold.port)

    def _check_instances(self) -> None:
        """NotProvenError where an instance does not move with the core."""
        clocked = self.clocked
        for instance in clocked.circuit.instances:
            inner = self.modules[instance.module]
            check_stands_still(clocked.circuit, instance, inner)
            for port in CONTROL.keys() & inner.inputs.keys():
                bits = instance.connections.get(port, ())
                if len(bits) != 1:
                    raise NotProvenError(f"{self.core}: {instance.name}.{port} is not connected")
                own = clocked.inputs.get(port, [CONTROL[port]])[0]
                if clocked.values(bits) != [own] or (port == CLOCK and port not in clocked.inputs):
                    raise NotProvenError(f"{self.core}: {instance.name}.{port} is not the module's own {port}")

    def _automaton(self) -> tuple[Automaton, int, int]:
        """The control with what it should do beside it; a sample's last beat; whether a beat comes at all."""
        watch, graph, fold = self.watch, self.watch.graph, self.fold
        valid = last = self.valid
        if fold.beats > 1:
            width = (fold.beats - 1).bit_length()
            beat = watch.register(width)
            ends = equals(graph, beat, constant(fold.beats - 1, width))
            onwards = pick(graph, ends, constant(0, width), graph.add(beat, [TRUE], width))
            watch.follow(beat, pick(graph, valid, onwards, beat))
            last = graph.both(valid, ends)
        elif fold.cycles > 1:
            width = (fold.cycles - 1).bit_length()
            since = watch.register(width, start=fold.cycles - 1)
            rested = equals(graph, since, constant(fold.cycles - 1, width))
            valid = last = graph.both(valid, rested)
            watch.follow(since, pick(graph, valid, constant(0, width), counted(graph, since, fold.cycles - 1)))
        late = watch.register(fold.latency_cycles)
        watch.follow(late, [last, *late[:-1]])
        (valid_out,) = self.clocked.port("valid_out")
        control = [
            literal
            for literal in self.clocked.values(self.clocked.circuit.registers)
            if self.clocked.after_reset(literal >> 1) is not None
        ]
        whole = watch.automaton([valid_out, *control])
        assumed = {**self.still, self.valid >> 1: valid}
        following = substituted(graph, whole.following, assumed)
        on_time = graph.unequal(valid_out, late[-1]) ^ 1
        used = {literal >> 1 for literal in whole.states}
        inputs = [2 * node for node in graph.variables([*following, on_time, last, valid]) if node not in used]
        automaton = Automaton(graph, whole.states, following, whole.start, inputs, whole.names)
        self._settle(automaton, on_time)
        bits = [bit for bit in self.clocked.circuit.registers if self.clocked.values([bit])[0] in control]
        prove_control(self.clocked.circuit, bits, self.prover)
        return automaton, last, valid

    def _settle(self, automaton: Automaton, on_time: int) -> None:
        fold, started = self.fold, time.monotonic()
        found = explore(automaton, {"valid_out comes when it should": on_time}, self.prover.limit_seconds)
        come = f"in {fold.beats} beats with any gaps" if fold.beats > 1 else f"{fold.cycles} edges apart or more"
        late = f"exactly {fold.latency_cycles} edges behind each one's last beat"
        statement = f"of samples that come {come}, valid_out is 1 {late}"
        write_down(self.core, statement, found, self.prover, time.monotonic() - started)
        if not found.holds:
            raise NotProvenError("the control of the fold is not proven")
        self.reached = found.states

    def _window(self, automaton: Automaton, last: int, valid: int) -> list[dict[int, int]]:
        """For each time of the window, the bits of control that are the same whatever came and comes."""
        read = [*automaton.states, valid]
        nodes = [*(literal >> 1 for literal in automaton.states), self.valid >> 1]
        known = []
        states, seen = image(automaton, self.reached, last, read)
        if self.fold.beats == 1:
            known.append(self._constants(nodes, seen))
        for _ in range(self.fold.latency_cycles):
            following, seen = image(automaton, states, TRUE, read)
            known.append(self._constants(nodes, seen))
            states = following
        return known

    def _constants(self, nodes: list[int], seen: list[set[int]]) -> dict[int, int]:
        found = {node: values.copy().pop() for node, values in zip(nodes, seen, strict=True) if len(values) == 1}
        return {**found, **self.still}

    def _sample(self) -> dict[int, int]:
        """Which bit of the sample each variable holds at the start of the window."""
        fold, port = self.fold, self.clocked.inputs[self.fold.port]
        if fold.beats == 1:
            if len(port) != fold.sample_width:
                raise NotProvenError(f"{self.core}.{fold.port} has {len(port)} bits, not {fold.sample_width}")
            return {literal >> 1: bit for bit, literal in enumerate(port)}
        if len(port) != -(-fold.sample_width // fold.beats):
            raise NotProvenError(f"{self.core}.{fold.port} has {len(port)} bits for {fold.beats} beats of a sample")
        started = time.monotonic()
        at = {literal: bit for bit, literal in enumerate(port)}
        found: dict[int, int] = {}
        for node, place in places(self.clocked, self.valid, self.still).items():
            if place.source in at and place.steps < fold.beats:
                bit = (fold.beats - 1 - place.steps) * len(port) + at[place.source]
                if bit < fold.sample_width:
                    found[node] = bit
        wrong = "" if set(found.values()) == set(range(fold.sample_width)) else "some bit of a sample is not kept"
        statement = f"keeps the {fold.beats} beats of a sample, each bit in a place of its own"
        self.prover.traced(self.core, statement, wrong, started)
        return found
