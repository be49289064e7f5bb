"""Which vectors of a module are read at all, from the outputs back: a synthesis tool removes the others."""

from collections.abc import Iterator

from bitlogic.export.hardware.rtl import Concat, Constant, Expression, Module, Slice


def names_read(module: Module, outputs: frozenset[str]) -> frozenset[str]:
    """The names of wires, registers and ports that the outputs of these names depend on."""
    behind: dict[str, list[Expression]] = {wire.name: [wire.value] for wire in module.wires if wire.value is not None}
    for register in module.registers:
        behind[register.name] = [register.next] if register.enable is None else [register.next, register.enable]
    for instance in module.instances:
        inputs = [value for _, value in instance.inputs]
        behind |= {wire: inputs for _, wire in instance.outputs}
    found: set[str] = set()
    expressions = [value for name, value in module.outputs if name in outputs]
    seen: set[int] = set()  # the inputs of an instance stand behind each of its outputs
    while expressions:
        expression = expressions.pop()
        if id(expression) in seen:
            continue
        seen.add(id(expression))
        for name in _names(expression):
            if name not in found:
                found.add(name)
                expressions += behind.get(name, [])
    return frozenset(found)


def _names(expression: Expression) -> Iterator[str]:
    pending = [expression]
    while pending:
        part = pending.pop()
        if isinstance(part, Slice):
            yield part.name
        elif isinstance(part, Concat):
            pending += part.parts
        elif not isinstance(part, Constant):
            pending += part.operands
