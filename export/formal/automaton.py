"""All states that a small automaton reaches, tried one by one, and what holds in every one of them.

What is true in all reachable states is true for all time, whatever comes in: there is no bound on the cycles. Many
states are stepped at once, each with every input, as lanes of long integers.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.formal.graph import Graph

Array = npt.NDArray[Any]
MAX_STATES = 2_000_000
_MAX_BITS = 63  # of a state, which is a number
_MAX_START = 16  # bits of a state that may be anything at first
_MAX_INPUTS = 18
_LANES = 1 << 20  # stepped at once


@dataclass(frozen=True)
class Automaton:
    """Literals of one graph: every state bit is a variable; what is neither state nor input is not read."""

    graph: Graph
    states: Sequence[int]
    following: Sequence[int]  # what each state bit is next
    start: Sequence[int | None]  # None: 0 or 1
    inputs: Sequence[int]  # variables that may be anything at every edge
    names: Mapping[int, str] = field(default_factory=dict)  # of inputs, by their literals, for a counterexample


@dataclass(frozen=True)
class Exploration:
    """What was found: every property in all reachable states with all inputs, or the first that fails, and how."""

    holds: bool | None  # None: too many states, or out of time
    states: Array  # uint8 (n, bits): the states that are reached
    seconds: float
    wrong: str = ""  # the property that fails
    trace: tuple[str, ...] = ()  # the inputs that are 1, edge by edge, up to the failure
    reason: str = ""  # why there is no verdict


def explore(automaton: Automaton, properties: Mapping[str, int], limit_seconds: float) -> Exploration:
    """Tries all reachable states with all inputs against properties, literals that must be 1."""
    return _Explorer(automaton, properties).explore(limit_seconds)


def image(automaton: Automaton, states: Array, allowed: int, read: Sequence[int]) -> tuple[Array, list[set[int]]]:
    """From ``(n, bits)`` states and all inputs for which ``allowed`` is 1: the next states, and the values read."""
    explorer = _Explorer(automaton, {})
    following, seen = [], [set[int]() for _ in read]
    for low in range(0, len(states), explorer.chunk):
        part = states[low : low + explorer.chunk]
        kept, *values = explorer.evaluated(part, [allowed, *automaton.following, *read])
        lanes = np.flatnonzero(kept)
        count = len(automaton.following)
        following.append(np.stack([value[lanes] for value in values[:count]], axis=1))
        for place, value in enumerate(values[count:]):
            seen[place] |= set(np.unique(value[lanes]).tolist())
    return np.unique(np.concatenate(following), axis=0), seen


class _Explorer:
    def __init__(self, automaton: Automaton, properties: Mapping[str, int]) -> None:
        self.automaton, self.properties = automaton, properties
        self.num_bits, self.num_inputs = len(automaton.states), len(automaton.inputs)
        self.reason = ""
        if self.num_bits > _MAX_BITS:
            self.reason = f"{self.num_bits} bits of control; up to {_MAX_BITS} are explored"
        if self.num_inputs > _MAX_INPUTS:
            self.reason = f"{self.num_inputs} bits come in; up to {_MAX_INPUTS} are tried in all ways"
        if list(automaton.start).count(None) > _MAX_START:
            self.reason = f"{list(automaton.start).count(None)} bits of control may be anything after a reset"
        self.chunk = max(1, _LANES >> self.num_inputs)
        self.programs: dict[tuple[int, ...], list[tuple[int, int, int]]] = {}

    def explore(self, limit_seconds: float) -> Exploration:
        started = time.monotonic()
        none = np.zeros((0, self.num_bits), dtype=np.uint8)
        if self.reason:
            return Exploration(None, none, 0.0, reason=self.reason)
        wanted = [*self.properties.values(), *self.automaton.following]
        frontier = self._start()
        levels = [(frontier, np.zeros(0, np.int64), np.zeros(0, np.int64))]  # states, their parents, the inputs between
        seen = set(self._keys(frontier).tolist())
        while len(frontier):
            found: list[tuple[Array, Array, Array]] = []
            for low in range(0, len(frontier), self.chunk):
                values = self.evaluated(frontier[low : low + self.chunk], wanted)
                for name, holds in zip(self.properties, values, strict=False):
                    if not holds.all():
                        lane = int(np.argmin(holds))
                        trace = self._trace(levels, low + lane // (1 << self.num_inputs), lane % (1 << self.num_inputs))
                        elapsed = time.monotonic() - started
                        return Exploration(False, none, elapsed, name, trace)
                following = np.stack(values[len(self.properties) :], axis=1)
                keys, first = np.unique(self._keys(following), return_index=True)
                fresh = np.array([key not in seen for key in keys.tolist()], dtype=bool)
                seen.update(keys[fresh].tolist())
                lanes = first[fresh]
                parents = low + lanes // (1 << self.num_inputs)
                found.append((following[lanes], parents, lanes % (1 << self.num_inputs)))
            levels.append(tuple(np.concatenate(parts) for parts in zip(*found, strict=True)))  # type: ignore[arg-type]
            frontier = levels[-1][0]
            if len(seen) > MAX_STATES or time.monotonic() - started > limit_seconds:
                reason = f"not all states were reached within {limit_seconds:.0f} s and {MAX_STATES} states"
                return Exploration(None, none, time.monotonic() - started, reason=reason)
        reached = np.concatenate([level[0] for level in levels])
        return Exploration(True, reached, time.monotonic() - started)

    def evaluated(self, states: Array, literals: Sequence[int]) -> list[Array]:
        """uint8 for each literal: state by state, and for each all inputs."""
        ways = 1 << self.num_inputs
        lanes = len(states) * ways
        ones = (1 << lanes) - 1
        at = {0: 0}
        for place, literal in enumerate(self.automaton.states):
            at[literal >> 1] = _number(np.repeat(states[:, place], ways))
        numbers = np.arange(ways)
        for place, literal in enumerate(self.automaton.inputs):
            at[literal >> 1] = _number(np.tile(numbers >> place & 1, len(states)))
        for node, a, b in self._program(literals):
            left, right = at[a >> 1], at[b >> 1]
            at[node] = (left ^ ones if a & 1 else left) & (right ^ ones if b & 1 else right)
        return [_bits(at[literal >> 1] ^ (ones if literal & 1 else 0), lanes) for literal in literals]

    def _program(self, literals: Sequence[int]) -> list[tuple[int, int, int]]:
        """The gates behind the literals; ValueError for a variable that is neither state nor input."""
        key = tuple(literals)
        if key not in self.programs:
            known = {literal >> 1 for literal in (*self.automaton.states, *self.automaton.inputs)}
            graph, program = self.automaton.graph, []
            for node in graph.cone(literals):
                operands = graph.operands(node)
                if operands is not None:
                    program.append((node, *operands))
                elif node not in known:
                    raise ValueError(f"variable {node} is neither a state nor an input")
            self.programs[key] = program
        return self.programs[key]

    def _start(self) -> Array:
        rows = np.zeros((1, self.num_bits), dtype=np.uint8)
        for place, value in enumerate(self.automaton.start):
            if value is None:
                other = rows.copy()
                other[:, place] = 1
                rows = np.concatenate([rows, other])
            else:
                rows[:, place] = value
        return rows

    def _keys(self, states: Array) -> Array:
        keys: Array = states.astype(np.int64) @ np.left_shift(1, np.arange(self.num_bits, dtype=np.int64))
        return keys

    def _trace(self, levels: list[tuple[Array, Array, Array]], place: int, way: int) -> tuple[str, ...]:
        ways = [way]
        for _, parents, inputs in reversed(levels[1:]):
            ways.append(int(inputs[place]))
            place = int(parents[place])
        names = [self.automaton.names.get(literal, f"input {n}") for n, literal in enumerate(self.automaton.inputs)]
        return tuple(
            " ".join(name for place, name in enumerate(names) if way >> place & 1) or "nothing"
            for way in reversed(ways)
        )


def _number(bits: Array) -> int:
    return int.from_bytes(np.packbits(bits.astype(np.uint8), bitorder="little").tobytes(), "little")


def _bits(number: int, lanes: int) -> Array:
    content = np.frombuffer(number.to_bytes(-(-lanes // 8), "little"), dtype=np.uint8)
    return np.unpackbits(content, bitorder="little")[:lanes]
