"""What the printed text means to a simulator, against what the register-transfer form means to ``simulate``."""

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bitlogic.export.hardware.rtl import (
    Comparators,
    Concat,
    Constant,
    Instance,
    Kind,
    Luts,
    Module,
    Operation,
    Port,
    Register,
    Rom,
    Slice,
    Wire,
    whole,
)
from bitlogic.export.hardware.simulate import Simulation
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_primitives import Primitives
from bitlogic.export.targets.verilog_print import Printing, print_modules

WIDTH = 5
A, B, S = whole("a", WIDTH), whole("b", WIDTH), whole("s", 1)
BITWISE = [Kind.AND, Kind.OR, Kind.XOR, Kind.ADD, Kind.SUBTRACT, Kind.MULTIPLY]


def every_kind() -> Module:
    """All operations, alone and inside one another, where a carry that is not cut off would show."""
    made = {f"{kind.name.lower()}_o": Operation(kind, (A, B), WIDTH) for kind in BITWISE}
    made |= {f"{kind.name.lower()}_o": Operation(kind, (A, B), 1) for kind in (Kind.EQUAL, Kind.LESS, Kind.SIGNED_LESS)}
    made |= {"inverted": Operation(Kind.NOT, (A,), WIDTH), "chosen": Operation(Kind.MUX, (S, A, B), WIDTH)}
    total = Operation(Kind.ADD, (A, B), WIDTH)
    made["sum_is_less"] = Operation(Kind.LESS, (total, A), 1)
    made["difference_is_negative"] = Operation(Kind.SIGNED_LESS, (Operation(Kind.SUBTRACT, (A, B), WIDTH), A), 1)
    made["inverted_equal"] = Operation(Kind.EQUAL, (Operation(Kind.NOT, (A,), WIDTH), B), 1)
    made["nested"] = Operation(Kind.SUBTRACT, (A, Operation(Kind.SUBTRACT, (B, A), WIDTH)), WIDTH)
    outputs: list[tuple[str, Concat | Operation]] = list(made.items())
    joined = Concat((Slice("a", 1, 3, WIDTH), Concat((total, Constant(5, 3))), Slice("b", 4, 1, WIDTH), S))
    outputs.append(("joined", joined))
    outputs.append(("wide", Concat((Constant(0x123456789A, 41), S))))
    inputs = [Port("a", WIDTH, True), Port("b", WIDTH, True), Port("s", 1, True)]
    ports = [*inputs, *(Port(name, value.width, False) for name, value in outputs)]
    return Module("kinds", "every kind", tuple(ports), outputs=tuple(outputs))


def registers_of_all_sorts() -> Module:
    """Registers with and without enable and reset, a memory, and an instance that passes its clock on."""
    words = tuple((7 * place + 3) % 32 for place in range(11))
    ports = (Port("enable", 1, True), Port("i", 4, True), Port("o", WIDTH, False))
    rom = Module("memory", "words", ports, body=Rom(words))
    enable = whole("s", 1)
    registers = (
        Register("plain", WIDTH, A),
        Register("held", WIDTH, B, enable),
        Register("cleared", WIDTH, Operation(Kind.ADD, (whole("cleared", WIDTH), A), WIDTH), reset=9),
        Register("both", WIDTH, Operation(Kind.XOR, (whole("both", WIDTH), B), WIDTH), enable, reset=0),
    )
    read = Instance("u_memory", rom, (("enable", S), ("i", Slice("a", 0, 4, WIDTH))), (("o", "word"),))
    outputs = tuple((f"{name}_o", whole(name, WIDTH)) for name in ("plain", "held", "cleared", "both", "word"))
    inputs = [Port("a", WIDTH, True), Port("b", WIDTH, True), Port("s", 1, True)]
    faces = (*inputs, *(Port(name, WIDTH, False) for name, _ in outputs))
    return Module("sorts", "registers", faces, (Wire("word", WIDTH),), registers, (read,), outputs)


def blocks(rank: int, num_luts: int = 70, num_bits: int = 129) -> Module:
    """A block of LUTs of several words in and out, whose last input word is a single bit, and comparators."""
    rng = np.random.default_rng(rank)
    tables = rng.integers(0, 1 << 63, size=num_luts, dtype=np.uint64) & np.uint64((1 << (1 << rank)) - 1)
    pins = rng.integers(0, num_bits + 2, size=(num_luts, rank)).astype(np.int32)
    pins[0, 0] = num_bits + 1
    nets = np.arange(num_luts, dtype=np.int32)
    ports = (Port("i", num_bits, True), Port("o", num_luts, False))
    luts = Module("some_luts", "LUTs", ports, body=Luts(tables, pins, nets))
    lows = rng.integers(0, num_bits // 3, size=num_luts).astype(np.int32) * 3
    compare = Comparators(3, lows, rng.integers(0, 8, size=num_luts).astype(np.int32), nets)
    comparators = Module("comparators", "comparators", ports, body=compare)
    wires = (Wire("looked_up", num_luts), Wire("compared", num_luts))
    data = whole("data", num_bits)
    instances = (
        Instance("u_luts", luts, (("i", data),), (("o", "looked_up"),)),
        Instance("u_comparators", comparators, (("i", data),), (("o", "compared"),)),
    )
    outputs = (("l", whole("looked_up", num_luts)), ("c", whole("compared", num_luts)))
    top_ports = (Port("data", num_bits, True), Port("l", num_luts, False), Port("c", num_luts, False))
    return Module("blocks", "both", top_ports, wires, instances=instances, outputs=outputs)


def in_icarus(module: Module, printing: Printing, steps: list[dict[str, int]], folder: Path) -> list[list[str]]:
    """The outputs in binary before each step's clock edge."""
    signals = [*(("rst",) if module.has_reset else ()), *(port.name for port in module.input_ports)]
    widths = {port.name: port.width for port in module.ports}
    lines = [f"reg [{widths.get(name, 1) - 1}:0] {name};" for name in signals]
    lines += ["reg clk = 0;"] * module.has_clock
    lines += [f"wire [{port.width - 1}:0] {port.name};" for port in module.output_ports]
    names = [*signals, *(port.name for port in module.output_ports), *(["clk"] if module.has_clock else [])]
    lines.append(f"{module.name} dut ({', '.join(f'.{name}({name})' for name in names)});")
    shown = ", ".join(port.name for port in module.output_ports)
    show = f'$display("{" ".join(["%b"] * len(module.output_ports))}", {shown});'
    lines.append("initial begin")
    for step in steps:
        lines += [f"{name} = {widths.get(name, 1)}'h{value:x};" for name, value in step.items() if name in signals]
        lines += ["#1", show, *(["clk = 1; #1 clk = 0;"] if module.has_clock else [])]
    lines += ["end"]
    text = b"\n".join(print_modules(module, printing)).decode()
    source, binary = folder / "bench.v", folder / "bench.vvp"
    source.write_text(f"`default_nettype none\n{text}\nmodule bench;\n" + "\n".join(lines) + "\nendmodule\n")
    build = ["iverilog", "-g2001", "-Wall", "-Wno-timescale", "-s", "bench", "-o", str(binary), str(source)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=60, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    done = subprocess.run(["vvp", "-n", str(binary)], capture_output=True, text=True, timeout=60, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def in_numpy(module: Module, steps: list[dict[str, int]]) -> list[list[str]]:
    simulation = Simulation(module, 1)
    shown = []
    for step in steps:
        inputs = {
            port.name: np.array([[step[port.name] >> bit & 1] for bit in range(port.width)], dtype=np.uint8)
            for port in module.input_ports
        }
        outputs = simulation.outputs(inputs)
        shown.append(["".join(map(str, outputs[port.name][::-1, 0])) for port in module.output_ports])
        if module.has_clock:
            simulation.edge(inputs, reset=bool(step["rst"]))
    return shown


def random_steps(module: Module, num: int, seed: int) -> list[dict[str, int]]:
    """The first steps reset and enable, so that no register is left unknown."""
    chance = random.Random(seed)
    steps = [{port.name: chance.getrandbits(port.width) for port in module.input_ports} for _ in range(num)]
    for place, step in enumerate(steps):
        step["rst"] = int(place < 1 or chance.random() < 0.1)
        if place < 2 and "s" in step:
            step["s"] = 1
    return steps


@pytest.mark.icarus
@pytest.mark.parametrize("module", [every_kind(), registers_of_all_sorts()], ids=lambda module: module.name)
def test_expressions_and_registers_mean_in_verilog_what_they_mean_in_numpy(module: Module, tmp_path: Path) -> None:
    steps = random_steps(module, 400, seed=1)
    assert in_icarus(module, Printing(), steps, tmp_path)[2:] == in_numpy(module, steps)[2:]


@pytest.mark.icarus
@pytest.mark.parametrize("rank", [1, 4, 6])
@pytest.mark.parametrize("style", Style)
def test_a_block_means_the_same_in_every_style(style: Style, rank: int, tmp_path: Path) -> None:
    module = blocks(rank)
    steps = random_steps(module, 60, seed=2)
    assert in_icarus(module, Printing(style), steps, tmp_path) == in_numpy(module, steps)


@pytest.mark.icarus
@pytest.mark.parametrize("rank", [1, 2, 5, 6])
def test_a_block_of_generic_primitives_means_the_same(rank: int, tmp_path: Path) -> None:
    module = blocks(rank)
    steps = random_steps(module, 60, seed=3)
    assert in_icarus(module, Printing(primitives=Primitives.GENERIC), steps, tmp_path) == in_numpy(module, steps)


def test_a_module_that_nothing_drives_or_of_the_wrong_width_is_refused() -> None:
    inner = Module("inner", "", (Port("i", 2, True), Port("o", 2, False)), outputs=(("o", whole("i", 2)),))
    wires = (Wire("w", 2),)
    undriven = Module("top", "", (), wires, instances=(Instance("u", inner, (), (("o", "w"),)),))
    with pytest.raises(ValueError, match=r"nothing drives i of u \(inner\)"):
        list(print_modules(undriven, Printing()))
    narrow = Module("top", "", (Port("o", 2, False),), outputs=(("o", Constant(1, 1)),))
    with pytest.raises(ValueError, match="o has 2 bits and is driven by 1"):
        list(print_modules(narrow, Printing()))


def test_two_modules_of_one_name_are_refused() -> None:
    first, second = (
        Module("inner", comment, (Port("o", 1, False),), outputs=(("o", Constant(1, 1)),)) for comment in "ab"
    )
    wires = (Wire("v", 1), Wire("w", 1))
    instances = (Instance("u", first, (), (("o", "v"),)), Instance("t", second, (), (("o", "w"),)))
    with pytest.raises(ValueError, match="two modules are named inner"):
        list(print_modules(Module("top", "", (), wires, instances=instances), Printing()))
