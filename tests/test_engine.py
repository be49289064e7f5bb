"""The engine at every width of this processor: the integers of ``evaluate``, the floats of the model, clear errors."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

import bitlogic
from bitlogic import Engine, PackBitsTensor, PackedLogicNet, pack_bits
from bitlogic.errors import FormatError, OptionError
from bitlogic.export.engine import WIDTHS, Planes, usable_widths
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.heads import GroupedDSP
from tests.models import bits_model, conv_model, small_model
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

pytestmark = pytest.mark.cc
Array = npt.NDArray[Any]
SEEDS_AND_RANKS = [(0, 4), (1, 6), (2, 1), (3, 2), (4, 3), (5, 5)]
PROBE = random_netlist(11, num_features=37, bits_per_feature=5, widths=(300, 200), num_classes=10)


def planes_of(bits: Array) -> Planes:
    """The bits in the order in which `pack_bits` leaves them in memory."""
    return Planes(pack_bits(torch.from_numpy(bits.copy())).numpy().T, len(bits))


def assert_gives(engine: Engine, netlist: Netlist, given: Samples) -> None:
    """Scores and classes are those of ``evaluate``; bits also when they come as planes, in both orders."""
    expected = evaluate(netlist, given)
    bits = given.kind is InputKind.BITS
    forms: list[Any] = [given.values]
    if bits:
        planes = planes_of(given.values)
        forms += [planes, replace(planes, words=np.ascontiguousarray(planes.words))]
    for x in forms:
        scores, class_ids = engine.results(x, ready_bits=bits)
        np.testing.assert_array_equal(scores, expected.scores)
        np.testing.assert_array_equal(class_ids, expected.class_ids)


def floats_for(netlist: Netlist, num: int) -> Samples:
    """Random numbers, the thresholds with their float neighbours, infinities and NaN."""
    encoder, rng = netlist.encoder, np.random.default_rng(5)
    assert encoder is not None
    x = rng.random((num, encoder.num_features), dtype=np.float32)
    x[:3] = np.array([[np.inf], [-np.inf], [np.nan]])
    for row, towards in enumerate([0, -np.inf, np.inf], start=3):
        x[row, encoder.features] = (
            np.nextafter(encoder.thresholds, np.float32(towards)) if towards else encoder.thresholds
        )
    return Samples(InputKind.X, x)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_degenerate_netlist_gives_what_evaluate_gives(width: int) -> None:
    here(width)
    for netlist in DEGENERATE.values():
        assert_gives(Engine(netlist, width=width), netlist, samples_for(netlist, InputKind.BITS))


@pytest.mark.parametrize(("seed", "rank"), SEEDS_AND_RANKS)
@pytest.mark.parametrize("width", WIDTHS)
def test_random_netlists_give_what_evaluate_gives(width: int, seed: int, rank: int) -> None:
    here(width)
    netlist = random_netlist(seed, rank=rank, widths=(70, 33, 20), input_bits=[8, 12, 5][seed % 3])
    for head in (netlist, with_weights(netlist, seed)):
        engine = Engine(head, width=width)
        assert_gives(engine, head, samples_for(head, InputKind.BITS, seed=seed))
        assert_gives(engine, head, samples_for(head, InputKind.X, seed=seed))
        assert_gives(engine, head, floats_for(head, 100))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_net_of_many_runs_portions_and_tiles_gives_what_evaluate_gives(width: int) -> None:
    here(width)
    shape = {"num_features": 150, "bits_per_feature": 3, "widths": (900, 2600), "num_classes": 10}
    for rank, input_bits in ((4, 8), (2, 12)):
        netlist = random_netlist(9, rank=rank, input_bits=input_bits, **shape)  # type: ignore[arg-type]
        engine = Engine(netlist, width=width)
        assert_gives(engine, netlist, samples_for(netlist, InputKind.BITS, num=700))
        assert_gives(engine, netlist, samples_for(netlist, InputKind.X, num=700))
        assert_gives(engine, netlist, floats_for(netlist, 700))


def here(width: int) -> None:
    if width not in usable_widths():
        pytest.skip(f"this processor has no words of {width} bits")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("num", [0, 1, 63, 64, 65, 511, 512, 513, 1025, 3000])
def test_any_number_of_samples_gives_as_many_results(num: int, threads: int) -> None:
    engine = Engine(PROBE, threads=threads)
    given = Samples(InputKind.X, np.random.default_rng(num).integers(0, 256, size=(num, 37), dtype=np.uint8))
    assert_gives(engine, PROBE, given)
    bits = np.random.default_rng(num).integers(0, 2, size=(num, PROBE.num_inputs), dtype=np.uint8)
    assert_gives(engine, PROBE, Samples(InputKind.BITS, bits))
    assert engine(given.values).shape == (num, 10)


@pytest.mark.parametrize("view", ["every second row", "every second feature", "transposed", "reversed", "an image"])
def test_samples_without_order_in_memory_are_read_as_they_are(view: str) -> None:
    big = np.random.default_rng(0).integers(0, 256, size=(200, 74), dtype=np.uint8)
    x = {
        "every second row": big[::2, :37],
        "every second feature": big[:, ::2],
        "transposed": np.ascontiguousarray(big[:, :37].T).T,
        "reversed": big[::-1, 36::-1],
        "an image": big[:, :37].reshape(200, 37, 1, 1),
    }[view]
    expected = evaluate(PROBE, Samples(InputKind.X, np.ascontiguousarray(x).reshape(len(x), 37)))
    np.testing.assert_array_equal(Engine(PROBE).scores(x), expected.scores)


def test_other_dtypes_are_taken_where_they_mean_the_same() -> None:
    engine, rng = Engine(PROBE), np.random.default_rng(1)
    grid = rng.integers(0, 256, size=(90, 37), dtype=np.uint8)
    for dtype in (np.int64, np.int32, np.uint16):
        np.testing.assert_array_equal(engine.scores(grid.astype(dtype)), engine.scores(grid))
    floats = rng.random((90, 37))
    np.testing.assert_array_equal(engine.scores(floats), engine.scores(floats.astype(np.float32)))
    bits = rng.integers(0, 2, size=(90, PROBE.num_inputs), dtype=np.uint8)
    for other in (np.bool_, np.int64, np.float32):
        np.testing.assert_array_equal(
            engine.scores(bits.astype(other), ready_bits=True), engine.scores(bits, ready_bits=True)
        )
    tensor = torch.from_numpy(floats).to(torch.bfloat16)
    np.testing.assert_array_equal(engine.scores(tensor).numpy(), engine.scores(tensor.float().numpy()))


WRONG: dict[str, tuple[Any, bool, type[Exception], str]] = {
    "text": (np.full((2, 37), "x"), False, TypeError, "<U1"),
    "complex": (np.zeros((2, 37), complex), False, TypeError, "complex128"),
    "bool for an encoder": (np.zeros((2, 37), bool), False, TypeError, "ready_bits"),
    "a list": ([[0] * 37], False, TypeError, "not list"),
    "no batch": (np.float32(1), False, TypeError, "float32"),
    "a single number": (np.zeros(()), False, ValueError, "single number"),
    "too few features": (np.zeros((2, 36), np.float32), False, ValueError, "36 values"),
    "an integer beyond the grid": (np.full((2, 37), 256), False, ValueError, "256"),
    "a negative integer": (np.full((2, 37), -1), False, ValueError, "-1"),
    "a bit of 2": (np.full((2, 185), 2, np.uint8), True, ValueError, "neither 0 nor 1"),
    "a bit of a half": (np.full((2, 185), 0.5), True, ValueError, "neither 0 nor 1"),
    "bits of text": (np.full((2, 185), "x"), True, TypeError, "<U1"),
    "planes of another width": (Planes(np.zeros((184, 1), np.uint64), 5), True, ValueError, "184 bits"),
    "planes of another length": (Planes(np.zeros((185, 1), np.uint64), 65), True, ValueError, "65 samples"),
    "planes of bytes": (Planes(np.zeros((185, 1), np.uint8), 5), True, TypeError, "uint8"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_a_clear_error(case: str) -> None:
    x, ready_bits, kind, words = WRONG[case]
    with pytest.raises(kind, match=words):
        Engine(PROBE).scores(x, ready_bits=ready_bits)


def test_a_number_beyond_a_narrow_grid_is_seen_where_the_dtype_holds_it() -> None:
    narrow = random_netlist(2, input_bits=5)
    x = np.zeros((600, 6), np.uint8)
    x[599, 5] = 32
    with pytest.raises(ValueError, match="0 to 31"):
        Engine(narrow).scores(x)
    with pytest.raises(TypeError, match="input_bits=0"):
        encoder = narrow.encoder
        assert encoder is not None
        floats = replace(narrow, encoder=replace(encoder, input_bits=0, integer_thresholds=None))
        Engine(floats).scores(x)


def test_a_width_that_the_processor_lacks_and_no_threads_are_refused() -> None:
    with pytest.raises(OptionError, match="width 96: this processor computes with 64"):
        Engine(PROBE, width=96)
    with pytest.raises(OptionError, match="threads"):
        Engine(PROBE, threads=0)


def _weighted(seed: int) -> nn.Sequential:
    head = GroupedDSP(5, tau=1.7, beta=0.3)
    with torch.no_grad():
        head.weight.copy_(torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)))
    return nn.Sequential(*list(small_model(seed))[:-1], head).eval()


MODELS = {
    "dense": (small_model(1), (1, 4, 4)),
    "twelve bits": (small_model(2, input_bits=12), (1, 4, 4)),
    "floats": (small_model(3, input_bits=0, ranks=(6, 2)), (1, 4, 4)),
    "weights": (_weighted(4), (1, 4, 4)),
    "images": (conv_model(5), (1, 7, 7)),
    "bits": (bits_model(6), (8,)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("case", MODELS)
def test_a_call_gives_what_packed_logic_net_gives(case: str, dtype: torch.dtype) -> None:
    model, shape = MODELS[case]
    x = torch.rand(130, *shape, generator=torch.Generator().manual_seed(7))
    x = (x if case != "bits" else x.round()).to(dtype)
    packed, engine = PackedLogicNet(model), Engine(model)
    given, expected = engine(x), packed(x)
    assert given.dtype == expected.dtype
    assert torch.equal(given, expected)
    assert torch.equal(engine.scores(x), packed.scores(x))
    assert torch.equal(engine.class_ids(x), packed.class_ids(x))


def test_packed_tensors_and_arrays_give_the_same_as_tensors() -> None:
    model, _ = MODELS["dense"]
    engine, x = Engine(model), torch.rand(70, 1, 4, 4)
    bits = model[0](x)
    packed = PackBitsTensor.pack(bits)
    assert torch.equal(engine.scores(packed), engine.scores(x))
    assert torch.equal(engine(packed), engine(x))
    as_array = engine(x.numpy())
    assert as_array.dtype == np.float32
    np.testing.assert_array_equal(as_array, engine(x).numpy())
    np.testing.assert_array_equal(engine.scores(bits.numpy(), ready_bits=True), engine.scores(x).numpy())


def test_several_threads_may_call_one_engine() -> None:
    engine, rng = Engine(PROBE, threads=2), np.random.default_rng(3)
    batches = [rng.integers(0, 256, size=(num, 37), dtype=np.uint8) for num in (1500, 700, 2000, 64, 1100)]
    expected = [evaluate(PROBE, Samples(InputKind.X, x)).scores for x in batches]
    with ThreadPoolExecutor(4) as pool:
        for got, right in zip(pool.map(engine.scores, batches * 4), expected * 4, strict=True):
            np.testing.assert_array_equal(got, right)


def test_a_saved_engine_loads_and_saves_the_same_bytes(tmp_path: Path) -> None:
    weighted = with_weights(PROBE, 3)
    engine = Engine(weighted)
    engine.save(tmp_path / "net.engine")
    loaded = Engine.load(tmp_path / "net.engine", width=64)
    loaded.save(tmp_path / "again.engine")
    assert (tmp_path / "net.engine").read_bytes() == (tmp_path / "again.engine").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.engine", "net.engine"]
    assert loaded.interface.head == weighted.head
    assert loaded.interface.netlist_digest == weighted.digest()
    assert loaded.interface.input_shape == (37,)
    assert_gives(loaded, weighted, samples_for(weighted, InputKind.X, num=40))


def test_a_file_that_is_not_there_is_a_format_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        Engine.load(tmp_path / "none.engine")


def test_the_public_name_is_the_engine() -> None:
    assert bitlogic.Engine is Engine


def test_without_a_compiler_the_error_names_what_still_answers() -> None:
    code = "from bitlogic.export.engine.library import library; library()"
    environment = {"CC": "no-such-compiler", "PATH": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "MissingToolError" in done.stderr
    assert "no-such-compiler" in done.stderr
    assert "PackedLogicNet" in done.stderr
