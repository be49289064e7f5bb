"""Which modules of a design become classes in Amaranth, and which become functions that add to a class.

A submodule costs Amaranth milliseconds, so that thousands of counters and comparisons as submodules would cost more
than all else. What is small and stands inside another small module becomes a function: a popcount is one class, the
tree inside it functions.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bitlogic.export.hardware.rtl import (
    Comparators,
    Concat,
    Expression,
    Instance,
    Luts,
    Module,
    Operation,
    Rom,
    Slice,
    modules_below,
)

_SMALL_LUTS = 16  # of one module that may be a function


@dataclass(frozen=True)
class Plan:
    """The modules below a top, those inside first, and what is known of them by ``id``."""

    modules: tuple[Module, ...]
    functions: frozenset[int]
    with_luts: frozenset[int]  # they or functions that they call have LUTs for a collector
    bit_ports: frozenset[tuple[int, str]]  # ports of functions that take a list of bits: single bits are all they read

    def is_function(self, module: Module) -> bool:
        return id(module) in self.functions

    def has_luts(self, module: Module) -> bool:
        return id(module) in self.with_luts

    def takes_bits(self, module: Module, port: str) -> bool:
        return (id(module), port) in self.bit_ports


def plan_of(top: Module) -> Plan:
    """The plan for a design."""
    modules = tuple(modules_below(top))
    large = {id(top)}
    for module in modules:
        if _is_large(module) or any(id(instance.module) in large for instance in module.instances):
            large.add(id(module))
    functions = {
        id(instance.module)
        for module in modules
        for instance in module.instances
        if id(module) not in large and id(instance.module) not in large
    }
    with_luts: set[int] = set()
    bit_ports: set[tuple[int, str]] = set()
    for module in modules:
        called = [instance for instance in module.instances if id(instance.module) in functions]
        own = isinstance(module.body, Luts) and id(module) in functions
        if own or any(id(instance.module) in with_luts for instance in called):
            with_luts.add(id(module))
        if id(module) in functions:
            whole_reads = _wide_reads(module, bit_ports)
            bit_ports |= {(id(module), port.name) for port in module.input_ports if port.name not in whole_reads}
    return Plan(modules, frozenset(functions), frozenset(with_luts), frozenset(bit_ports))


def reads(module: Module) -> Counter[str]:
    """How often each name is read inside the module, in its instances' inputs or elsewhere."""
    return Counter(part.name for value in _values(module) for part in _slices(value))


def read_by_instances(module: Module) -> set[str]:
    """The names that its instances' inputs read."""
    return {part.name for instance in module.instances for _, value in instance.inputs for part in _slices(value)}


def _is_large(module: Module) -> bool:
    body = module.body
    return isinstance(body, Comparators | Rom) or (isinstance(body, Luts) and len(body.tables) > _SMALL_LUTS)


def _wide_reads(module: Module, bit_ports: set[tuple[int, str]]) -> set[str]:
    """What it reads in more than single bits, or passes on as it stands to something that may."""
    wide = set()
    for value in [*_values(module, instances=False), *_wide_inputs(module.instances, bit_ports)]:
        wide |= {part.name for part in _slices(value) if part.width > 1 or part.whole}
    return wide


def _wide_inputs(instances: tuple[Instance, ...], bit_ports: set[tuple[int, str]]) -> Iterator[Expression]:
    for instance in instances:
        for port, value in instance.inputs:
            if (id(instance.module), port) not in bit_ports or not isinstance(value, Slice):
                yield value


def _values(module: Module, *, instances: bool = True) -> Iterator[Expression]:
    yield from (wire.value for wire in module.wires if wire.value is not None)
    for register in module.registers:
        yield register.next
        if register.enable is not None:
            yield register.enable
    yield from (value for _, value in module.outputs)
    if instances:
        yield from (value for instance in module.instances for _, value in instance.inputs)


def _slices(expression: Expression) -> Iterator[Slice]:
    if isinstance(expression, Slice):
        yield expression
    elif isinstance(expression, Concat):
        for part in expression.parts:
            yield from _slices(part)
    elif isinstance(expression, Operation):
        for operand in expression.operands:
            yield from _slices(operand)
