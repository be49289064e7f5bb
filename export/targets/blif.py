"""The blif target: the look-up tables as a BLIF model that ABC, Yosys and VTR read, with its side-car.

The model ends where the head begins: its outputs are the bits that the head counts, and the side-car says how. With
input x the encoder's comparators are in the model, one ``.names`` of up to 16 inputs each. ``run`` interprets the text
itself and applies the head as the side-car states it: BLIF has no integers that a score could be read from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bitlogic.errors import FormatError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.exchange.blif import parse
from bitlogic.export.exchange.blif_text import blif_text
from bitlogic.export.exchange.logic import ExchangeOptions, Logic, check_input, run_logic
from bitlogic.export.exchange.sidecar import Sidecar, expect_ports, sidecar_bytes
from bitlogic.export.manifest import describe
from bitlogic.export.mapping import LutMapping
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import Result, Samples


@dataclass(frozen=True)
class BlifOptions(ExchangeOptions):
    """The options of the blif target."""

    map: LutMapping = LutMapping.NONE


def emit(netlist: Netlist, options: BlifOptions = BlifOptions()) -> Artifacts:
    """``<name>.blif`` and the side-car ``<name>.json``; ExportError for input x without an encoder on a grid."""
    check_input(netlist, options.input)
    manifest = describe(netlist, "blif", options)
    text = blif_text(netlist, options.input, options.name)
    return Artifacts(manifest, {f"{options.name}.blif": text.encode(), f"{options.name}.json": sidecar_bytes(manifest)})


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """Interprets the text of the model on all samples at once."""
    return run_logic(artifacts, samples, _interpreter, "blif")


def _interpreter(data: bytes, sidecar: Sidecar) -> Logic:
    try:
        model = parse(data.decode(), "the model")
        inputs, outputs = expect_ports(sidecar, model.inputs, model.outputs, "the model")
    except (FormatError, UnicodeDecodeError) as error:
        raise TargetError(str(error)) from error
    order = sorted(range(len(outputs)), key=outputs.__getitem__)

    def logic(values: Sequence[int], ones: int) -> list[int]:
        got = model.evaluate({name: values[i] for name, i in zip(model.inputs, inputs, strict=True)}, ones)
        return [got[place] for place in order]

    return logic
