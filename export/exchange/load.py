"""BLIF into a netlist, written by bitlogic or by another tool.

netlist = load("build/bitlogic_net.blif")                # the side-car bitlogic_net.json stands beside it
netlist = load("mapped.blif", sidecar="build/bitlogic_net.json")
netlist = load("other.blif", num_classes=10)             # no side-car: as many groups of consecutive outputs
"""

from pathlib import Path

import numpy as np

from bitlogic.errors import FormatError
from bitlogic.export.exchange.blif import Model, Names, parse
from bitlogic.export.exchange.cubes import value_of
from bitlogic.export.exchange.sidecar import Sidecar, expect_ports, read_sidecar
from bitlogic.export.netlist import FIRST_INPUT, MAX_RANK, Head, Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.words import variables, widened


def load(path: str | Path, *, sidecar: str | Path | None = None, num_classes: int | None = None) -> Netlist:
    """The netlist of a BLIF file: its look-up tables as they stand, the encoder and the head from the side-car.

    The side-car is ``sidecar``, else the ``.json`` beside the file. Without one the inputs are bits in the order of
    the file, and ``num_classes`` says how many groups the outputs make.

    Raises:
        FormatError: No readable BLIF, a latch, more than 6 inputs at one ``.names``, or ports that are not the
            side-car's; the line is named.
    """
    path = Path(path)
    beside = path.with_suffix(".json") if sidecar is None else Path(sidecar)
    try:
        text = path.read_bytes().decode()
        described = beside.read_bytes() if sidecar is not None or beside.exists() else None
    except OSError as error:
        raise FormatError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not text: {error}") from error
    if num_classes is not None:
        return loads(text, num_classes, str(path))
    if described is None:
        raise FormatError(f"{path}: no {beside.name} beside it says what the outputs mean; give num_classes")
    return loads(text, read_sidecar(described, str(beside)), str(path))


def loads(text: str, meaning: Sidecar | int, where: str = "blif") -> Netlist:
    """The netlist of a BLIF text; ``meaning`` is its side-car, or the number of classes."""
    model = parse(text, where)
    nets = _input_nets(model, meaning, where)
    num_inputs = max(1, len(model.inputs)) if isinstance(meaning, int) else meaning.num_bits
    luts = _luts(model, nets, num_inputs, where)
    rank = max([1, *(len(names.inputs) for names in luts)])
    tables, pins = [], []
    for names in luts:
        num_pins = len(names.inputs)
        ones = (1 << (1 << num_pins)) - 1
        value = value_of(names.cubes, list(variables(num_pins)), ones)
        tables.append(widened(value if names.value else value ^ ones, num_pins, rank))
        pins.append([nets[net] for net in names.inputs] + [0] * (rank - num_pins))
    written = list(model.outputs)
    if isinstance(meaning, Sidecar):
        numbers = expect_ports(meaning, model.inputs, model.outputs, where)[1]
        written = [name for _, name in sorted(zip(numbers, written, strict=True))]
    return Netlist(
        num_inputs=num_inputs,
        tables=np.array(tables, dtype=np.uint64),
        pins=np.array(pins, dtype=np.int32).reshape(len(tables), rank),
        outputs=np.array([nets[net] for net in written], dtype=np.int32),
        head=Head(meaning) if isinstance(meaning, int) else meaning.head,
        encoder=None if isinstance(meaning, int) else meaning.encoder,
    )


def _input_nets(model: Model, meaning: Sidecar | int, where: str) -> dict[str, int]:
    if isinstance(meaning, int):
        if meaning < 1 or len(model.outputs) % meaning:
            raise FormatError(f"{where}: {len(model.outputs)} outputs do not split into {meaning} classes")
        return {name: FIRST_INPUT + place for place, name in enumerate(model.inputs)}
    if meaning.kind is not InputKind.BITS:
        raise FormatError(f"{where}: the encoder's comparators are inside; only what --input bits wrote is read back")
    numbers, _ = expect_ports(meaning, model.inputs, model.outputs, where)
    return {name: FIRST_INPUT + number for name, number in zip(model.inputs, numbers, strict=True)}


def _luts(model: Model, nets: dict[str, int], num_inputs: int, where: str) -> list[Names]:
    """The ``.names`` that become LUTs; ``nets``, the numbers of the inputs, gets those of all others.

    Constants are nets of their own, and a buffer that only names an output is no LUT.
    """
    read = {net for names in model.names for net in names.inputs}
    only_outputs = set(model.outputs) - read
    first_lut = FIRST_INPUT + num_inputs
    luts: list[Names] = []
    for names in model.names:
        if not names.inputs:
            nets[names.output] = int(bool(names.cubes)) if names.value else int(not names.cubes)
        elif names.output in only_outputs and names.cubes == (("1",) if names.value else ("0",)):
            nets[names.output] = nets[names.inputs[0]]
        elif len(names.inputs) > MAX_RANK:
            raise FormatError(
                f"{where}, line {names.line}: {names.output} has {len(names.inputs)} inputs; a look-up table has at "
                f"most {MAX_RANK}"
            )
        else:
            nets[names.output] = first_lut + len(luts)
            luts.append(names)
    return luts
