"""Sources and takers for designs in ``Simulation``: every lane is a source and a taker with stalls of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.rtl import Concat, Constant, Expression, Module, Slice, modules_below
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples

Array = npt.NDArray[Any]
Outputs = dict[str, Array]


def check_well_formed(top: Module) -> None:
    """Every module has a name of its own, and in it every vector is driven once and read in its own width."""
    modules = list(modules_below(top))
    assert len({module.name for module in modules}) == len(modules)
    for module in modules:
        if module.body is not None:
            continue
        driven = [port.name for port in module.input_ports] + [register.name for register in module.registers]
        driven += [wire.name for wire in module.wires]
        widths = {port.name: port.width for port in module.ports}
        widths |= {register.name: register.width for register in module.registers}
        widths |= {wire.name: wire.width for wire in module.wires}
        assert len(driven) == len(set(driven)), module.name
        values: list[tuple[Expression, int]] = []
        wires = [wire for instance in module.instances for _, wire in instance.outputs]
        assert sorted(wires) == sorted(wire.name for wire in module.wires if wire.value is None), module.name
        values += [(wire.value, wire.width) for wire in module.wires if wire.value is not None]
        for register in module.registers:
            values.append((register.next, register.width))
            values += [(register.enable, 1)] if register.enable is not None else []
        for instance in module.instances:
            inner = {port.name: port for port in instance.module.ports}
            connected = [name for name, _ in (*instance.inputs, *instance.outputs)]
            assert sorted(connected) == sorted(inner), f"{module.name}.{instance.name}"
            assert all(not inner[name].is_input for name, _ in instance.outputs)
            assert all(widths[wire] == inner[name].width for name, wire in instance.outputs)
            values += [(value, inner[name].width) for name, value in instance.inputs if inner[name].is_input]
        outputs = dict(module.outputs)
        assert list(outputs) == list(dict.fromkeys(outputs)) and set(outputs) == {p.name for p in module.output_ports}
        values += [(value, widths[name]) for name, value in outputs.items()]
        names = set(driven)
        for value, width in values:
            assert value.width == width, module.name
            for part in _slices(value):
                assert part.name in names and part.of == widths[part.name], f"{module.name}: {part.name}"


def _slices(value: Expression) -> Iterator[Slice]:
    if isinstance(value, Slice):
        yield value
    elif not isinstance(value, Constant):
        for part in value.parts if isinstance(value, Concat) else value.operands:
            yield from _slices(part)


def port_bits(netlist: Netlist, samples: Samples) -> Array:
    """uint8 (width, n): the samples as they stand at the port ``x`` or ``bits``."""
    width = netlist.encoder.input_bits if samples.kind is InputKind.X and netlist.encoder is not None else 1
    shifts = np.arange(width, dtype=np.uint16)
    bits = samples.values.astype(np.uint16)[:, :, None] >> shifts & 1
    return bits.reshape(len(samples), -1).T.astype(np.uint8)


def in_beats(bits: Array, num_beats: int) -> Array:
    """uint8 (num_beats, beat width, n): the bits as ``num_beats`` beats, the lowest first, filled up with ones."""
    width = -(-len(bits) // num_beats)
    filled = np.concatenate([bits, np.ones((num_beats * width - len(bits), bits.shape[1]), np.uint8)])
    return filled.reshape(num_beats, width, -1)


def expected_rows(netlist: Netlist, samples: Samples) -> Array:
    """int64 (n, 1 + classes): the class and the scores."""
    expected = evaluate(netlist, samples)
    return np.concatenate([expected.class_ids[:, None], expected.scores], axis=1)


def numbers(bits: Array, *, signed: bool = False) -> Array:
    """int64 (lanes,): the values of vectors (width, lanes)."""
    values: Array = np.left_shift(1, np.arange(len(bits), dtype=np.int64)) @ bits.astype(np.int64)
    return values - (bits[-1].astype(np.int64) << len(bits)) if signed else values


def results(netlist: Netlist, outputs: Outputs) -> Array:
    """int64 (lanes, 1 + classes): the class and the scores that the ports show."""
    scores = outputs["scores"].reshape(netlist.head.num_classes, netlist.score_width, -1)
    columns = [numbers(outputs["class_id"])] + [numbers(score, signed=netlist.score_signed) for score in scores]
    return np.stack(columns, axis=1)


@dataclass
class Traffic:
    """What a run of a design in many lanes took and gave."""

    sent: list[list[int]]  # of each lane, the items that were taken, in order
    received: list[list[Any]]  # of each lane, what came out, in order


def run_handshakes(
    top: Module,
    items: Callable[[Array], dict[str, Array]],
    names: "Names",
    pace: "Pace",
) -> Traffic:
    """Drives ``top``: lane l offers items 0, 1, 2, … (``items`` gives the ports of each lane's item) with pauses.

    Other inputs stay 0. The rules of a handshake are checked on the way: no output depends on what the taker says in
    the same cycle, and what waits for a taker stays as it is.
    """
    check_well_formed(top)
    rng = np.random.default_rng(pace.seed)
    simulation = Simulation(top, pace.lanes, seed=pace.seed)
    position = np.zeros(pace.lanes, dtype=np.int64)
    traffic = Traffic([[] for _ in range(pace.lanes)], [[] for _ in range(pace.lanes)])
    waiting: Array | None = None
    shown: Outputs = {}
    eager, willing = rng.choice([0.1, 0.5, 0.9, 1.0], (2, pace.lanes))
    eager[0], willing[0] = 1.0, 1.0
    for cycle in range(-1, pace.cycles + pace.drain):
        reset = cycle == -1
        offers = (rng.random(pace.lanes) < eager) & (cycle < pace.cycles)
        takes = (rng.random(pace.lanes) < willing) | (cycle >= pace.cycles)
        inputs = {port.name: np.zeros((port.width, pace.lanes), np.uint8) for port in top.input_ports}
        inputs |= {name: np.where(offers, value, 1 - value) for name, value in items(position).items()}
        inputs[names.offers] = offers[None].astype(np.uint8)
        inputs[names.takes] = takes[None].astype(np.uint8)
        if reset:
            simulation.edge(inputs, reset=True)
            continue
        outputs = simulation.outputs(inputs)
        if cycle % 7 == 0:
            other = simulation.outputs({**inputs, names.takes: 1 - inputs[names.takes]})
            assert all(np.array_equal(outputs[name], other[name]) for name in outputs)
        given = outputs[names.given][0] == 1
        if waiting is not None:
            assert given[waiting].all()
            assert all(np.array_equal(outputs[name][:, waiting], shown[name][:, waiting]) for name in names.payload)
        waiting, shown = given & ~takes, outputs
        taken = offers & (outputs[names.taken][0] == 1)
        for lane in np.flatnonzero(taken):
            traffic.sent[lane].append(int(position[lane]))
        payload = names.read(outputs)
        for lane in np.flatnonzero(given & takes):
            traffic.received[lane].append(payload[lane])
        position += taken
        simulation.edge(inputs)
    return traffic


@dataclass(frozen=True)
class Names:
    """The ports of the two handshakes, and how a result is read from the outputs: one row a lane."""

    offers: str
    taken: str
    given: str
    takes: str
    payload: tuple[str, ...]
    read: Callable[[Outputs], Array]


@dataclass(frozen=True)
class Pace:
    """For how long things are offered, and how long the takers then go on taking."""

    lanes: int
    cycles: int
    drain: int
    seed: int
