"""Shift registers: which bits of them hold what came in how many shifts ago, found by following the wires."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitlogic.export.formal.clocked import Clocked, substituted
from bitlogic.export.formal.graph import FALSE, TRUE

_MOST = 1 << 16  # steps along a chain


@dataclass(frozen=True)
class Place:
    """What a bit holds: ``source`` as it was read at the ``steps``-th shift before the last (0: at the last)."""

    steps: int
    source: int  # a literal that no bit of the chain is


def places(clocked: Clocked, shift: int, assumed: Mapping[int, int]) -> dict[int, Place]:
    """By their nodes, the registers that take another bit where the variable ``shift`` is 1 and else keep theirs.

    ``assumed`` gives variables (nodes) their values: ``enable`` 1, ``rst`` 0 and so on.
    """
    graph = clocked.graph
    before: dict[int, int] = {}
    for bit in clocked.circuit.registers:
        (literal,) = clocked.values([bit])
        following = clocked.next(literal >> 1)
        (kept,) = substituted(graph, [following], {**assumed, shift >> 1: FALSE})
        if kept != literal:
            continue
        (moved,) = substituted(graph, [following], {**assumed, shift >> 1: TRUE})
        if moved != literal:
            before[literal >> 1] = moved
    found: dict[int, Place] = {}
    for node in before:
        path = [node]
        while path[-1] not in found:
            source = before[path[-1]]
            if source & 1 or source >> 1 not in before or len(path) > _MOST:
                found[path[-1]] = Place(0, source)
                break
            path.append(source >> 1)
        for step, inner in enumerate(reversed(path[:-1]), 1):
            end = found[path[-1]]
            found[inner] = Place(end.steps + step, end.source)
    return found
