"""Test vectors: what they cover, their saved form, and refusals."""

import numpy as np
import pytest

from bitlogic.errors import ExportError, FormatError
from bitlogic.export.evaluate import evaluate, input_bits
from bitlogic.export.npz import npz_arrays, npz_bytes
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.vectors import Inputs, Vectors, inputs_from_numbers, make_inputs
from tests.nets import DEGENERATE, bits_netlist, random_netlist


def vectors(seed: int = 0) -> Vectors:
    netlist = random_netlist(seed)
    inputs = make_inputs(netlist, InputKind.X, num_random=20, seed=seed)
    return Vectors(inputs, evaluate(netlist, inputs.samples), seed, "evaluate")


def test_the_saved_form_reads_back_and_is_the_same_bytes_again() -> None:
    saved = vectors().to_bytes()
    loaded = Vectors.from_bytes(saved)
    assert loaded.to_bytes() == saved == vectors().to_bytes()
    assert loaded.inputs.numbers is not None
    assert (loaded.seed, loaded.source) == (0, "evaluate")


def test_up_to_12_input_bits_every_input_is_there() -> None:
    inputs = make_inputs(DEGENERATE["three_classes"], InputKind.BITS, num_random=5, seed=0)
    assert sorted(map(tuple, inputs.samples.values.tolist())) == [
        (a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)
    ]
    small = random_netlist(0, num_features=3, input_bits=4)
    every = make_inputs(small, InputKind.X, num_random=5, seed=0).samples.values
    assert len(np.unique(every, axis=0)) == len(every) == 1 << 12


def test_above_12_bits_there_are_corners_and_random_ones() -> None:
    netlist = bits_netlist(40, [8], [[2, 3]], [42, 4], 2)
    values = make_inputs(netlist, InputKind.BITS, num_random=50, seed=3).samples.values
    assert not values[0].any() and values[1].all()
    assert (values.sum(axis=1) == 1).sum() == 32
    assert len(values) == 2 + 32 + 50


def test_every_comparator_is_seen_on_both_sides_of_its_threshold() -> None:
    netlist = random_netlist(5, num_features=20, bits_per_feature=4)
    inputs = make_inputs(netlist, InputKind.X, num_random=0, seed=0)
    assert netlist.encoder is not None and netlist.encoder.integer_thresholds is not None
    bits = input_bits(netlist, inputs.samples)
    reachable = netlist.encoder.integer_thresholds < netlist.encoder.max_input
    assert (bits.max(axis=0)[reachable] == 1).all() and (bits.min(axis=0) == 0).all()


def test_integers_are_the_numbers_on_the_grid() -> None:
    netlist = random_netlist(6, input_bits=12)
    inputs = make_inputs(netlist, InputKind.X, num_random=100, seed=1)
    assert inputs.samples.values.dtype == np.uint16
    assert inputs.numbers is not None
    assert (np.floor(inputs.numbers * np.float32(4095) + np.float32(0.5)).clip(0, 4095) == inputs.samples.values).all()


def test_bits_of_numbers_are_the_encoders() -> None:
    netlist = random_netlist(7)
    numbers = np.random.default_rng(0).random((9, 6), dtype=np.float32)
    as_bits = inputs_from_numbers(netlist, InputKind.BITS, numbers)
    assert (as_bits.samples.values == input_bits(netlist, Samples(InputKind.X, numbers))).all()


def test_data_of_another_size_is_refused() -> None:
    with pytest.raises(ExportError, match="7 values a sample; the network takes 6"):
        inputs_from_numbers(random_netlist(0), InputKind.X, np.zeros((3, 7), np.float32))


def test_bits_that_are_no_bits_are_refused() -> None:
    with pytest.raises(ExportError, match="only 0 and 1"):
        inputs_from_numbers(DEGENERATE["three_classes"], InputKind.BITS, np.array([[0.0, 0.4, 1.0]]))


@pytest.mark.parametrize("change", ["format", "version", "scores", "empty", "not an npz"])
def test_a_file_that_holds_no_vectors_is_a_format_error(change: str) -> None:
    arrays = npz_arrays(vectors().to_bytes(), "v")
    header = arrays["header"].tobytes().decode()
    if change == "format":
        arrays["header"] = np.frombuffer(header.replace("bitlogic-vectors", "other").encode(), np.uint8)
    elif change == "version":
        arrays["header"] = np.frombuffer(header.replace('"version": 1', '"version": 9').encode(), np.uint8)
    elif change == "scores":
        del arrays["scores"]
    elif change == "empty":
        arrays = {name: array if name == "header" else array[:0] for name, array in arrays.items()}
    data = b"PK" if change == "not an npz" else npz_bytes(arrays)
    with pytest.raises(FormatError, match="vectors"):
        Vectors.from_bytes(data, "vectors.npz")


def test_inputs_count_their_samples() -> None:
    assert len(Inputs(Samples(InputKind.BITS, np.zeros((4, 2), np.uint8)), None)) == 4
