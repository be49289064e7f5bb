"""The ``engine`` target: the flat model file that `bitlogic.Engine` loads in milliseconds and runs without a compiler.

    engine = bitlogic.Engine.load("build/bitlogic_net.engine")
    scores, class_ids = engine.scores(x), engine.class_ids(x)

The file is defined in ``bitlogic.export.engine.model``.
"""

from dataclasses import dataclass

import numpy as np

from bitlogic.errors import ExportError, FormatError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.engine.engine import Engine, usable_widths
from bitlogic.export.engine.model import model_bytes
from bitlogic.export.engine.plan import plan
from bitlogic.export.manifest import describe
from bitlogic.export.names import check_identifier
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples


@dataclass(frozen=True)
class EngineOptions:
    """How the file is named and what it takes."""

    name: str = "bitlogic_net"
    input: InputKind = InputKind.X

    def __post_init__(self) -> None:
        check_identifier("name", self.name, "this target", frozenset())


def emit(netlist: Netlist, options: EngineOptions = EngineOptions()) -> Artifacts:
    """``<name>.engine``; ExportError for input X when the netlist has no encoder."""
    if options.input is InputKind.X and netlist.encoder is None:
        raise ExportError("the netlist has no encoder: export it with --input bits")
    given = netlist if options.input is InputKind.X else netlist.without_encoder()
    return Artifacts(describe(netlist, "engine", options), {f"{options.name}.engine": model_bytes(given, plan(given))})


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """The scores and classes that the engine gives at every width of this processor, which must all be the same.

    Raises:
        TargetError: the engine refuses the file, the samples are of another kind, or two widths disagree.
        MissingToolError: the machine has no C compiler.
    """
    manifest = artifacts.manifest
    name = f"{manifest['options']['name']}.engine"
    if name not in artifacts.files:
        raise FormatError(f"{name} is not among the artifacts")
    if samples.kind != manifest["input"]["kind"]:
        raise TargetError(f"samples of kind {samples.kind}; {name} takes {manifest['input']['kind']}")
    found: dict[int, Result] = {}
    for width in usable_widths():
        try:
            engine = Engine.from_bytes(artifacts.files[name], name, width=width)
            found[width] = Result(*engine.results(samples.values, ready_bits=samples.kind is InputKind.BITS))
        except (FormatError, ValueError, TypeError) as error:
            raise TargetError(str(error)) from error
    first, *others = found
    for width in others:
        if not np.array_equal(found[first].scores, found[width].scores) or not np.array_equal(
            found[first].class_ids, found[width].class_ids
        ):
            raise TargetError(f"{name}: {width} bits at a time give other results than {first}")
    return found[first]
