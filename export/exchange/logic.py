"""What BLIF and AIGER share: options, ports, the encoder as logic, and running a file's logic on samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import ExportError, FormatError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.exchange.sidecar import Sidecar, read_sidecar
from bitlogic.export.names import check_identifier
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind, Result, Samples

Array = npt.NDArray[Any]
_TAKEN = ("manifest", "verify")  # .json files that an export folder holds


@dataclass(frozen=True)
class ExchangeOptions:
    """How the files are named and what the logic takes."""

    name: str = "bitlogic_net"
    input: InputKind = InputKind.X

    def __post_init__(self) -> None:
        check_identifier("name", self.name, "this target", frozenset())
        if self.name in _TAKEN:
            raise OptionError(f"--name {self.name!r}: {self.name}.json is another file of the export folder")


def check_input(netlist: Netlist, kind: InputKind) -> None:
    """ExportError where the netlist has no integers for ``x``."""
    if kind is InputKind.X and netlist.encoder is None:
        raise ExportError("the netlist has no encoder: export it with --input bits")
    if kind is InputKind.X and netlist.encoder is not None and netlist.encoder.input_bits == 0:
        raise ExportError(
            "the encoder has no integer grid (input_bits=0) and logic takes integers: fit it with input_bits=8, "
            "or export with --input bits"
        )


def num_inputs(netlist: Netlist, kind: InputKind) -> int:
    """Input bits of the file."""
    if kind is InputKind.BITS or netlist.encoder is None:
        return netlist.num_inputs
    return netlist.encoder.num_features * netlist.encoder.input_bits


def comparator_bits(netlist: Netlist, bit: int) -> tuple[list[int], int]:
    """For an input bit the places in ``x`` of its feature's bits, the lowest first, and the threshold to exceed."""
    encoder = netlist.encoder
    if encoder is None or encoder.integer_thresholds is None:
        raise ExportError("an encoder without a grid has no integers to compare")
    start = int(encoder.features[bit]) * encoder.input_bits
    return list(range(start, start + encoder.input_bits)), int(encoder.integer_thresholds[bit])


def bits_read(netlist: Netlist) -> list[int]:
    """The input bits that a LUT or an output reads, ascending."""
    nets = np.unique(np.concatenate([netlist.pins.ravel(), netlist.outputs]))
    return [int(net) - FIRST_INPUT for net in nets[(nets >= FIRST_INPUT) & (nets < netlist.first_lut)]]


Logic = Callable[[Sequence[int], int], Sequence[int]]  # integers of bits for the inputs, the 1 of all; for the outputs


def run_logic(artifacts: Artifacts, samples: Samples, logic: Callable[[bytes, Sidecar], Logic], suffix: str) -> Result:
    """The result of a file's logic, all samples at once, with the head that its side-car states."""
    name = artifacts.manifest["options"]["name"]
    data = {file: artifacts.files.get(file) for file in (f"{name}.json", f"{name}.{suffix}")}
    for file, content in data.items():
        if content is None:
            raise FormatError(f"{file} is not among the artifacts")
    sidecar = read_sidecar(artifacts.files[f"{name}.json"], f"{name}.json")
    if samples.kind is not sidecar.kind:
        raise TargetError(f"samples of kind {samples.kind}; {name}.{suffix} takes {sidecar.kind}")
    ones = (1 << len(samples)) - 1
    outputs = logic(artifacts.files[f"{name}.{suffix}"], sidecar)(_planes(samples, sidecar), ones)
    bits = np.array([_spread(value, len(samples)) for value in outputs], dtype=np.uint8)
    groups = bits.reshape(sidecar.head.num_classes, -1, len(samples)).sum(axis=1, dtype=np.int64)
    scores = sidecar.head.combine(groups.T)
    return Result(scores, scores.argmax(axis=1))


def _planes(samples: Samples, sidecar: Sidecar) -> list[int]:
    """For each input bit the integer whose bit ``s`` is what sample ``s`` has there."""
    values = samples.values
    if samples.kind is InputKind.X and sidecar.encoder is not None:
        if values.dtype.kind != "u":
            raise TargetError("the logic takes the integers of the encoder's grid, not float32 numbers")
        if values.size and int(values.max()) > sidecar.encoder.max_input:
            raise TargetError(f"an input of {values.max()}; the encoder's grid ends at {sidecar.encoder.max_input}")
        bits = values[:, :, None] >> np.arange(sidecar.encoder.input_bits, dtype=values.dtype) & 1
        values = bits.reshape(len(values), -1)
    if values.shape[1] != sidecar.num_inputs:
        raise TargetError(f"samples of {values.shape[1]} input bits; the logic has {sidecar.num_inputs}")
    packed = np.packbits(values.astype(np.uint8), axis=0, bitorder="little")
    return [int.from_bytes(column.tobytes(), "little") for column in packed.T]


def _spread(value: int, number: int) -> Array:
    data = np.frombuffer(value.to_bytes(-(-number // 8), "little"), dtype=np.uint8)
    return np.unpackbits(data, count=number, bitorder="little")
