"""The engine's kernels: one for each class of functions of four inputs, and how every function is said by one of them.

A kernel's function is the representative of an NPN class, or its complement where the representative is 1 at address
0: a function that is 0 there needs no inversion among its operations. Constants and wires have no kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.mapping.networks import Step
from bitlogic.export.mapping.npn import NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.mapping.three_input import ternary_steps
from bitlogic.export.mapping.two_input import binary_steps

Array = npt.NDArray[Any]
NO_KERNEL = -1
_ALL = (1 << (1 << NUM_INPUTS)) - 1
_NAMES = "abcd"
_EXPRESSIONS = {0b1000: "{} & {}", 0b0010: "{} & ~{}", 0b0100: "~{} & {}", 0b1110: "{} | {}", 0b0110: "{} ^ {}"}


@dataclass(frozen=True)
class Kernels:
    """The kernels, and for each of the 65,536 functions what it makes of them; all arrays are read-only.

    Function ``f`` is ``inverted[f] ^ kernel(y_0, ...)`` with ``y_i = x[reads[f, i]] ^ (negations[f] >> i & 1)``.
    Without a kernel it is the constant ``inverted[f]`` or, where its arity is 1, ``inverted[f] ^ x[reads[f, 0]]``.
    """

    functions: Array  # uint16 (num_kernels,), ascending
    arities: Array  # uint8 (num_kernels,): inputs that the function depends on; a record has one id for each
    kernel: Array  # int16 (65536,): the number of the kernel, or NO_KERNEL
    arity: Array  # uint8 (65536,): inputs that the function depends on
    reads: Array  # uint8 (65536, 4): a position of the record to an input of the function; 0 beyond the arity
    negations: Array  # uint8 (65536,): bit i where position i of the record is inverted
    inverted: Array  # bool (65536,)


@cache
def kernels() -> Kernels:
    """The table, made once in some hundredths of a second."""
    npn = classes()
    every = np.arange(NUM_FUNCTIONS)
    # An inverted output costs nothing here: of a function and its complement the one with fewer inverted inputs counts.
    complement = np.bitwise_count(npn.negated[_ALL ^ every]) < np.bitwise_count(npn.negated)
    source = np.where(complement, _ALL ^ every, every)
    flips = (npn.representatives & 1).astype(np.bool_)
    chosen = np.where(flips, _ALL ^ npn.representatives, npn.representatives).astype(np.int64)
    supports = np.array([[_depends(function, pin) for pin in range(NUM_INPUTS)] for function in chosen.tolist()])
    arity = supports.sum(axis=1)
    order = np.argsort(np.where(arity > 1, chosen, NUM_FUNCTIONS + chosen))[: int((arity > 1).sum())]
    number = np.full(len(chosen), NO_KERNEL, dtype=np.int16)
    number[order] = np.arange(len(order))
    positions = np.argsort(~supports, axis=1, kind="stable")  # the inputs that count first, in their order
    of_class = npn.class_of[source].astype(np.int64)
    own = positions[of_class]
    there = np.arange(NUM_INPUTS) < arity[of_class, None]
    reads = np.where(there, np.take_along_axis(npn.pins[source], own, axis=1), 0)
    negated = np.where(there, npn.negated[source][:, None] >> own & 1, 0)
    inverted = npn.output_negated[source] ^ complement ^ flips[of_class]
    wires = arity[of_class] == 1
    inverted = np.where(wires, (every & 1).astype(np.bool_), inverted)
    inverted = np.where(arity[of_class] == 0, every == _ALL, inverted)
    table = Kernels(
        functions=chosen[order].astype(np.uint16),
        arities=arity[order].astype(np.uint8),
        kernel=number[of_class],
        arity=arity[of_class].astype(np.uint8),
        reads=reads.astype(np.uint8),
        negations=np.where(wires, 0, negated @ (1 << np.arange(NUM_INPUTS))).astype(np.uint8),
        inverted=inverted,
    )
    for array in vars(table).values():
        array.setflags(write=False)
    return table


def bodies(operands: int) -> list[dict[str, Any]]:
    """For each kernel what its template needs: function, arity and the C of its operations of 3 or 2 operands."""
    table, body = kernels(), {2: _binary, 3: _ternary}[operands]
    made = []
    for function, arity in zip(table.functions.tolist(), table.arities.tolist(), strict=True):
        pins = [pin for pin in range(NUM_INPUTS) if _depends(function, pin)]
        made.append({"function": f"{function:04x}", "arity": arity, "body": body(function, pins)})
    return made


def _ternary(function: int, pins: Sequence[int]) -> str:
    steps = ternary_steps(function)
    lines = [f"TERNARY({step.table}, {', '.join(_operands(step, pins)[::-1])})" for step in steps]
    return _statements(lines)


def _binary(function: int, pins: Sequence[int]) -> str:
    """Every intermediate result is kept in the polarity that is 0 where all inputs are 0."""
    inverted = [False] * NUM_INPUTS
    lines = []
    for step in binary_steps(function):
        table = step.table
        for operand, net in enumerate(step.operands):
            table = _with_inverted_operand(table, operand) if inverted[net] else table
        inverted.append(bool(table & 1))
        lines.append(_EXPRESSIONS[table ^ 0b1111 if table & 1 else table].format(*_operands(step, pins)))
    return _statements(lines)


def _operands(step: Step, pins: Sequence[int]) -> list[str]:
    return [_NAMES[pins.index(net)] if net < NUM_INPUTS else f"s{net - NUM_INPUTS}" for net in step.operands]


def _statements(lines: Sequence[str]) -> str:
    *inner, last = lines
    return " ".join([*(f"const word s{step} = {line};" for step, line in enumerate(inner)), f"RESULT = {last};"])


def _with_inverted_operand(table: int, operand: int) -> int:
    return (table & 0b0101) << 1 | table >> 1 & 0b0101 if operand == 0 else (table & 0b0011) << 2 | table >> 2


def _depends(function: int, pin: int) -> bool:
    return any((function >> at ^ function >> (at | 1 << pin)) & 1 for at in range(1 << NUM_INPUTS))
