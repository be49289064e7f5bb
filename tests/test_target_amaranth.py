"""The amaranth target's own promises; what all targets share is in test_targets.py."""

import re
import runpy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.sim import Simulator

from bitlogic.errors import ExportError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.architecture import design
from bitlogic.export.hardware.blocks import MAX_LUTS
from bitlogic.export.netlist import Head, Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.amaranth import AmaranthOptions, NetlistComponent, emit, run
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights

FILE = "bitlogic_net.py"


def text_of(artifacts: Artifacts) -> str:
    return artifacts.files[FILE].decode()


def edited(artifacts: Artifacts, text: str) -> Artifacts:
    return Artifacts(artifacts.manifest, {FILE: text.encode()})


def assert_runs_like_evaluate(netlist: Netlist, options: AmaranthOptions, samples: Samples) -> None:
    result, expected = run(emit(netlist, options), samples), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


@pytest.mark.parametrize("pipeline", [1, 2])
@pytest.mark.parametrize("case", DEGENERATE)
def test_a_degenerate_netlist_runs_clocked_like_evaluate(case: str, pipeline: int) -> None:
    netlist = DEGENERATE[case]
    options = AmaranthOptions(input=InputKind.BITS, pipeline=pipeline)
    assert_runs_like_evaluate(netlist, options, samples_for(netlist, InputKind.BITS))


@pytest.mark.parametrize("pipeline", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", InputKind)
def test_a_deep_netlist_runs_like_evaluate_at_every_pipeline(kind: InputKind, pipeline: int) -> None:
    netlist = random_netlist(pipeline, widths=(70, 40, 30, 20, 16))
    samples = samples_for(netlist, kind, num=40, seed=pipeline)
    assert_runs_like_evaluate(netlist, AmaranthOptions(input=kind, pipeline=pipeline), samples)


def test_a_level_of_more_than_one_block_runs_like_evaluate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlogic.export.hardware.blocks.MAX_LUTS", 30)
    netlist = random_netlist(4, widths=(70, 65, 20))
    artifacts = emit(netlist, AmaranthOptions(pipeline=1))
    assert "class _Level1_2(Elaboratable)" in text_of(artifacts)
    samples = samples_for(netlist, InputKind.X, num=40)
    np.testing.assert_array_equal(run(artifacts, samples).scores, evaluate(netlist, samples).scores)


@pytest.mark.parametrize("lanes", [1, 63, 64, 65, 255, 256, 257])
def test_lanes_full_and_not_run_like_evaluate(lanes: int) -> None:
    netlist = random_netlist(lanes, widths=(lanes, 20))
    options = AmaranthOptions(input=InputKind.BITS)
    assert_runs_like_evaluate(netlist, options, samples_for(netlist, InputKind.BITS, num=10)[-30:])


INTERFACES: dict[str, dict[str, Any]] = {
    "stream": {"interface": "stream"},
    "stream of bits": {"interface": "stream", "input": InputKind.BITS},
    "stream, folded": {"interface": "stream", "fold": 3, "pipeline": 2},
    "valid, folded": {"interface": "valid", "fold": 4},
    "axis": {"interface": "axis"},
    "axis of bits, 4 bytes a beat": {"interface": "axis", "input": InputKind.BITS, "axis_bytes": 4},
    "axis, folded, with registers": {"interface": "axis", "fold": 2, "axi_lite": True},
}


@pytest.mark.parametrize("name", INTERFACES)
def test_every_interface_runs_like_evaluate_with_pauses_on_both_sides(name: str) -> None:
    for netlist in (random_netlist(1, widths=(40, 30)), with_weights(random_netlist(2), 3)):
        options = AmaranthOptions(**INTERFACES[name])
        assert_runs_like_evaluate(netlist, options, samples_for(netlist, options.input, num=30)[-40:])


@pytest.mark.parametrize("name", INTERFACES)
@pytest.mark.parametrize("late", [-1, 1])
def test_the_latency_of_every_interface_is_measured(name: str, late: int) -> None:
    netlist = random_netlist(1)
    options = AmaranthOptions(**INTERFACES[name])
    artifacts = emit(netlist, options)
    wrong = {**artifacts.manifest, "latency_cycles": artifacts.manifest["latency_cycles"] + late}
    with pytest.raises(TargetError, match="valid"):
        run(Artifacts(wrong, artifacts.files), samples_for(netlist, options.input)[:3])


# What is edited in the text of the stream's handshake, and what the bench says where it is not a wrong score.
HANDSHAKES = {
    "a core that never stands still": (r"u_core\.enable\.eq\(\w+\)", "u_core.enable.eq(1)", ""),
    "an input taken twice": (r"u_core\.valid_in\.eq\(\w+\)", "u_core.valid_in.eq(1)", "valid_out is 1"),
    "an input lost": (r"u_core\.valid_in\.eq\((\w+)\)", r"u_core.valid_in.eq(\1 & ready_out)", "nothing moves"),
    "never ready": (r"self\.sink\.ready\.eq\(\w+\)", "self.sink.ready.eq(0)", "valid_out is 1"),
    "a result withdrawn": (r"self\.source\.valid\.eq\((\w+)\)", r"self.source.valid.eq(\1 & ~valid_in)", "withdrawn"),
    "a result that changes": (r"(\.payload\.scores\)\.eq)\(.*\)", r"\1(core_scores)", "changed"),
}


@pytest.mark.parametrize("edit", HANDSHAKES)
def test_a_broken_handshake_is_seen(edit: str) -> None:
    netlist = random_netlist(1)
    artifacts = emit(netlist, AmaranthOptions(interface="stream"))  # type: ignore[arg-type]
    pattern, replacement, says = HANDSHAKES[edit]
    changed, times = re.subn(pattern, replacement, text_of(artifacts))
    assert times == 1
    samples = samples_for(netlist, InputKind.X, num=60)
    try:
        result = run(edited(artifacts, changed), samples)
    except TargetError as error:
        assert says in str(error)
    else:
        assert says in ("", "changed")
        assert (result.scores != evaluate(netlist, samples).scores).any()


def test_a_wide_level_is_cut_into_blocks() -> None:
    rng = np.random.default_rng(0)
    num = 2 * MAX_LUTS + 1
    netlist = Netlist(
        num_inputs=50,
        tables=rng.integers(0, 16, size=num, dtype=np.uint64),
        pins=rng.integers(2, 52, size=(num, 2), dtype=np.int32),
        outputs=np.arange(52, 52 + num, dtype=np.int32),
        head=Head(1),
    )
    blocks = re.findall(r"class _Level1_\d+\(Elaboratable\):.*?(?=def elaborate)", _bits_text(netlist), re.DOTALL)
    sizes = [len(re.findall(r"^ {8}\(0x", block, re.MULTILINE)) for block in blocks]
    assert max(sizes) <= MAX_LUTS
    assert sum(sizes) == num


def _bits_text(netlist: Netlist) -> str:
    return text_of(emit(netlist, AmaranthOptions(input=InputKind.BITS)))


@pytest.mark.parametrize("kind", InputKind)
@pytest.mark.parametrize("case", ["comb", "valid", "stream", "axis"])
def test_the_live_component_has_the_signature_of_the_file_and_converts_to_the_same_cells(
    case: str, kind: InputKind, tmp_path: Path
) -> None:
    netlist = with_weights(random_netlist(3, widths=(70, 40)), 1)
    options = AmaranthOptions(interface=case, input=kind)  # type: ignore[arg-type]
    path = tmp_path / FILE
    path.write_bytes(emit(netlist, options).files[FILE])
    written = runpy.run_path(str(path))["BitlogicNet"]()
    live = NetlistComponent(netlist, interface=case, input=kind)
    assert live.signature.members == written.signature.members
    assert cells(live) == cells(written)


def cells(component: Any) -> Counter[str]:
    """How many cells there are of each kind; their numbering is Amaranth's own."""
    return Counter(re.findall(r"^ *cell (\S+)", rtlil.convert(component, name="top"), flags=re.MULTILINE))


@pytest.mark.parametrize("pipeline", [0, 1])
def test_the_live_component_runs_like_evaluate(pipeline: int) -> None:
    netlist = random_netlist(5, widths=(300, 40))
    samples = samples_for(netlist, InputKind.BITS, num=20)[-20:]
    component = NetlistComponent(netlist, pipeline=pipeline, input=InputKind.BITS)
    seen = []

    async def bench(context: Any) -> None:
        for row in samples.values:
            context.set(component.bits, int("".join(map(str, row[::-1])), 2))
            if pipeline:
                context.set(component.valid_in, 1)
                await context.tick().repeat(component.design.latency_cycles)
            seen.append((context.get(component.scores), context.get(component.class_id)))

    simulator = Simulator(component)
    if pipeline:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    expected = evaluate(netlist, samples)
    width = netlist.score_width
    packed = [sum(score << width * c for c, score in enumerate(row)) for row in expected.scores.tolist()]
    assert seen == list(zip(packed, expected.class_ids.tolist(), strict=True))


@pytest.mark.parametrize("pipeline", [0, 1, 2])
def test_a_head_with_weights_runs_like_evaluate_at_every_pipeline(pipeline: int) -> None:
    netlist = with_weights(random_netlist(pipeline, num_classes=4), pipeline)
    options = AmaranthOptions(pipeline=pipeline)
    assert_runs_like_evaluate(netlist, options, samples_for(netlist, InputKind.X, num=40))


@pytest.mark.parametrize("pipeline", [0, 1, 2])
def test_the_manifest_gives_the_latency_of_the_design_and_the_class(pipeline: int) -> None:
    options = AmaranthOptions(pipeline=pipeline)
    manifest = emit(random_netlist(0), options).manifest
    assert manifest["latency_cycles"] == design(random_netlist(0), options).latency_cycles
    assert manifest["component"] == "BitlogicNet"


@pytest.mark.parametrize("late", [-1, 1])
def test_the_latency_is_measured(late: int) -> None:
    artifacts = emit(random_netlist(0), AmaranthOptions(pipeline=1))
    wrong = {**artifacts.manifest, "latency_cycles": artifacts.manifest["latency_cycles"] + late}
    with pytest.raises(TargetError, match="valid_out"):
        run(Artifacts(wrong, artifacts.files), samples_for(random_netlist(0), InputKind.X))


def test_the_file_says_what_made_it_and_how_to_use_it() -> None:
    netlist = random_netlist(0)
    artifacts = emit(netlist, AmaranthOptions(pipeline=1))
    assert text_of(artifacts).startswith("# generated by bitlogic ")
    assert netlist.digest() in text_of(artifacts)
    assert f"{artifacts.manifest['latency_cycles']} cycles" in text_of(artifacts)
    assert "m.submodules.net = net = BitlogicNet()" in text_of(artifacts)


def test_a_run_leaves_no_module_behind() -> None:
    before = set(sys.modules)
    run(emit(random_netlist(0)), samples_for(random_netlist(0), InputKind.X)[:2])
    assert not [name for name in set(sys.modules) - before if "bitlogic_net" in name or name.startswith("_bitlogic")]


def replaced(text: str, pattern: str, replacement: Any, place: int) -> str:
    """The text with the match number ``place`` of the pattern replaced."""
    match = list(re.finditer(pattern, text))[place]
    return text[: match.start()] + match.expand(replacement) + text[match.end() :]


# A pattern in the text of and_netlist and what replaces it; the first LUT is the AND of bits 0 and 1.
EDITS = {
    "table": (r"\(0x8, 2, 3\)", "(0xe, 2, 3)"),
    "pin": (r"\(0x8, 2, 3\)", "(0x8, 4, 3)"),
    "threshold": (r"(COMPARATORS = \[.*\n +)\(0, \d+\)", r"\1(0, 255)"),
    "output": (r"level1_0\[0:3\]", "level1_0[1:4]"),
    "weight": (r"Const\(3, 6\) \* sum1", "Const(2, 6) * sum1"),
    "group": (r"Const\(3, 6\) \* sum1", "Const(3, 6) * sum0"),
    "count": (r"\(i\[0\] \+ i\[1\]\)", "(i[0] + i[2])"),
    "class": (r"score_a\.as_signed\(\) <", "score_a <"),
}


def and_netlist() -> Netlist:
    """Four LUTs over the comparators of six features, the first an AND of bits 0 and 1."""
    base = random_netlist(0)
    pins = np.array([[2, 3], [3, 4], [4, 5], [5, 6]], dtype=np.int32)
    tables = np.array([0b1000, 0b0110, 0b1110, 0b0111], dtype=np.uint64)
    outputs = np.array([20, 21, 22, 23, 22, 21], dtype=np.int32)
    return Netlist(base.num_inputs, tables, pins, outputs, Head(2, weights=np.array([[2, 5], [-3, 1]])), base.encoder)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_file_that_matters_changes_the_result(edit: str) -> None:
    netlist = and_netlist()
    samples = samples_for(netlist, InputKind.X)
    artifacts = emit(netlist)
    np.testing.assert_array_equal(run(artifacts, samples).scores, evaluate(netlist, samples).scores)
    changed = edited(artifacts, replaced(text_of(artifacts), *EDITS[edit], 0))
    got, expected = run(changed, samples), evaluate(netlist, samples)
    assert (got.scores != expected.scores).any() or (got.class_ids != expected.class_ids).any()


def test_a_flipped_table_of_a_netlist_gives_what_evaluate_gives_with_the_flipped_table() -> None:
    netlist = and_netlist()
    samples = samples_for(netlist, InputKind.X)
    tables = netlist.tables.copy()
    tables[0] = 0b1110
    flipped = Netlist(netlist.num_inputs, tables, netlist.pins, netlist.outputs, netlist.head, netlist.encoder)
    changed = edited(emit(netlist), replaced(text_of(emit(netlist)), *EDITS["table"], 0))
    np.testing.assert_array_equal(run(changed, samples).scores, evaluate(flipped, samples).scores)
    np.testing.assert_array_equal(run(changed, samples).class_ids, evaluate(flipped, samples).class_ids)


def test_an_instance_is_refused_for_the_simulator_takes_it_for_0() -> None:
    artifacts = emit(and_netlist())
    text = text_of(artifacts).replace("import Cat,", "import Instance, Cat,")
    instance = '        m.submodules.hidden = Instance("LUT2", i_a=self.i[0], o_y=Signal())\n        return m\n'
    place = text.index("class _Level1_0")
    text = text[:place] + text[place:].replace("        return m\n", instance, 1)
    with pytest.raises(TargetError, match="Instance"):
        run(edited(artifacts, text), samples_for(and_netlist(), InputKind.X))


@pytest.mark.parametrize(
    ("text", "says"),
    [("class (", "SyntaxError"), ("x = 1", "BitlogicNet"), ("import no_such_module", "no_such_module")],
)
def test_a_file_that_does_not_load_is_a_target_error(text: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        run(edited(emit(and_netlist()), text), samples_for(and_netlist(), InputKind.X))


@pytest.mark.parametrize(
    "name",
    ["", "1net", "a-b", "../net", "net\n", "class", "module", "none", "signal", "mux", "words", "amaranth", "json"],
)
def test_a_bad_module_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="--module-name"):
        AmaranthOptions(module_name=name)


@pytest.mark.parametrize(("name", "component"), [("a", "A"), ("my_net_2", "MyNet2"), ("Digits", "Digits"), ("y", "Y")])
def test_the_class_is_the_name_in_camel_case_and_runs(name: str, component: str) -> None:
    netlist = DEGENERATE["three_classes"]
    options = AmaranthOptions(module_name=name, input=InputKind.BITS)
    artifacts = emit(netlist, options)
    assert list(artifacts.files) == [f"{name}.py"]
    assert artifacts.manifest["component"] == component
    assert_runs_like_evaluate(netlist, options, samples_for(netlist, InputKind.BITS))


@pytest.mark.parametrize("pipeline", [-1, 1.5, True, "1"])
def test_a_bad_pipeline_is_refused(pipeline: Any) -> None:
    with pytest.raises(OptionError, match="--pipeline"):
        AmaranthOptions(pipeline=pipeline)


def test_a_port_wider_than_amaranth_takes_is_refused_by_name() -> None:
    netlist = Netlist((1 << 16) + 1, np.array([8]), np.array([[2, 3]]), np.array([4]), Head(1))
    with pytest.raises(ExportError, match=r"port bits .* 65537 bits"):
        emit(netlist, AmaranthOptions(input=InputKind.BITS))


@pytest.mark.parametrize(
    "values",
    [np.full((2, 6), 256, np.uint16), np.zeros((2, 5), np.uint8), np.zeros((2, 6), np.float32)],
    ids=["above the grid", "too few features", "floats"],
)
def test_samples_that_do_not_fit_are_refused(values: Any) -> None:
    with pytest.raises(TargetError):
        run(emit(random_netlist(0)), Samples(InputKind.X, values))


def test_no_sample_gives_no_row() -> None:
    for pipeline in (0, 1):
        artifacts = emit(random_netlist(0), AmaranthOptions(pipeline=pipeline))
        assert run(artifacts, samples_for(random_netlist(0), InputKind.X)[:0]).scores.shape == (0, 4)
