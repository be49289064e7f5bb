"""The emitted VHDL, read as text, analysed and run in GHDL, against the reference.

The registry's tests run every rank, the degenerate nets, weights and flips of the netlist without a clock.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitlogic.errors import MissingToolError, OptionError, TargetError
from bitlogic.export import simulators
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.formal.artifacts import prove_artifacts
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.hardware.rtl import (
    Concat,
    Constant,
    Expression,
    Kind,
    Module,
    Operation,
    Port,
    Register,
    Slice,
    Wire,
    extend,
    whole,
)
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.vhdl import VhdlOptions, emit, run
from bitlogic.export.targets.vhdl_print import print_module, print_modules
from hdl_tests.test_verilog_print import blocks, every_kind, in_numpy, random_steps, registers_of_all_sorts
from tests.nets import DEGENERATE, bits_netlist, random_netlist, samples_for, with_weights

BITS, X = InputKind.BITS, InputKind.X
# What GHDL 2 can warn of; it has no -Wall.
WARNINGS = [
    f"-W{name}"
    for name in (
        "binding reserved library vital-generic shared hide others pure universal port-bounds runtime-error "
        "delta-cycle body specs unused static nested-comment parenthesis delayed-checks port attribute useless"
    ).split()
]


def text_of(artifacts: Artifacts) -> str:
    return artifacts.files["bitlogic_net.vhd"].decode()


def same_as_evaluate(artifacts: Artifacts, netlist: Netlist, samples: Samples) -> bool:
    result, expected = run(artifacts, samples), evaluate(netlist, samples)
    return np.array_equal(result.scores, expected.scores) and np.array_equal(result.class_ids, expected.class_ids)


def in_ghdl(module: Module, steps: list[dict[str, int]], folder: Path) -> list[list[str]]:
    """The outputs in binary before each step's clock edge."""
    ports = [*module.input_ports, *[Port("rst", 1, True)] * module.has_reset, *module.output_ports]
    types = {p.name: "std_logic" if p.width == 1 else f"std_logic_vector({p.width - 1} downto 0)" for p in ports}
    names = [*types, *(["clk"] if module.has_clock else [])]
    lines = ["library ieee;", "use ieee.std_logic_1164.all;", "use std.textio.all;"]
    lines += ["entity bench is", "end entity;", "architecture run of bench is"]
    lines += [f"signal {name} : {kind};" for name, kind in types.items()] + ["signal clk : std_logic := '0';", "begin"]
    lines.append(f"dut : entity work.{module.name} port map ({', '.join(f'{name} => {name}' for name in names)});")
    lines += ["process", "variable row : line;", "begin"]
    inputs = [port for port in ports if port.is_input]
    for step in steps:
        for port in inputs:
            bits = f"{step[port.name]:0{port.width}b}"
            lines.append(f"{port.name} <= " + (f"'{bits}';" if port.width == 1 else f'"{bits}";'))
        lines.append("wait for 1 ns;")
        lines += [f"write(row, to_string({port.name}) & ' ');" for port in module.output_ports]
        lines += ["writeline(output, row);", "clk <= '1';", "wait for 1 ns;", "clk <= '0';"]
    lines += ["wait;", "end process;", "end architecture;"]
    source = folder / "bench.vhd"
    source.write_bytes(b"\n".join([*print_modules(module), "\n".join(lines).encode()]) + b"\n")
    assert analysed(source) == (0, "")
    command = ["ghdl", "-r", "--std=08", f"--workdir={folder}", "bench", "--ieee-asserts=disable"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def analysed(source: Path) -> tuple[int, str]:
    """GHDL's exit code and all that it says, in one pass with all warnings."""
    command = ["ghdl", "-a", "--std=08", *WARNINGS, f"--workdir={source.parent}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


# --- what the text means


@pytest.mark.ghdl
@pytest.mark.parametrize("module", [every_kind(), registers_of_all_sorts()], ids=lambda module: module.name)
def test_expressions_and_registers_mean_in_vhdl_what_they_mean_in_numpy(module: Module, tmp_path: Path) -> None:
    steps = random_steps(module, 200, seed=1)
    assert in_ghdl(module, steps, tmp_path)[2:] == in_numpy(module, steps)[2:]


def of_any_width(width: int) -> Module:
    """Operations on vectors and on constants, choices inside of them, and a concatenation of many parts."""
    a, b, s = whole("a", width), whole("b", width), whole("s", 1)
    constant = Constant(1 << width - 1, width)
    made: list[tuple[str, Expression]] = []
    for kind in Kind:
        name = kind.name.lower()
        if kind is Kind.NOT:
            made.append((f"{name}_o", Operation(kind, (a,), width)))
        elif kind is not Kind.MUX:
            result = 1 if kind in (Kind.EQUAL, Kind.LESS, Kind.SIGNED_LESS) else width
            made.append((f"{name}_o", Operation(kind, (a, b), result)))
            made.append((f"{name}_constant", Operation(kind, (constant, b), result)))
            made.append((f"{name}_constants", Operation(kind, (constant, constant), result)))
            choice = Operation(Kind.MUX, (Operation(Kind.LESS, (a, b), 1), b, constant), width)
            made.append((f"{name}_choice", Operation(kind, (a, choice), result)))
    sizes = [1 + place % min(width, 2) for place in range(150)]
    many = Concat(tuple(Slice("a", place % (width - size + 1), size, width) for place, size in enumerate(sizes)))
    made.append(("many", many))
    made.append(("many_or_few", Operation(Kind.MUX, (s, many, extend(b, many.width)), many.width)))
    inputs = [Port("a", width, True), Port("b", width, True), Port("s", 1, True)]
    ports = (*inputs, *(Port(name, value.width, False) for name, value in made))
    return Module("widths", "", ports, outputs=tuple(made))


@pytest.mark.ghdl
def test_operations_of_one_bit_and_wide_ones_mean_what_they_mean_in_numpy(tmp_path: Path) -> None:
    for width in (1, 2, 40):
        module = of_any_width(width)
        steps = random_steps(module, 60, seed=width)
        assert in_ghdl(module, steps, tmp_path) == in_numpy(module, steps)


@pytest.mark.ghdl
@pytest.mark.parametrize("rank", [1, 6])
def test_a_block_of_several_words_means_the_same(rank: int, tmp_path: Path) -> None:
    module = blocks(rank)
    steps = random_steps(module, 60, seed=2)
    assert in_ghdl(module, steps, tmp_path) == in_numpy(module, steps)


# --- the simulation equals the reference


@pytest.mark.ghdl
@pytest.mark.parametrize(
    "options",
    [
        VhdlOptions(pipeline=1, module_name="MyNet"),
        VhdlOptions(input=BITS, interface=Interface.STREAM, pipeline=2),
        VhdlOptions(interface=Interface.AXIS, axi_lite=True, axis_bytes=4),
        VhdlOptions(fold=3),
    ],
    ids=["valid", "stream", "axis", "fold"],
)
def test_every_interface_runs_like_evaluate_through_pauses_and_resets(options: VhdlOptions) -> None:
    netlist = with_weights(random_netlist(3, widths=(30, 24, 12), num_classes=3), 3)
    assert same_as_evaluate(emit(netlist, options), netlist, samples_for(netlist, options.input, num=24))


@pytest.mark.ghdl
@pytest.mark.parametrize("case", ["no_lut", "constant_luts_in_a_class", "weights_of_one_class", "pins_on_constants"])
def test_a_degenerate_net_runs_like_evaluate_when_pipelined(case: str) -> None:
    netlist = DEGENERATE[case]
    assert same_as_evaluate(emit(netlist, VhdlOptions(input=BITS, pipeline=1)), netlist, samples_for(netlist, BITS))


# --- a change of the text is a change of the result


def _flip_operator(text: str) -> str:
    start = text.index("entity bitlogic_net_level1_0 ")
    return text[:start] + text[start:].replace(" and ", " or ", 1)


def _flip_threshold(text: str) -> str:
    return re.sub(r"\?> (\d+)", lambda found: f"?> {int(found[1]) ^ 128}", text, count=1)


def _flip_weight(text: str) -> str:
    return re.sub(r"resize\((\d+) \*", lambda found: f"resize({int(found[1]) ^ 1} *", text, count=1)


def _flip_tie(text: str) -> str:
    return text.replace("signed(score_a) ?< signed(score_b)", "signed(score_a) ?<= signed(score_b)")


def _flip_sign(text: str) -> str:
    return text.replace("signed(score_a) ?< signed(score_b)", "unsigned(score_a) ?< unsigned(score_b)")


@pytest.mark.ghdl
@pytest.mark.parametrize("flip", [_flip_operator, _flip_threshold, _flip_weight, _flip_tie, _flip_sign])
def test_a_flip_in_the_text_changes_what_the_simulator_reads(flip: Callable[[str], str]) -> None:
    netlist = with_weights(random_netlist(2), 2, low=-3, high=2)
    artifacts = emit(netlist)
    changed = flip(text_of(artifacts))
    assert changed != text_of(artifacts)
    tampered = Artifacts(artifacts.manifest, {"bitlogic_net.vhd": changed.encode()})
    assert not same_as_evaluate(tampered, netlist, samples_for(netlist, X))


@pytest.mark.ghdl
def test_an_output_that_nothing_drives_is_an_error_and_no_zero() -> None:
    netlist = bits_netlist(2, [], [], [2, 3], 2)
    artifacts = emit(netlist, VhdlOptions(input=BITS))
    text = re.sub(r"    scores <= .*?;\n", "", text_of(artifacts))
    tampered = Artifacts(artifacts.manifest, {"bitlogic_net.vhd": text.encode()})
    with pytest.raises(TargetError, match="sample 0: scores reads UU"):
        run(tampered, samples_for(netlist, BITS))


# --- the text


@pytest.mark.ghdl
@pytest.mark.parametrize(
    "options",
    [VhdlOptions(), VhdlOptions(fold=4), VhdlOptions(interface=Interface.AXIS, axi_lite=True, pipeline=2)],
    ids=["comb", "fold", "axis"],
)
def test_ghdl_analyses_the_file_in_one_pass_without_a_warning(options: VhdlOptions, tmp_path: Path) -> None:
    netlist = with_weights(random_netlist(1, widths=(300, 200)), 1)
    source = tmp_path / "net.vhd"
    source.write_text(text_of(emit(netlist, options)))
    assert analysed(source) == (0, "")


def test_lines_are_short_and_the_file_says_who_made_it() -> None:
    netlist = with_weights(random_netlist(0, num_features=300, widths=(700, 300), num_classes=10), 0)
    for pipeline in (0, 1):
        artifacts = emit(netlist, VhdlOptions(pipeline=pipeline))
        assert list(artifacts.files) == ["bitlogic_net.vhd", "names.json"]
        assert text_of(artifacts).startswith("-- generated by bitlogic ")
        assert max(map(len, text_of(artifacts).splitlines())) <= 130


def test_a_name_that_means_something_in_vhdl_gets_another() -> None:
    register = Register("open", 2, whole("next", 2))
    ports = (Port("o", 2, False), Port("next", 2, True))
    text = print_module(Module("net", "", ports, (), (register,), outputs=(("o", whole("open", 2)),))).decode()
    assert "next_value : in std_logic_vector(1 downto 0)" in text
    assert "open_value <= next_value;" in text
    assert "o <= open_value;" in text


@pytest.mark.parametrize("names", [("a", "A"), ("a__b", "c"), ("a_", "c")])
def test_a_name_that_vhdl_does_not_take_is_refused(names: tuple[str, str]) -> None:
    wires = tuple(Wire(name, 1, Constant(0, 1)) for name in names)
    with pytest.raises(ValueError, match="is none in VHDL"):
        print_module(Module("net", "", (), wires))


@pytest.mark.parametrize("name", ["entity", "Signal", "a__b", "net_", "X", "Unsigned", "work", "9net"])
def test_a_module_name_that_no_entity_can_have_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="module-name"):
        VhdlOptions(module_name=name)


def test_without_ghdl_the_run_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulators, "ghdl", lambda: None)
    netlist = DEGENERATE["one_lut"]
    with pytest.raises(MissingToolError, match=r"ghdl \(apt install ghdl\)"):
        run(emit(netlist, VhdlOptions(input=BITS)), samples_for(netlist, BITS))


def test_a_proof_of_vhdl_says_that_there_is_none() -> None:
    log = prove_artifacts(emit(random_netlist(0)))
    assert not log.holds and not log.refuted
    assert "the emitted VHDL: NOT PROVEN" in log.text()
