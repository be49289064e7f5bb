"""The packed target's own promises; what all targets share is in test_targets.py."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitlogic.errors import BitlogicError, FormatError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.npz import npz_arrays, npz_bytes
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.packed import PackedOptions, emit, load, run
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

FILE = "bitlogic_net.npz"


def assert_runs_like(artifacts: Artifacts, netlist: Netlist, samples: Samples) -> None:
    result, expected = run(artifacts, samples), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


def with_arrays(artifacts: Artifacts, **changed: Any) -> Artifacts:
    """The artifacts with arrays of the ``.npz`` replaced; None takes one out."""
    arrays = npz_arrays(artifacts.files[FILE], FILE) | changed
    data = npz_bytes({name: array for name, array in arrays.items() if array is not None})
    return Artifacts(artifacts.manifest, {FILE: data})


def arrays_of(artifacts: Artifacts) -> dict[str, Any]:
    return npz_arrays(artifacts.files[FILE], FILE)


@pytest.mark.parametrize("num", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("kind", InputKind)
def test_any_number_of_samples_runs_like_evaluate(kind: InputKind, num: int) -> None:
    netlist = random_netlist(num, widths=(30, 20, 16))
    assert_runs_like(emit(netlist, PackedOptions(input=kind)), netlist, samples_for(netlist, kind)[:num])


def test_no_sample_gives_no_row() -> None:
    netlist = random_netlist(0)
    result = run(emit(netlist), samples_for(netlist, InputKind.X)[:0])
    assert result.scores.shape == (0, 4)
    assert result.class_ids.shape == (0,)


@pytest.mark.parametrize("seed", range(3))
def test_floats_and_their_integers_give_the_same_scores(seed: int) -> None:
    netlist = random_netlist(seed)
    integers = np.random.default_rng(seed).integers(0, 256, size=(100, 6)).astype(np.uint8)
    floats = Samples(InputKind.X, (integers / np.float32(255)).astype(np.float32))
    artifacts = emit(netlist)
    np.testing.assert_array_equal(run(artifacts, Samples(InputKind.X, integers)).scores, run(artifacts, floats).scores)
    assert_runs_like(artifacts, netlist, floats)


def test_small_blocks_of_samples_luts_and_bits_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SIGNAL_WORDS", "_BLOCK_WORDS"):
        monkeypatch.setattr(f"bitlogic.export.targets.packed_net.{name}", 3)
    monkeypatch.setattr("bitlogic.inference.pack._CHUNK_BITS", 3)
    netlist = random_netlist(5, widths=(30, 20, 16))
    assert_runs_like(emit(netlist), netlist, samples_for(netlist, InputKind.X))


def test_a_loaded_file_is_a_module_that_takes_tensors_of_the_samples_shape(tmp_path: Path) -> None:
    netlist = random_netlist(1)
    assert netlist.encoder is not None
    shaped = replace(netlist, encoder=replace(netlist.encoder, input_shape=(1, 2, 3)))
    emit(shaped).write(tmp_path / "build")
    net = load(tmp_path / "build" / FILE)
    samples = samples_for(netlist, InputKind.X)
    scores, class_ids = net(torch.from_numpy(samples.values.copy()).reshape(-1, 1, 2, 3))
    expected = evaluate(netlist, samples)
    np.testing.assert_array_equal(scores.numpy(), expected.scores)
    np.testing.assert_array_equal(class_ids.numpy(), expected.class_ids)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.int64])
def test_bits_come_in_any_integer_dtype(tmp_path: Path, dtype: torch.dtype) -> None:
    netlist = DEGENERATE["three_classes"]
    emit(netlist, PackedOptions(input=InputKind.BITS)).write(tmp_path / "build")
    samples = samples_for(netlist, InputKind.BITS)
    scores, _ = load(tmp_path / "build" / FILE)(torch.from_numpy(samples.values.copy()).to(dtype))
    np.testing.assert_array_equal(scores.numpy(), evaluate(netlist, samples).scores)


@pytest.mark.cuda
def test_cuda_gives_the_integers_of_the_cpu(tmp_path: Path) -> None:
    netlist = random_netlist(2)
    emit(netlist).write(tmp_path / "build")
    samples = samples_for(netlist, InputKind.X)
    scores, class_ids = load(tmp_path / "build" / FILE, "cuda")(torch.from_numpy(samples.values.copy()))
    np.testing.assert_array_equal(scores.cpu().numpy(), evaluate(netlist, samples).scores)
    np.testing.assert_array_equal(class_ids.cpu().numpy(), evaluate(netlist, samples).class_ids)


def flipped_table_bit(arrays: dict[str, Any], index: int) -> dict[str, Any]:
    arrays["tables"][index] ^= np.uint64(1) << np.uint64(index % 16)
    return arrays


def moved_pin(arrays: dict[str, Any], index: int) -> dict[str, Any]:
    arrays["pins"][index, index % 4] = 2 + (arrays["pins"][index, index % 4] - 1) % 18
    return arrays


def moved_threshold(arrays: dict[str, Any], index: int) -> dict[str, Any]:
    name = "integer_thresholds"
    arrays[name][index % 18] = (arrays[name][index % 18] + 128) % 256
    return arrays


def flipped_in_netlist(change: Any, netlist: Netlist, index: int) -> Netlist:
    """The netlist with the same change; the arrays are the same while its LUTs are in order of their levels."""
    assert netlist.encoder is not None
    arrays = {
        "tables": netlist.tables.copy(),
        "pins": netlist.pins.copy(),
        "integer_thresholds": netlist.encoder.integer_thresholds.copy(),  # type: ignore[union-attr]
    }
    change(arrays, index)
    encoder = replace(netlist.encoder, integer_thresholds=arrays["integer_thresholds"])
    return replace(netlist, tables=arrays["tables"], pins=arrays["pins"], encoder=encoder)


def test_a_flipped_weight_in_the_file_changes_the_result_as_evaluate_says() -> None:
    netlist = with_weights(random_netlist(11), 0)
    samples = samples_for(netlist, InputKind.X)
    assert netlist.head.weights is not None
    weights = netlist.head.weights.copy()
    weights[2, 1] ^= 4
    changed = replace(netlist, head=replace(netlist.head, weights=weights))
    assert (evaluate(changed, samples).scores != evaluate(netlist, samples).scores).any()
    assert_runs_like(with_arrays(emit(netlist), weights=weights), changed, samples)


def test_a_file_without_weights_is_written_in_the_version_that_older_readers_know() -> None:
    for netlist, version in ((random_netlist(0), 1), (with_weights(random_netlist(0), 0), 2)):
        header = json.loads(arrays_of(emit(netlist))["header"].tobytes())
        assert header["version"] == version


@pytest.mark.parametrize("change", [flipped_table_bit, moved_pin, moved_threshold])
def test_a_change_in_the_file_that_matters_changes_the_result(change: Any) -> None:
    netlist = random_netlist(11, widths=(20,))
    samples = samples_for(netlist, InputKind.X)
    artifacts = emit(netlist)
    np.testing.assert_array_equal(arrays_of(artifacts)["pins"], netlist.pins)
    expected, matters = evaluate(netlist, samples).scores, 0
    for index in range(20):
        wanted = evaluate(flipped_in_netlist(change, netlist, index), samples).scores
        tampered = with_arrays(artifacts, **change(arrays_of(artifacts), index))
        np.testing.assert_array_equal(run(tampered, samples).scores, wanted)
        matters += int((wanted != expected).any())
    assert matters >= 5


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"header": np.frombuffer(b"{}", np.uint8)}, "format"),
        ({"header": np.frombuffer(b'{"format": "bitlogic-netlist", "version": 1}', np.uint8)}, "another format"),
        ({"header": np.frombuffer(b'{"format": "bitlogic-packed", "version": 9}', np.uint8)}, "newer"),
        ({"header": None}, "header"),
        ({"tables": None}, "tables"),
        ({"features": None}, "encoder"),
        ({"unknown": np.zeros(3)}, "unknown"),
        ({"tables": np.zeros(3, np.uint64)}, "different lengths"),
        ({"tables": np.zeros(36, np.int64)}, "dtype"),
        ({"outputs": np.full(16, 1000, np.int32)}, "output"),
        ({"outputs": np.zeros(15, np.int32)}, "classes"),
        ({"level_starts": np.array([0, 36], np.int32)}, "own level"),
        ({"level_starts": np.array([0, 20], np.int32)}, "miss LUTs"),
        ({"features": np.full(18, 6, np.int32)}, "feature"),
        ({"thresholds": np.full(18, np.nan, np.float32)}, "NaN"),
        ({"thresholds": np.zeros(17, np.float32)}, "comparators"),
        ({"weights": np.zeros((4, 3), np.int32)}, "weights"),
        ({"weights": np.zeros((4, 4), np.int64)}, "weights has dtype"),
        ({"weights": np.full((4, 4), 1 << 20, np.int32)}, "weight"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_file_that_does_not_hold_together_is_refused_in_one_line(changed: dict[str, Any], says: str) -> None:
    netlist = random_netlist(0)
    with pytest.raises(FormatError, match=says) as caught:
        run(with_arrays(emit(netlist), **changed), samples_for(netlist, InputKind.X))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_a_format_error_or_still_runs(seed: int) -> None:
    netlist = random_netlist(0)
    artifacts, samples = emit(netlist), samples_for(netlist, InputKind.X)[:64]
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(artifacts.files[FILE]), size=100).tolist():
        data = bytearray(artifacts.files[FILE])
        data[place] ^= int(rng.integers(1, 256))
        try:
            run(Artifacts(artifacts.manifest, {FILE: bytes(data)}), samples)
        except FormatError as error:
            assert str(error).startswith(FILE)


def one_array() -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04", one_array()], ids=["empty", "text", "cut", "npy"])
def test_no_archive_is_a_format_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "some.npz"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"some\.npz"):
        load(path)
    with pytest.raises(FormatError, match=r"other\.npz"):
        load(tmp_path / "other.npz")


@pytest.mark.parametrize("name", ["", "1net", "a-b", "../net", "net\n", "netlist", "vectors"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="--name"):
        PackedOptions(name=name)


@pytest.mark.parametrize(
    "values",
    [np.full((2, 6), 256, np.uint16), np.full((2, 6), 2**40, np.uint64), np.zeros((2, 5), np.uint8)],
    ids=["above the grid", "above int32", "too few features"],
)
def test_samples_that_do_not_fit_are_refused(values: Any) -> None:
    with pytest.raises(TargetError):
        run(emit(random_netlist(0)), Samples(InputKind.X, values))


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(2, 6, dtype=torch.float64),
        torch.zeros(2, 5),
        torch.zeros(6),
        torch.full((2, 6), -1),
        torch.full((2, 6), 256),
    ],
    ids=["float64", "width", "no batch", "negative", "above the grid"],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, x: torch.Tensor) -> None:
    emit(random_netlist(0)).write(tmp_path / "build")
    with pytest.raises(BitlogicError):
        load(tmp_path / "build" / FILE)(x)


def test_integers_are_refused_where_there_is_no_grid() -> None:
    netlist = random_netlist(0)
    assert netlist.encoder is not None
    floats = replace(netlist, encoder=replace(netlist.encoder, input_bits=0, integer_thresholds=None))
    with pytest.raises(TargetError, match="input_bits=0"):
        run(emit(floats), samples_for(netlist, InputKind.X))
