"""The bench that drives a component in Amaranth's simulator, whatever its interface.

Inputs that it does not drive, those of an AXI4-Lite register file, are 0: so Amaranth's signals begin.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bitlogic.errors import TargetError

_PAUSE = 0.25  # share of cycles without an input, and of cycles in which the taker of results waits
_PATIENCE = 64  # cycles without a beat, beyond those that the design itself needs


@dataclass(frozen=True)
class Bench:
    """``plan`` is ``testbench_ports.described``, ``signal`` finds what stands for a port, ``words`` are the samples."""

    plan: Mapping[str, Any]
    signal: Callable[[str], Any]
    words: list[int]

    def settle(self, results: list[int]) -> Callable[[Any], Any]:
        """For a combinational component: sets the input and reads."""

        async def bench(context: Any) -> None:
            data = self.signal(self.plan["input"]["data"])
            for word in self.words:
                context.set(data, word)
                results.append(self._shown(context))

        return bench

    def stream(self, results: list[int]) -> Callable[[Any], Any]:
        """For a clocked one: a sample alone, which shows the latency, then all others with pauses on both sides.

        TargetError where a result is early, late, one too many or missing, changes while it waits, or ends a frame at
        the wrong beat.
        """

        async def bench(context: Any) -> None:
            run = _Run(self, context, results)
            while run.unfinished():
                run.step()
                await context.tick()

        return bench

    def beats(self) -> Iterator[tuple[int, int, bool]]:
        """(sample, data, whether it is the sample's last beat)"""
        side, chance = self.plan["input"], random.Random(1)
        width, num, unread = side["width"], side["beats"], int(side["unread"], 16)
        for sample, word in enumerate(self.words):
            word |= chance.getrandbits(width * num) & unread
            for beat in range(num):
                yield sample, word >> beat * width & (1 << width) - 1, beat == num - 1

    def _shown(self, context: Any) -> int:
        """The output ports side by side."""
        value, low = 0, 0
        for name, width in self.plan["output"]["data"]:
            value |= context.get(self.signal(name)) << low
            low += width
        return value


class _Run:
    """What is on its way through a clocked component, cycle by cycle."""

    def __init__(self, bench: Bench, context: Any, results: list[int]) -> None:
        self.bench, self.context, self.results = bench, context, results
        self.input, self.output = bench.plan["input"], bench.plan["output"]
        self.chance = random.Random(0)
        self.beats = deque(bench.beats())
        self.offered = False
        self.cycle = self.quiet = 0
        self.due: deque[int] = deque()  # the cycles in which results are due, or from which on where somebody waits
        self.partial: list[int] = []  # the beats of the result that comes out
        self.waiting: tuple[int, ...] | None = None  # what was shown and not taken
        self.extra: int = bench.plan["latency_cycles"] + _PATIENCE  # cycles after the last result

    def unfinished(self) -> bool:
        if self.beats or len(self.results) < len(self.bench.words):
            return True
        self.extra -= 1
        return self.extra >= 0

    def step(self) -> None:
        """One cycle up to its edge."""
        alone = not self.results
        offers = self._offer(alone)
        takes = alone or self.chance.random() >= _PAUSE
        if self.output["ready"]:
            self._set(self.output["ready"], int(takes))
        takes = takes or not self.output["ready"]
        progress = self._take(takes)
        if offers and (not self.input["ready"] or self._get(self.input["ready"])):
            _, _, last = self.beats.popleft()
            if last:
                self.due.append(self.cycle + self.bench.plan["latency_cycles"])
            self.offered, progress = False, True
        self.cycle += 1
        self.quiet = 0 if progress else self.quiet + 1
        if self.quiet > self.bench.plan["latency_cycles"] + self.bench.plan["interval_cycles"] + _PATIENCE:
            if self.due or self.beats:
                raise TargetError(f"nothing moves since cycle {self.cycle - self.quiet}: {self._missing()}")

    def _missing(self) -> str:
        return f"{len(self.results)} of {len(self.bench.words)} results have come out"

    def _offer(self, alone: bool) -> bool:
        """Whether an input stands at the ports; what was offered stays until it is taken."""
        ready_to = bool(self.beats) and not (alone and self.beats[0][0] > 0)
        offers: bool = ready_to and (self.offered or alone or self.chance.random() >= _PAUSE)
        self.offered = offers
        data = self.beats[0][1] if offers else self.chance.getrandbits(self.input["width"])
        self._set(self.input["valid"], int(offers))
        self._set(self.input["data"], data)
        if self.input["last"]:
            self._set(self.input["last"], int(self.beats[0][2]) if offers else self.chance.getrandbits(1))
        return offers

    def _take(self, takes: bool) -> bool:
        """Reads the outputs; whether a beat was taken."""
        valid = bool(self._get(self.output["valid"]))
        punctual = self.bench.plan["never_waits"] or not self.results
        due = bool(self.due) and self.cycle >= self.due[0]
        if not self.partial and valid != due and (punctual or (valid and not due)):
            latency = self.bench.plan["latency_cycles"]
            raise TargetError(f"{self.output['valid']} is {int(valid)} in cycle {self.cycle}; latency {latency} cycles")
        if not valid:
            if self.waiting is not None:
                raise TargetError(f"a result was withdrawn in cycle {self.cycle} before it was taken")
            return False
        last = self._get(self.output["last"]) if self.output["last"] else 0
        shown = (self.bench._shown(self.context), last)
        if self.waiting not in (None, shown):
            raise TargetError(f"a result changed in cycle {self.cycle} before it was taken")
        self.waiting = None if takes else shown
        if takes:
            self._collect(*shown)
        return takes

    def _collect(self, data: int, last: int) -> None:
        self.partial.append(data)
        complete = len(self.partial) == self.output["beats"]
        if self.output["last"] and bool(last) != complete:
            raise TargetError(f"{self.output['last']} is {last} at beat {len(self.partial)} of a result")
        if complete:
            width = sum(width for _, width in self.output["data"])
            self.results.append(sum(beat << number * width for number, beat in enumerate(self.partial)))
            self.partial = []
            self.due.popleft()
            if self.bench.plan["error"] and self._get(self.bench.plan["error"]):
                raise TargetError(f"{self.bench.plan['error']} is 1 after {len(self.results)} results")

    def _get(self, name: str) -> int:
        return int(self.context.get(self.bench.signal(name)))

    def _set(self, name: str, value: int) -> None:
        self.context.set(self.bench.signal(name), value)
