"""The text of a design's modules in Amaranth: what ``amaranth_live`` builds, written down by the same walk."""

from dataclasses import dataclass, field
from typing import Any

from bitlogic.export.hardware.rtl import Comparators, Instance, Luts, Module, Register
from bitlogic.export.names import PYTHON_KEYWORDS
from bitlogic.export.targets.amaranth_express import Operand
from bitlogic.export.targets.amaranth_plan import Plan
from bitlogic.export.targets.amaranth_walk import walk

_PER_LINE = 6
_WORD = 64
_TAKEN = frozenset(
    ["m", "luts", "self", "platform", "bits", "join", "flat", "mux", "vector", "constant", "Const", "range"]
)


class Text(str):
    """Python's text of an operand; an operator gives the text of the operation."""

    def __getitem__(self, key: Any) -> "Text":
        index = f"{key.start}:{key.stop}" if isinstance(key, slice) else str(key)
        return Text(f"{self}[{index}]")

    def __and__(self, other: str) -> "Text":
        return Text(f"({self} & {other})")

    def __or__(self, other: str) -> "Text":
        return Text(f"({self} | {other})")

    def __xor__(self, other: str) -> "Text":
        return Text(f"({self} ^ {other})")

    def __add__(self, other: str) -> "Text":
        return Text(f"({self} + {other})")

    def __sub__(self, other: str) -> "Text":
        return Text(f"({self} - {other})")

    def __mul__(self, other: Any) -> "Text":
        return Text(f"({self} * {other})")

    def __eq__(self, other: object) -> Any:
        return Text(f"({self} == {other})")

    def __lt__(self, other: str) -> Any:
        return Text(f"({self} < {other})")

    def __invert__(self) -> "Text":
        return Text(f"~{self}")

    __hash__ = str.__hash__

    def as_signed(self) -> "Text":
        return Text(f"{self}.as_signed()")


class Listed(Text):
    """The text of a list of bits."""

    def __getitem__(self, key: Any) -> Text:
        text = super().__getitem__(key)
        return Listed(text) if isinstance(key, slice) else text


@dataclass
class Site:
    """The lines of one class's or function's body, as ``walk`` writes them."""

    plan: Plan
    prefix: str  # of the modules' names, which their classes leave out
    lines: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # taken: by the design's name

    def constant(self, value: int, width: int) -> Text:
        return Text(f"constant({value:#x}, {width})" if width > _WORD else f"Const({value}, {width})")

    def join(self, *parts: str) -> Text:
        if len(parts) == 1:
            return Text(parts[0])
        return Text(f"join({wrapped(list(parts))})")

    def flat(self, value: str) -> Text:
        return Text(f"flat({value})")

    def mux(self, select: str, if_one: str, if_zero: str) -> Text:
        return Text(f"mux({select}, {if_one}, {if_zero})")

    def bits(self, value: str) -> Text:
        return value if isinstance(value, Listed) else Listed(f"bits({value})")

    def signal(self, name: str, width: int) -> Text:
        return self._signal(name, width, "")

    def register(self, register: Register) -> Text:
        if register.reset is None:
            return self._signal(register.name, register.width, ", reset_less=True")
        return self._signal(register.name, register.width, f", init={register.reset:#x}" if register.reset else "")

    def submodule(self, instance: Instance) -> Text:
        name = local(instance.name)
        self.lines.append(f"m.submodules.{instance.name} = {name} = {class_name(instance.module, self.prefix)}()")
        return Text(name)

    def output(self, submodule: str, port: str, wire: str) -> Text:
        self.lines.append(f"{local(wire)} = {submodule}.{port}")
        return Text(local(wire))

    def input(self, submodule: str, port: str) -> Text:
        return Text(f"{submodule}.{port}")

    def call(self, instance: Instance, arguments: list[Operand], labels: list[str]) -> list[Operand]:
        texts = [Text(local(label)) for label in labels]
        given = ["m", *(["luts"] if self.plan.has_luts(instance.module) else []), *arguments]
        function = function_name(instance.module, self.prefix)
        self.lines.append(f"{', '.join(texts)} = {function}({', '.join(given)})")
        return texts

    def lut(self, table: int, pins: list[Operand]) -> Text:
        return Text(f"luts.add({', '.join([hex(table), *pins])})")

    def comb(self, target: str, value: str) -> None:
        self.lines.append(f"m.d.comb += {target}.eq({bare(value)})")

    def sync(self, target: str, value: str, enable: str | None) -> None:
        indent = ""
        if enable is not None:
            self.lines.append(f"with m.If({bare(enable)}):")
            indent = "    "
        self.lines.append(f"{indent}m.d.sync += {target}.eq({bare(value)})")

    def _signal(self, name: str, width: int, more: str) -> Text:
        call = "vector" if width > _WORD else "Signal"
        named = f', "{name}"' if width > _WORD else f', name="{name}"' if local(name) != name else ""
        self.lines.append(f"{local(name)} = {call}({width}{named}{more})")
        return Text(local(name))


def function_text(module: Module, plan: Plan, prefix: str) -> dict[str, Any]:
    """The holes of a function: its name, parameters, comment and lines."""
    site = Site(plan, prefix)
    inputs: dict[str, Text] = {
        port.name: (Listed if plan.takes_bits(module, port.name) else Text)(local(port.name))
        for port in module.input_ports
    }
    values = walk(module, inputs, site, plan)
    given = ["m", *(["luts"] if plan.has_luts(module) else []), *(local(port.name) for port in module.input_ports)]
    returned = ", ".join(bare(values[port.name]) for port in module.output_ports)
    return {
        "kind": "function",
        "name": function_name(module, prefix),
        "parameters": ", ".join(given),
        "comment": _sentence(module.comment),
        "lines": [*site.lines, f"return {returned}"],
    }


def class_text(module: Module, plan: Plan, prefix: str) -> dict[str, Any]:
    """The holes of a class: its name, ports, comment, lines and the rows of its body."""
    ports = [{"name": port.name, "width": port.width} for port in module.ports]
    holes = {"kind": "class", "name": class_name(module, prefix), "comment": _sentence(module.comment), "ports": ports}
    body = module.body
    if isinstance(body, Luts):
        rows = zip(body.tables.tolist(), body.pins.tolist(), strict=True)
        digits = -(-(1 << body.rank) // 4)
        texts = [f"(0x{table:0{digits}x}, {', '.join(map(str, pins))})" for table, pins in rows]
        given = "self.i" if module.input_ports else "None"
        return holes | {"kind": "luts", "rows": texts, "call": f"look_up(m, self.o, {given}, self.LUTS)"}
    if isinstance(body, Comparators):
        pairs = zip(body.lows.tolist(), body.thresholds.tolist(), strict=True)
        call = f"compare(m, self.o, self.i, {body.value_width}, self.COMPARATORS)"
        return holes | {
            "kind": "comparators",
            "rows": [f"({low}, {threshold})" for low, threshold in pairs],
            "call": call,
        }
    if body is not None:
        (output,) = module.output_ports
        enable = "self.enable" if len(module.input_ports) > 1 else "1"
        call = f"read_only(m, self.{output.name}, self.i, self.WORDS, {enable})"
        return holes | {"kind": "rom", "rows": [hex(word) for word in body.words], "call": call}
    lines = [f"{local(port.name)} = self.{port.name}" for port in module.input_ports]
    targets = {port.name: f"self.{port.name}" for port in module.output_ports}
    return holes | {"lines": inside(module, plan, prefix, lines, targets)}


def inside(
    module: Module, plan: Plan, prefix: str, lines: list[str], targets: dict[str, str], *, flat_targets: bool = False
) -> list[str]:
    """The lines of a module's elaborate, behind ``lines`` that make a local name for each input port.

    ``flat_targets`` are signals even where they are wide.
    """
    site = Site(plan, prefix, list(lines))
    if plan.has_luts(module):
        site.lines.append("m.submodules.luts = luts = Luts()")
    values = walk(module, {port.name: Text(local(port.name)) for port in module.input_ports}, site, plan)
    widths = {port.name: port.width for port in module.output_ports}
    for name, target in targets.items():
        site.comb(target, site.flat(values[name]) if flat_targets and widths[name] > _WORD else values[name])
    return site.lines


def class_name(module: Module, prefix: str) -> str:
    """Of an internal class: the module's name behind the top's, which is also told apart from what is imported."""
    name = module.name.removeprefix(prefix).strip("_")
    return f"_{name[:1].upper()}{name[1:]}"


def function_name(module: Module, prefix: str) -> str:
    return f"_{module.name.removeprefix(prefix).strip('_')}"


def local(name: str) -> str:
    """A local name in a class or function for what the design calls ``name``."""
    return f"{name}_" if name in _TAKEN or name in PYTHON_KEYWORDS else name


def bare(text: str) -> str:
    """An operation without the parentheses around it, which every operation of a ``Text`` has."""
    text = str(text)  # whose slices are what they look like
    if not text.startswith("(") or not text.endswith(")"):
        return text
    depth = 0
    for place, letter in enumerate(text[:-1]):
        depth += (letter == "(") - (letter == ")")
        if place and not depth:
            return text
    return text[1:-1]


def _sentence(comment: str) -> str:
    return f"{comment[:1].upper()}{comment[1:].rstrip('.')}."


def wrapped(items: list[str]) -> str:
    """The items between commas; many of them on lines of their own."""
    if len(items) <= _PER_LINE:
        return ", ".join(items)
    rows = [", ".join(items[low : low + _PER_LINE]) for low in range(0, len(items), _PER_LINE)]
    return "\n    " + ",\n    ".join(rows) + ",\n"
