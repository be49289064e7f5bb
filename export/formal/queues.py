"""A queue between two handshakes: what goes in comes out, once, in order, and waits as long as nobody takes it."""

import time
from collections.abc import Mapping

from bitlogic.export.formal.automaton import Exploration, explore
from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.clocked import Clocked, flattened
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.watch import Watch, constant, equals, implies, pick, write_down

PLACES = 2
PORTS = ({"valid_in", "data_in", "ready_out"}, {"ready_in", "valid_out", "data_out"})


def is_queue(circuit: Circuit) -> bool:
    """By its ports."""
    return PORTS[0] <= set(circuit.inputs) and PORTS[1] == set(circuit.outputs)


def prove_queue(name: str, modules: Mapping[str, Circuit], prover: Prover) -> bool:
    """Settles that a module is a first-in first-out queue.

    Every bit of the data is followed by itself, beside a queue of two places that is written down here; bits that are
    built alike are followed once.
    """
    started = time.monotonic()
    circuit = flattened(modules, name)
    known: dict[object, Exploration] = {}
    found: Exploration | None = None
    for bit in range(len(circuit.outputs["data_out"])):
        watch, properties = _watched(circuit, bit)
        automaton = watch.automaton([*properties.values()])
        key = watch.graph.signature([*properties.values(), *automaton.following])
        if key not in known:
            known[key] = explore(automaton, properties, prover.limit_seconds)
        found = known[key]
        if not found.holds:
            break
    if found is None:
        raise ValueError(f"{name} has no data")
    statement = (
        "what is taken in leaves once, in order; valid_out and data_out wait for ready_out; "
        "ready_in is 1 an edge after ready_out was"
    )
    write_down(name, statement, found, prover, time.monotonic() - started)
    return found.holds is True


def _watched(circuit: Circuit, bit: int) -> tuple[Watch, dict[str, int]]:
    watch = Watch(Clocked(circuit))
    clocked, graph = watch.clocked, watch.graph
    (valid_in,), (ready_out,) = clocked.inputs["valid_in"], clocked.inputs["ready_out"]
    (ready_in,), (valid_out,) = clocked.port("ready_in"), clocked.port("valid_out")
    data_in, data_out = clocked.inputs["data_in"][bit], clocked.port("data_out")[bit]
    count = watch.register(2)
    head, behind = watch.register()[0], watch.register()[0]
    none, one, two = (equals(graph, count, constant(number, 2)) for number in range(PLACES + 1))
    takes, leaves = graph.both(valid_in, ready_in), graph.both(none ^ 1, ready_out)
    fewer = pick(graph, one, constant(0, 2), pick(graph, two, constant(1, 2), count))
    left = pick(graph, leaves, fewer, count)
    watch.follow(count, pick(graph, takes, graph.add(left, constant(1, 2), 2), left))
    head_left = graph.choose(leaves, behind, head)
    empty_now = equals(graph, left, constant(0, 2))
    watch.follow([head], [graph.choose(graph.both(takes, empty_now), data_in, head_left)])
    watch.follow([behind], [graph.choose(graph.both(takes, empty_now ^ 1), data_in, behind)])
    asked = watch.before(ready_out)
    return watch, {
        "valid_out is 1 exactly while something is inside": graph.unequal(valid_out, none),
        f"data_out[{bit}] is the earliest inside": implies(graph, valid_out, graph.unequal(data_out, head) ^ 1),
        "ready_in is 0 while both places are taken": implies(graph, two, ready_in ^ 1),
        "ready_in is 1 an edge after ready_out was": implies(graph, asked, ready_in),
        "ready_in is 1 while nothing is inside": implies(graph, none, ready_in),
    }
