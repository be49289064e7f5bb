"""A clocked design, driven cycle by cycle with its handshakes checked; part of ``cocotb_bench``."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cocotb.triggers import Timer

from bitlogic.export.cocotb_pins import Pins, known
from bitlogic.export.cocotb_vectors import IN, OUT, PLAN, DesignError, Results

_HALF_PERIOD_NS = 5
_FEWEST = 32  # samples given to a clocked design; fewer vectors are given again and again
_LATENCY, _INTERVAL = PLAN["latency_cycles"], PLAN["interval_cycles"]
_ALONE = 3  # samples of which each comes out before the next goes in
_PATIENCE = 40 * (_LATENCY + _INTERVAL + IN["beats"] + OUT["beats"]) + 400  # cycles without any progress
_LONGEST = 40 * (_INTERVAL + IN["beats"] + OUT["beats"]) * (max(PLAN["num_samples"], _FEWEST) + 50)  # cycles of a run
_STANDS = _LATENCY + _INTERVAL + IN["beats"] + OUT["beats"] + 8  # cycles after which nothing inside moves on
_UNREAD = int(IN["unread"], 16)  # bits of a frame
TIME_LIMIT_NS = 2 * _HALF_PERIOD_NS * (_LONGEST + 100 * _PATIENCE)


@dataclass(frozen=True)
class Frame:
    """The beats of one sample, ``(data, last)``; of no sample where the design has to drop them."""

    sample: int | None
    beats: tuple[tuple[int, bool], ...]


@dataclass(frozen=True)
class Pace:
    """The share of cycles in which a beat is offered, and in which a result is taken."""

    send: float = 1.0
    take: float = 1.0


class Clocked:
    """A clocked design, cycle by cycle: what it was given and has not answered, and what it may show next.

    Everything changes in the low phase of the clock and is read just before the rising edge.
    """

    def __init__(self, dut: Any, inputs: Sequence[int], results: Results) -> None:
        self.inputs, self.results = inputs, results
        self.pins = Pins(dut)
        self.chance = random.Random(0)
        self.cycle = 0  # rising edges so far
        self.waiting: deque[Frame] = deque()
        self.sent = 0  # beats of the first of them that were accepted
        self.offered = False  # its next beat was shown and not accepted: it has to stay
        self.inside: deque[tuple[int, int]] = deque()  # (sample, cycle in which its last beat was accepted)
        self.beats: list[int] = []  # of the result that comes out
        self.held: str | None = None  # a beat that was shown and not taken: it has to stay

    async def run(self) -> None:
        """Power-up and reset, samples one by one, at full speed, with pauses and resets on the way, and bad frames."""
        order = [number % len(self.inputs) for number in range(max(len(self.inputs), _FEWEST))]
        await self.power_up()
        for sample in order[:_ALONE]:
            await self.give([self.frame(sample)], exact=True)
        await self.full_speed(order[_ALONE : len(order) // 4])
        if OUT["ready"]:
            await self.standstill(order)
        rest = [self.frame(sample) for sample in order[len(order) // 4 :]]
        third = len(rest) // 3
        await self.give(rest[:third], Pace(send=0.5, take=0.5), exact=PLAN["never_waits"], reset="in a frame")
        await self.give(rest[third : 2 * third], Pace(send=0.9, take=0.3), exact=PLAN["never_waits"])
        await self.give(rest[2 * third :], Pace(send=0.8, take=0.8), exact=PLAN["never_waits"], reset="in a result")
        if PLAN["error"]:
            await self.bad_frames(order)
        for _ in range(_LATENCY + 2 * _INTERVAL + OUT["beats"] + 8):  # a sample that was doubled comes out now
            await self.step(send=False, take=True)

    async def power_up(self) -> None:
        """Unknown inputs before the first reset, where the simulator knows such; one edge with ``rst`` is enough."""
        for _ in range(2):
            self.pins.unknown(self.chance)
            await self.edge()
        await self.reset()

    async def full_speed(self, order: Sequence[int]) -> None:
        """Samples back to back, all taken at once: no slower than promised, and without a buffer no faster."""
        accepted: list[int] = []
        await self.give([self.frame(sample) for sample in order], exact=not OUT["last"], accepted=accepted)
        spent, promised = accepted[-1] - accepted[0], (len(accepted) - 1) * _INTERVAL
        if spent > promised or (spent < promised and not OUT["last"]):
            raise DesignError(
                f"{len(order)} samples back to back took {spent} cycles from the first to the last; "
                f"{promised} are promised (interval {_INTERVAL} cycles)"
            )

    async def standstill(self, order: Sequence[int]) -> None:
        """Nothing is taken until nothing is accepted any more; then everything inside has to come out."""
        self.waiting.extend(self.frame(order[number % len(order)]) for number in range(4 * _LATENCY + 64))
        idle = 0
        while self.waiting and idle < _STANDS:
            before = len(self.waiting), self.sent
            await self.step(send=True, take=False)
            idle = idle + 1 if before == (len(self.waiting), self.sent) else 0
        while len(self.waiting) > int(self.sent > 0 or self.offered):  # a frame that was begun has to end
            self.waiting.pop()
        await self.give([])

    async def bad_frames(self, order: Sequence[int]) -> None:
        """Frames that end early or late between good ones; the flag rises, a reset clears it."""
        good, name = [self.frame(sample) for sample in order[:6]], PLAN["error"]
        beats = [data for data, _ in good[0].beats]
        bad = [_frame(None, [*beats, *beats[:extra]]) for extra in (1, len(beats))]
        if len(beats) > 1:
            bad += [_frame(None, beats[:1]), _frame(None, beats[:-1])]
        self.pins.expect_error("0", self.cycle, "before any frame of a wrong length")
        for number, frame in enumerate(bad):
            await self.give([frame, good[number]], Pace(send=0.7, take=0.7))
            self.pins.expect_error("1", self.cycle, f"after a frame of {len(frame.beats)} beats (right: {len(beats)})")
            await self.give([good[number + 1]])
            await self.reset()
            await self.step(send=False, take=True)
            self.pins.expect_error("0", self.cycle, f"after a reset ({name} has to fall)")

    async def give(
        self,
        frames: Sequence[Frame],
        pace: Pace = Pace(),
        *,
        exact: bool = False,
        reset: str = "",
        accepted: list[int] | None = None,
    ) -> None:
        """Sends the frames and waits for the results; ``exact``: each comes after exactly the latency."""
        self.waiting.extend(frames)
        sending, taking = bursts(self.chance, pace.send), bursts(self.chance, pace.take)
        progress, reset_when = self.cycle, len(self.waiting) * 2 // 3
        while self.waiting or self.inside:
            before = len(self.waiting), self.sent, len(self.inside), len(self.beats)
            if reset and len(self.waiting) <= reset_when and self.can_reset(reset):
                reset = ""
                await self.reset()
            await self.step(send=next(sending), take=next(taking), exact=exact)
            if accepted is not None and len(self.waiting) < before[0]:
                accepted.append(self.cycle)
            if before != (len(self.waiting), self.sent, len(self.inside), len(self.beats)):
                progress = self.cycle
            elif self.cycle - progress > _PATIENCE:
                raise DesignError(self.stuck(_PATIENCE))

    def can_reset(self, wanted: str) -> bool:
        """The moment to interrupt; where it does not come, the end of the samples is near enough."""
        if not self.waiting:
            return True
        if wanted == "in a frame":
            return bool(self.inside) and (self.sent > 0 or IN["beats"] == 1)
        return self.held is not None or bool(self.beats)

    def stuck(self, patience: int) -> str:
        if self.inside:
            return f"cycle {self.cycle}: sample {self.inside[0][0]} is lost: no result for {patience} cycles"
        return f"cycle {self.cycle}: no beat was accepted for {patience} cycles: {IN['ready']} stays 0"

    async def reset(self) -> None:
        """One edge with ``rst``, among inputs that must not count; the samples that it clears are given again."""
        self.pins.drive(noise(self.chance), last=self.chance.random() < 0.5, valid=True, take=True, reset=True)
        await self.edge()
        self.waiting.extendleft(self.frame(sample) for sample, _ in reversed(self.inside))
        self.inside.clear()
        self.beats.clear()
        self.sent, self.offered, self.held = 0, False, None

    async def step(self, *, send: bool, take: bool, exact: bool = False) -> None:
        """One cycle: a beat is shown if ``send``, or as it was shown before; what comes out is taken if ``take``."""
        valid = bool(self.waiting) and (send or self.offered)
        data, last = self.waiting[0].beats[self.sent] if valid else (noise(self.chance), self.chance.random() < 0.5)
        if OUT["ready"] and self.chance.random() < 0.1:
            await self.probe(data, last=last, valid=valid, take=take)
        self.pins.drive(data, last=last, valid=valid, take=take, reset=False)
        await Timer(_HALF_PERIOD_NS, "ns")
        accepts, shows = self.pins.handshakes(self.cycle)
        self.check_valid(shows, exact)
        if shows:
            self.receive(take or not OUT["ready"])
        elif self.held is not None:
            raise DesignError(f"cycle {self.cycle}: {OUT['valid']} fell before {OUT['ready']} was seen")
        if valid and accepts:
            self.accept()
        self.offered = valid and not accepts
        await self.edge(settled=True)

    async def probe(self, data: int, *, last: bool, valid: bool, take: bool) -> None:
        """No handshake output may follow a handshake input within the cycle."""
        seen = []
        for flip in (True, False):
            self.pins.drive(data, last=last, valid=valid != flip, take=take != flip, reset=False)
            await Timer(1, "ns")
            seen.append(self.pins.handshakes(self.cycle))
        if seen[0] != seen[1]:
            names = f"{IN['ready']} or {OUT['valid']} follows {IN['valid']} or {OUT['ready']}"
            raise DesignError(f"cycle {self.cycle}: {names} within the cycle")

    def check_valid(self, shows: bool, exact: bool) -> None:
        """A result is shown only for a sample that is inside, and where the latency is exact, when it is due."""
        if self.beats:
            return
        due = self.inside[0] if self.inside else None
        if exact and due is not None and self.cycle - due[1] != _LATENCY:
            late = self.cycle - due[1] > _LATENCY
            due = due if late else None
        elif not exact and not shows:
            return
        if shows != (due is not None):
            what = "no sample" if due is None else f"sample {due[0]}"
            raise DesignError(
                f"cycle {self.cycle}: {OUT['valid']} reads {int(shows)} where {what} is due (latency {_LATENCY} cycles)"
            )

    def receive(self, taken: bool) -> None:
        sample, shown = self.inside[0][0], self.pins.data()
        where = f"cycle {self.cycle}, sample {sample}"
        if self.held is not None and shown != self.held:
            raise DesignError(f"{where}: the result changed before {OUT['ready']} was seen")
        word = known(shown, f"sample {sample}")
        self.held = None if taken else shown
        if not taken:
            return
        ends = len(self.beats) + 1 == OUT["beats"]
        if OUT["last"] and self.pins.last() != str(int(ends)):
            raise DesignError(
                f"{where}: {OUT['last']} reads {self.pins.last()} at beat {len(self.beats) + 1} of {OUT['beats']}"
            )
        self.beats.append(word)
        if ends:
            self.inside.popleft()
            width = sum(width for _, width in OUT["data"])
            self.results.read(sample, sum(beat << place * width for place, beat in enumerate(self.beats)))
            self.beats.clear()

    def accept(self) -> None:
        self.sent += 1
        if self.sent == len(self.waiting[0].beats):
            sample = self.waiting.popleft().sample
            self.sent = 0
            if sample is not None:
                self.inside.append((sample, self.cycle))

    async def edge(self, *, settled: bool = False) -> None:
        if not settled:
            await Timer(_HALF_PERIOD_NS, "ns")
        self.pins.dut.clk.value = 1
        await Timer(_HALF_PERIOD_NS, "ns")
        self.pins.dut.clk.value = 0
        self.cycle += 1

    def frame(self, sample: int) -> Frame:
        """The sample cut into beats; noise stands in the bits that the design must not read."""
        width, count = IN["width"], IN["beats"]
        word = self.inputs[sample] | self.chance.getrandbits(width * count) & _UNREAD
        return _frame(sample, [word >> width * beat & (1 << width) - 1 for beat in range(count)])


def _frame(sample: int | None, beats: Sequence[int]) -> Frame:
    return Frame(sample, tuple((data, place + 1 == len(beats)) for place, data in enumerate(beats)))


def noise(chance: random.Random) -> int:
    """A random beat."""
    return chance.getrandbits(IN["width"])


def bursts(chance: random.Random, share: float) -> Iterator[bool]:
    """Without end, True in about this share of places, in runs of one to five."""
    while True:
        value = chance.random() < share
        for _ in range(chance.randint(1, 5)):
            yield value
