"""A design as hardware in this process: its modules as Elaboratables, put together without any text."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Elaboratable
from amaranth.hdl import Module as AmaranthModule

from bitlogic.export.hardware.rtl import Comparators, Instance, Luts, Module, Register, Rom
from bitlogic.export.targets import amaranth_parts as parts
from bitlogic.export.targets.amaranth_express import Operand
from bitlogic.export.targets.amaranth_plan import Plan
from bitlogic.export.targets.amaranth_walk import walk


class LiveModule(Elaboratable):  # type: ignore[misc]  # amaranth has no types
    """A module with its ports as signals, by name in ``ports``."""

    def __init__(self, module: Module, plan: Plan) -> None:
        self.module, self.plan = module, plan
        self.ports = {port.name: parts.vector(port.width, port.name) for port in module.ports}

    def elaborate(self, platform: Any) -> AmaranthModule:
        m = AmaranthModule()
        body, inputs = self.module.body, {port.name: self.ports[port.name] for port in self.module.input_ports}
        if body is None:
            place(
                m,
                self.module,
                inputs,
                {port.name: self.ports[port.name] for port in self.module.output_ports},
                self.plan,
            )
        else:
            _place_body(m, body, self.module, self.ports)
        return m


def place(
    m: AmaranthModule, module: Module, inputs: Mapping[str, Operand], outputs: Mapping[str, Operand], plan: Plan
) -> None:
    """Puts the inside of a module without a body into ``m``, between these Values and signals."""
    luts = None
    if plan.has_luts(module):
        m.submodules.luts = luts = parts.Luts()
    site = _Site(m, plan, luts)
    values = walk(module, inputs, site, plan)
    for name, target in outputs.items():
        m.d.comb += target.eq(values[name] if isinstance(target, parts.Words) else parts.flat(values[name]))


def luts_of(body: Luts) -> list[tuple[int, ...]]:
    """The table and the pins of each LUT, as ``look_up`` takes them."""
    return [(table, *pins) for table, pins in zip(body.tables.tolist(), body.pins.tolist(), strict=True)]


def comparators_of(body: Comparators) -> list[tuple[int, int]]:
    """The lowest bit and the threshold of each comparator, as ``compare`` takes them."""
    return list(zip(body.lows.tolist(), body.thresholds.tolist(), strict=True))


def _place_body(m: AmaranthModule, body: Luts | Comparators | Rom, module: Module, ports: dict[str, Operand]) -> None:
    if isinstance(body, Luts):
        parts.look_up(m, ports["o"], ports.get("i"), luts_of(body))
    elif isinstance(body, Comparators):
        parts.compare(m, ports["o"], ports["i"], body.value_width, comparators_of(body))
    else:
        (output,) = module.output_ports
        parts.read_only(m, ports[output.name], ports["i"], list(body.words), ports.get("enable", 1))


class _Site:
    """One Amaranth module, as ``walk`` fills it."""

    constant, join, flat, mux = (staticmethod(part) for part in (parts.constant, parts.join, parts.flat, parts.mux))

    def __init__(self, m: AmaranthModule, plan: Plan, luts: parts.Luts | None) -> None:
        self.m, self.plan, self.luts = m, plan, luts

    def signal(self, name: str, width: int) -> Operand:
        return parts.vector(width, name)

    def register(self, register: Register) -> Operand:
        if register.reset is None:
            return parts.vector(register.width, register.name, reset_less=True)
        return parts.vector(register.width, register.name, init=register.reset)

    def submodule(self, instance: Instance) -> Operand:
        self.m.submodules[instance.name] = made = LiveModule(instance.module, self.plan)
        return made

    def output(self, submodule: Operand, port: str, wire: str) -> Operand:
        return submodule.ports[port]

    def input(self, submodule: Operand, port: str) -> Operand:
        return submodule.ports[port]

    def call(self, instance: Instance, arguments: list[Operand], labels: list[str]) -> list[Operand]:
        names = [port.name for port in instance.module.input_ports]
        values = walk(instance.module, dict(zip(names, arguments, strict=True)), self, self.plan)
        return [values[port.name] for port in instance.module.output_ports]

    def bits(self, value: Operand) -> Operand:
        return value if isinstance(value, list) else parts.bits(value)

    def lut(self, table: int, pins: list[Operand]) -> Operand:
        if self.luts is None:
            raise ValueError("a small LUT in a module that the plan says has none")
        return self.luts.add(table, *pins)

    def comb(self, target: Operand, value: Operand) -> None:
        self.m.d.comb += target.eq(value)

    def sync(self, target: Operand, value: Operand, enable: Operand | None) -> None:
        if enable is None:
            self.m.d.sync += target.eq(value)
        else:
            with self.m.If(enable):
                self.m.d.sync += target.eq(value)
