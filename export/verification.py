"""``bitlogic verify`` as a call: the report of an export folder with what was asked for beside it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlogic.errors import FormatError, OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.equivalence import Proof, prove_equal
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result
from bitlogic.export.table import table
from bitlogic.export.trace import Trace, trace
from bitlogic.export.vectors import Inputs, inputs_from_numbers
from bitlogic.export.verify import Report, contents, report_bytes, verify

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Request:
    """What to check beyond the target against its own vectors."""

    model: "nn.Module | None" = None  # checks the whole chain from the layers
    data: str | None = None  # digits, mnist or a .npy file
    root: Path | None = None  # of the data set's files
    limit: int | None = None  # samples of the data
    layers: bool = False  # walk to the first difference
    formal: bool = False  # prove the passes by SAT


@dataclass(frozen=True)
class Outcome:
    """The report, the walk to the first difference if one was asked for, and the proof."""

    report: Report
    trace: Trace | None
    traced: bool
    proof: Proof | None

    @property
    def holds(self) -> bool:
        proven = self.proof is None or self.proof.holds is True
        return self.report.holds and proven and self.trace is None

    def to_json(self) -> dict[str, Any]:
        return {**self.report.to_json(), "holds": self.holds, **self._extras()}

    def write(self, folder: Path) -> None:
        """Writes ``verify.json`` into the export folder, whole or not at all."""
        partial = folder / ".verify.json.partial"
        partial.write_bytes(report_bytes(self.report, holds=self.holds, **self._extras()))
        partial.replace(folder / "verify.json")

    def text(self) -> str:
        """What the screen shows: a table of the checks, the first differences, the walk, the proof, the verdict."""
        report = self.report
        lines = [table(("check", "vectors", "mismatches"), [(c.name, c.vectors, c.mismatches) for c in report.checks])]
        for check in report.checks:
            if check.error is not None:
                lines.append(f"{check.name}: {check.error}")
            if check.first is not None:
                first = check.first
                lines.append(
                    f"{check.name}: first difference at sample {first.sample}, {first.output}: "
                    f"evaluate says {first.expected}, it says {first.got}"
                )
        lines += [f"{name} is not as it was exported" for name in report.changed]
        if self.traced:
            lines.append(f"walk: {self.trace.where}" if self.trace else "walk: every layer, pass and file agrees")
        if self.proof is not None:
            lines.append(f"proof: {self.proof}")
        lines.append(f"{report.target}: {'equal' if self.holds else 'NOT EQUAL'} (vectors of seed {report.seed})")
        return "\n".join(lines)

    def _extras(self) -> dict[str, Any]:
        extras: dict[str, Any] = {}
        if self.traced:
            extras["walk"] = None if self.trace is None else asdict(self.trace)
        if self.proof is not None:
            extras["proof"] = {"holds": self.proof.holds, "sentence": str(self.proof)}
        return extras


def run_verification(artifacts: Artifacts, request: Request) -> Outcome:
    """The outcome of a request on the artifacts of an export folder."""
    vectors, netlist, extracted = contents(artifacts)
    kind = InputKind(artifacts.manifest["input"]["kind"])
    data = None
    if request.data is not None:
        data = inputs_from_numbers(netlist, kind, _numbers(request.data, request.root)[: request.limit])
    elif request.limit is not None or request.root is not None:
        raise OptionError("--limit and --root go with --data")
    report = verify(artifacts, data=data, references=_references(request.model))
    found = None
    if request.layers:
        layers = None
        if request.model is not None:
            from bitlogic.export.reference import layer_bits

            layers = layer_bits(request.model, vectors.inputs)
        found = trace(artifacts, netlist, extracted, vectors.inputs.samples, layers)
    proof = _prove(extracted, netlist, kind) if request.formal else None
    return Outcome(report, found, request.layers, proof)


def _references(model: "nn.Module | None") -> dict[str, Callable[[Inputs], Result]]:
    if model is None:
        return {}
    from bitlogic.export.reference import eval_reference, packed_reference

    return {"PackedLogicNet": packed_reference(model), "model.eval()": eval_reference(model)}


def _prove(extracted: Netlist, netlist: Netlist, kind: InputKind) -> Proof:
    if kind is InputKind.BITS:  # the ports are free bits: nothing that an encoder rules out may be assumed
        return prove_equal(extracted.without_encoder(), netlist.without_encoder())
    return prove_equal(extracted, netlist)


def _numbers(data: str, root: Path | None) -> np.ndarray[Any, Any]:
    """The test samples of a data set, or the array of a .npy file, ``(n, …)``."""
    if data.endswith(".npy"):
        try:
            array = np.load(data, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise FormatError(f"{data}: not an .npy file of numbers: {error}") from error
        if array.ndim < 2 or array.dtype.kind not in "uif" or not len(array):
            raise FormatError(f"{data}: {array.dtype} {array.shape}; samples are numbers (n, …)")
        return np.asarray(array)
    from bitlogic.datasets import load_dataset

    try:
        return load_dataset(data, **({} if root is None else {"root": root})).test_x.numpy()
    except ValueError as error:
        raise OptionError(f"--data {data}: {error}; or a .npy file of samples") from error
