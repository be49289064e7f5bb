"""A design in register-transfer form as VHDL-2008 text: entities with their architectures, those inside first."""

from collections.abc import Iterator
from typing import Any

from bitlogic.export.hardware.rtl import (
    Comparators,
    Expression,
    Instance,
    Luts,
    Module,
    Port,
    Register,
    Rom,
    join,
    modules_below,
)
from bitlogic.export.render import render
from bitlogic.export.targets.vhdl_bodies import comparators_module, luts_module, rom_module
from bitlogic.export.targets.vhdl_text import (
    MAX_PARTS,
    Expressions,
    flat_parts,
    is_choice,
    legal,
    literal,
    plain_text,
    select,
    type_text,
)

_LINE = 120
_STEP = "    "
_JOINED = "\0downto\0"  # a range stays on its line


def print_modules(top: Module) -> Iterator[bytes]:
    """The text of ``top`` and of every module below it, each once and before it is instantiated."""
    names: set[str] = set()
    for module in modules_below(top):
        if module.name.lower() in names:
            raise ValueError(f"two modules are named {module.name}")
        names.add(module.name.lower())
        yield print_module(module)


def print_module(module: Module) -> bytes:
    """The text of one module."""
    holes: dict[str, Any] = {"name": module.name, "comment": module.comment, "ports": _ports(module)}
    body = module.body
    if isinstance(body, Luts):
        text = luts_module(module, body, holes)
    elif isinstance(body, Comparators):
        text = comparators_module(module, body, holes)
    elif isinstance(body, Rom):
        text = rom_module(module, body, {**holes, "type": type_text(module.output_ports[0].width)})
    else:
        text = _Structure(module).text(holes)
    return _wrapped(text)


def _ports(module: Module) -> list[str]:
    """The lines of the port list, clock and reset first."""
    implied = [Port("clk", 1, True)] * module.has_clock + [Port("rst", 1, True, "synchronous")] * module.has_reset
    ports = [*implied, *module.ports]
    lines = []
    for place, port in enumerate(ports, 1):
        end = ";" if place < len(ports) else ""
        comment = f"  -- {port.comment}" if port.comment else ""
        lines.append(f"{legal(port.name)} : {'in' if port.is_input else 'out'} {type_text(port.width)}{end}{comment}")
    return lines


class _Structure:
    """The architecture of a module of wires, registers and instances."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = _checked_names(module)
        self.expressions = Expressions(self.names)

    def text(self, holes: dict[str, Any]) -> bytes:
        module, expressions = self.module, self.expressions
        widths = {port.name: port.width for port in module.output_ports} | {w.name: w.width for w in module.wires}
        assigned = [(wire.name, wire.value) for wire in module.wires if wire.value is not None]
        instances = [
            (f"{legal(instance.name)} : entity work.{instance.module.name}", self._connections(instance))
            for instance in module.instances
        ]
        statements = []
        for name, value in [*assigned, *module.outputs]:
            _check_width(name, value, widths[name])
            statements += self._concurrent(legal(name), value)
        processes = [self._process(group) for group in _groups(module.registers)]
        declared = [(legal(wire.name), wire.width) for wire in module.wires]
        declared += [(legal(register.name), register.width) for register in module.registers]
        done = 0
        while done < len(expressions.extra):  # the value of a further signal may need further ones
            name, value = expressions.extra[done]
            declared.append((name, value.width))
            statements += self._concurrent(name, value)
            done += 1
        declarations = [f"signal {name} : {type_text(width)}" for name, width in declared]
        return render(
            "vhdl_module.j2",
            **holes,
            declarations=declarations,
            instances=instances,
            statements=statements,
            processes=processes,
        )

    def _connections(self, instance: Instance) -> list[tuple[str, str]]:
        module = instance.module
        given = {name: name for name, there in (("clk", module.has_clock), ("rst", module.has_reset)) if there}
        widths = {port.name: port.width for port in module.ports}
        for port, value in instance.inputs:
            _check_width(f"{instance.name}.{port}", value, widths[port])
            given[port] = self._actual(f"{instance.name}_{port}", value)
        given |= {port: legal(wire) for port, wire in instance.outputs}
        missing = [port.name for port in module.input_ports if port.name not in given]
        if missing:
            raise ValueError(f"nothing drives {', '.join(missing)} of {instance.name} ({module.name})")
        order = ["clk", "rst", *widths]
        return [(legal(name), given[name]) for name in order if name in given]

    def _actual(self, stem: str, value: Expression) -> str:
        """What a port is mapped to: a name or a literal; a signal of its own carries any other expression."""
        return plain_text(value) or self.expressions.signal(stem, value)

    def _concurrent(self, target: str, value: Expression) -> list[str]:
        """The assignment outside of processes, in pieces where it is a long concatenation."""
        text = self.expressions.text
        if is_choice(value):
            choices: list[str] = []
            rest: Expression = value
            while is_choice(rest):
                select_, if_one, if_zero = rest.operands
                choices.append(f"{text(if_one)} when {self.expressions.condition(select_)}")
                rest = if_zero
            return [f"{target} <= {' else '.join([*choices, text(rest)])};"]
        return [f"{piece} <= {text(part)};" for piece, part in _pieces(target, value)]

    def _sequential(self, target: str, value: Expression) -> list[str]:
        """The assignment inside a process; a choice is an if statement."""
        if not is_choice(value):
            return [f"{piece} <= {self.expressions.text(part)};" for piece, part in _pieces(target, value)]
        condition, if_one, if_zero = value.operands
        lines = [f"if {self.expressions.condition(condition)} then", *_deeper(self._sequential(target, if_one))]
        otherwise = self._sequential(target, if_zero)
        if is_choice(if_zero):
            return [*lines, f"els{otherwise[0]}", *otherwise[1:]]
        return [*lines, "else", *_deeper(otherwise), "end if;"]

    def _process(self, registers: list[Register]) -> list[str]:
        """What happens at a clock edge to registers that share an enable, and have a reset or have none."""
        lines = []
        for register in registers:
            _check_width(register.name, register.next, register.width)
            lines += self._sequential(legal(register.name), register.next)
        enable = registers[0].enable
        enabled = "" if enable is None else f"if {self.expressions.condition(enable)} then"
        if registers[0].reset is None:
            return [enabled, *_deeper(lines), "end if;"] if enabled else lines
        cleared = [f"{legal(r.name)} <= {literal(r.reset or 0, r.width)};" for r in registers]
        otherwise = f"els{enabled}" if enabled else "else"
        return ["if rst = '1' then", *_deeper(cleared), otherwise, *_deeper(lines), "end if;"]


def _groups(registers: tuple[Register, ...]) -> list[list[Register]]:
    groups: dict[tuple[bool, Expression | None], list[Register]] = {}
    for register in registers:
        groups.setdefault((register.reset is None, register.enable), []).append(register)
    return list(groups.values())


def _pieces(target: str, value: Expression) -> list[tuple[str, Expression]]:
    """The parts of the target that get a value each: GHDL's time for a concatenation grows faster than its length."""
    parts = flat_parts(value)
    if len(parts) <= MAX_PARTS:
        return [(target, value)]
    pieces, low = [], 0
    for start in range(0, len(parts), MAX_PARTS):
        piece = join(parts[start : start + MAX_PARTS])
        pieces.append((select(target, low, piece.width, value.width), piece))
        low += piece.width
    return pieces


def _deeper(lines: list[str]) -> list[str]:
    return [_STEP + line for line in lines]


def _checked_names(module: Module) -> set[str]:
    """The names in the module, in lower case; ValueError where two are one to VHDL, or one is none."""
    names = [port.name for port in module.ports] + [wire.name for wire in module.wires]
    names += [register.name for register in module.registers] + [instance.name for instance in module.instances]
    names = [legal(name).lower() for name in names]
    for name in names:
        if name.endswith("_") or "__" in name or not name[0].isalpha() or names.count(name) > 1:
            raise ValueError(f"the name {name} in {module.name} is none in VHDL, or stands for two things")
    return set(names)


def _check_width(target: str, value: Expression, width: int) -> None:
    if value.width != width:
        raise ValueError(f"{target} has {width} bits and is driven by {value.width}")


def _wrapped(text: bytes) -> bytes:
    """Lines of at most 120 characters where spaces allow it: in what is printed a space is always one between words."""
    lines = []
    for line in text.decode().split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + len(_STEP))
        line = line.replace(" downto ", _JOINED)
        while len(line) > _LINE and "--" not in line:
            cut = line.rfind(" ", len(indent), _LINE)
            if cut < 0:
                break
            lines.append(line[:cut])
            line = indent + line[cut + 1 :]
        lines.append(line)
    return "\n".join(lines).replace(_JOINED, " downto ").encode()
