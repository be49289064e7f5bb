"""The last rung of the ladder, for every entry of TARGETS: ``run(emit(netlist)) == evaluate(netlist)``."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bitlogic.errors import ExportError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets import TARGETS
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

TOOL_OF = {
    "verilog": pytest.mark.sim,
    "vhdl": pytest.mark.ghdl,
    "c": pytest.mark.cc,
    "engine": pytest.mark.cc,
}
EVERY_TARGET = [pytest.param(name, marks=TOOL_OF.get(name, ())) for name in TARGETS]


def emit(target: str, netlist: Netlist, kind: InputKind) -> Artifacts:
    return TARGETS[target].emit(netlist, TARGETS[target].options(input=kind))


def assert_runs_like_evaluate(target: str, netlist: Netlist, kind: InputKind, **samples: Any) -> None:
    given = samples_for(netlist, kind, **samples)
    result = TARGETS[target].run(emit(target, netlist, kind), given)
    expected = evaluate(netlist, given)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)
    assert result.scores.dtype == result.class_ids.dtype == np.int64


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("target", EVERY_TARGET)
def test_a_degenerate_netlist_runs_like_evaluate_on_every_input(target: str, case: str) -> None:
    assert_runs_like_evaluate(target, DEGENERATE[case], InputKind.BITS)


@pytest.mark.parametrize(("seed", "rank"), [(0, 4), (1, 6), (2, 1), (3, 2), (4, 3), (5, 5)])
@pytest.mark.parametrize("target", EVERY_TARGET)
def test_a_random_netlist_runs_like_evaluate_behind_its_encoder(target: str, seed: int, rank: int) -> None:
    netlist = random_netlist(seed, rank=rank, widths=(70, 33, 20))
    assert_runs_like_evaluate(target, netlist, InputKind.X, seed=seed)
    assert_runs_like_evaluate(target, optimize(netlist), InputKind.X, seed=seed)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("target", EVERY_TARGET)
def test_a_random_netlist_runs_like_evaluate_from_bits(target: str, seed: int) -> None:
    assert_runs_like_evaluate(target, random_netlist(seed), InputKind.BITS, seed=seed)


@pytest.mark.parametrize(
    ("num_classes", "low", "high"), [(1, -128, 127), (2, -2, 1), (4, -32768, 32767), (10, -128, 127)]
)
@pytest.mark.parametrize("target", EVERY_TARGET)
def test_a_head_with_weights_runs_like_evaluate(target: str, num_classes: int, low: int, high: int) -> None:
    netlist = with_weights(random_netlist(num_classes, num_classes=num_classes, widths=(40, 50)), 3, low=low, high=high)
    assert_runs_like_evaluate(target, netlist, InputKind.X, num=70)
    assert_runs_like_evaluate(target, netlist, InputKind.BITS, num=70)


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_wide_integers_and_one_class_run_like_evaluate(target: str) -> None:
    netlist = random_netlist(7, input_bits=12, num_classes=1, num_features=3)
    assert_runs_like_evaluate(target, netlist, InputKind.X)


@pytest.mark.parametrize("target", TARGETS)
def test_two_emissions_are_byte_identical(target: str) -> None:
    first, second = (emit(target, random_netlist(3), InputKind.X) for _ in range(2))
    assert first.files == second.files
    assert first.digest() == second.digest()


@pytest.mark.parametrize("target", TARGETS)
def test_the_manifest_says_what_a_reader_needs(target: str) -> None:
    netlist = random_netlist(3)
    manifest = emit(target, netlist, InputKind.X).manifest
    assert manifest["target"] == target
    assert manifest["netlist"]["digest"] == netlist.digest()
    assert manifest["input"]["encoder"]["integer_thresholds"] == netlist.encoder.integer_thresholds.tolist()  # type: ignore[union-attr]
    assert manifest["output"]["tau"] == netlist.head.tau


@pytest.mark.parametrize("target", TARGETS)
def test_the_manifest_gives_the_host_the_float_scores(target: str) -> None:
    netlist = with_weights(random_netlist(3), 3)
    assert netlist.head.weights is not None
    for emitted in (netlist, random_netlist(3)):
        output = json.loads(emit(target, emitted, InputKind.X).manifest_bytes())["output"]
        assert output["float_score"].startswith("scale * score / tau + beta")
        assert (output["scale"], output["tau"], output["beta"]) == (emitted.head.scale, 1.5, 0.25)
        assert (output["score_min"], output["score_max"]) == emitted.score_range
        assert output["score_signed"] == (emitted is netlist)
        assert output.get("weights") == (netlist.head.weights.tolist() if emitted is netlist else None)


def test_the_manifest_has_words_for_infinite_thresholds() -> None:
    netlist = random_netlist(0)
    assert netlist.encoder is not None
    thresholds = netlist.encoder.thresholds.copy()
    thresholds[:2] = np.inf, -np.inf
    encoder = replace(netlist.encoder, thresholds=thresholds, input_bits=0, integer_thresholds=None)
    manifest = json.loads(emit("packed", replace(netlist, encoder=encoder), InputKind.X).manifest_bytes())
    assert manifest["input"]["encoder"]["thresholds"][:3] == [None, "-inf", float(thresholds[2])]


@pytest.mark.parametrize("target", TARGETS)
def test_a_netlist_without_encoder_is_refused_with_the_way_out(target: str) -> None:
    with pytest.raises(ExportError, match="--input bits"):
        emit(target, DEGENERATE["one_lut"], InputKind.X)


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_samples_of_the_wrong_kind_are_refused(target: str) -> None:
    artifacts = emit(target, random_netlist(0), InputKind.X)
    with pytest.raises(TargetError):
        TARGETS[target].run(artifacts, samples_for(random_netlist(0), InputKind.BITS, num=4))


@pytest.mark.parametrize("target", ["verilog", "vhdl", "amaranth"])
def test_hardware_refuses_an_encoder_without_a_grid_by_name(target: str) -> None:
    netlist = random_netlist(0)
    assert netlist.encoder is not None
    floats = replace(netlist, encoder=replace(netlist.encoder, input_bits=0, integer_thresholds=None))
    with pytest.raises(ExportError, match="input_bits"):
        emit(target, floats, InputKind.X)


@pytest.mark.parametrize(
    "target", [pytest.param("c", marks=pytest.mark.cc), pytest.param("engine", marks=pytest.mark.cc), "packed"]
)
def test_software_takes_floats_where_there_is_no_grid(target: str) -> None:
    netlist = random_netlist(0)
    assert netlist.encoder is not None
    floats = replace(netlist, encoder=replace(netlist.encoder, input_bits=0, integer_thresholds=None))
    given = Samples(InputKind.X, np.random.default_rng(0).random((100, 6), dtype=np.float32))
    result = TARGETS[target].run(emit(target, floats, InputKind.X), given)
    np.testing.assert_array_equal(result.scores, evaluate(floats, given).scores)
    np.testing.assert_array_equal(result.class_ids, evaluate(floats, given).class_ids)
