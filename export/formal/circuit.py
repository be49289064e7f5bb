"""A module as Yosys gives it: what drives each bit, by an AND, an inverter, a table, a register or an instance."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitlogic.errors import TargetError
from bitlogic.export.formal.yosys import AigerModule, ReadDesign

Bit = int  # 0 and 1 are the constants, UNKNOWN is an x or z, the others are numbers of the module's own
UNKNOWN = -1
_CONSTANTS = {"0": 0, "1": 1, "x": UNKNOWN, "z": UNKNOWN}
_INVISIBLE = ("$scopeinfo",)
_SYMBOL = re.compile(rb"^([io])(\d+) (.+?)(?:\[(\d+)\])?$", flags=re.MULTILINE)  # kind, place, port, bit


class GateLoopError(TargetError):
    """Gates of a module that read one another in a circle."""


@dataclass(frozen=True)
class Register:
    """One bit of a register."""

    next: Bit
    clock: Bit
    name: str  # of the cell


@dataclass(frozen=True)
class Instance:
    """A module inside a module; the bits at each port, the lowest first."""

    name: str
    module: str
    connections: Mapping[str, tuple[Bit, ...]]


@dataclass(frozen=True, eq=False)
class Circuit:
    """One module. A bit that nothing drives is in none of the dicts."""

    name: str
    inputs: dict[str, tuple[Bit, ...]]
    outputs: dict[str, tuple[Bit, ...]]
    ands: dict[Bit, tuple[Bit, Bit]] = field(default_factory=dict)
    inverters: dict[Bit, Bit] = field(default_factory=dict)
    tables: dict[Bit, tuple[int, tuple[Bit, ...]]] = field(default_factory=dict)  # a table and its pins, pin 0 lowest
    registers: dict[Bit, Register] = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    names: dict[str, Bit] = field(default_factory=dict)  # what the text calls them: vector[bit]; of small modules only

    def operands(self, bit: Bit) -> tuple[Bit, ...]:
        """The bits that a gate or table reads; none for anything else."""
        if bit in self.ands:
            return self.ands[bit]
        if bit in self.inverters:
            return (self.inverters[bit],)
        return self.tables[bit][1] if bit in self.tables else ()

    def in_order(self, root: Bit, known: Container[Bit]) -> Iterator[Bit]:
        """``root`` and all that it depends on, each behind its operands, without what is ``known`` and without x.

        Whoever takes a bit makes it known before the next one. GateLoopError where there is no such order.
        """
        todo, begun = [root], set[Bit]()
        while todo:
            bit = todo[-1]
            if bit in known or bit == UNKNOWN:
                todo.pop()
                continue
            missing = [operand for operand in self.operands(bit) if operand not in known and operand != UNKNOWN]
            if not missing:
                yield bit
                todo.pop()
                continue
            if bit in begun:
                raise GateLoopError(f"{self.name} has a loop of gates")
            begun.add(bit)
            todo += missing


def circuits(design: ReadDesign) -> dict[str, Circuit]:
    """The modules by name; those of a cell library (blackbox, whitebox) are left out.

    Raises:
        TargetError: A cell that is neither gate, register nor module, such as a latch.
    """
    found: dict[str, Circuit] = {}
    for name, module in design.modules.items():
        if isinstance(module, AigerModule):
            found[name] = _from_aiger(name, module)
        elif not {"blackbox", "whitebox"} & set(module["attributes"]):
            found[name] = _from_json(name, module, design)
    return found


def inside_first(found: Mapping[str, Circuit]) -> Iterator[Circuit]:
    """Every module once, those inside before those around them; TargetError for one that is not there."""
    done: set[str] = set()
    for root in found:
        todo = [(root, False)]
        while todo:
            name, ready = todo.pop()
            if name in done:
                continue
            if ready:
                done.add(name)
                yield found[name]
                continue
            todo.append((name, True))
            for instance in found[name].instances:
                if instance.module not in found:
                    raise TargetError(f"{name} has an instance of {instance.module}, which nothing describes")
                todo.append((instance.module, False))


def _from_json(name: str, module: dict[str, Any], design: ReadDesign) -> Circuit:
    ports = {"input": {}, "output": {}}  # type: dict[str, dict[str, tuple[Bit, ...]]]
    for port, row in module["ports"].items():
        if row["direction"] not in ports:
            raise TargetError(f"{name} has the port {port} of both directions")
        ports[row["direction"]][port] = _bits(row["bits"])
    ands: dict[Bit, tuple[Bit, Bit]] = {}
    inverters: dict[Bit, Bit] = {}
    tables: dict[Bit, tuple[int, tuple[Bit, ...]]] = {}
    registers: dict[Bit, Register] = {}
    instances = []
    driven: set[Bit] = {bit for bits in ports["input"].values() for bit in bits}
    for cell, row in module["cells"].items():
        kind = row["type"]
        for bit in _driven_by(kind, row, design):
            if bit in driven or bit in (0, 1):
                raise TargetError(f"{name}: {cell} drives a bit that is driven already")
            driven.add(bit)
        connections = {port: _bits(bits) for port, bits in row["connections"].items()}
        if kind == "$_AND_":
            ands[connections["Y"][0]] = connections["A"][0], connections["B"][0]
        elif kind == "$_NOT_":
            inverters[connections["Y"][0]] = connections["A"][0]
        elif kind == "$lut":
            tables[connections["Y"][0]] = int(row["parameters"]["LUT"], 2), connections["A"]
        elif kind == "$dff":
            if int(row["parameters"]["CLK_POLARITY"], 2) != 1:
                raise TargetError(f"{name}: register {cell} takes the falling edge of its clock")
            for bit, value in zip(connections["Q"], connections["D"], strict=True):
                registers[bit] = Register(value, connections["CLK"][0], cell)
        elif kind in design.modules:
            instances.append(Instance(cell, kind, connections))
        elif kind not in _INVISIBLE:
            raise TargetError(f"{name}: {cell} is a {kind}, which the proof does not know")
    return Circuit(
        name, ports["input"], ports["output"], ands, inverters, tables, registers, tuple(instances), _names(module)
    )


def _names(module: dict[str, Any]) -> dict[str, Bit]:
    return {
        f"{name}[{place}]": bit
        for name, row in module.get("netnames", {}).items()
        if not int(row.get("hide_name", 0))
        for place, bit in enumerate(_bits(row["bits"]))
    }


def _driven_by(kind: str, row: dict[str, Any], design: ReadDesign) -> list[Bit]:
    """The bits that a cell drives."""
    if kind.startswith("$"):
        return [bit for port in ("Y", "Q") for bit in _bits(row["connections"].get(port, []))]
    module = design.modules.get(kind)
    if module is None:
        return []
    outputs = _output_ports(module)
    return [bit for port in outputs for bit in _bits(row["connections"].get(port, [])) if bit != UNKNOWN]


def _output_ports(module: dict[str, Any] | AigerModule) -> set[str]:
    if isinstance(module, AigerModule):
        return {port.decode() for kind, _, port, _ in _SYMBOL.findall(module.aiger) if kind == b"o"}
    return {port for port, row in module["ports"].items() if row["direction"] == "output"}


def _bits(bits: list[int | str]) -> tuple[Bit, ...]:
    """Yosys numbers bits from 2 on."""
    return tuple(bit if isinstance(bit, int) else _CONSTANTS[bit] for bit in bits)


def _from_aiger(name: str, module: AigerModule) -> Circuit:
    """Bits are AIGER's literals, but for the odd ones, which are inverters."""
    header, _, rest = module.aiger.partition(b"\n")
    _, num_inputs, num_latches, num_outputs, num_ands = (int(word) for word in header.split()[1:6])
    if num_latches:
        raise TargetError(f"{name} came as AIGER with latches")
    size = num_inputs + num_outputs + 3 * num_ands
    *words, symbols = rest.split(None, size)
    numbers = np.array(words, dtype=np.int64)
    inputs, outputs = numbers[:num_inputs].tolist(), numbers[num_inputs : num_inputs + num_outputs].tolist()
    rows = numbers[num_inputs + num_outputs :].reshape(-1, 3)
    ports: dict[bytes, dict[str, dict[int, Bit]]] = {b"i": {}, b"o": {}}
    for kind, place, port, bit in _SYMBOL.findall(symbols.partition(b"\nc\n")[0]):
        value = (inputs if kind == b"i" else outputs)[int(place)]
        ports[kind].setdefault(port.decode(), {})[int(bit or 0)] = value
    used = np.concatenate([rows[:, 1:].ravel(), np.asarray(outputs, dtype=np.int64)])
    odd = np.unique(used[(used & 1 == 1) & (used > 1)]).tolist()
    ands = {left: (a, b) for left, a, b in rows.tolist()}
    return Circuit(name, _words(ports[b"i"]), _words(ports[b"o"]), ands, {literal: literal ^ 1 for literal in odd})


def _words(ports: dict[str, dict[int, Bit]]) -> dict[str, tuple[Bit, ...]]:
    """Ports as vectors from bit 0 on."""
    return {port: tuple(bits[place] for place in range(len(bits))) for port, bits in ports.items()}
