"""The ``packed`` target: one ``.npz`` that torch runs on the CPU or on CUDA, 64 samples a word.

    net = load("build/bitlogic_net.npz", device="cuda")
    scores, class_ids = net(x)  # x: float32, or the encoder's integers

The layout is defined in ``packed_layout``, the computation in ``packed_net``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bitlogic.errors import ExportError, FormatError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.manifest import describe
from bitlogic.export.names import check_identifier
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.targets.packed_layout import PackedLayout, pack

if TYPE_CHECKING:
    from bitlogic.export.targets.packed_net import PackedNet

_TAKEN = frozenset(["netlist", "vectors"])  # .npz files that every export folder holds


@dataclass(frozen=True)
class PackedOptions:
    """How the file is named and what it takes."""

    name: str = "bitlogic_net"
    input: InputKind = InputKind.X

    def __post_init__(self) -> None:
        check_identifier("name", self.name, "this target", frozenset())
        if self.name in _TAKEN:
            raise OptionError(f"--name {self.name!r} is the name of another file of the export folder")


def emit(netlist: Netlist, options: PackedOptions = PackedOptions()) -> Artifacts:
    """``<name>.npz``; ExportError for input X when the netlist has no encoder."""
    if options.input is InputKind.X and netlist.encoder is None:
        raise ExportError("the netlist has no encoder: export it with --input bits")
    layout = pack(netlist if options.input is InputKind.X else netlist.without_encoder())
    return Artifacts(describe(netlist, "packed", options), {f"{options.name}.npz": layout.to_bytes()})


def load(path: str | Path, device: str = "cpu") -> "PackedNet":
    """The module of an emitted ``.npz`` on a device of torch; FormatError where the file is no such thing."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    return _net(data, str(path)).to(device)


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """Loads the ``.npz`` of the artifacts with torch, on the CPU, and runs the samples through it."""
    name = f"{artifacts.manifest['options']['name']}.npz"
    if name not in artifacts.files:
        raise FormatError(f"{name} is not among the artifacts")
    net = _net(artifacts.files[name], name)
    if samples.kind is not net.layout.input:
        raise TargetError(f"samples of kind {samples.kind}; {name} takes {net.layout.input}")
    import torch

    values = samples.values
    if values.dtype.kind == "u":
        if values.size and int(values.max()) > np.iinfo(np.int32).max:
            raise TargetError(f"an input of {values.max()}; {name} takes at most {net.layout.max_input}")
        values = values.astype(np.int32)  # torch computes with few unsigned dtypes
    scores, class_ids = net(torch.from_numpy(values.copy()))
    return Result(scores.numpy(), class_ids.numpy())


def _net(data: bytes, where: str) -> "PackedNet":
    layout = PackedLayout.from_bytes(data, where)
    from bitlogic.export.targets.packed_net import PackedNet  # torch is loaded when something runs, not before

    return PackedNet(layout)
