"""The netlist: the one form of a network that every pass and every target reads.

A netlist is a frozen dataclass of read-only numpy arrays that is checked once, when it is made.

Nets are integers. Net 0 is the constant 0, net 1 the constant 1, net ``2 + j`` is input bit ``j`` (the encoder's
output), and net ``2 + num_inputs + i`` is the output of LUT ``i``. A pin names a smaller number than its own LUT, so
the order of the LUTs is topological and a cycle cannot be written down. There are no opcodes: AND, NOT, a wire and a
constant are tables.

``tables[i]`` is a uint64: its bit ``a`` is the output when the pins of LUT ``i`` read the address ``a``, and pin 0 is
bit 0 of the address, as in the INIT of a Xilinx or Lattice primitive. A netlist has one ``rank`` (1 to 6) for all its
LUTs; bits from ``2**rank`` up are 0. Real pins come first; a pin that is not used reads net 0 and the table repeats
over it.

``outputs`` are the nets that feed the head, in ``num_classes`` groups of ``len(outputs) / num_classes`` consecutive
ones. The head adds up each group; a group's sum is the score of its class, or, where the head has ``weights``, the sums
are multiplied by that matrix of integers: ``score[c] = sum over g of sum[g] * weights[g, c]``. The scores are integers,
signed with weights, and fit int32; the class is the argmax with ties to the lowest index. ``tau``, ``beta`` and
``scale`` (1 without weights) ride along for the host: ``float score = scale * score / tau + beta``.

The saved form is an ``.npz`` without pickles: the arrays under the names of the fields, those of the encoder with the
prefix ``encoder_`` and those of the head with ``head_``, and ``header``, the UTF-8 bytes of a JSON object with
``format``, ``version``, ``num_inputs``, ``head`` (``num_classes``, ``tau``, ``beta`` and, with weights, ``scale``) and,
with an encoder, ``encoder`` (``input_bits``, ``input_shape``). Version 2 added the weights; a netlist without them is
written as version 1, as before.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import FormatError, NetlistError
from bitlogic.export.checks import freeze_field, freeze_integer, require
from bitlogic.export.head import SCORE_RANGE, width_of
from bitlogic.export.head import Head as Head
from bitlogic.export.levels import group_by_level, net_levels
from bitlogic.export.npz import npz_arrays, npz_bytes

FORMAT = "bitlogic-netlist"
VERSION = 2
MAX_RANK = 6
FIRST_INPUT = 2  # nets 0 and 1 are the constants
MAX_NETS = 2**31 - 1  # net numbers are int32

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Encoder:
    """The comparators in front of the LUTs: input bit ``j`` is ``x[features[j]] > thresholds[j]``.

    With ``input_bits > 0`` the same bit is ``q[features[j]] > integer_thresholds[j]``, where ``q`` is the sample on the
    grid ``clamp(floor((x - input_min) / (input_max - input_min) * (2**input_bits - 1) + 1/2), 0, 2**input_bits - 1)``,
    each step rounded to float32 in this order; ``input_min == input_max`` gives ``q = 0``.
    """

    input_shape: tuple[int, ...]  # of one sample, without the batch axis; features count it in C order
    features: Array  # int32 (num_bits,)
    thresholds: Array  # float32 (num_bits,), not NaN; +inf is a bit that is always 0
    input_bits: int  # 0: no grid, only float comparisons; else 1..16
    integer_thresholds: Array | None  # int32 (num_bits,) in [0, 2**input_bits - 1]; None without a grid
    input_min: Array  # float32 (num_features,)
    input_max: Array  # float32 (num_features,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(int(size) for size in self.input_shape))
        freeze_integer(self, "input_bits", 0, 16)
        freeze_field(self, "features", np.int32)
        freeze_field(self, "thresholds", np.float32)
        freeze_field(self, "input_min", np.float32)
        freeze_field(self, "input_max", np.float32)
        require(self.features.ndim == 1, "encoder: features is (num_bits,)")
        num_bits, num_features = len(self.features), self.num_features
        require(self.thresholds.shape == (num_bits,), "encoder: one threshold for each bit")
        require(not np.isnan(self.thresholds).any(), "encoder: a threshold is NaN")
        require(
            bool(np.all((self.features >= 0) & (self.features < num_features))),
            "encoder: a feature out of range",
        )
        require(
            self.input_min.shape == self.input_max.shape == (num_features,),
            "encoder: one range for each feature",
        )
        require(
            (self.integer_thresholds is None) == (self.input_bits == 0),
            "encoder: a grid needs integer thresholds",
        )
        if self.integer_thresholds is not None:
            ranged = np.isfinite(self.input_min) & np.isfinite(self.input_max) & (self.input_min <= self.input_max)
            require(bool(np.all(ranged)), "encoder: a grid needs finite ranges, input_min <= input_max")
            freeze_field(self, "integer_thresholds", np.int32)
            require(self.integer_thresholds.shape == (num_bits,), "encoder: one integer threshold for each bit")
            inside = (self.integer_thresholds >= 0) & (self.integer_thresholds <= self.max_input)
            require(bool(np.all(inside)), f"encoder: an integer threshold outside 0..{self.max_input}")

    @property
    def num_features(self) -> int:
        return int(np.prod(self.input_shape, dtype=np.int64))

    @property
    def max_input(self) -> int:
        """The largest integer of the grid, ``2**input_bits - 1``."""
        return (1 << self.input_bits) - 1


@dataclass(frozen=True, eq=False)
class Netlist:
    """LUTs, their wiring and what stands before and behind them; the module's docstring defines the form."""

    num_inputs: int  # input bits: the encoder's output, or the bits themselves without an encoder
    tables: Array  # uint64 (num_luts,)
    pins: Array  # int32 (num_luts, rank)
    outputs: Array  # int32 (num_outputs,)
    head: Head
    encoder: Encoder | None = None
    origins: Array | None = None  # int32 (num_luts, 2): layer and neuron a LUT came from; for people, not in the digest

    def __post_init__(self) -> None:
        freeze_integer(self, "num_inputs", 1, MAX_NETS)
        freeze_field(self, "tables", np.uint64)
        freeze_field(self, "pins", np.int32)
        freeze_field(self, "outputs", np.int32)
        require(self.tables.ndim == 1 and self.pins.ndim == 2, "tables is (num_luts,) and pins (num_luts, rank)")
        require(
            len(self.pins) == len(self.tables),
            f"{len(self.tables)} tables but pins for {len(self.pins)} LUTs",
        )
        require(1 <= self.rank <= MAX_RANK, f"the rank is 1 to {MAX_RANK}, not {self.rank}")
        require(self.outputs.ndim == 1 and len(self.outputs) >= 1, "a netlist has at least one output")
        groups = self.head.num_classes
        require(len(self.outputs) % groups == 0, f"{len(self.outputs)} outputs do not split into {groups} classes")
        low, high = self.score_range
        require(
            SCORE_RANGE[0] <= low and high <= SCORE_RANGE[1],
            f"the head's scores reach from {low} to {high}, beyond int32; use fewer bits for its weights (wbits)",
        )
        require(self.num_nets <= MAX_NETS, f"{self.num_nets} nets; at most {MAX_NETS}")
        own = np.arange(self.first_lut, self.num_nets, dtype=np.int64)
        late = np.flatnonzero(((self.pins < 0) | (self.pins >= own[:, None])).any(axis=1))
        if len(late):
            raise NetlistError(
                f"LUT {late[0]} has pins {self.pins[late[0]].tolist()}; it may read nets 0 to {own[late[0]] - 1}"
            )
        require(bool(np.all((self.outputs >= 0) & (self.outputs < self.num_nets))), "an output is no net")
        if self.rank < MAX_RANK:
            wide = np.flatnonzero(self.tables >> np.uint64(1 << self.rank))
            if len(wide):
                raise NetlistError(f"LUT {wide[0]} of rank {self.rank} has table bits above 2**rank")
        if self.encoder is not None:
            require(
                len(self.encoder.features) == self.num_inputs,
                "the encoder makes another number of bits than num_inputs",
            )
        if self.origins is not None:
            freeze_field(self, "origins", np.int32)
            require(self.origins.shape == (self.num_luts, 2), "origins is (num_luts, 2)")

    @property
    def num_luts(self) -> int:
        return len(self.tables)

    @property
    def rank(self) -> int:
        return int(self.pins.shape[1])

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    @property
    def group_size(self) -> int:
        """Outputs that a class adds up."""
        return self.num_outputs // self.head.num_classes

    @property
    def sum_width(self) -> int:
        """Bits of a group's sum, which is unsigned: enough for ``group_size``."""
        return width_of(0, self.group_size, signed=False)

    @property
    def score_range(self) -> tuple[int, int]:
        """The lowest and the highest score that the head can give, whatever the outputs are."""
        return self.head.score_range(self.group_size)

    @property
    def score_signed(self) -> bool:
        """Whether a score is in two's complement: with weights, whatever their signs."""
        return self.head.weights is not None

    @property
    def score_width(self) -> int:
        """Bits of a score, enough for ``score_range``, at least 1."""
        return width_of(*self.score_range, signed=self.score_signed)

    @property
    def class_width(self) -> int:
        """Bits of a class number, at least 1."""
        return max(1, (self.head.num_classes - 1).bit_length())

    @property
    def first_lut(self) -> int:
        """The net of LUT 0."""
        return FIRST_INPUT + self.num_inputs

    @property
    def num_nets(self) -> int:
        return self.first_lut + self.num_luts

    @cached_property
    def levels(self) -> Array:
        """int32 (num_nets,): 0 for constants and input bits, else one more than the deepest pin; read-only."""
        levels = net_levels(self.pins, self.first_lut)
        levels.setflags(write=False)
        return levels

    def luts_by_level(self) -> list[Array]:
        """The LUTs' indices, one ascending array for each level from 1 up."""
        return group_by_level(self.levels[self.first_lut :])

    @property
    def depth(self) -> int:
        """LUT levels on the longest path."""
        return int(self.levels.max())

    def without_encoder(self) -> "Netlist":
        """The same LUTs with the encoder's output bits as the inputs."""
        return replace(self, encoder=None)

    def digest(self) -> str:
        """sha256 (hex) over the arrays, the encoder and the head; ``origins`` does not count."""
        sha = hashlib.sha256()
        for name, array in sorted(_arrays(self).items()):
            if name != "origins":
                sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
                sha.update(np.ascontiguousarray(array).tobytes())
        sha.update(json.dumps(_header(self), sort_keys=True).encode())
        return sha.hexdigest()

    def to_bytes(self) -> bytes:
        """The saved form; the same netlist gives the same bytes."""
        header = np.frombuffer(json.dumps(_header(self), sort_keys=True).encode(), dtype=np.uint8)
        return npz_bytes({"header": header, **_arrays(self)})

    @staticmethod
    def from_bytes(data: bytes, where: str = "netlist") -> "Netlist":
        """The netlist of a saved form; FormatError, naming ``where``, for anything else."""
        arrays = npz_arrays(data, where)
        try:
            header = json.loads(arrays.pop("header").tobytes().decode())
            if header["format"] != FORMAT:
                raise FormatError(f"{where}: the format is {header['format']!r}, not {FORMAT!r}")
            version = header["version"]
            if version not in range(1, VERSION + 1):
                raise FormatError(
                    f"{where}: netlist format {version!r} is unknown, perhaps newer than this bitlogic "
                    f"reads ({VERSION})"
                )
            return _from_parts(header, arrays)
        except (KeyError, ValueError, TypeError, NetlistError) as error:
            raise FormatError(f"{where}: not a bitlogic netlist: {error}") from error

    def save(self, path: str | Path) -> None:
        """Writes the saved form to ``path``, whole or not at all."""
        path = Path(path)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(self.to_bytes())
        partial.replace(path)

    @staticmethod
    def load(path: str | Path) -> "Netlist":
        """The netlist of a file that ``save`` wrote."""
        try:
            return Netlist.from_bytes(Path(path).read_bytes(), str(path))
        except OSError as error:
            raise FormatError(f"{path}: {error.strerror}") from error


def _header(netlist: Netlist) -> dict[str, Any]:
    head, encoder = netlist.head, netlist.encoder
    described: dict[str, Any] = {"num_classes": head.num_classes, "tau": head.tau, "beta": head.beta}
    if head.weights is not None:
        described["scale"] = head.scale
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": 1 if head.weights is None else 2,  # the lowest that can say it
        "num_inputs": netlist.num_inputs,
        "head": described,
    }
    if encoder is not None:
        header["encoder"] = {"input_bits": encoder.input_bits, "input_shape": list(encoder.input_shape)}
    return header


def _arrays(netlist: Netlist) -> dict[str, Array]:
    arrays = {"tables": netlist.tables, "pins": netlist.pins, "outputs": netlist.outputs}
    if netlist.origins is not None:
        arrays["origins"] = netlist.origins
    if netlist.head.weights is not None:
        arrays["head_weights"] = netlist.head.weights
    if netlist.encoder is not None:
        for name in ("features", "thresholds", "integer_thresholds", "input_min", "input_max"):
            array = getattr(netlist.encoder, name)
            if array is not None:
                arrays[f"encoder_{name}"] = array
    return arrays


def _from_parts(header: dict[str, Any], arrays: dict[str, Array]) -> Netlist:
    encoder = None
    if "encoder" in header:
        parts = {
            name.removeprefix("encoder_"): arrays.pop(name) for name in list(arrays) if name.startswith("encoder_")
        }
        encoder = Encoder(
            input_shape=tuple(header["encoder"]["input_shape"]),
            input_bits=header["encoder"]["input_bits"],
            integer_thresholds=parts.pop("integer_thresholds", None),
            **parts,
        )
    weights = arrays.pop("head_weights") if header["version"] >= 2 else None
    head = Head(**header["head"], weights=weights)
    return Netlist(num_inputs=header["num_inputs"], head=head, encoder=encoder, **arrays)
