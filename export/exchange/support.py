"""What a LUT really computes: its table over the nets that matter, without constants, repeats and ignored pins."""

from functools import cache

Function = tuple[int, tuple[int, ...]]  # a table, and the nets it reads: net i of them is bit i of the address


def function_of(table: int, pins: list[int]) -> Function:
    """The function of a LUT of a netlist: its nets ascending, each one mattering; none for a constant."""
    nets = sorted(set(pins) - {0, 1})
    place = {net: index for index, net in enumerate(nets)}
    reduced, matters = _reduced(table, tuple(place.get(net, -1 - net) for net in pins), len(nets))
    return reduced, tuple(nets[index] for index in matters)


@cache
def _reduced(table: int, reads: tuple[int, ...], num_nets: int) -> tuple[int, tuple[int, ...]]:
    """The table over the nets that matter, and their indices; ``reads`` gives -1 and -2 for the constants 0 and 1."""
    values = []
    for address in range(1 << num_nets):
        read = sum((1 if net == -2 else 0 if net == -1 else address >> net & 1) << pin for pin, net in enumerate(reads))
        values.append(table >> read & 1)
    matters = [net for net in range(num_nets) if any(values[a] != values[a ^ 1 << net] for a in range(1 << num_nets))]
    addresses = [sum((a >> index & 1) << net for index, net in enumerate(matters)) for a in range(1 << len(matters))]
    return sum(values[address] << a for a, address in enumerate(addresses)), tuple(matters)
