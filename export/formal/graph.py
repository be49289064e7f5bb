"""And-inverter graphs under construction: the common form of what Yosys read and of what the netlist says.

A literal is ``2 * node + complement``; node 0 is the constant 0, so the literals 0 and 1 are the constants. Equal nodes
are built once, and an AND with a constant, an equal or an opposite operand is none.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

import numpy as np

FALSE, TRUE = 0, 1


class Graph:
    """Inputs and ANDs in topological order; a node without operands is an input."""

    def __init__(self) -> None:
        self._operands: list[tuple[int, int] | None] = [None]
        self._known: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._operands)

    def new_input(self) -> int:
        """The literal of a new free variable."""
        self._operands.append(None)
        return 2 * (len(self._operands) - 1)

    def operands(self, node: int) -> tuple[int, int] | None:
        """The two literals of an AND, None for a variable and for the constant."""
        return self._operands[node]

    def both(self, a: int, b: int) -> int:
        if a > b:
            a, b = b, a
        if a == FALSE or a ^ 1 == b:
            return FALSE
        if a in (TRUE, b):
            return b
        found = self._known.get((a, b))
        if found is None:
            self._operands.append((a, b))
            found = self._known[a, b] = 2 * (len(self._operands) - 1)
        return found

    def either(self, a: int, b: int) -> int:
        return self.both(a ^ 1, b ^ 1) ^ 1

    def choose(self, select: int, if_one: int, if_zero: int) -> int:
        if if_one == if_zero:
            return if_one
        return self.either(self.both(select, if_one), self.both(select ^ 1, if_zero))

    def unequal(self, a: int, b: int) -> int:
        return self.choose(a, b ^ 1, b)

    def table(self, table: int, pins: Sequence[int]) -> int:
        """The literal of a table: its bit ``a`` where the pins read the address ``a``, pin 0 lowest."""
        if not pins:
            return table & 1
        half = 1 << len(pins) >> 1
        low, high = table & ((1 << half) - 1), table >> half
        return self.choose(pins[-1], self.table(high, pins[:-1]), self.table(low, pins[:-1]))

    def add(self, a: Sequence[int], b: Sequence[int], width: int) -> list[int]:
        """The sum of two unsigned words, modulo ``2**width``."""
        total, carry = [], FALSE
        for bit in range(width):
            first, second = (word[bit] if bit < len(word) else FALSE for word in (a, b))
            odd = self.unequal(first, second)
            total.append(self.unequal(odd, carry))
            carry = self.either(self.both(first, second), self.both(odd, carry))
        return total

    def less(self, a: Sequence[int], b: Sequence[int], *, signed: bool = False) -> int:
        """Whether ``a < b``, words of one width."""
        if signed:
            a, b = [*a[:-1], a[-1] ^ 1], [*b[:-1], b[-1] ^ 1]
        below = FALSE
        for first, second in zip(a, b, strict=True):
            below = self.choose(self.unequal(first, second), second, below)
        return below

    def copied(self, source: "Graph", literals: Sequence[int], values: Mapping[int, int]) -> list[int]:
        """Another graph's literals, built here; ``values`` has that of each variable, and of nodes to stop at."""
        at = {0: FALSE}
        for node in source.cone(literals, values):
            found = values.get(node)
            if found is None:
                operands = source.operands(node)
                if operands is None:
                    raise ValueError(f"no value for the variable {node}")
                found = self.both(*(at[operand >> 1] ^ (operand & 1) for operand in operands))
            at[node] = found
        return [at[literal >> 1] ^ (literal & 1) for literal in literals]

    def cone(self, literals: Iterable[int], ends: Container[int] = ()) -> list[int]:
        """The nodes that the literals depend on, themselves included and the constant not, ascending.

        What ``ends`` depend on is left out.
        """
        inside = set()
        todo = [literal >> 1 for literal in literals]
        while todo:
            node = todo.pop()
            if node in inside or node == 0:
                continue
            inside.add(node)
            operands = self._operands[node]
            if operands is not None and node not in ends:
                todo += (operands[0] >> 1, operands[1] >> 1)
        return sorted(inside)

    def variables(self, literals: Iterable[int]) -> list[int]:
        """The free variables (nodes) that the literals depend on, ascending."""
        return [node for node in self.cone(literals) if self._operands[node] is None]

    def evaluate(self, literals: Sequence[int], values: Mapping[int, int], lanes: int) -> list[int]:
        """Each literal for many assignments at once: bit ``l`` of a value belongs to lane ``l``.

        ``values`` gives the lanes of each variable (by node) that the literals depend on.
        """
        ones = (1 << lanes) - 1
        at = {0: 0}
        for node in self.cone(literals):
            operands = self._operands[node]
            if operands is None:
                at[node] = values[node]
            else:
                a, b = operands
                at[node] = (at[a >> 1] ^ (ones if a & 1 else 0)) & (at[b >> 1] ^ (ones if b & 1 else 0))
        return [at[literal >> 1] ^ (ones if literal & 1 else 0) for literal in literals]

    def to_aiger(self, literals: Sequence[int], variables: Sequence[int]) -> bytes:
        """The binary AIGER file of the literals as outputs over the variables (nodes) as inputs, in this order."""
        ands = [node for node in self.cone(literals) if self._operands[node] is not None]
        number = np.zeros(len(self), dtype=np.int64)
        number[list(variables)] = np.arange(1, len(variables) + 1)
        number[ands] = np.arange(len(variables) + 1, len(variables) + 1 + len(ands))
        pairs = np.array([self._operands[node] for node in ands], dtype=np.int64).reshape(-1, 2)
        pairs = np.sort(2 * number[pairs >> 1] + (pairs & 1), axis=1)
        own = 2 * np.arange(len(variables) + 1, len(variables) + 1 + len(ands))
        deltas = np.stack([own - pairs[:, 1], pairs[:, 1] - pairs[:, 0]], axis=1).ravel()
        outputs = [2 * int(number[literal >> 1]) + (literal & 1) for literal in literals]
        counts = f"{len(variables) + len(ands)} {len(variables)} 0 {len(outputs)} {len(ands)}"
        header = "".join(f"{line}\n" for line in (f"aig {counts}", *outputs))
        return header.encode() + _varints(deltas)

    def signature(self, literals: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """A key that two lists of literals share exactly if they are built alike over variables in the same order."""
        number: dict[int, int] = {0: 0}
        rows: list[tuple[int, ...]] = []
        for node in self.cone(literals):
            number[node] = len(number)
            operands = self._operands[node]
            rows.append(() if operands is None else tuple(2 * number[lit >> 1] + (lit & 1) for lit in operands))
        return (*rows, tuple(2 * number[literal >> 1] + (literal & 1) for literal in literals))


def _varints(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bytes:
    """Seven bits a byte, the lowest first, the top bit set in all but a number's last byte."""
    shifts = 7 * np.arange(5)
    pieces = (numbers[:, None] >> shifts) & 127
    used = np.maximum(1, (numbers[:, None] >> shifts > 0).sum(axis=1))
    more = np.arange(5) < used[:, None] - 1
    return bytes((pieces | (more << 7)).astype(np.uint8)[np.arange(5) < used[:, None]].tobytes())
