"""The emitted Verilog, read as text and run in a simulator, against the reference."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware import core
from bitlogic.export.netlist import Head, Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.verilog import VerilogOptions, emit, run
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_primitives import Primitives, largest_rank
from tests.nets import AND, DEGENERATE, bits_netlist, random_netlist, samples_for, with_weights

BITS, X = InputKind.BITS, InputKind.X


def text_of(artifacts: Artifacts) -> str:
    return artifacts.files[f"{artifacts.manifest['options']['module_name']}.v"].decode()


def assert_runs_like_evaluate(
    netlist: Netlist, options: VerilogOptions, samples: Samples, simulator: str | None = None
) -> Artifacts:
    artifacts = emit(netlist, options)
    result, expected = run(artifacts, samples, simulator), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)
    return artifacts


def module_ports(text: str) -> dict[str, int]:
    """Port bits, in and out, of each module."""
    ports = {}
    for name, header in re.findall(r"^module (\w+) \((.*?)\);", text, flags=re.DOTALL | re.MULTILINE):
        ports[name] = sum(int(high or 0) + 1 for high in re.findall(r"(?:in|out)put wire (?:\[(\d+):0\] )?", header))
    return ports


# --- the simulation equals the reference


@pytest.mark.sim
@pytest.mark.parametrize(("kind", "pipeline"), [(X, 1), (BITS, 2), (X, 3)])
def test_a_pipelined_net_runs_like_evaluate_through_pauses_and_a_reset(kind: InputKind, pipeline: int) -> None:
    netlist = random_netlist(pipeline, widths=(30, 24, 20, 12), num_classes=3)
    assert_runs_like_evaluate(
        netlist, VerilogOptions(input=kind, pipeline=pipeline), samples_for(netlist, kind, num=40)
    )


@pytest.mark.sim
@pytest.mark.parametrize("pipeline", [0, 2])
def test_a_head_with_weights_runs_like_evaluate_when_pipelined(pipeline: int) -> None:
    netlist = with_weights(random_netlist(pipeline, num_classes=4), pipeline)
    assert_runs_like_evaluate(netlist, VerilogOptions(pipeline=pipeline), samples_for(netlist, X, num=40))


@pytest.mark.sim
@pytest.mark.parametrize("case", ["no_lut", "constant_luts_in_a_class", "weights_of_one_class", "pins_on_constants"])
def test_a_degenerate_net_runs_like_evaluate_when_pipelined(case: str) -> None:
    netlist = DEGENERATE[case]
    assert_runs_like_evaluate(netlist, VerilogOptions(input=BITS, pipeline=1), samples_for(netlist, BITS))


@pytest.mark.sim
def test_a_net_of_constants_alone_runs_like_evaluate() -> None:
    netlist = bits_netlist(1, [0b1111, AND, 0b0110], [[0, 1], [1, 1], [0, 1]], [3, 4, 5, 0], 2)
    for pipeline in (0, 1):
        assert_runs_like_evaluate(netlist, VerilogOptions(input=BITS, pipeline=pipeline), samples_for(netlist, BITS))


@pytest.mark.sim
@pytest.mark.parametrize("num_classes", [1, 5])
def test_ties_go_to_the_lowest_class_for_any_number_of_classes(num_classes: int) -> None:
    netlist = bits_netlist(9, [], [], [2 + bit % 9 for bit in range(2 * num_classes)], num_classes)
    assert_runs_like_evaluate(netlist, VerilogOptions(input=BITS), samples_for(netlist, BITS))


@pytest.mark.sim
@pytest.mark.parametrize(("group_size", "lut_size"), [(7, 4), (8, 6), (65, 4)])
def test_a_popcount_of_any_size_counts_every_bit_once(group_size: int, lut_size: int) -> None:
    netlist = bits_netlist(group_size, [], [], list(range(2, 2 + group_size)), 1)
    samples = Samples(BITS, np.concatenate([np.eye(group_size, dtype=np.uint8), np.tri(group_size, dtype=np.uint8)]))
    assert_runs_like_evaluate(netlist, VerilogOptions(input=BITS, lut_size=lut_size), samples)


@pytest.mark.sim
def test_a_class_larger_than_one_popcount_module_is_the_sum_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "MAX_POPCOUNT", 16)
    netlist = bits_netlist(10, [], [], np.resize(np.arange(2, 12), 2 * 37).tolist(), 2)
    artifacts = assert_runs_like_evaluate(netlist, VerilogOptions(input=BITS), samples_for(netlist, BITS)[:100])
    assert "count1_2" in text_of(artifacts)


@pytest.mark.sim
def test_a_level_of_several_modules_runs_like_evaluate() -> None:
    netlist = random_netlist(5, num_features=40, widths=(8300, 100), num_classes=10)
    samples = samples_for(netlist, X, num=4)[-4:]
    artifacts = assert_runs_like_evaluate(netlist, VerilogOptions(pipeline=1), samples)
    assert {"bitlogic_net_level1_0", "bitlogic_net_level1_1"} <= set(module_ports(text_of(artifacts)))


@pytest.mark.verilator
@pytest.mark.slow
def test_verilator_agrees_with_evaluate() -> None:
    netlist = with_weights(random_netlist(11, widths=(70, 33, 20)), 0)
    options = VerilogOptions(module_name="net", pipeline=2)
    assert_runs_like_evaluate(netlist, options, samples_for(netlist, X, num=50), "verilator")


@pytest.mark.sim
@pytest.mark.parametrize("primitives", [Primitives.ICE40, Primitives.ECP5, Primitives.XILINX, Primitives.GENERIC])
def test_a_net_of_primitives_runs_like_evaluate(primitives: Primitives) -> None:
    if primitives is not Primitives.GENERIC:
        pytest.importorskip("pyosys", reason="needs pyosys")
    netlist = random_netlist(3, rank=6 if largest_rank(primitives) == 6 else 4)
    options = VerilogOptions(input=BITS, primitives=primitives)
    assert_runs_like_evaluate(netlist, options, samples_for(netlist, BITS))


@pytest.mark.sim
def test_a_long_gathering_of_bits_is_a_function_and_runs_like_evaluate() -> None:
    netlist = random_netlist(3, widths=(300, 400), num_classes=2)
    order = np.random.default_rng(0).permutation(netlist.outputs)
    netlist = replace(netlist, outputs=order.astype(np.int32))
    text = text_of(assert_runs_like_evaluate(netlist, VerilogOptions(input=BITS), samples_for(netlist, BITS)))
    assert ".i(gathered0(level2_0))" in text and ".i(gathered1(level2_0))" in text
    assert "gathered" not in text_of(emit(netlist, VerilogOptions(style=Style.WIRES)))


# --- a change of the text is a change of the result


def _flip_operator(text: str) -> str:
    """The last and of the second level becomes an or."""
    start = text.index("module bitlogic_net_level2_0")
    last = text.rindex(" & ", start, text.index("endmodule", start))
    return f"{text[:last]} | {text[last + 3 :]}"


def _flip_pin(text: str) -> str:
    """The first bit that the second level reads becomes its neighbour."""
    start = text.index("assign o", text.index("module bitlogic_net_level2_0"))
    found = re.compile(r"i\[(\d+)\](?= &| \|| \^)").search(text, start)
    assert found is not None
    return text[: found.start()] + f"i[{int(found[1]) ^ 1}]" + text[found.end() :]


def _flip_threshold(text: str) -> str:
    return re.sub(r"> 8'd(\d+)", lambda found: f"> 8'd{int(found[1]) ^ 128}", text, count=1)


def _flip_popcount(text: str) -> str:
    return text.replace("{1'd0, i[2]} + {1'd0, i[3]}", "{1'd0, i[2]} + {1'd0, i[2]}", 1)


def _flip_tie(text: str) -> str:
    return text.replace("score_a < score_b", "score_a <= score_b")


@pytest.mark.sim
@pytest.mark.parametrize("flip", [_flip_operator, _flip_pin, _flip_threshold, _flip_popcount, _flip_tie])
def test_a_flip_in_the_text_changes_what_the_simulator_reads(flip: Callable[[str], str]) -> None:
    netlist = random_netlist(2)
    artifacts, samples = emit(netlist), samples_for(netlist, X)
    expected = evaluate(netlist, samples)
    changed = flip(text_of(artifacts))
    assert changed != text_of(artifacts)
    result = run(Artifacts(artifacts.manifest, {"bitlogic_net.v": changed.encode()}), samples)
    same = np.array_equal(result.scores, expected.scores) and np.array_equal(result.class_ids, expected.class_ids)
    assert not same


@pytest.mark.sim
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("7'd3 * sum1", "7'd2 * sum1"),
        ("7'd3 * sum1", "7'd3 * sum0"),
        (") - (", ") + ("),
        ("$signed(score_a) < $signed(score_b)", "score_a < score_b"),
        ("$signed(score_a) < $signed(score_b)", "$signed(score_a) <= $signed(score_b)"),
    ],
)
def test_a_flip_in_the_product_changes_what_the_simulator_reads(old: str, new: str) -> None:
    netlist = bits_netlist(4, [], [], [2, 2, 3, 4, 5, 2], 2, [[-21, 5], [3, 3]])
    artifacts, samples = emit(netlist, VerilogOptions(input=BITS)), samples_for(netlist, BITS)
    expected = evaluate(netlist, samples)
    assert old in text_of(artifacts)
    changed = text_of(artifacts).replace(old, new)
    result = run(Artifacts(artifacts.manifest, {"bitlogic_net.v": changed.encode()}), samples)
    same = np.array_equal(result.scores, expected.scores) and np.array_equal(result.class_ids, expected.class_ids)
    assert not same


# --- the text


@pytest.mark.parametrize("pipeline", [0, 1])
def test_modules_stay_within_8192_luts_and_65536_port_bits(pipeline: int) -> None:
    rng = np.random.default_rng(0)
    width, num_inputs = 20_000, 60_000
    first = rng.integers(2, 2 + num_inputs, size=(width, 6))
    second = rng.integers(2, 2 + num_inputs + width, size=(width, 6))
    netlist = Netlist(
        num_inputs=num_inputs,
        tables=np.resize(rng.integers(0, 1 << 63, size=50, dtype=np.uint64), 2 * width),
        pins=np.concatenate([first, second]).astype(np.int32),
        outputs=np.arange(2 + num_inputs + width, 2 + num_inputs + 2 * width, dtype=np.int32),
        head=Head(10),
    )
    text = text_of(emit(netlist, VerilogOptions(input=BITS, pipeline=pipeline)))
    ports = module_ports(text)
    del ports["bitlogic_net"]
    assert max(ports.values()) <= 65_536
    levels = re.findall(r"module \w+_level\d+_\d+ \(.*?output wire \[(\d+):0\] o\n", text, flags=re.DOTALL)
    assert len(levels) >= 6
    assert max(int(high) + 1 for high in levels) <= 8192
    assert sum(int(high) + 1 for high in levels) == netlist.num_luts
    assert max(map(len, text.splitlines())) < 20_000


@pytest.mark.parametrize("input_bits", [8, 16])
def test_an_encoder_is_cut_by_its_port_bits(input_bits: int) -> None:
    netlist = random_netlist(0, num_features=4000, bits_per_feature=3, input_bits=input_bits, widths=(4000, 10))
    ports = module_ports(text_of(emit(netlist)))
    encoders = [bits for name, bits in ports.items() if "_encoded_" in name]
    assert len(encoders) >= 2
    assert max(encoders) <= 65_536


def test_only_input_bits_that_are_read_have_a_comparator() -> None:
    netlist = random_netlist(0, num_features=50, widths=(4, 2), num_classes=2)
    read = np.unique(np.concatenate([netlist.pins.ravel(), netlist.outputs]))
    read = read[(read >= 2) & (read < netlist.first_lut)]
    assert netlist.encoder is not None and netlist.encoder.integer_thresholds is not None
    possible = netlist.encoder.integer_thresholds[read - 2] < 255
    assert text_of(emit(netlist)).count(" > 8'd") == int(possible.sum()) < netlist.num_inputs


def test_every_module_carries_the_prefix_and_the_file_says_who_made_it() -> None:
    artifacts = emit(random_netlist(0), VerilogOptions(module_name="digits", pipeline=1))
    assert list(artifacts.files) == ["digits.v", "names.json"]
    text = text_of(artifacts)
    assert text.startswith("// generated by bitlogic ")
    assert all(name == "digits" or name.startswith("digits_") for name in module_ports(text))


# --- what is refused


@pytest.mark.parametrize("name", ["module", "logic", "9net", "net.v", "", "a b", "net\n"])
def test_a_module_name_that_is_no_identifier_or_a_keyword_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="module-name"):
        VerilogOptions(module_name=name)


@pytest.mark.parametrize("pipeline", [-1, 1.5, True, "2"])
def test_a_pipeline_that_is_no_count_is_refused(pipeline: object) -> None:
    with pytest.raises(OptionError, match="pipeline"):
        VerilogOptions(pipeline=pipeline)  # type: ignore[arg-type]


def test_a_top_port_above_65536_bits_is_refused_by_name() -> None:
    wide = bits_netlist(65_537, [AND], [[2, 3]], [4], 1)
    with pytest.raises(ExportError, match=r"port bits .* 65537 bits"):
        emit(wide, VerilogOptions(input=BITS))
    wide_x = random_netlist(0, num_features=9000)
    with pytest.raises(ExportError, match=r"port x .* 72000 bits"):
        emit(wide_x)
    head = Head(3000, weights=np.full((3000, 3000), 127))
    squares = replace(wide, num_inputs=2, outputs=np.full(6000, 3), pins=np.array([[2, 3]]), head=head)
    with pytest.raises(ExportError, match="sums and scores"):
        emit(squares, VerilogOptions(input=BITS))
    classes = replace(wide, num_inputs=2, outputs=np.full(65_536, 4), head=Head(65_536))
    with pytest.raises(ExportError, match="scores"):
        emit(classes, VerilogOptions(input=BITS))
