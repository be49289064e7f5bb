"""The side-car: a JSON file beside a BLIF or AIGER file that says what its inputs and outputs mean.

Such a file holds logic only. The side-car holds ``format``, ``version``, ``netlist`` (digest, num_luts, rank, depth),
``input`` and ``output`` as in the manifest, and ``ports``: how the names in the file count. Input ``bits[j]`` is the
encoder's bit ``j``, input ``x[i]`` is bit ``i % input_bits`` of the integer of feature ``i // input_bits``. Output
``outputs[k]`` belongs to group ``k // group_size``; the ones of each group make the scores as ``output`` says, and the
class is that of the highest score, the lowest one of equals.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlogic.errors import FormatError, NetlistError
from bitlogic.export.head import Head
from bitlogic.export.netlist import Encoder
from bitlogic.export.samples import InputKind

FORMAT = "bitlogic-exchange"
VERSION = 1
_PORTS = {
    "bits": "bits[j]: bit j of the encoder's output",
    "x": "x[i]: bit i % input_bits of q of feature i // input_bits, bit 0 the lowest",
    "outputs": "outputs[k]: an output bit of group k // group_size",
}


@dataclass(frozen=True)
class Sidecar:
    """What a reader needs of a side-car."""

    kind: InputKind
    num_bits: int  # of the encoder's output
    num_outputs: int
    head: Head
    encoder: Encoder | None

    @property
    def num_inputs(self) -> int:
        """Input bits of the file."""
        if self.kind is InputKind.BITS or self.encoder is None:
            return self.num_bits
        return self.encoder.num_features * self.encoder.input_bits


def sidecar_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The side-car of a netlist that ``describe`` made a manifest of."""
    kind = manifest["input"]["kind"]
    document = {
        "format": FORMAT,
        "version": VERSION,
        "netlist": manifest["netlist"],
        "input": manifest["input"],
        "output": manifest["output"],
        "ports": {name: _PORTS[name] for name in (kind, "outputs")},
    }
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_sidecar(data: bytes, where: str) -> Sidecar:
    """The side-car of these bytes; FormatError, naming ``where``, for anything else."""
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise FormatError(f"{where}: the format is {document['format']!r}, not {FORMAT!r}")
        if document["version"] != VERSION:
            raise FormatError(f"{where}: version {document['version']!r} is unknown; this bitlogic reads {VERSION}")
        given, output = document["input"], document["output"]
        weights = output.get("weights")
        head = Head(
            num_classes=output["num_classes"],
            tau=output["tau"],
            beta=output["beta"],
            scale=output["scale"],
            weights=None if weights is None else np.array(weights, dtype=np.int32),
        )
        encoder = _encoder(given["encoder"]) if "encoder" in given else None
        size = head.num_classes * int(output["group_size"])
        return Sidecar(InputKind(given["kind"]), int(given["num_bits"]), size, head, encoder)
    except (KeyError, ValueError, TypeError, NetlistError) as error:
        raise FormatError(f"{where}: not a bitlogic side-car: {error}") from error


def _encoder(described: Mapping[str, Any]) -> Encoder:
    num_features = int(described["num_features"])
    words = {None: np.inf, "-inf": -np.inf}
    thresholds = [words.get(value, value) for value in described["thresholds"]]
    integers = described.get("integer_thresholds")
    grid = described.get("grid", {"input_min": 0.0, "input_max": 0.0})
    low, high = (np.broadcast_to(np.float32(grid[name]), (num_features,)) for name in ("input_min", "input_max"))
    return Encoder(
        input_shape=tuple(described["shape"]),
        features=np.array(described["features"], dtype=np.int32),
        thresholds=np.array(thresholds, dtype=np.float32),
        input_bits=described["input_bits"],
        integer_thresholds=None if integers is None else np.array(integers, dtype=np.int32),
        input_min=low,
        input_max=high,
    )


def indices(names: Sequence[str], word: str) -> list[int] | None:
    """The numbers of names that are all ``word[number]``; None where one is not."""
    found = [re.fullmatch(rf"{word}\[(\d{{1,9}})\]", name) for name in names]
    return None if any(match is None for match in found) else [int(match[1]) for match in found if match]


def expect_ports(
    sidecar: Sidecar, inputs: Sequence[str], outputs: Sequence[str], where: str
) -> tuple[list[int], list[int]]:
    """The numbers of a file's inputs and outputs; FormatError where they are not those of its side-car.

    An input may be missing: tools drop what nothing reads.
    """
    read, written = indices(inputs, sidecar.kind.value), indices(outputs, "outputs")
    if read is None or len(set(read)) < len(read) or any(number >= sidecar.num_inputs for number in read):
        raise FormatError(f"{where}: its inputs are not {sidecar.kind}[0] to {sidecar.kind}[{sidecar.num_inputs - 1}]")
    if written is None or sorted(written) != list(range(sidecar.num_outputs)):
        raise FormatError(f"{where}: its outputs are not outputs[0] to outputs[{sidecar.num_outputs - 1}]")
    return read, written
