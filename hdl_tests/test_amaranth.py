"""The emitted Amaranth component where its users put it: as Verilog in a simulator, and inside their own design."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, DomainRenamer, Elaboratable, Module, ResetSignal, Signal
from amaranth.sim import Simulator

from bitlogic.errors import TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.simulate import Ports, simulate
from bitlogic.export.targets.amaranth import AmaranthOptions, emit
from tests.nets import DEGENERATE, random_netlist, samples_for, with_weights


def converted(artifacts: Artifacts, folder: Path) -> bytes:
    """The Verilog that ``python <module>.py`` prints."""
    (name,) = artifacts.files
    (folder / name).write_bytes(artifacts.files[name])
    done = subprocess.run([sys.executable, name], cwd=folder, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def assert_equal(result: Result, expected: Result) -> None:
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


def assert_converts_like_evaluate(netlist: Netlist, options: AmaranthOptions, samples: Samples, folder: Path) -> None:
    artifacts = emit(netlist, options)
    verilog = converted(artifacts, folder)
    result = simulate({"net.v": verilog}, options.module_name, Ports.of(artifacts.manifest), samples)
    assert_equal(result, evaluate(netlist, samples))


WEIGHTED = ["weights_at_both_ends", "weights_all_zero"]


@pytest.mark.sim
@pytest.mark.yosys
@pytest.mark.parametrize("pipeline", [0, 1, 2])
@pytest.mark.parametrize("kind", InputKind)
def test_the_converted_verilog_runs_like_evaluate(tmp_path: Path, kind: InputKind, pipeline: int) -> None:
    netlist = random_netlist(pipeline, widths=(70, 30, 20))
    samples = samples_for(netlist, kind, num=40)
    assert_converts_like_evaluate(netlist, AmaranthOptions(input=kind, pipeline=pipeline), samples, tmp_path)


@pytest.mark.sim
@pytest.mark.yosys
@pytest.mark.parametrize(
    "case", ["no_lut", "constant_nets_as_outputs", "constant_luts_in_a_class", "three_classes", *WEIGHTED]
)
def test_a_degenerate_netlist_converts_like_evaluate(tmp_path: Path, case: str) -> None:
    netlist = DEGENERATE[case]
    options = AmaranthOptions(module_name="my_net", input=InputKind.BITS, pipeline=1)
    assert_converts_like_evaluate(netlist, options, samples_for(netlist, InputKind.BITS), tmp_path)


@pytest.mark.sim
@pytest.mark.yosys
@pytest.mark.parametrize("options", [{}, {"axi_lite": True, "axis_bytes": 4}], ids=["bytes", "words and registers"])
def test_the_converted_axi4_stream_runs_like_evaluate(tmp_path: Path, options: dict[str, Any]) -> None:
    netlist = random_netlist(2, widths=(70, 30, 20))
    chosen = AmaranthOptions(interface=Interface.AXIS, **options)
    assert_converts_like_evaluate(netlist, chosen, samples_for(netlist, InputKind.X, num=30), tmp_path)


# The flat ports that the benches drive, around those that Amaranth gives the two streams.
FLAT = """
module flat (
    input clk, input rst, input valid_in, output ready_in, input [{x}:0] x,
    output valid_out, input ready_out, output [{scores}:0] scores, output [{class_id}:0] class_id
);
    bitlogic_net net (
        .clk(clk), .rst(rst), .sink__valid(valid_in), .sink__ready(ready_in), .sink__payload(x),
        .source__valid(valid_out), .source__ready(ready_out), .source__payload({{class_id, scores}})
    );
endmodule
"""


@pytest.mark.sim
@pytest.mark.yosys
@pytest.mark.parametrize("weighted", [False, True], ids=["popcounts", "weights"])
def test_the_converted_stream_runs_like_evaluate(tmp_path: Path, weighted: bool) -> None:
    netlist = with_weights(random_netlist(2), 1) if weighted else random_netlist(2)
    samples = samples_for(netlist, InputKind.X, num=30)
    artifacts = emit(netlist, AmaranthOptions(interface=Interface.STREAM))
    scores = netlist.head.num_classes * netlist.score_width
    flat = FLAT.format(x=6 * 8 - 1, scores=scores - 1, class_id=netlist.class_width - 1)
    files = {"net.v": converted(artifacts, tmp_path), "flat.v": flat.encode()}
    assert_equal(simulate(files, "flat", Ports.of(artifacts.manifest), samples), evaluate(netlist, samples))


@pytest.mark.sim
@pytest.mark.yosys
def test_a_flipped_table_in_the_converted_verilog_is_seen(tmp_path: Path) -> None:
    netlist = DEGENERATE["one_lut"]
    artifacts = emit(netlist, AmaranthOptions(input=InputKind.BITS))
    (text,) = artifacts.files.values()
    assert text.count(b"(0x8, ") == 1
    flipped = Artifacts(artifacts.manifest, {"bitlogic_net.py": text.replace(b"(0x8, ", b"(0xe, ")})
    samples = samples_for(netlist, InputKind.BITS)
    verilog = {"net.v": converted(flipped, tmp_path)}
    result = simulate(verilog, "bitlogic_net", Ports.of(artifacts.manifest), samples)
    assert (result.scores != evaluate(netlist, samples).scores).any()


@pytest.mark.sim
@pytest.mark.yosys
def test_a_wrong_latency_of_the_converted_verilog_is_seen(tmp_path: Path) -> None:
    artifacts = emit(random_netlist(0), AmaranthOptions(pipeline=1))
    ports = Ports.of({**artifacts.manifest, "latency_cycles": artifacts.manifest["latency_cycles"] - 1})
    verilog = {"net.v": converted(artifacts, tmp_path)}
    with pytest.raises(TargetError, match="valid_out"):
        simulate(verilog, "bitlogic_net", ports, samples_for(random_netlist(0), InputKind.X))


def component(artifacts: Artifacts, folder: Path, name: str) -> Any:
    """The emitted class, imported as a user imports it."""
    path = folder / f"{name}.py"
    path.write_bytes(artifacts.files[path.name])
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, artifacts.manifest["component"])


class Pair(Elaboratable):  # type: ignore[misc]
    """A user's design: one network in its own clock domain, twice, the second behind an inverter of the input."""

    def __init__(self, network: Any, width: int) -> None:
        self.x = Signal(width)
        self.valid = Signal()
        self.reset = Signal()
        self.first = DomainRenamer("fast")(network())
        self.second = DomainRenamer("fast")(network())

    def elaborate(self, platform: Any) -> Any:
        m = Module()
        m.domains.fast = ClockDomain()
        m.submodules.first = self.first
        m.submodules.second = self.second
        m.d.comb += [
            ResetSignal("fast").eq(self.reset),
            self.first.x.eq(self.x),
            self.second.x.eq(~self.x),
            self.first.valid_in.eq(self.valid),
            self.second.valid_in.eq(self.valid),
        ]
        return m


def simulate_pair(pair: Pair, bench: Any) -> None:
    simulator = Simulator(pair)
    simulator.add_clock(1e-6, domain="fast")
    simulator.add_testbench(bench)
    simulator.run()


def test_two_instances_in_a_renamed_domain_of_a_users_design_run_like_evaluate(tmp_path: Path) -> None:
    netlist = random_netlist(3)
    artifacts = emit(netlist, AmaranthOptions(pipeline=1))
    values = np.random.default_rng(0).integers(0, 256, size=(30, 6)).astype(np.uint8)
    pair = Pair(component(artifacts, tmp_path, "bitlogic_net"), 48)
    latency, seen = artifacts.manifest["latency_cycles"], []

    async def bench(context: Any) -> None:
        for cycle in range(len(values) + latency):
            row = values[min(cycle, len(values) - 1)]
            context.set(pair.x, int.from_bytes(row.tobytes(), "little"))
            context.set(pair.valid, cycle < len(values))
            if context.get(pair.first.valid_out):
                seen.append([context.get(net.scores) for net in (pair.first, pair.second)])
            await context.tick("fast")

    simulate_pair(pair, bench)
    scores = np.array(seen)[:, :, None] >> (3 * np.arange(4)) & 7
    np.testing.assert_array_equal(scores[:, 0], evaluate(netlist, Samples(InputKind.X, values)).scores)
    np.testing.assert_array_equal(scores[:, 1], evaluate(netlist, Samples(InputKind.X, 255 - values)).scores)


def test_a_reset_drops_the_inputs_on_their_way(tmp_path: Path) -> None:
    artifacts = emit(random_netlist(3), AmaranthOptions(pipeline=1))
    pair = Pair(component(artifacts, tmp_path, "bitlogic_net"), 48)
    latency, shown = artifacts.manifest["latency_cycles"], []

    async def bench(context: Any) -> None:
        for cycle in range(2 * latency + 3):  # inputs in cycles 0 to 2, a reset in cycle 2, an input in cycle 3
            context.set(pair.valid, cycle <= 3)
            context.set(pair.reset, cycle == 2)
            shown.append(context.get(pair.first.valid_out))
            await context.tick("fast")

    simulate_pair(pair, bench)
    assert [cycle for cycle, valid in enumerate(shown) if valid] == [3 + latency]
