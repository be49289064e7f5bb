"""Verify sees a flip in what a target emitted, in the vectors and in the netlist, and names the first difference."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bitlogic.errors import FormatError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.extract import extract
from bitlogic.export.folder import EXTRACTED, NETLIST, export, optimize_for
from bitlogic.export.netlist import Netlist
from bitlogic.export.reference import eval_reference, layer_bits, packed_reference
from bitlogic.export.samples import InputKind, Result
from bitlogic.export.targets import TARGETS
from bitlogic.export.trace import trace
from bitlogic.export.vectors import VECTORS, Vectors
from bitlogic.export.verify import Difference, compare, contents, verify
from bitlogic.heads import GroupedDSP
from tests.models import bits_model, small_model
from tests.test_targets import EVERY_TARGET

MODEL = small_model(3)
REFERENCES = {"PackedLogicNet": packed_reference(MODEL), "model.eval()": eval_reference(MODEL)}


def exported(target: str) -> Artifacts:
    return export(extract(MODEL), target, reference=REFERENCES["PackedLogicNet"])


def weighted_model(seed: int = 3) -> nn.Sequential:
    """`MODEL` with random weights in its head."""
    head = GroupedDSP(5, tau=2.0, beta=0.5)
    with torch.no_grad():
        head.weight.copy_(torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)))
    return nn.Sequential(*list(small_model(seed))[:-1], head).eval()


def flip_table_bit(netlist: Netlist, place: int) -> Netlist:
    lut, bit = divmod(place, 1 << netlist.rank)
    tables = netlist.tables.copy()
    tables[lut] ^= np.uint64(1 << bit)
    return replace(netlist, tables=tables)


def flip_pin(netlist: Netlist, place: int) -> Netlist:
    lut, pin = divmod(place, netlist.rank)
    pins = netlist.pins.copy()
    pins[lut, pin] = 2 + (pins[lut, pin] - 1) % netlist.num_inputs
    return replace(netlist, pins=pins)


def flip_threshold(netlist: Netlist, place: int) -> Netlist:
    encoder = netlist.encoder
    assert encoder is not None and encoder.integer_thresholds is not None
    integers, floats = encoder.integer_thresholds.copy(), encoder.thresholds.copy()
    integers[place] ^= 16
    floats[place] = (integers[place] + 0.25) / encoder.max_input
    return replace(netlist, encoder=replace(encoder, integer_thresholds=integers, thresholds=floats))


FLIPS: dict[str, Callable[[Netlist, int], Netlist]] = {
    "table bit": flip_table_bit,
    "pin": flip_pin,
    "threshold": flip_threshold,
}


def flipped_where_it_matters(flip: Callable[[Netlist, int], Netlist], artifacts: Artifacts) -> Netlist:
    """The emitted netlist with one flip that ``evaluate`` shows to change a score on the vectors."""
    netlist = Netlist.from_bytes(artifacts.files[NETLIST])
    vectors = Vectors.from_bytes(artifacts.files[VECTORS])
    for place in range(netlist.num_inputs):
        changed = flip(netlist, place)
        if (evaluate(changed, vectors.inputs.samples).scores != vectors.expected.scores).any():
            return changed
    raise AssertionError("no flip matters")


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_an_export_verifies_down_from_the_model(target: str) -> None:
    report = verify(exported(target), references=REFERENCES)
    assert [check.mismatches for check in report.checks] == [0] * 5
    assert min(check.vectors for check in report.checks) > 100
    assert report.holds


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("target", EVERY_TARGET)
def test_one_flip_in_the_emitted_files_makes_the_target_fail(target: str, flip: str) -> None:
    artifacts = exported(target)
    changed = flipped_where_it_matters(FLIPS[flip], artifacts)
    options = TARGETS[target].options()
    honest = TARGETS[target].emit(Netlist.from_bytes(artifacts.files[NETLIST]), options)
    edited = TARGETS[target].emit(changed, options)
    differing = {name for name in edited.files if edited.files[name] != honest.files[name]}
    assert differing
    tampered = replace(artifacts, files={**artifacts.files, **{name: edited.files[name] for name in differing}})
    report = verify(tampered)
    (check,) = [check for check in report.checks if not check.holds]
    assert check.name == target
    assert check.mismatches and check.first is not None
    vectors, netlist, extracted = contents(tampered)
    found = trace(tampered, netlist, extracted, vectors.inputs.samples, None)
    assert found is not None and "edited after the export" in found.where


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_an_export_with_weights_verifies_and_a_flipped_weight_fails(target: str) -> None:
    model = weighted_model()
    references = {"PackedLogicNet": packed_reference(model), "model.eval()": eval_reference(model)}
    artifacts = export(extract(model), target, reference=references["PackedLogicNet"])
    report = verify(artifacts, references=references)
    assert report.holds
    assert (Vectors.from_bytes(artifacts.files[VECTORS]).expected.scores < 0).any()
    netlist = Netlist.from_bytes(artifacts.files[NETLIST])
    assert netlist.head.weights is not None
    weights = netlist.head.weights.copy()
    weights[3, 1] ^= 1
    changed = replace(netlist, head=replace(netlist.head, weights=weights))
    assert changed.score_range == netlist.score_range, "only the weight itself differs in the files"
    edited = TARGETS[target].emit(changed, TARGETS[target].options()).files
    tampered = replace(artifacts, files={**artifacts.files, **edited})
    (check,) = [check for check in verify(tampered).checks if not check.holds]
    assert check.name == target
    assert check.first is not None and check.first.output == "score 1"


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_one_flipped_expectation_fails(target: str) -> None:
    artifacts = exported(target)
    vectors = Vectors.from_bytes(artifacts.files[VECTORS])
    scores = vectors.expected.scores.copy()
    scores[17, 2] += 1
    wrong = replace(vectors, expected=Result(scores, vectors.expected.class_ids))
    report = verify(replace(artifacts, files={**artifacts.files, VECTORS: wrong.to_bytes()}))
    (check,) = [check for check in report.checks if not check.holds]
    assert check.name == "expected (PackedLogicNet)"
    assert check.first == Difference(17, "score 2", int(scores[17, 2]) - 1, int(scores[17, 2]))


@pytest.mark.parametrize("name", [VECTORS, NETLIST, EXTRACTED])
def test_a_folder_without_its_vectors_or_netlists_is_an_error(name: str) -> None:
    artifacts = exported("packed")
    files = {key: content for key, content in artifacts.files.items() if key != name}
    with pytest.raises(FormatError, match=name):
        verify(replace(artifacts, files=files))


def test_vectors_without_samples_are_an_error() -> None:
    artifacts = exported("packed")
    vectors = Vectors.from_bytes(artifacts.files[VECTORS])
    none = replace(
        vectors,
        inputs=replace(vectors.inputs, samples=vectors.inputs.samples[:0]),
        expected=Result(vectors.expected.scores[:0], vectors.expected.class_ids[:0]),
    )
    with pytest.raises(FormatError, match="0 samples"):
        verify(replace(artifacts, files={**artifacts.files, VECTORS: none.to_bytes()}))


def test_another_netlist_beside_the_target_is_seen() -> None:
    artifacts = exported("packed")
    changed = flipped_where_it_matters(flip_table_bit, artifacts)
    report = verify(replace(artifacts, files={**artifacts.files, NETLIST: changed.to_bytes()}))
    failed = {check.name for check in report.checks if not check.holds}
    assert failed == {"packed", "expected (PackedLogicNet)", "evaluate before the passes", "netlist digest"}


def test_the_class_is_checked_on_its_own() -> None:
    reference = Result(np.array([[1, 2], [2, 2]]), np.array([1, 0]))
    check = compare("t", reference, Result(reference.scores, np.array([1, 1])))
    assert check.mismatches == 1
    assert check.first == Difference(1, "class", 0, 1)


def test_a_result_of_another_shape_is_an_error_and_no_success() -> None:
    reference = Result(np.zeros((4, 2), np.int64), np.zeros(4, np.int64))
    check = compare("t", reference, Result(reference.scores[:2], reference.class_ids[:2]))
    assert not check.holds and check.mismatches is None and check.error is not None


def test_an_export_from_bits_verifies() -> None:
    model = bits_model()
    options = TARGETS["packed"].options(input=InputKind.BITS)
    artifacts = export(extract(model), "packed", options, reference=packed_reference(model))
    report = verify(artifacts, references={"model.eval()": eval_reference(model)})
    assert report.holds
    assert report.checks[0].vectors == 256


def test_the_walk_names_the_first_lut_that_differs_from_the_model() -> None:
    artifacts = exported("packed")
    vectors, netlist, extracted = contents(artifacts)
    layers = layer_bits(MODEL, vectors.inputs)
    samples = vectors.inputs.samples
    assert trace(artifacts, netlist, extracted, samples, layers) is None
    layers[1][1][5, 7] ^= 1
    found = trace(artifacts, netlist, extracted, samples, layers)
    assert found is not None
    assert (found.layer, found.neuron, found.lut) == (3, 7, 47)
    assert found.first is not None and found.first.sample == 5


def test_the_walk_names_the_first_pass_that_changes_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    import bitlogic.export.passes as passes

    def break_a_table(netlist: Netlist) -> Netlist:
        return replace(netlist, tables=netlist.tables & ~np.uint64(1))

    artifacts = exported("packed")
    vectors, netlist, extracted = contents(artifacts)
    monkeypatch.setattr(passes, "PASSES", (passes.PASSES[0], break_a_table, *passes.PASSES[1:]))
    found = trace(artifacts, netlist, extracted, vectors.inputs.samples, None)
    assert found is not None
    assert found.where == "pass break_a_table changes the scores"


def test_the_walk_names_the_first_lut_that_a_faulty_target_computes_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = exported("packed")
    vectors, netlist, extracted = contents(artifacts)
    honest = TARGETS["packed"]
    wrong = replace(honest, emit=lambda n, options: honest.emit(flip_table_bit(n, (1 << n.rank) * 11 + 3), options))
    monkeypatch.setitem(TARGETS, "packed", wrong)
    faulty = replace(artifacts, files={**artifacts.files, **wrong.emit(netlist, honest.options()).files})
    found = trace(faulty, netlist, extracted, vectors.inputs.samples, None)
    assert found is not None and found.lut == 11
    assert "level 1, LUT 11" in found.where


def test_optimising_for_bits_takes_nothing_for_granted_of_the_encoder() -> None:
    extracted = extract(MODEL)
    netlist = optimize_for(extracted, InputKind.BITS)
    assert netlist.encoder is extracted.encoder
    assert netlist.num_inputs == extracted.num_inputs
