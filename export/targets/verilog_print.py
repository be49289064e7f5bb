"""A design in register-transfer form as Verilog-2001 text, module by module, those inside before those around them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bitlogic.export.hardware.rtl import Comparators, Expression, Instance, Luts, Module, Port, Register, modules_below
from bitlogic.export.render import render
from bitlogic.export.targets.verilog_bodies import Style, comparators_module, luts_module, rom_module
from bitlogic.export.targets.verilog_gather import Gathers
from bitlogic.export.targets.verilog_primitives import (
    Primitives,
    generic_module,
    largest_rank,
    pins_read,
    primitives_module,
)
from bitlogic.export.targets.verilog_text import declared, expression_text, number


@dataclass(frozen=True)
class Printing:
    """How LUTs are written."""

    style: Style = Style.FUNCTION
    primitives: Primitives = Primitives.NONE
    prefix: str = "bitlogic_net"  # of the module that the generic primitive is
    where_they_fit: bool = False  # blocks with a LUT of more pins than the primitive has are written as expressions


def print_modules(top: Module, printing: Printing) -> Iterator[bytes]:
    """The text of ``top`` and of every module below it, each once."""
    names: set[str] = set()
    if printing.primitives is Primitives.GENERIC:
        yield generic_module(printing.prefix)
    for module in modules_below(top):
        if module.name in names:
            raise ValueError(f"two modules are named {module.name}")
        names.add(module.name)
        yield print_module(module, printing)


def print_module(module: Module, printing: Printing) -> bytes:
    """The text of one module."""
    ports = _ports(module)
    body = module.body
    if body is None:
        return _structure(module, ports, printing.style)
    if isinstance(body, Luts):
        fits = not printing.where_they_fit or pins_read(body) <= largest_rank(printing.primitives)
        if printing.primitives is Primitives.NONE or not fits:
            return luts_module(module, body, ports, printing.style)
        return primitives_module(module, body, ports, printing.primitives, printing.prefix)
    if isinstance(body, Comparators):
        return comparators_module(module, body, ports, printing.style)
    return rom_module(module, body, ports)


def _ports(module: Module) -> list[str]:
    """The lines of the port list: clock and reset first, each with its comma and its comment."""
    implied = [Port("clk", 1, True)] * module.has_clock + [Port("rst", 1, True, "synchronous")] * module.has_reset
    ports = [*implied, *module.ports]
    lines = []
    for place, port in enumerate(ports, 1):
        text = declared("input wire" if port.is_input else "output wire", port.name, port.width)
        comma = "," if place < len(ports) else ""
        comment = f"  // {port.comment}" if port.comment else ""
        lines.append(f"{text}{comma}{comment}")
    return lines


def _structure(module: Module, ports: list[str], style: Style) -> bytes:
    """Wires, registers and instances. Everything is declared before it is read, as `default_nettype none demands."""
    widths = {port.name: port.width for port in module.output_ports} | {wire.name: wire.width for wire in module.wires}
    assigned = [(wire.name, wire.value) for wire in module.wires if wire.value is not None]
    gathers = Gathers()
    text = gathers.text if style is Style.FUNCTION else expression_text
    instances = [
        (f"{instance.module.name} {instance.name}", _connections(instance, text)) for instance in module.instances
    ]
    assignments = [(name, _value(name, value, widths[name], text)) for name, value in [*assigned, *module.outputs]]
    declarations = [declared("wire", wire.name, wire.width) for wire in module.wires]
    declarations += [declared("reg", register.name, register.width) for register in module.registers]
    return render(
        "verilog_module.j2",
        module=module,
        ports=ports,
        declarations=declarations,
        functions=gathers.functions,
        instances=instances,
        assignments=assignments,
        plain=_without_reset(module.registers),
        cleared=[_with_reset(register) for register in module.registers if register.reset is not None],
    )


def _connections(instance: Instance, text: Callable[[Expression], str]) -> list[tuple[str, str]]:
    module = instance.module
    widths = {port.name: port.width for port in module.ports}
    given = {name: _value(f"{instance.name}.{name}", value, widths[name], text) for name, value in instance.inputs}
    given |= dict(instance.outputs)
    given |= {"clk": "clk"} if module.has_clock else {}
    given |= {"rst": "rst"} if module.has_reset else {}
    missing = [port.name for port in module.input_ports if port.name not in given]
    if missing:
        raise ValueError(f"nothing drives {', '.join(missing)} of {instance.name} ({module.name})")
    order = ["clk", "rst", *widths]
    return [(name, given[name]) for name in order if name in given]


def _without_reset(registers: tuple[Register, ...]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The registers by what enables them, the empty text for those that always go on."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for register in registers:
        if register.reset is None:
            condition = "" if register.enable is None else expression_text(register.enable)
            value = _value(register.name, register.next, register.width)
            groups.setdefault(condition, []).append((register.name, value))
    return list(groups.items())


def _with_reset(register: Register) -> tuple[str, str, str, str]:
    condition = "" if register.enable is None else f"if ({expression_text(register.enable)}) "
    value = _value(register.name, register.next, register.width)
    return register.name, number(register.reset or 0, register.width), condition, value


def _value(target: str, value: Expression, width: int, text: Callable[[Expression], str] = expression_text) -> str:
    """The text of what drives ``target``: in Verilog another width would be padded or cut in silence."""
    if value.width != width:
        raise ValueError(f"{target} has {width} bits and is driven by {value.width}")
    return text(value)
