"""``bitlogic verify`` as a call: the report of an export folder with what was asked for beside it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlogic.errors import FormatError, OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.coverage import Coverage, coverage
from bitlogic.export.equivalence import Proof, prove_equal
from bitlogic.export.evaluate import evaluate
from bitlogic.export.folder import NETLIST
from bitlogic.export.formal.artifacts import HARDWARE, prove_artifacts, prove_synthesised
from bitlogic.export.formal.log import PROOF, ProofLog
from bitlogic.export.formal.synthesis import prove_synthesis
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.synthesis.check import TARGET as SYNTHESIS
from bitlogic.export.synthesis.check import family_of, run_synthesised
from bitlogic.export.table import table
from bitlogic.export.trace import Trace, trace
from bitlogic.export.vectors import Inputs, inputs_from_numbers, make_inputs
from bitlogic.export.verify import Check, Report, attempt, compare, contents, report_bytes, verify

if TYPE_CHECKING:
    from torch import nn

_SEED = 0  # of the samples of a synthesis, which carries no vectors
_NUM_RANDOM = 100


@dataclass(frozen=True)
class Request:
    """What to check beyond the target against its own vectors."""

    model: "nn.Module | None" = None  # checks the whole chain from the layers
    data: str | None = None  # digits, mnist or a .npy file
    root: Path | None = None  # of the data set's files
    limit: int | None = None  # samples of the data
    layers: bool = False  # walk to the first difference
    formal: bool = False  # prove the passes by SAT, and of hardware the text
    synthesised: Path | None = None  # a netlist that a synthesis tool made of the export, to prove too
    technology: str | None = None  # of its cells: ice40, ecp5, xilinx, …


@dataclass(frozen=True)
class Outcome:
    """The report, the walk to the first difference if one was asked for, and the proof."""

    report: Report
    trace: Trace | None
    traced: bool
    proof: Proof | None
    coverage: Coverage  # of the LUT tables by the samples that the target ran
    logs: tuple[ProofLog, ...] = ()  # of what tools read: the emitted text, a synthesised netlist

    @property
    def holds(self) -> bool:
        proven = (self.proof is None or self.proof.holds is True) and all(log.holds for log in self.logs)
        return self.report.holds and proven and self.trace is None

    def to_json(self) -> dict[str, Any]:
        return {**self.report.to_json(), "holds": self.holds, **self._extras()}

    def write(self, folder: Path) -> None:
        """Writes ``verify.json`` into the export folder, and ``proof.json`` if there was a proof, each as a whole."""
        contents = {"verify.json": report_bytes(self.report, holds=self.holds, **self._extras())}
        if self.logs:
            contents[PROOF] = (json.dumps([log.to_json() for log in self.logs], indent=2) + "\n").encode()
        for name, content in contents.items():
            partial = folder / f".{name}.partial"
            partial.write_bytes(content)
            partial.replace(folder / name)

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
        lines.append(f"coverage: {self.coverage}")
        if self.traced:
            lines.append(f"walk: {self.trace.where}" if self.trace else "walk: every layer, pass and file agrees")
        if self.proof is not None:
            lines.append(f"proof of the passes: {self.proof}")
        lines += [f"proof of {log.text()}" for log in self.logs]
        lines.append(f"{report.target}: {self._verdict()} (vectors of seed {report.seed})")
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.holds:
            return "equal"
        undecided = self.report.holds and self.trace is None and not self._refuted()
        return "equal on all vectors, NOT PROVEN" if undecided else "NOT EQUAL"

    def _refuted(self) -> bool:
        return (self.proof is not None and self.proof.holds is False) or any(log.refuted for log in self.logs)

    def _extras(self) -> dict[str, Any]:
        extras: dict[str, Any] = {"coverage": self.coverage.to_json()}
        if self.traced:
            extras["walk"] = None if self.trace is None else asdict(self.trace)
        if self.proof is not None:
            extras["proof"] = {"holds": self.proof.holds, "sentence": str(self.proof)}
        if self.logs:
            extras["proofs"] = [{"subject": log.subject, "holds": log.holds} for log in self.logs]
        return extras


def run_verification(artifacts: Artifacts, request: Request) -> Outcome:
    """The outcome of a request on the artifacts of an export folder, or of one that ``bitlogic synth`` made."""
    if artifacts.manifest["target"] == SYNTHESIS:
        return _run_synthesised(artifacts, request)
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
    given = [vectors.inputs.samples.values, *([] if data is None else [data.samples.values])]
    covered = coverage(netlist, Samples(vectors.inputs.samples.kind, np.concatenate(given)))
    return Outcome(report, found, request.layers, proof, covered, _prove_hardware(artifacts, request))


def _run_synthesised(artifacts: Artifacts, request: Request) -> Outcome:
    """The cells that synthesis made, run on the data, or on random samples where none are asked for."""
    if request.layers or request.synthesised is not None:
        option = "layers" if request.layers else "synthesised"
        raise OptionError(f"--{option} goes with an export; this is a folder of bitlogic synth")
    if NETLIST not in artifacts.files:
        raise FormatError(f"the folder holds no {NETLIST}; without it nothing can be verified")
    netlist = Netlist.from_bytes(artifacts.files[NETLIST], NETLIST)
    kind = InputKind(artifacts.manifest["input"]["kind"])
    if request.data is not None:
        inputs = inputs_from_numbers(netlist, kind, _numbers(request.data, request.root)[: request.limit])
    elif request.limit is not None or request.root is not None:
        raise OptionError("--limit and --root go with --data")
    else:
        inputs = make_inputs(netlist, kind, num_random=_NUM_RANDOM, seed=_SEED)
    samples = inputs.samples
    reference = evaluate(netlist, samples)
    checks = [attempt("the synthesised cells", reference, lambda: run_synthesised(artifacts, netlist, samples))]
    checks += [compare(name, reference, run(inputs)) for name, run in _references(request.model).items()]
    digest = netlist.digest()
    if digest != artifacts.manifest["netlist"]["digest"]:
        message = f"{NETLIST} is not the netlist that was synthesised: its digest is {digest}"
        checks.append(Check("netlist digest", 0, None, error=message))
    report = Report(SYNTHESIS, digest, _SEED, tuple(checks), artifacts.changed)
    logs = (prove_synthesis(artifacts, family_of(artifacts)),) if request.formal else ()
    return Outcome(report, None, False, None, coverage(netlist, samples), logs)


def _references(model: "nn.Module | None") -> dict[str, Callable[[Inputs], Result]]:
    if model is None:
        return {}
    from bitlogic.export.reference import eval_reference, packed_reference

    return {"PackedLogicNet": packed_reference(model), "model.eval()": eval_reference(model)}


def _prove_hardware(artifacts: Artifacts, request: Request) -> tuple[ProofLog, ...]:
    """The proofs of what tools read; a target that is no hardware has none."""
    logs = []
    if request.formal and artifacts.manifest["target"] in HARDWARE:
        logs.append(prove_artifacts(artifacts))
    if request.synthesised is not None:
        if request.technology is None:
            raise OptionError("--synthesised needs the --technology of its cells: ice40, ecp5, xilinx, …")
        logs.append(prove_synthesised(artifacts, request.synthesised, request.technology))
    return tuple(logs)


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
