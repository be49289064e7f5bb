"""The smallest networks of three-input operations of each class: one for every operation that any of them begins with.

Of two LUTs with inputs in common, one may take for its first operation what the other one computes anyway, where both
have a smallest network that begins with it. Every such operation is found: by its definition for networks of two
steps, and for three steps from all functions that two further steps make of it.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import NetlistError
from bitlogic.export.mapping.chains import images, inverse_images
from bitlogic.export.mapping.networks import Library, Networks, Step, ascending, library_of
from bitlogic.export.mapping.npn import NUM_FUNCTIONS, NUM_INPUTS, classes
from bitlogic.export.mapping.three_input import pairs, ternary_networks
from bitlogic.export.passes.tables import ignores_pin
from bitlogic.export.words import table_of, variables

Array = npt.NDArray[Any]
Steps = tuple[Step, ...]
_ONES = NUM_FUNCTIONS - 1
_INPUTS = variables(NUM_INPUTS)


@cache
def ternary_library() -> Library:
    """The networks of every class, that of ``ternary_networks`` first; a second once."""
    smallest, representatives = ternary_networks(), classes().representatives.tolist()
    firsts = [smallest.steps(function) for function in representatives]
    chains = [
        list(_chains(function)) if len(first) == 3 else []
        for function, first in zip(representatives, firsts, strict=True)
    ]
    networks = _networks_of(np.array([chain for some in chains for chain in some]))
    choices, row = [], 0
    for function, first, some in zip(representatives, firsts, chains, strict=True):
        others = pairs(function) if len(first) == 2 else (networks.steps(row + place) for place in range(len(some)))
        choices.append(_with_new_beginnings([first, *others]))
        row += len(some)
    return library_of(choices)


def _with_new_beginnings(networks: list[Steps]) -> list[Steps]:
    """Those of the networks that begin with an operation that none before them begins with."""
    kept, known = [], set[tuple[int, tuple[int, ...]]]()
    for steps in networks:
        begins = {
            (min(step.table, step.table ^ 255), step.operands) for step in steps if max(step.operands) < NUM_INPUTS
        }
        if not begins <= known:
            kept.append(steps)
            known |= begins
    return kept


def _chains(function: int) -> Iterator[tuple[int, int, int]]:
    """For each operation that a network of three steps begins with the functions of the steps of such a network."""
    every_image, inverse = images(), inverse_images()
    moved = every_image[:, function ^ _ONES if function & 1 else function]
    seen: set[int] = set()
    for begin, seconds, made_by in _two_more():
        for way in np.flatnonzero(made_by[moved] >= 0).tolist():
            back = every_image[inverse[way]]
            first = int(back[begin])
            if first not in seen:
                seen.add(first)
                yield first, int(back[seconds[made_by[moved[way]]]]), function


@cache
def _two_more() -> list[tuple[int, Array, Array]]:
    """For one of each class of operations what two steps behind it make.

    The operation, normal second functions, and int32 ``(65536,)``: for a normal function the index of a second function
    from which one more step makes it; -1 where there is none.
    """
    firsts = {_normal(table, reads) for reads in combinations(_INPUTS, 3) for table in range(2, 256, 2)}
    firsts -= set(_INPUTS)
    found = []
    while firsts:
        first = min(firsts)
        firsts -= set(images()[:, first].tolist())
        known = (*_INPUTS, first)
        seconds = {_normal(table, reads) for reads in combinations(known, 3) for table in range(2, 256, 2)}
        found.append((first, *_one_more(np.array(sorted(seconds - {*known}), dtype=np.uint16), known)))
    return found


def _one_more(seconds: Array, known: tuple[int, ...]) -> tuple[Array, Array]:
    made_by = np.full(NUM_FUNCTIONS, -1, dtype=np.int32)
    for one, other in combinations(known, 2):
        functions = np.zeros((len(seconds), 1), dtype=np.uint16)
        for index in range(8):
            group = (seconds if index & 1 else ~seconds) & np.uint16(
                (one if index & 2 else one ^ _ONES) & (other if index & 4 else other ^ _ONES)
            )
            functions = np.concatenate([functions, functions | group[:, None]], axis=1)
        made_by[functions] = np.arange(len(seconds))[:, None]
    return seconds, made_by


def _normal(table: int, reads: tuple[int, ...]) -> int:
    """A function of three known ones that is 0 for zeros."""
    return table_of(table, list(reads), _ONES)


def _networks_of(chains: Array) -> Networks:
    """The steps of chains, int64 ``(n, 3)``: each function as an operation of inputs and the functions before it."""
    tables, operands = np.zeros(chains.shape, dtype=np.uint64), np.zeros((*chains.shape, 3), dtype=np.uint8)
    known = np.broadcast_to(_INPUTS, (len(chains), NUM_INPUTS))
    for step in range(chains.shape[1]):
        tables[:, step], operands[:, step] = _behind(chains[:, step], known)
        known = np.concatenate([known, chains[:, step, None]], axis=1)
    needed = np.stack([~ignores_pin(tables, place, 3) for place in range(3)], axis=2)
    tables, operands = ascending(tables, operands, needed)
    return Networks(np.full(len(chains), chains.shape[1]), tables, operands)


def _behind(functions: Array, known: Array) -> tuple[Array, Array]:
    """uint64 ``(n,)`` tables and ``(n, 3)`` operands that make functions of known ones, of inputs alone if these do."""
    tables, operands = np.zeros(len(functions), dtype=np.uint64), np.zeros((len(functions), 3), dtype=np.uint8)
    missing = np.arange(len(functions))
    for places in sorted(combinations(range(known.shape[1]), 3), key=lambda places: places[::-1]):
        found, fits = np.zeros(len(missing), dtype=np.uint64), np.ones(len(missing), dtype=np.bool_)
        for index in range(8):
            addresses = addresses_of(index, known[missing][:, places])
            ones = functions[missing] & addresses
            fits &= (ones == 0) | (ones == addresses)
            found |= (ones != 0).astype(np.uint64) << np.uint64(index)
        tables[missing[fits]], operands[missing[fits]] = found[fits], places
        missing = missing[~fits]
    if len(missing):
        raise NetlistError(f"no operation of three known functions is {functions[missing[0]]:04x}")
    return tables, operands


def addresses_of(index: int, operands: Array) -> Array:
    """int64 ``(...)``: the addresses, as bits, at which operands, tables ``(..., 3)``, read ``index``."""
    flips = [0 if index >> place & 1 else _ONES for place in range(operands.shape[-1])]
    found: Array = np.bitwise_and.reduce(operands ^ np.array(flips), axis=-1)
    return found
