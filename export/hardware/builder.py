"""A module while it is put together: wires, registers and instances, each given a name and read as an expression."""

from collections.abc import Mapping

from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Instance,
    Module,
    Port,
    Register,
    Slice,
    Wire,
    add,
    both,
    either,
    equal,
    join,
    mux,
    whole,
)

ENABLE = Slice("enable", 0, 1, 1)
CLEAR = Slice("clear", 0, 1, 1)


class ModuleBuilder:
    """Collects the parts of one module.

    Where the module has the port ``enable``, its registers stand still while that is 0; where it has ``clear``, that
    empties the control registers at the next edge, enabled or not. Both reach every instance that has such a port.
    """

    def __init__(self, *, has_enable: bool = False, has_clear: bool = False) -> None:
        self.enable: Expression | None = ENABLE if has_enable else None
        self.clear: Expression | None = CLEAR if has_clear else None
        self.wires: list[Wire] = []
        self.registers: list[Register] = []
        self.instances: list[Instance] = []

    def wire(self, name: str, value: Expression) -> Slice:
        """A named value."""
        self.wires.append(Wire(name, value.width, value))
        return whole(name, value.width)

    def data(self, name: str, value: Expression, when: Expression | None = None) -> Slice:
        """A register that no reset touches; it takes ``value`` at edges with ``when`` (of one bit, None: all)."""
        self.registers.append(Register(name, value.width, value, self._enabled(when)))
        return whole(name, value.width)

    def control(self, name: str, value: Expression, when: Expression | None = None, reset: int = 0) -> Slice:
        """The same, but ``reset`` after a reset and after ``clear``."""
        enable = self._enabled(when)
        if self.clear is not None:
            value = mux(self.clear, Constant(reset, value.width), value)
            enable = None if enable is None else either(enable, self.clear)
        self.registers.append(Register(name, value.width, value, enable, reset))
        return whole(name, value.width)

    def delayed(self, name: str, value: Expression, edges: int) -> Expression:
        """A control bit, ``edges`` edges later."""
        if edges == 0:
            return value
        chain = whole(name, edges)
        shifted = value if edges == 1 else join([value, Slice(name, 0, edges - 1, edges)])
        self.control(name, shifted)
        return Slice(chain.name, edges - 1, 1, edges)

    def count(self, name: str, limit: int, step: Expression) -> tuple[Slice, Expression]:
        """A counter from 0 to ``limit - 1`` and round, one further at edges with ``step``; and whether it ends."""
        width = max(1, (limit - 1).bit_length())
        value = whole(name, width)
        ends = equal(value, Constant(limit - 1, width))
        self.control(name, mux(ends, Constant(0, width), add(value, Constant(1, width), width=width)), step)
        return value, ends

    def instance(
        self, name: str, module: Module, inputs: Mapping[str, Expression], outputs: Mapping[str, str]
    ) -> dict[str, Slice]:
        """An instance; ``outputs`` names the wires that it drives, which come back under the names of the ports."""
        names = {port.name for port in module.input_ports}
        passed = {port.name: port for port in (ENABLE, CLEAR) if port.name in names and port.name not in inputs}
        widths = {port.name: port.width for port in module.output_ports}
        self.wires += [Wire(wire, widths[port]) for port, wire in outputs.items()]
        connected = (*passed.items(), *inputs.items())
        self.instances.append(Instance(name, module, connected, tuple(outputs.items())))
        return {port: whole(wire, widths[port]) for port, wire in outputs.items()}

    def module(self, name: str, comment: str, ports: tuple[Port, ...], outputs: Mapping[str, Expression]) -> Module:
        """The module; ``enable`` and ``clear`` stand before the other ports."""
        own = ((self.enable, "0: everything stands still"), (self.clear, "1: all that is inside is forgotten"))
        before = tuple(Port(port.name, 1, True, why) for port, why in own if isinstance(port, Slice))
        return Module(
            name,
            comment,
            before + ports,
            tuple(self.wires),
            tuple(self.registers),
            tuple(self.instances),
            tuple(outputs.items()),
        )

    def _enabled(self, when: Expression | None) -> Expression | None:
        if self.enable is None or when is None:
            return when if self.enable is None else self.enable
        return both(self.enable, when)
