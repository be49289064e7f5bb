"""The bench that runs inside the simulator: drives the samples, reads scores and classes from the ports.

It is imported by cocotb in the simulator's process. The folder named by BITLOGIC_BENCH_FOLDER holds ``plan.json`` and
``inputs.npy``; ``scores.npy`` and ``class_ids.npy`` are written to it, or ``problem.txt``.
"""

import json
import os
import random
from collections import deque
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

_FOLDER = Path(os.environ["BITLOGIC_BENCH_FOLDER"])
_PLAN = json.loads((_FOLDER / "plan.json").read_text())
_PORTS = _PLAN["ports"]
_INPUTS = np.load(_FOLDER / "inputs.npy")
_HALF_PERIOD_NS = 5
_PAUSE = 0.25  # share of cycles without an input
_TIME_LIMIT_NS = 20 * _HALF_PERIOD_NS * (len(_INPUTS) + _PORTS["latency_cycles"] + 100)


class DesignError(Exception):
    """The design does not behave; the message is for the user."""


@cocotb.test(timeout_time=_TIME_LIMIT_NS, timeout_unit="ns")  # type: ignore[untyped-decorator]  # cocotb is not followed
async def bench(dut: Any) -> None:
    outputs = Outputs(dut)
    try:
        await (stream(dut, outputs) if _PORTS["latency_cycles"] else settle(dut, outputs))
    except DesignError as problem:
        (_FOLDER / "problem.txt").write_text(str(problem))
        raise
    outputs.save()


async def settle(dut: Any, outputs: "Outputs") -> None:
    """A combinational design: set the input, let it settle, read."""
    for sample in range(len(_INPUTS)):
        getattr(dut, _PORTS["input"]).value = port_value(sample)
        await Timer(1, "ns")
        outputs.read(sample)


async def stream(dut: Any, outputs: "Outputs") -> None:
    """A pipelined design: a reset, then an input in most cycles, and a reset in mid-stream.

    The inputs change half a period before the rising edge and the outputs are read there too. ``expected`` is what the
    design holds: the sample at its left end leaves with ``valid_out`` set. Samples that a reset clears are given again.
    Noise stands at the input while ``valid_in`` is 0.
    """
    latency = _PORTS["latency_cycles"]
    chance = random.Random(0)
    waiting = deque(range(len(_INPUTS)))
    expected: deque[int | None] = deque([None] * latency, maxlen=latency)
    reset_when = len(_INPUTS) // 2  # as soon as so few samples wait
    cycle = 0
    dut.clk.value = 0
    while waiting or any(sample is not None for sample in expected):
        reset = cycle < 2 or (len(waiting) <= reset_when and expected[0] is not None)
        if reset and cycle >= 2:
            reset_when = -1
        sample = waiting.popleft() if waiting and chance.random() >= _PAUSE else None
        dut.rst.value = int(reset)
        dut.valid_in.value = int(sample is not None)
        getattr(dut, _PORTS["input"]).value = noise(chance) if sample is None else port_value(sample)
        await edge(dut)
        expected.append(sample)
        if reset:
            waiting.extendleft(sorted((held for held in expected if held is not None), reverse=True))
            expected.extend([None] * latency)
        cycle += 1
        check_valid(dut, expected[0], cycle)
        if expected[0] is not None:
            outputs.read(expected[0])


async def edge(dut: Any) -> None:
    """From the middle of the low phase to the next one."""
    await Timer(_HALF_PERIOD_NS, "ns")
    dut.clk.value = 1
    await Timer(_HALF_PERIOD_NS, "ns")
    dut.clk.value = 0
    await Timer(1, "ns")


def check_valid(dut: Any, leaving: int | None, cycle: int) -> None:
    shown, latency = str(dut.valid_out.value), _PORTS["latency_cycles"]
    if shown != ("0" if leaving is None else "1"):
        due = "no sample" if leaving is None else f"sample {leaving}"
        raise DesignError(f"cycle {cycle}: valid_out reads {shown} where {due} is due (latency {latency} cycles)")


def port_value(sample: int) -> int:
    return int.from_bytes(_INPUTS[sample].tobytes(), "little")


def noise(chance: random.Random) -> int:
    """A random value of the input port."""
    return chance.getrandbits(_PORTS["num_elements"] * _PORTS["element_width"])


class Outputs:
    """The scores and classes as read, by sample."""

    def __init__(self, dut: Any) -> None:
        self._dut = dut
        self._width: int = _PORTS["score_width"]
        self._scores = np.zeros((len(_INPUTS), _PORTS["num_classes"]), dtype=np.int64)
        self._class_ids = np.zeros(len(_INPUTS), dtype=np.int64)

    def read(self, sample: int) -> None:
        scores = known(self._dut.scores, "scores", sample)
        mask, sign = (1 << self._width) - 1, (1 << self._width - 1) if _PORTS["score_signed"] else 0
        for number in range(_PORTS["num_classes"]):
            score = scores >> number * self._width & mask
            self._scores[sample, number] = (score ^ sign) - sign
        self._class_ids[sample] = known(self._dut.class_id, "class_id", sample)

    def save(self) -> None:
        np.save(_FOLDER / "scores.npy", self._scores)
        np.save(_FOLDER / "class_ids.npy", self._class_ids)


def known(port: Any, name: str, sample: int) -> int:
    """The unsigned value of a port; DesignError if one of its bits is X or Z."""
    shown = str(port.value)
    if set(shown) - {"0", "1"}:
        raise DesignError(f"sample {sample}: {name} reads {shown}")
    return int(shown, 2)
