"""The netlist: what it refuses, its saved form, its digest, and the golden files of every format."""

import io
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitlogic.errors import FormatError, NetlistError
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import FORMAT, VERSION, Encoder, Head, Netlist
from bitlogic.export.npz import npz_arrays, npz_bytes
from bitlogic.export.samples import InputKind, Samples
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, with_weights

GOLDEN = Path(__file__).parent / "golden"
NETS = {**DEGENERATE, **{f"random_rank{rank}": random_netlist(rank, rank=rank) for rank in range(1, 7)}}
NETS["random_weights"] = with_weights(random_netlist(8), 8)
ONE = DEGENERATE["one_lut"]


def encoder_of(netlist: Netlist) -> Encoder:
    assert netlist.encoder is not None
    return netlist.encoder


@pytest.mark.parametrize("name", NETS)
def test_a_saved_netlist_loads_as_it_was(tmp_path: Path, name: str) -> None:
    netlist = NETS[name]
    if netlist.encoder is not None:
        netlist = replace(netlist, origins=np.arange(2 * netlist.num_luts, dtype=np.int32).reshape(-1, 2))
    netlist.save(tmp_path / "n.npz")
    loaded = Netlist.load(tmp_path / "n.npz")
    assert loaded.digest() == netlist.digest()
    assert loaded.to_bytes() == netlist.to_bytes() == (tmp_path / "n.npz").read_bytes()
    assert (loaded.origins is None) == (netlist.origins is None)
    if netlist.origins is not None and loaded.origins is not None:
        np.testing.assert_array_equal(loaded.origins, netlist.origins)
    assert [path.name for path in tmp_path.iterdir()] == ["n.npz"]


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_golden_netlist_loads_with_its_digest_and_scores(version: int) -> None:
    recorded = json.loads((GOLDEN / f"netlist_v{version}.json").read_text())
    netlist = Netlist.load(GOLDEN / f"netlist_v{version}.npz")
    assert netlist.digest() == recorded["digest"]
    assert netlist.to_bytes() == (GOLDEN / f"netlist_v{version}.npz").read_bytes()
    assert netlist.origins is not None
    assert (netlist.num_inputs, netlist.num_luts, netlist.rank) == (6, 8, 3)
    assert netlist.score_signed == (version == 2)
    for kind, dtype in ((InputKind.X, np.uint8), (InputKind.BITS, np.uint8)):
        samples = Samples(kind, np.array(recorded[f"samples_{kind}"], dtype=dtype))
        result = evaluate(netlist, samples)
        assert result.scores.tolist() == recorded[f"scores_{kind}"]
        assert result.class_ids.tolist() == recorded[f"class_ids_{kind}"]


def test_the_digest_does_not_depend_on_origins() -> None:
    named = replace(ONE, origins=np.array([[3, 5]], dtype=np.int32))
    assert named.digest() == ONE.digest()
    assert named.to_bytes() != ONE.to_bytes()


def test_the_digest_does_not_depend_on_the_callers_types() -> None:
    other = Netlist(
        num_inputs=np.int64(2),  # type: ignore[arg-type]
        tables=np.array([AND], dtype=np.int64),
        pins=np.asfortranarray(np.array([[2, 3]], dtype=np.int64)),
        outputs=np.array([4], dtype=np.uint16),
        head=Head(np.int64(1), tau=1),  # type: ignore[arg-type]
    )
    assert other.digest() == ONE.digest()


def test_the_digest_changes_with_every_field() -> None:
    before = random_netlist(0)
    encoder = encoder_of(before)
    integer = encoder.integer_thresholds
    assert integer is not None
    tables, pins = before.tables.copy(), before.pins.copy()
    tables[3] ^= np.uint64(1)
    pins[3, 0] = 0 if pins[3, 0] else 1
    changed = [
        replace(before, tables=tables),
        replace(before, pins=pins),
        replace(before, outputs=before.outputs[::-1]),
        replace(before, head=replace(before.head, tau=2.0)),
        replace(before, head=replace(before.head, beta=0.5)),
        replace(before, head=replace(before.head, num_classes=2)),
        replace(before, head=replace(before.head, weights=np.eye(4, dtype=np.int32))),
        replace(before, head=replace(before.head, weights=2 * np.eye(4, dtype=np.int32))),
        replace(before, head=replace(before.head, weights=np.eye(4, dtype=np.int32), scale=2.0)),
        before.without_encoder(),
        replace(before, encoder=replace(encoder, thresholds=encoder.thresholds - 1)),
        replace(before, encoder=replace(encoder, features=encoder.features[::-1])),
        replace(before, encoder=replace(encoder, integer_thresholds=integer // 2)),
        replace(before, encoder=replace(encoder, input_min=encoder.input_min - 1)),
        replace(before, encoder=replace(encoder, input_max=encoder.input_max + 1)),
        replace(before, encoder=replace(encoder, input_shape=(2, 3))),
        replace(before, encoder=replace(encoder, input_bits=9)),
    ]
    assert len({netlist.digest() for netlist in [before, *changed]}) == 1 + len(changed)


def test_arrays_are_copies_that_nobody_can_write() -> None:
    tables = np.array([AND], dtype=np.uint64)
    netlist = replace(ONE, tables=tables)
    tables[0] = OR
    assert netlist.tables.tolist() == [AND]
    for array in (netlist.tables, netlist.pins, netlist.outputs, netlist.levels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(FrozenInstanceError):
        netlist.tables = tables  # type: ignore[misc]


def test_a_pin_reads_only_what_stands_before_its_lut() -> None:
    with pytest.raises(NetlistError, match=r"LUT 1 has pins \[2, 5\]; it may read nets 0 to 4"):
        bits_netlist(2, [AND, OR], [[2, 3], [2, 5]], [4], 1)
    with pytest.raises(NetlistError, match="LUT 0"):
        bits_netlist(2, [AND, OR], [[2, -1], [2, 3]], [4], 1)


def test_table_bits_above_the_rank_are_refused() -> None:
    with pytest.raises(NetlistError, match="LUT 1 of rank 2"):
        bits_netlist(2, [AND, 1 << 4], [[2, 3], [2, 3]], [4], 1)
    wide = bits_netlist(6, [1 << 63], [[2, 3, 4, 5, 6, 7]], [8], 1)
    assert wide.tables.tolist() == [1 << 63]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_inputs": 0}, "num_inputs is 1 to"),
        ({"num_inputs": 2.0}, "num_inputs is an integer"),
        ({"num_inputs": 10**30}, "num_inputs is 1 to"),
        ({"num_inputs": 2**31 - 2}, "at most"),
        ({"tables": np.array([True])}, "tables has dtype bool"),
        ({"tables": np.array([-1])}, "tables overflows"),
        ({"tables": np.array([AND, OR], np.uint64)}, "2 tables but pins for 1"),
        ({"tables": np.uint64(AND)}, "tables is"),
        ({"pins": np.array([[2.0, 3.0]])}, "pins has dtype float64"),
        ({"pins": np.array([[2**32 + 2, 3]])}, "pins overflows"),
        ({"pins": np.zeros((1, 0), np.int32)}, "the rank is 1 to 6, not 0"),
        ({"pins": np.zeros((1, 7), np.int32)}, "the rank is 1 to 6, not 7"),
        ({"pins": np.zeros(1, np.int32)}, "tables is"),
        ({"outputs": np.zeros(0, np.int32)}, "at least one output"),
        ({"outputs": np.array([[4]])}, "at least one output"),
        ({"outputs": np.array([5])}, "an output is no net"),
        ({"outputs": np.array([-1])}, "an output is no net"),
        ({"head": Head(2)}, "1 outputs do not split into 2 classes"),
        ({"encoder": random_netlist(0).encoder}, "another number of bits"),
        ({"origins": np.zeros((2, 2), np.int32)}, "origins is"),
    ],
)
def test_arrays_that_are_no_netlist_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        replace(ONE, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": np.full(18, np.nan, np.float32)}, "a threshold is NaN"),
        ({"thresholds": np.zeros(17, np.float32)}, "one threshold for each bit"),
        ({"thresholds": np.full(18, 1e300)}, "thresholds overflows"),
        ({"features": np.full(18, 6, np.int32)}, "a feature out of range"),
        ({"features": np.int32(1)}, "features is"),
        ({"input_bits": 17}, "input_bits is 0 to 16"),
        ({"input_bits": 0}, "a grid needs integer thresholds"),
        ({"integer_thresholds": None}, "a grid needs integer thresholds"),
        ({"integer_thresholds": np.full(18, 256)}, r"outside 0\.\.255"),
        ({"integer_thresholds": np.full(17, 1)}, "one integer threshold for each bit"),
        ({"input_min": np.zeros(5, np.float32)}, "one range for each feature"),
        ({"input_max": np.full(6, np.nan, np.float32)}, "a grid needs finite ranges"),
        ({"input_min": np.full(6, 2, np.float32)}, "input_min <= input_max"),
    ],
)
def test_comparators_that_are_no_encoder_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        replace(encoder_of(random_netlist(0)), **change)


@pytest.mark.parametrize(
    ("num_classes", "tau", "beta", "message"),
    [
        (0, 1.0, 0.0, "num_classes is 1 to"),
        (1.5, 1.0, 0.0, "num_classes is an integer"),
        (1, 0.0, 0.0, "tau is above 0"),
        (1, float("nan"), 0.0, "tau is above 0"),
        (1, float("inf"), 0.0, "tau is above 0"),
        (1, 1.0, float("inf"), "beta is finite"),
    ],
)
def test_a_head_without_classes_or_with_odd_scales_is_refused(
    num_classes: Any, tau: float, beta: float, message: str
) -> None:
    with pytest.raises(NetlistError, match=message):
        Head(num_classes, tau, beta)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros((2, 3), np.int32)}, r"weights is \(2, 2\), not \(2, 3\)"),
        ({"weights": np.zeros((2, 2))}, "weights has dtype float64"),
        ({"weights": np.full((2, 2), 32768)}, "a weight outside -32768..32767"),
        ({"weights": np.full((2, 2), -32769)}, "a weight outside"),
        ({"weights": np.full((2, 2), 2**40)}, "weights overflows"),
        ({"scale": 2.0}, "only weights have a scale"),
        ({"weights": np.eye(2, dtype=np.int32), "scale": 0.0}, "scale is above 0"),
        ({"weights": np.eye(2, dtype=np.int32), "scale": float("inf")}, "scale is above 0"),
    ],
)
def test_weights_that_are_no_matrix_of_16_bits_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        Head(2, **change)


def test_scores_beyond_int32_are_refused_by_name() -> None:
    ends = bits_netlist(1, [], [], [2] * 65536, 1, [[-32768]])
    assert ends.score_range == (-(2**31), 0)
    assert ends.score_width == 32
    with pytest.raises(NetlistError, match=r"-2147516416 to 0, beyond int32; use fewer bits .*wbits"):
        replace(ends, outputs=np.full(65537, 2))
    with pytest.raises(NetlistError, match="0 to 2147483648, beyond int32"):
        bits_netlist(1, [], [], [2] * 131072, 2, [[16384, 0], [16384, 0]])


def test_heads_are_equal_when_all_their_numbers_are() -> None:
    heads = [Head(2), Head(2, tau=2.0), Head(2, weights=np.eye(2, dtype=int)), Head(2, weights=np.ones((2, 2), int))]
    again = [Head(2), Head(2, tau=2.0), Head(2, weights=np.eye(2, dtype=int)), Head(2, weights=np.ones((2, 2), int))]
    assert heads == again
    assert len({*heads, *again}) == 4
    weights = heads[2].weights
    assert weights is not None
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 3


@pytest.mark.parametrize(
    ("weights", "score_range", "score_width"),
    [
        ([[0]], (0, 0), 1),
        ([[1]], (0, 3), 3),
        ([[-1]], (-3, 0), 3),
        ([[127]], (0, 381), 10),
        ([[-128]], (-384, 0), 10),
        ([[5, -5], [-5, 5]], (-15, 15), 5),
        ([[1, -1], [2, -4]], (-15, 9), 5),
        ([[-1, -2], [-4, -3]], (-15, 0), 5),
        ([[-8, 0], [-8, 1]], (-48, 3), 7),
    ],
)
def test_a_signed_score_is_as_wide_as_its_reachable_range(
    weights: list[list[int]], score_range: tuple[int, int], score_width: int
) -> None:
    netlist = bits_netlist(1, [], [], [2] * (3 * len(weights)), len(weights), weights)
    assert (netlist.score_range, netlist.score_width, netlist.score_signed) == (score_range, score_width, True)
    assert netlist.sum_width == 2


@pytest.mark.parametrize("seed", range(20))
def test_the_width_is_the_smallest_that_holds_every_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_classes, size = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    weights = rng.integers(-20, 21, size=(num_classes, num_classes))
    netlist = bits_netlist(1, [], [], [2] * (size * num_classes), num_classes, weights.tolist())
    sums = np.stack(np.meshgrid(*[np.arange(size + 1)] * num_classes), axis=-1).reshape(-1, num_classes)
    scores = sums @ weights
    assert netlist.score_range == (scores.min(), scores.max())
    low, high = -(1 << netlist.score_width - 1), (1 << netlist.score_width - 1) - 1
    assert low <= scores.min() and scores.max() <= high
    if netlist.score_width > 1:
        assert scores.min() < low // 2 or scores.max() > high // 2


def test_levels_count_the_luts_on_the_longest_path() -> None:
    netlist = bits_netlist(2, [AND, OR, XOR, AND], [[2, 3], [4, 2], [0, 1], [6, 5]], [7], 1)
    assert netlist.levels.tolist() == [0, 0, 0, 0, 1, 2, 1, 3]
    assert netlist.depth == 3
    assert [luts.tolist() for luts in netlist.luts_by_level()] == [[0, 2], [1], [3]]
    assert DEGENERATE["no_lut"].depth == 0
    assert DEGENERATE["no_lut"].luts_by_level() == []


@pytest.mark.parametrize("seed", range(3))
def test_levels_agree_with_a_walk_lut_by_lut(seed: int) -> None:
    netlist = random_netlist(seed, widths=(10, 10, 10, 10))
    levels = [0] * netlist.first_lut
    for pins in netlist.pins.tolist():
        levels.append(1 + max(levels[pin] for pin in pins))
    assert netlist.levels.tolist() == levels
    assert np.concatenate(netlist.luts_by_level()).tolist() == sorted(
        range(netlist.num_luts), key=lambda lut: levels[netlist.first_lut + lut]
    )


@pytest.mark.parametrize(
    ("group_size", "num_classes", "score_width", "class_width"),
    [(1, 1, 1, 1), (2, 2, 2, 1), (3, 3, 2, 2), (4, 4, 3, 2), (7, 5, 3, 3), (8, 10, 4, 4)],
)
def test_widths_hold_the_largest_score_and_class(
    group_size: int, num_classes: int, score_width: int, class_width: int
) -> None:
    netlist = bits_netlist(1, [], [], [2] * (group_size * num_classes), num_classes)
    assert (netlist.group_size, netlist.score_width, netlist.class_width) == (group_size, score_width, class_width)


def edited(change: dict[str, Any], **arrays: Any) -> bytes:
    """The saved form of one LUT with another header (None removes an entry) and other arrays."""
    saved = npz_arrays(ONE.to_bytes(), "saved")
    header = {**json.loads(saved["header"].tobytes()), **change}
    text = json.dumps({name: value for name, value in header.items() if value is not None})
    return npz_bytes({**saved, "header": np.frombuffer(text.encode(), dtype=np.uint8), **arrays})


def saved_pickle() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([{"format": FORMAT}], dtype=object))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an .npz"),
        (b"hello", "not an .npz"),
        (pickle.dumps({"a": 1}), "not an .npz"),
        (saved_pickle(), "not an .npz of plain arrays: Object arrays"),
        (ONE.to_bytes()[:-40], "not an .npz"),
        (npz_bytes({"a": np.zeros(1)}), "not a bitlogic netlist: 'header'"),
        (npz_bytes({"header": np.frombuffer(b"\xff", np.uint8)}), "not a bitlogic netlist"),
        (npz_bytes({"header": np.frombuffer(b"[1]", np.uint8)}), "not a bitlogic netlist"),
        (edited({"format": "other"}), "the format is 'other'"),
        (edited({"version": VERSION + 1}), r"format 3 .* newer than this bitlogic reads \(2\)"),
        (edited({"version": 0}), "format 0 is unknown"),
        (edited({"version": "1"}), "format '1' is unknown"),
        (edited({"version": None}), "not a bitlogic netlist: 'version'"),
        (edited({"num_inputs": "2"}), "num_inputs is an integer"),
        (edited({"head": {"num_classes": 1, "gamma": 1}}), "gamma"),
        (edited({"head": [1]}), "not a bitlogic netlist"),
        (edited({}, head_weights=np.eye(1, dtype=np.int32)), "head_weights"),
        (edited({"version": 2}), "head_weights"),
        (edited({"version": 2}, head_weights=np.eye(2, dtype=np.int32)), "weights is"),
        (edited({"encoder": {"input_bits": 8, "input_shape": [2]}}), "not a bitlogic netlist"),
        (edited({}, more=np.zeros(1)), "more"),
        (edited({}, pins=np.array([[2, 9]])), "LUT 0 has pins"),
    ],
)
def test_bytes_that_are_no_netlist_are_an_error_that_names_the_file(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=f"n.npz: .*{message}"):
        Netlist.from_bytes(data, "n.npz")


def test_a_damaged_file_never_loads_as_another_netlist() -> None:
    data = random_netlist(0, num_features=2, widths=(6, 4)).to_bytes()
    digest = Netlist.from_bytes(data).digest()
    for place in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        try:
            loaded = Netlist.from_bytes(bytes(damaged))
        except FormatError:
            continue
        assert loaded.digest() == digest, f"byte {place} changes the netlist unseen"


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.npz: No such file"):
        Netlist.load(tmp_path / "none.npz")
    with pytest.raises(FormatError, match="Is a directory"):
        Netlist.load(tmp_path)
