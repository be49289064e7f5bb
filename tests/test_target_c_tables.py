"""The table style of the C target: its order of LUTs, its records, its memory, and what the compiled loops give."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import FIRST_INPUT, Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.c import COptions, Style, emit, run
from bitlogic.export.targets.c_tables_plan import plan_tables, separated
from bitlogic.export.targets.c_tables_records import Record
from tests.edge.workload import layered_netlist
from tests.nets import AND, DEGENERATE, OR, XOR, bits_netlist, random_netlist, samples_for, with_weights

TABLES = COptions(style=Style.TABLES)
BITS = replace(TABLES, input=InputKind.BITS)
RANDOM = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]


def assert_runs_like_evaluate(netlist: Netlist, samples: Samples) -> None:
    result = run(emit(netlist, replace(TABLES, input=samples.kind)), samples)
    expected = evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


# The order of the LUTs.


@pytest.mark.parametrize("case", DEGENERATE)
def test_separating_a_degenerate_net_keeps_its_scores(case: str) -> None:
    samples = samples_for(DEGENERATE[case], InputKind.BITS)
    expected = evaluate(DEGENERATE[case], samples).scores
    np.testing.assert_array_equal(evaluate(separated(DEGENERATE[case]), samples).scores, expected)


@pytest.mark.parametrize(("seed", "rank"), RANDOM)
def test_separating_a_random_net_keeps_its_scores_and_no_lut_mixes_inputs_with_luts(seed: int, rank: int) -> None:
    netlist = random_netlist(seed, rank=rank, widths=(70, 33, 20))
    plain = separated(netlist)
    samples = samples_for(netlist, InputKind.X, seed=seed)
    np.testing.assert_array_equal(evaluate(plain, samples).scores, evaluate(netlist, samples).scores)
    from_input = (plain.pins >= FIRST_INPUT) & (plain.pins < plain.first_lut)
    from_lut = plain.pins >= plain.first_lut
    assert not (from_input.any(axis=1) & from_lut.any(axis=1)).any()
    assert (from_input | from_lut).any(axis=1).all()


@pytest.mark.parametrize(("seed", "rank"), RANDOM)
def test_an_output_is_a_constant_or_a_lut_that_nobody_else_reads(seed: int, rank: int) -> None:
    plain = separated(random_netlist(seed, rank=rank, widths=(70, 33, 20)))
    luts = plain.outputs[plain.outputs > 1]
    assert (luts >= plain.first_lut).all() and len(np.unique(luts)) == len(luts)
    assert not np.isin(luts, plain.pins).any()


def test_an_input_bit_beside_a_lut_gets_a_cell_and_the_lut_that_reads_only_it_reads_the_cell() -> None:
    plan = plan_tables(bits_netlist(3, [AND, OR, XOR], [[2, 3], [4, 3], [5, 6]], [7, 6], 2))
    kinds = [(run.from_inputs, run.rank, len(run.luts), run.counts is None) for run in plan.runs]
    # Input bits 1 and 2 are inputs of two outputs or more: LUT 6 is an output and is read, so it gets a copy.
    assert kinds == [(True, 2, 2, True), (False, 2, 2, False)]
    assert plan.num_cells == 2


def test_a_cell_is_taken_over_after_its_last_reader() -> None:
    chain = bits_netlist(2, [AND, XOR, XOR, XOR], [[2, 3], [4, 3], [5, 3], [6, 3]], [7], 1)
    plan = plan_tables(chain)
    assert plan.num_cells == 2  # input bit 1, which all read, and the link of the chain


def test_a_deep_net_needs_the_cells_that_are_alive_and_not_all() -> None:
    deep = layered_netlist(0, num_pixels=20, widths=(50,) * 10)
    plan = plan_tables(deep)
    assert 50 <= plan.num_cells <= 90 and plan.netlist.num_luts > 450


# Records.


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(2, 12), 1),
        (Record(2, 16), 2),
        (Record(3, 12), 2),
        (Record(4, 12), 2),
        (Record(4, 16), 3),
        (Record(5, 12), 4),
        (Record(6, 12), 5),
        (Record(1, 16, 8), 1),
        (Record(1, 16, 16), 2),
        (Record(2, 16, 8), 2),
        (Record(4, 12, 8), 3),
        (Record(4, 10, 8, dictionary=True), 2),
        (Record(4, 12, 16), 4),
        (Record(5, 16, 8), 6),
        (Record(6, 16, 16), 8),
    ],
    ids=str,
)
def test_a_record_holds_what_was_packed(record: Record, words: int) -> None:
    rng = np.random.default_rng(record.rank)
    size = 1 << record.rank
    ids = rng.integers(0, 1 << record.id_width, size=(50, record.rank))
    tests = rng.integers(0, 1 << max(1, record.test_bits), size=(50, 1 if record.dictionary else record.rank))
    tests = tests if not record.dictionary else tests % 256
    entries = rng.integers(0, 2, size=(50, size), dtype=np.uint64)
    packed = record.pack(ids, tests, (entries << np.arange(size, dtype=np.uint64)).sum(axis=1, dtype=np.uint64))
    assert packed.shape == (50, words) and packed.dtype == np.uint32 and record.num_words == words
    for row in range(50):
        holes = {f"word{word}": int(value) for word, value in enumerate(packed[row])}
        assert [_read(text, holes) for text in record.ids] == ids[row].tolist()
        if record.dictionary:
            holes["tests"] = list(range(256))  # type: ignore[assignment]
            assert _read(record.test_word, holes) == tests[row, 0]
        elif record.test_bits:
            assert [_read(text, holes) for text in record.tests] == tests[row].tolist()
        for address in range(size):
            table = _read(_python(record.table), {**holes, "address": address})
            assert table << (address % 32) >> 31 & 1 == entries[row, address]


def _read(text: str, holes: dict[str, int]) -> int:
    return int(eval(re.sub(r"\b(0x[0-9a-f]+|\d+)u\b", r"\1", text), {}, holes))


def _python(text: str) -> str:
    return re.sub(r"\((.*) \? (.*) : (.*)\)", r"(\2 if \1 else \3)", text)


# Compiled and run.


@pytest.mark.cc
@pytest.mark.parametrize("case", DEGENERATE)
def test_a_degenerate_net_runs_like_evaluate_on_every_input(case: str) -> None:
    assert_runs_like_evaluate(DEGENERATE[case], samples_for(DEGENERATE[case], InputKind.BITS))


@pytest.mark.cc
@pytest.mark.parametrize(("seed", "rank"), RANDOM)
def test_a_random_net_runs_like_evaluate_behind_its_encoder(seed: int, rank: int) -> None:
    netlist = random_netlist(seed, rank=rank, widths=(170, 133, 20), input_bits=(8, 12, 3)[seed % 3])
    assert_runs_like_evaluate(netlist, samples_for(netlist, InputKind.X, seed=seed))


@pytest.mark.cc
@pytest.mark.parametrize("num_features", [1100, 5000])
def test_ids_of_every_width_run_like_evaluate(num_features: int) -> None:
    netlist = random_netlist(num_features, num_features=num_features, widths=(600, 300, 40))
    text = emit(netlist, TABLES).files["src/bitlogic_net_x.c"].decode()
    width = {1100: "0xfffu", 5000: "0xffffu"}[num_features]
    assert width in text
    assert_runs_like_evaluate(netlist, samples_for(netlist, InputKind.X, num=60))


@pytest.mark.cc
def test_more_cells_than_a_short_id_can_name_run_like_evaluate() -> None:
    netlist = random_netlist(3, num_features=40, widths=(6000, 6000))
    assert plan_tables(netlist).num_cells > 1 << 12
    assert_runs_like_evaluate(netlist, samples_for(netlist, InputKind.X, num=60))


@pytest.mark.cc
@pytest.mark.parametrize("num_thresholds", [2, 10])
def test_tests_in_a_list_run_like_evaluate_in_one_section_and_in_several(num_thresholds: int) -> None:
    netlist = layered_netlist(1, num_pixels=200, widths=(1500, 1500), num_thresholds=num_thresholds)
    text = emit(netlist, TABLES).files["src/bitlogic_net_x.c"].decode()
    calls = re.findall(r"^    bitlogic_net_x_store4\(.*_tests", text, re.MULTILINE)
    assert len(calls) == (1 if num_thresholds == 2 else 3)
    assert_runs_like_evaluate(netlist, samples_for(netlist, InputKind.X, num=60))


@pytest.mark.cc
@pytest.mark.parametrize("kind", list(InputKind))
def test_a_head_with_weights_runs_like_evaluate(kind: InputKind) -> None:
    netlist = with_weights(random_netlist(2, num_classes=4, widths=(40, 50)), 3)
    assert_runs_like_evaluate(netlist, samples_for(netlist, kind, num=70))


@pytest.mark.cc
def test_a_changed_word_of_a_record_changes_the_scores() -> None:
    netlist = random_netlist(1)
    samples = samples_for(netlist, InputKind.X)
    artifacts = emit(netlist, TABLES)
    name = "src/bitlogic_net_cells.c"
    text = artifacts.files[name].decode()
    word = re.search(r"0x([0-9a-f])([0-9a-f]{7})", text)
    assert word is not None
    changed = text.replace(word[0], f"0x{int(word[1], 16) ^ 15:x}{word[2]}", 1)
    result = run(replace(artifacts, files={**artifacts.files, name: changed.encode()}), samples)
    assert (result.scores != evaluate(netlist, samples).scores).any()


# Text and refusals.


def test_the_header_names_the_sources_that_there_are() -> None:
    artifacts = emit(with_weights(random_netlist(0), 0), TABLES)
    named = set(re.findall(r"bitlogic_net_\w+\.c", artifacts.files["include/bitlogic_net.h"].decode()))
    assert {f"src/{name}" for name in named} == {name for name in artifacts.files if name.endswith(".c")}


def test_constants_are_in_flash_and_no_signal_is_wider_than_a_byte() -> None:
    netlist = random_netlist(0)
    artifacts = emit(netlist, TABLES)
    for name, content in artifacts.files.items():
        assert not re.search(r"^static (?!const|inline|void|uint32_t|__attribute__)", content.decode(), re.MULTILINE), (
            name
        )
    header = artifacts.files["include/bitlogic_net.h"].decode()
    assert f"WORK_BYTES {plan_tables(netlist).num_cells} " in header


def test_more_features_than_an_id_can_name_are_refused_with_the_way_out() -> None:
    netlist = random_netlist(0, num_features=70_000, bits_per_feature=1, widths=(8, 4))
    with pytest.raises(ExportError, match=r"--style tables holds at most 65536 features, not 70000.*unrolled"):
        emit(netlist, TABLES)


def test_an_unknown_style_is_refused() -> None:
    from bitlogic.export.folder import options_from

    with pytest.raises(OptionError, match="--style 'table': allowed are unrolled, tables"):
        options_from("c", {"style": "table"})
