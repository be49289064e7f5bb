"""The coverage of LUT addresses: what samples reach, and what the pins leave possible."""

from dataclasses import replace

import numpy as np
import pytest

from bitlogic.export.coverage import coverage, possible_addresses, reached_addresses
from bitlogic.export.evaluate import evaluate_nets
from bitlogic.export.folder import export
from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.vectors import Vectors
from bitlogic.export.verification import Request, run_verification
from tests.nets import AND, DEGENERATE, XOR, bits_netlist, random_netlist, samples_for

BITS, X = InputKind.BITS, InputKind.X


def bits(rows: list[list[int]]) -> Samples:
    return Samples(BITS, np.array(rows, dtype=np.uint8))


def thermometer(num_bits: int, thresholds: list[int], features: list[int]) -> Netlist:
    """One LUT on all bits of an encoder of 4-bit numbers."""
    table = (1 << (1 << num_bits) - 1) - 1
    netlist = bits_netlist(num_bits, [table], [list(range(2, 2 + num_bits))], [2 + num_bits], 1)
    num_features = max(features) + 1
    encoder = Encoder(
        input_shape=(num_features,),
        features=np.array(features, dtype=np.int32),
        thresholds=np.array([np.inf if t == 15 else (t + 0.25) / 15 for t in thresholds], dtype=np.float32),
        input_bits=4,
        integer_thresholds=np.array(thresholds, dtype=np.int32),
        input_min=np.zeros(num_features, dtype=np.float32),
        input_max=np.ones(num_features, dtype=np.float32),
    )
    return replace(netlist, encoder=encoder)


def test_each_sample_reaches_the_address_that_its_pins_read() -> None:
    netlist = bits_netlist(2, [AND, XOR], [[2, 3], [3, 4]], [5, 4], 2)
    reached = reached_addresses(netlist, bits([[1, 0], [1, 1]]))
    assert reached.tolist() == [0b1010, 0b1001]
    shown = coverage(netlist, bits([[1, 0], [1, 1]]))
    assert (shown.addresses_reached, shown.addresses_possible, shown.luts_full, shown.num_luts) == (4, 8, 0, 2)
    assert str(shown).startswith("4 of 8 LUT addresses")


def test_every_input_reaches_every_address_of_a_lut_on_input_bits() -> None:
    netlist = DEGENERATE["one_lut"]
    shown = coverage(netlist, samples_for(netlist, BITS))
    assert (shown.addresses_reached, shown.addresses_possible, shown.luts_full) == (4, 4, 1)


def test_constants_and_repeated_pins_rule_addresses_out() -> None:
    netlist = bits_netlist(2, [0b11100100, 0b10010110], [[0, 2, 1], [3, 2, 3]], [4, 5], 1)
    possible = possible_addresses(netlist, BITS)
    assert possible.tolist() == [0b01010000, 0b10100101]  # pin 0 is 0 and pin 2 is 1; pins 0 and 2 are equal


def test_a_higher_threshold_implies_a_lower_one_of_the_same_feature() -> None:
    assert possible_addresses(thermometer(2, [3, 7], [0, 0]), X).tolist() == [0b1011]  # not bit 1 without bit 0
    assert possible_addresses(thermometer(2, [7, 3], [0, 0]), X).tolist() == [0b1101]
    assert possible_addresses(thermometer(2, [5, 5], [0, 0]), X).tolist() == [0b1001]
    assert possible_addresses(thermometer(2, [3, 7], [0, 1]), X).tolist() == [0b1111]


def test_a_threshold_that_is_never_exceeded_is_a_constant() -> None:
    assert possible_addresses(thermometer(2, [3, 15], [0, 1]), X).tolist() == [0b0011]


def test_bits_are_free_whatever_encoder_stands_before_them() -> None:
    assert possible_addresses(thermometer(2, [3, 7], [0, 0]), BITS).tolist() == [0b1111]


@pytest.mark.parametrize("thresholds", [[3, 7, 7, 11], [15, 0, 14, 8], [1, 2, 3, 4]])
def test_possible_is_what_every_number_of_one_feature_reaches(thresholds: list[int]) -> None:
    netlist = thermometer(4, thresholds, [0, 0, 0, 0])
    samples = Samples(X, np.arange(16, dtype=np.uint8)[:, None])
    assert reached_addresses(netlist, samples).tolist() == possible_addresses(netlist, X).tolist()


@pytest.mark.parametrize("case", DEGENERATE)
def test_every_input_reaches_only_what_is_possible(case: str) -> None:
    netlist = DEGENERATE[case]
    reached = reached_addresses(netlist, samples_for(netlist, BITS))
    assert not (reached & ~possible_addresses(netlist, BITS)).any()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_random_net_reaches_what_its_nets_say_and_only_what_is_possible(seed: int) -> None:
    netlist = random_netlist(seed, rank=6 if seed else 4)
    samples = samples_for(netlist, X, seed=seed)
    nets = evaluate_nets(netlist, samples)
    reached = reached_addresses(netlist, samples)
    for lut, pins in enumerate(netlist.pins):
        addresses = {
            sum(int(nets[net, sample]) << pin for pin, net in enumerate(pins)) for sample in range(nets.shape[1])
        }
        assert int(reached[lut]) == sum(1 << address for address in addresses)
    assert not (reached & ~possible_addresses(netlist, X)).any()


def test_a_net_without_luts_is_covered() -> None:
    shown = coverage(DEGENERATE["no_lut"], samples_for(DEGENERATE["no_lut"], BITS))
    assert (shown.addresses_possible, shown.num_luts) == (0, 0)
    assert "100.0 %" in str(shown)


def test_a_verification_reports_the_coverage_of_its_vectors_in_a_line_and_as_json() -> None:
    netlist = random_netlist(0)
    exported = export(netlist, "packed")
    outcome = run_verification(exported, Request())
    (line,) = [line for line in outcome.text().splitlines() if line.startswith("coverage: ")]
    emitted = Netlist.from_bytes(exported.files["netlist.npz"])
    covered = coverage(emitted, Vectors.from_bytes(exported.files["vectors.npz"]).inputs.samples)
    assert line == f"coverage: {covered}"
    assert outcome.to_json()["coverage"] == covered.to_json()
    assert covered.addresses_reached > covered.num_luts
