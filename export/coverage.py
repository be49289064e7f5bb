"""How much of a netlist a set of samples has exercised: which addresses of each LUT's table were read."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.samples import InputKind, Samples

Array = npt.NDArray[Any]
_BLOCK_BYTES = 1 << 26  # of net values, and of addresses, at a time


@dataclass(frozen=True)
class Coverage:
    """Table entries reached by the samples, of those that the pins leave possible.

    Not possible is what the pins of one LUT rule out by themselves: constants, one net on two pins, and behind an
    encoder the bits of one feature, of which the one with the higher threshold implies the other. What LUTs in front
    rule out is not looked for, so that full coverage may be out of reach.
    """

    num_samples: int
    addresses_reached: int
    addresses_possible: int
    luts_full: int  # LUTs of which every possible address was reached
    num_luts: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        share = 100 * self.addresses_reached / self.addresses_possible if self.addresses_possible else 100.0
        return (
            f"{self.addresses_reached} of {self.addresses_possible} LUT addresses that the pins leave possible were "
            f"read ({share:.1f} %), all of them in {self.luts_full} of {self.num_luts} LUTs"
        )


def coverage(netlist: Netlist, samples: Samples) -> Coverage:
    """The coverage of ``samples``, exact in what was reached; ``bits`` are free, whatever encoder is in front."""
    reached = reached_addresses(netlist, samples)
    possible = possible_addresses(netlist, samples.kind)
    return Coverage(
        num_samples=len(samples),
        addresses_reached=_count(reached),
        addresses_possible=_count(possible),
        luts_full=int((reached == possible).sum()),
        num_luts=netlist.num_luts,
    )


def reached_addresses(netlist: Netlist, samples: Samples) -> Array:
    """uint64 ``(num_luts,)``: bit ``a`` is 1 where some sample makes the LUT's pins read ``a``."""
    reached = np.zeros(netlist.num_luts, dtype=np.uint64)
    narrow = np.min_scalar_type((1 << (1 << netlist.rank)) - 1).type  # the narrowest integer that holds a table
    block = max(1, _BLOCK_BYTES // netlist.num_nets)
    for start in range(0, len(samples), block):
        nets = evaluate_nets(netlist, samples[start : start + block])
        step = max(1, _BLOCK_BYTES // (8 * nets.shape[1]))
        for first in range(0, netlist.num_luts, step):
            pins = netlist.pins[first : first + step]
            address = np.zeros((len(pins), nets.shape[1]), dtype=np.uint8)
            for pin in range(netlist.rank):
                address |= nets[pins[:, pin]] << np.uint8(pin)
            read = np.left_shift(narrow(1), address, dtype=narrow)
            reached[first : first + step] |= np.bitwise_or.reduce(read, axis=1)
    return reached


def possible_addresses(netlist: Netlist, kind: InputKind) -> Array:
    """uint64 ``(num_luts,)``: bit ``a`` is 0 where the pins alone rule the address ``a`` out."""
    pins, rank = netlist.pins, netlist.rank
    never = _never(netlist, kind)
    addresses = np.arange(1 << rank)
    ones = [_mask(addresses >> pin & 1 == 1) for pin in range(rank)]
    every = _mask(addresses >= 0)
    possible = np.full(netlist.num_luts, every)
    for pin in range(rank):
        possible[pins[:, pin] == 1] &= ones[pin]
        possible[never[pins[:, pin]]] &= ~ones[pin]
    for pin in range(rank):
        for other in range(rank):
            if pin != other:
                implies = _implies(netlist, kind, pins[:, pin], pins[:, other])
                possible[implies] &= ~(ones[pin] & ~ones[other])
    return possible


def _never(netlist: Netlist, kind: InputKind) -> Array:
    """bool ``(num_nets,)``: nets that are never 1: constant 0, and a threshold that no number exceeds."""
    never = np.zeros(netlist.num_nets, dtype=bool)
    never[0] = True
    encoder = _encoder(netlist, kind)
    if encoder is not None:
        above = encoder.thresholds == np.inf
        if encoder.integer_thresholds is not None:
            above = encoder.integer_thresholds >= encoder.max_input
        never[FIRST_INPUT : netlist.first_lut] = above
    return never


def _implies(netlist: Netlist, kind: InputKind, first: Array, second: Array) -> Array:
    """bool: whether the net ``first`` being 1 makes the net ``second`` 1, by the nets' numbers or the encoder."""
    implied: Array = first == second
    encoder = _encoder(netlist, kind)
    if encoder is None or not netlist.num_inputs:
        return implied
    thresholds = encoder.thresholds if encoder.integer_thresholds is None else encoder.integer_thresholds
    inputs = (np.minimum(first, second) >= FIRST_INPUT) & (np.maximum(first, second) < netlist.first_lut)
    one, other = np.where(inputs, first - FIRST_INPUT, 0), np.where(inputs, second - FIRST_INPUT, 0)
    same = encoder.features[one] == encoder.features[other]
    result: Array = implied | (inputs & same & (thresholds[one] >= thresholds[other]))
    return result


def _encoder(netlist: Netlist, kind: InputKind) -> Encoder | None:
    return netlist.encoder if kind is InputKind.X else None


def _mask(chosen: Array) -> np.uint64:
    """The addresses that are chosen, as the bits of a table."""
    return np.uint64(sum(1 << address for address in np.flatnonzero(chosen).tolist()))


def _count(masks: Array) -> int:
    return int(np.unpackbits(masks.view(np.uint8)).sum())
