"""What stands in a module in Amaranth, in which order: one walk, which a live design and a printer follow alike."""

from collections.abc import Mapping
from typing import Protocol

from bitlogic.export.hardware.rtl import Concat, Expression, Instance, Luts, Module, Operation, Register, Slice
from bitlogic.export.targets.amaranth_express import Operand, Parts, express
from bitlogic.export.targets.amaranth_plan import Plan, read_by_instances, reads


class Site(Parts, Protocol):
    """Where a module is put: a class of its own, or a function called from one."""

    def signal(self, name: str, width: int) -> Operand: ...
    def register(self, register: Register) -> Operand: ...
    def submodule(self, instance: Instance) -> Operand: ...  # by it the next two know the instance
    def output(self, submodule: Operand, port: str, wire: str) -> Operand: ...
    def input(self, submodule: Operand, port: str) -> Operand: ...
    def call(self, instance: Instance, arguments: list[Operand], labels: list[str]) -> list[Operand]: ...
    def bits(self, value: Operand) -> Operand: ...  # as a list
    def lut(self, table: int, pins: list[Operand]) -> Operand: ...
    def comb(self, target: Operand, value: Operand) -> None: ...
    def sync(self, target: Operand, value: Operand, enable: Operand | None) -> None: ...


def walk(module: Module, inputs: Mapping[str, Operand], site: Site, plan: Plan) -> dict[str, Operand]:
    """Puts everything inside the module on the site; returns the values of its output ports."""
    if isinstance(module.body, Luts):
        return {"o": site.join(*_small_luts(module.body, inputs, site))}
    names = dict(inputs)
    submodules = {}
    for instance in module.instances:
        if not plan.is_function(instance.module):
            submodules[instance.name] = made = site.submodule(instance)
            names |= {wire: site.output(made, port, wire) for port, wire in instance.outputs}
    for wire in module.wires:
        if wire.value is not None:
            names[wire.name] = site.signal(wire.name, wire.width)
    for register in module.registers:
        names[register.name] = site.register(register)
    _calls(module, names, site, plan)
    for wire in module.wires:
        if wire.value is not None:
            site.comb(names[wire.name], express(wire.value, names, site))
    for instance in module.instances:
        if instance.name in submodules:
            for port, value in instance.inputs:
                site.comb(site.input(submodules[instance.name], port), express(value, names, site))
    for register in module.registers:
        enable = None if register.enable is None else express(register.enable, names, site)
        site.sync(names[register.name], express(register.next, names, site), enable)
    return {port: express(value, names, site) for port, value in module.outputs}


def _small_luts(body: Luts, inputs: Mapping[str, Operand], site: Site) -> list[Operand]:
    values = []
    for table, pins in zip(body.tables.tolist(), body.pins.tolist(), strict=True):
        nets = [site.constant(pin, 1) if pin < 2 else inputs["i"][pin - 2] for pin in pins]
        values.append(site.lut(table, nets))
    return values


def _calls(module: Module, names: dict[str, Operand], site: Site, plan: Plan) -> None:
    """The instances that are functions.

    What they give is a signal only where it is read more than once: a function repeats the text of what it is given.
    """
    counts, widths = reads(module), {wire.name: wire.width for wire in module.wires}
    shared = {name for name in widths if counts[name] > 1} | read_by_instances(module)
    calls = [instance for instance in module.instances if plan.is_function(instance.module)]
    for instance in calls:
        for _, wire in instance.outputs:
            if wire in shared:
                names[wire] = site.signal(wire, widths[wire])
    for instance in calls:
        arguments = [_argument(instance, port.name, names, site, plan) for port in instance.module.input_ports]
        wires = [dict(instance.outputs)[port.name] for port in instance.module.output_ports]
        labels = [f"{wire}_value" if wire in shared else wire for wire in wires]
        for wire, value in zip(wires, site.call(instance, arguments, labels), strict=True):
            if wire in shared:
                site.comb(names[wire], value)
            else:
                names[wire] = value


def _argument(instance: Instance, port: str, names: Mapping[str, Operand], site: Site, plan: Plan) -> Operand:
    source = dict(instance.inputs)[port]
    if plan.takes_bits(instance.module, port):
        return _bits(source, names, site)
    value = express(source, names, site)
    if not isinstance(source, Concat | Operation):
        return value
    held = site.signal(f"{instance.name}_{port}", source.width)
    site.comb(held, value)
    return held


def _bits(source: Expression, names: Mapping[str, Operand], site: Site) -> Operand:
    """A list of bits; a slice of a list is one already."""
    if isinstance(source, Slice):
        listed = site.bits(names[source.name])
        return listed if source.whole else listed[source.low : source.low + source.width]
    return site.bits(express(source, names, site))
