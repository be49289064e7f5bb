"""What a design in register-transfer form means: it is computed here in numpy, many samples side by side.

Every value is a uint8 array ``(width, lanes)`` of bits, the lowest first; a lane is an independent copy of the design.
Values are computed on demand, so that a handshake which runs through an instance both ways is no loop.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.rtl import (
    Comparators,
    Concat,
    Constant,
    Expression,
    Instance,
    Kind,
    Luts,
    Module,
    Operation,
    Register,
    Rom,
    Slice,
)

Array = npt.NDArray[Any]
_MAX_ARITHMETIC = 62  # bits of an int64 that sums and comparisons may use


class Simulation:
    """A design and the values of its registers, which are random at first, as a reset has to cope with."""

    def __init__(self, top: Module, lanes: int, seed: int = 0) -> None:
        self.lanes = lanes
        self._top = _Scope(top, lanes, np.random.default_rng(seed))

    def outputs(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The output ports for these inputs, ``(width, lanes)`` each, with the registers as they are."""
        self._top.present(_Inputs(inputs), None)
        return {port.name: self._top.value(port.name) for port in self._top.module.output_ports}

    def edge(self, inputs: Mapping[str, Array], *, reset: bool = False) -> None:
        """One rising edge of the clock, with ``rst`` as given, after the inputs have settled."""
        self._top.present(_Inputs(inputs), None)
        for store in self._top.prepare(reset):
            store()


class _Inputs:
    """The values of a top module's input ports."""

    def __init__(self, values: Mapping[str, Array]) -> None:
        self._values = values

    def read(self, name: str) -> Array:
        return np.asarray(self._values[name], dtype=np.uint8)


class _Connected:
    """The values of an instance's input ports, computed around it."""

    def __init__(self, around: "_Scope", instance: Instance) -> None:
        self._around, self._values = around, dict(instance.inputs)

    def read(self, name: str) -> Array:
        return self._around.compute(self._values[name])


class _Scope:
    """One module in its place: its registers, and what is already computed for the inputs at hand."""

    def __init__(self, module: Module, lanes: int, chance: np.random.Generator) -> None:
        self.module, self.lanes = module, lanes
        self._below = {instance.name: _Scope(instance.module, lanes, chance) for instance in module.instances}
        self._drivers = {
            wire: (instance.name, port) for instance in module.instances for port, wire in instance.outputs
        }
        self._wires = {wire.name: wire.value for wire in module.wires if wire.value is not None}
        self._wires |= dict(module.outputs)
        self._inputs = {port.name for port in module.input_ports}
        widths = {register.name: register.width for register in module.registers}
        if isinstance(module.body, Rom):
            widths = {module.output_ports[0].name: module.output_ports[0].width}
        self._held = {
            name: chance.integers(0, 2, size=(width, lanes), dtype=np.uint8) for name, width in widths.items()
        }
        self._source: _Inputs | _Connected = _Inputs({})
        self._known: dict[str, Array] = {}

    def present(self, source: "_Inputs | _Connected", instance: Instance | None) -> None:
        """New inputs: what was computed is forgotten, here and below."""
        self._source, self._known = source, {}
        for inner in self.module.instances:
            self._below[inner.name].present(_Connected(self, inner), inner)

    def value(self, name: str) -> Array:
        """The vector ``name``: a port, a wire or a register."""
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def compute(self, expression: Expression) -> Array:
        if isinstance(expression, Constant):
            bits = [expression.value >> bit & 1 for bit in range(expression.width)]
            return np.repeat(np.array(bits, dtype=np.uint8)[:, None], self.lanes, axis=1)
        if isinstance(expression, Slice):
            return self.value(expression.name)[expression.low : expression.low + expression.width]
        if isinstance(expression, Concat):
            return np.concatenate([self.compute(part) for part in expression.parts])
        return _operate(expression, [self.compute(operand) for operand in expression.operands])

    def prepare(self, reset: bool) -> list[Any]:
        """What the edge stores, as calls that store it, here and below."""
        stores = [self._prepared(register, reset) for register in self.module.registers]
        if isinstance(self.module.body, Rom):
            stores.append(self._prepared_rom(self.module.body))
        for scope in self._below.values():
            if scope.module.has_clock:
                stores += scope.prepare(reset)
        return stores

    def _find(self, name: str) -> Array:
        if name in self._held:
            return self._held[name]
        if name in self._wires:
            return self.compute(self._wires[name])
        if name in self._drivers:
            instance, port = self._drivers[name]
            return self._below[instance].value(port)
        if name in self._inputs:
            return self._source.read(name)
        body = self.module.body
        if isinstance(body, Luts):
            return _look_up(body, self.value("i") if self._inputs else np.zeros((0, self.lanes), dtype=np.uint8))
        if isinstance(body, Comparators):
            return _compare(body, self.value("i"))
        raise ValueError(f"nothing drives {name} in {self.module.name}")

    def _prepared(self, register: Register, reset: bool) -> Any:
        if reset and register.reset is not None:
            value = self.compute(Constant(register.reset, register.width))
        else:
            value = self.compute(register.next)
            if register.enable is not None:
                value = np.where(self.compute(register.enable) == 1, value, self._held[register.name])
        return lambda: self._held.__setitem__(register.name, value)

    def _prepared_rom(self, rom: Rom) -> Any:
        name, width = self.module.output_ports[0].name, self.module.output_ports[0].width
        words = np.array([[word >> bit & 1 for bit in range(width)] for word in (*rom.words, 0)], dtype=np.uint8)
        value = words[np.minimum(_numbers(self.value("i")), len(rom.words))].T
        if "enable" in self._inputs:
            value = np.where(self.value("enable") == 1, value, self._held[name])
        return lambda: self._held.__setitem__(name, value)


def _look_up(body: Luts, bits: Array) -> Array:
    lanes = bits.shape[1]
    constants = np.repeat(np.array([[0], [1]], dtype=np.uint8), lanes, axis=1)
    pins = np.concatenate([constants, bits])[body.pins]  # (n, rank, lanes)
    weights = np.left_shift(1, np.arange(body.rank, dtype=np.int64))
    addresses = np.einsum("nrl,r->nl", pins.astype(np.int64), weights).astype(np.uint64)
    return np.asarray(body.tables[:, None] >> addresses & np.uint64(1), dtype=np.uint8)


def _compare(body: Comparators, bits: Array) -> Array:
    rows = body.lows[:, None] + np.arange(body.value_width)
    weights = np.left_shift(1, np.arange(body.value_width, dtype=np.int64))
    values = np.einsum("nwl,w->nl", bits[rows].astype(np.int64), weights)
    return np.asarray(values > body.thresholds[:, None], dtype=np.uint8)


def _numbers(bits: Array) -> Array:
    """int64 (lanes,): the unsigned values."""
    if len(bits) > _MAX_ARITHMETIC:
        raise ValueError(f"arithmetic on {len(bits)} bits; at most {_MAX_ARITHMETIC}")
    numbers: Array = np.left_shift(1, np.arange(len(bits), dtype=np.int64)) @ bits.astype(np.int64)
    return numbers


def _operate(operation: Operation, operands: list[Array]) -> Array:
    kind = operation.kind
    if kind is Kind.NOT:
        inverted: Array = 1 - operands[0]
        return inverted
    if kind is Kind.MUX:
        chosen: Array = np.where(operands[0] == 1, operands[1], operands[2])
        return chosen
    first, second = operands
    if kind is Kind.EQUAL:
        return np.asarray((first == second).all(axis=0, keepdims=True), dtype=np.uint8)
    if kind in _BITWISE:
        result: Array = _BITWISE[kind](first, second)
        return result
    if kind is Kind.SIGNED_LESS:  # with the sign bits exchanged, two's complement is in the order of unsigned numbers
        first, second = _with_sign_flipped(first), _with_sign_flipped(second)
    if kind in (Kind.LESS, Kind.SIGNED_LESS):
        return (_numbers(first) < _numbers(second)).astype(np.uint8)[None]
    numbers = _ARITHMETIC[kind](_numbers(first), _numbers(second))  # int64 wraps, which the lowest bits do not see
    return np.asarray(numbers >> np.arange(operation.width, dtype=np.int64)[:, None] & 1, dtype=np.uint8)


def _with_sign_flipped(bits: Array) -> Array:
    flipped: Array = np.concatenate([bits[:-1], 1 - bits[-1:]])
    return flipped


_BITWISE = {Kind.AND: np.bitwise_and, Kind.OR: np.bitwise_or, Kind.XOR: np.bitwise_xor}
_ARITHMETIC = {Kind.ADD: np.add, Kind.SUBTRACT: np.subtract, Kind.MULTIPLY: np.multiply}
