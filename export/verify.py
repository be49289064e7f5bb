"""Does a target say what the netlist says: every sample, every score and every class, as integers.

``evaluate`` of the emitted netlist is the reference that everything is compared with: the target, run for real; the
expected results in ``vectors.npz``; the netlist before the passes; and, given the model, PackedLogicNet and
``model.eval()``.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bitlogic.errors import FormatError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.folder import EXTRACTED, NETLIST
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.targets import TARGETS
from bitlogic.export.vectors import VECTORS, Inputs, Vectors

FORMAT = "bitlogic-verify"
VERSION = 1


@dataclass(frozen=True)
class Difference:
    """The first place where two results part."""

    sample: int
    output: str  # "score 3" or "class"
    expected: int  # what evaluate says
    got: int


@dataclass(frozen=True)
class Check:
    """One result held against ``evaluate``: samples compared, samples that differ, and the first of them."""

    name: str
    vectors: int
    mismatches: int | None  # None where the thing did not run at all
    first: Difference | None = None
    error: str | None = None  # why it did not run, or gave no result that could be compared

    @property
    def holds(self) -> bool:
        return self.mismatches == 0 and self.error is None


@dataclass(frozen=True)
class Report:
    """All checks of one export folder; it holds when every check does."""

    target: str
    digest: str
    seed: int
    checks: tuple[Check, ...]
    changed: tuple[str, ...]  # files that are not as they were exported

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able object: format, version, holds, target, netlist digest, seed, changed files, checks."""
        return {"format": FORMAT, "version": VERSION, "holds": self.holds, **asdict(self)}


References = Mapping[str, Callable[[Inputs], Result]]


def verify(artifacts: Artifacts, *, data: Inputs | None = None, references: References | None = None) -> Report:
    """The report on an export folder that ``Artifacts.read`` gave.

    The target runs once, over the stored vectors and ``data``. ``references`` are further sources of results by name
    (the model's). A folder without its vectors or netlists is a FormatError: nothing would be checked.
    """
    vectors, netlist, extracted = contents(artifacts)
    inputs = vectors.inputs if data is None else _joined(vectors.inputs, data)
    reference = evaluate(netlist, inputs.samples)
    stored = Result(reference.scores[: len(vectors.inputs)], reference.class_ids[: len(vectors.inputs)])
    target = artifacts.manifest["target"]
    checks = [
        attempt(target, reference, lambda: TARGETS[target].run(artifacts, inputs.samples)),
        compare(f"expected ({vectors.source})", stored, vectors.expected),
        compare("evaluate before the passes", reference, evaluate(extracted, inputs.samples)),
    ]
    for name, run in (references or {}).items():
        checks.append(compare(name, reference, run(inputs)))
    digest = netlist.digest()
    if digest != artifacts.manifest["netlist"]["digest"]:
        message = f"{NETLIST} is not the netlist that was emitted: its digest is {digest}"
        checks.append(Check("netlist digest", 0, None, error=message))
    return Report(target, digest, vectors.seed, tuple(checks), artifacts.changed)


def contents(artifacts: Artifacts) -> tuple[Vectors, Netlist, Netlist]:
    """The vectors, the emitted netlist and the extracted one of an export folder; FormatError where one is missing."""
    for name in (VECTORS, NETLIST, EXTRACTED):
        if name not in artifacts.files:
            raise FormatError(f"the export holds no {name}; without it nothing can be verified")
    if artifacts.manifest["target"] not in TARGETS:
        raise FormatError(
            f"the manifest names target {artifacts.manifest['target']!r}; there are: {', '.join(TARGETS)}"
        )
    vectors = Vectors.from_bytes(artifacts.files[VECTORS])
    netlist = Netlist.from_bytes(artifacts.files[NETLIST], NETLIST)
    return vectors, netlist, Netlist.from_bytes(artifacts.files[EXTRACTED], EXTRACTED)


def compare(name: str, reference: Result, got: Result) -> Check:
    """The check that ``got`` is ``reference`` in every score and class; a wrong shape is an error, not a mismatch."""
    if got.scores.shape != reference.scores.shape or got.class_ids.shape != reference.class_ids.shape:
        error = f"gave scores {got.scores.shape} and classes {got.class_ids.shape}, not {reference.scores.shape}"
        return Check(name, len(reference.class_ids), None, error=error)
    wrong_scores, wrong_class = got.scores != reference.scores, got.class_ids != reference.class_ids
    samples = np.flatnonzero(wrong_scores.any(axis=1) | wrong_class)
    if not len(samples):
        return Check(name, len(reference.class_ids), 0)
    sample = int(samples[0])
    if wrong_scores[sample].any():
        output = int(wrong_scores[sample].argmax())
        values = int(reference.scores[sample, output]), int(got.scores[sample, output])
        first = Difference(sample, f"score {output}", *values)
    else:
        first = Difference(sample, "class", int(reference.class_ids[sample]), int(got.class_ids[sample]))
    return Check(name, len(reference.class_ids), len(samples), first)


def attempt(name: str, reference: Result, run: Callable[[], Result]) -> Check:
    """The comparison, or the failed check of a target that does not run: edited text may not even compile."""
    try:
        return compare(name, reference, run())
    except TargetError as error:
        return Check(name, len(reference.class_ids), None, error=str(error))


def _joined(first: Inputs, second: Inputs) -> Inputs:
    values = np.concatenate([first.samples.values, second.samples.values])
    numbers = None
    if first.numbers is not None and second.numbers is not None:
        numbers = np.concatenate([first.numbers, second.numbers])
    elif first.samples.kind is InputKind.X:
        raise FormatError(f"{VECTORS} holds no numbers for its samples")
    return Inputs(Samples(first.samples.kind, values), numbers)


def report_bytes(report: Report, **more: Any) -> bytes:
    """The text of ``verify.json``."""
    return (json.dumps({**report.to_json(), **more}, indent=2, sort_keys=True) + "\n").encode()
