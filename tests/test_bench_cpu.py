"""`bitlogic bench cpu` on small networks: rows, refusals, targets, peers; no speed is asserted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bitlogic
from bitlogic.errors import MissingToolError, OptionError, ToolError
from bitlogic.export import bench_cpu as measured
from bitlogic.export import bench_cpu_files, bench_cpu_large, bench_cpu_peers, cli
from bitlogic.export.bench import Row, Target, rows_table, with_ratios
from bitlogic.export.bench_cpu import CpuPlan, bench_cpu, contenders, time_ways
from bitlogic.export.bench_cpu_contenders import BITS, EAGER, ENGINE, LARGE, PACKED, PIXELS, PLANES, Way
from bitlogic.export.bench_cpu_nets import Batch, CpuWorkload, make_batch, random_workload, trained_workload
from bitlogic.export.bench_cpu_operations import operation_rows
from bitlogic.export.bench_cpu_plot import plot_rows
from bitlogic.export.bench_cpu_targets import TARGETS, targets_table, unmet
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from tests.nets import AND, DEGENERATE, NAND, OR, XOR, bits_netlist, random_netlist

SMALL = random_workload("W2", 40)
SMALL_BATCH = make_batch(SMALL, 128)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "cpu", *map(str, words)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def rows_of(*names: str, workload: CpuWorkload = SMALL) -> dict[tuple[str, str], Row]:
    plan = CpuPlan(contenders=names, rounds=2, batch=128, with_files=False)
    return {(row.contender, row.metric): row for row in bench_cpu([workload], plan, lambda line: None)}


def test_a_batch_is_the_same_in_every_form() -> None:
    batch = make_batch(SMALL, 100)
    assert batch.pixels is not None and batch.bits.shape == (100, SMALL.netlist.num_inputs)
    by_pixels = evaluate(SMALL.netlist, Samples(InputKind.X, batch.pixels[batch.checked]))
    assert np.array_equal(by_pixels.scores, batch.expected.scores)
    words = batch.words()
    assert words.shape == (SMALL.netlist.num_inputs, 2)
    for sample, bit in ((0, 0), (63, 5), (64, 7), (99, 3)):
        assert int(words[bit, sample // 64]) >> (sample % 64) & 1 == batch.bits[sample, bit]
    assert not (words[:, 1] >> np.uint64(36)).any()
    few = batch.first(10)
    assert len(few) == 10 and np.array_equal(few.expected.scores, batch.expected.scores[:10])


@pytest.mark.parametrize(("name", "rank", "encoder"), [("W1", 2, False), ("W2", 4, True)])
def test_a_random_network_is_the_same_every_time(name: str, rank: int, encoder: bool) -> None:
    first, second = random_workload(name, 50), random_workload(name, 50)
    assert first.netlist.digest() == second.netlist.digest()
    assert (first.netlist.rank, first.takes_bytes) == (rank, encoder)
    assert first.netlist.num_outputs == first.netlist.num_luts // 2  # the head reads the whole last layer


def test_the_ways_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitlogic.export.bench_cpu._SHORTEST_SECONDS", 0.0)  # no call is repeated
    calls: list[str] = []

    def way(name: str) -> Way:
        def call() -> int:
            calls.append(name)
            return sum(range(20_000))

        few = Batch(np.zeros((64, 1), bool), None, np.arange(1), Result(np.zeros((1, 1)), np.zeros(1)))
        return Way(BITS, call, few, np.zeros(1))

    rates = time_ways([way("a"), way("b")], 2)
    assert calls == ["a", "b", "a", "b", "a", "b"]  # once to see how long they take, then two rounds
    assert [len(found) for found in rates] == [2, 2] and min(map(min, rates)) > 0


def test_torch_alone_gives_its_rows() -> None:
    rows = rows_of(EAGER, PACKED)
    for contender in (EAGER, PACKED):
        for metric in (BITS, PIXELS):
            assert (rows[contender, metric].value or 0) > 0 and rows[contender, metric].spread is not None


def test_a_wrong_score_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    right = bitlogic.PackedLogicNet.scores

    def wrong(self: Any, x: torch.Tensor, **keywords: bool) -> torch.Tensor:
        scores = right(self, x, **keywords)
        scores[-1, 3] += 1
        return scores

    monkeypatch.setattr(bitlogic.PackedLogicNet, "scores", wrong)
    words = ["--workload", "W1", "--scale", 50, "--batch", 64, "--rounds", 1, "--no-files", "--contender", PACKED]
    code, out, _ = run(capsys, *words)
    assert code == 1
    assert f"W1, {PACKED}, {BITS}: refused: sample 255 gives [" in out  # the last of four times 64


def test_a_contender_that_fails_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(workload: CpuWorkload, batch: Batch) -> Any:
        raise RuntimeError("no such thing\nmore")

    monkeypatch.setattr(measured, "eager", lambda native=False: broken)
    rows = rows_of(EAGER, PACKED)
    assert rows[EAGER, BITS].value is None and rows[EAGER, BITS].reason == "RuntimeError: no such thing"
    assert rows[EAGER, PIXELS].reason == rows[EAGER, BITS].reason
    assert rows[PACKED, BITS].value is not None


def test_a_peer_that_is_missing_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*given: object) -> Any:
        raise MissingToolError("torchlogix is not installed")

    monkeypatch.setattr(measured, "build_peer", missing)
    row = rows_of(bench_cpu_peers.TORCHLOGIX)[bench_cpu_peers.TORCHLOGIX, BITS]
    assert (row.value, row.reason) == (None, "torchlogix is not installed")


@pytest.mark.cc
def test_the_engine_gives_every_entry(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    names = [name for name in contenders(CpuPlan()) if name.startswith(ENGINE)]
    words = ["--workload", "W2", "--scale", 40, "--batch", 128, "--rounds", 1, "--no-files", "--json", path]
    code, _, err = run(capsys, *words, "--contender", ",".join(names))
    assert code == 0, err
    rows = json.loads(path.read_text())
    found = {(row["contender"], row["metric"]) for row in rows if row["value"]}
    assert {(ENGINE, metric) for metric in (BITS, PIXELS, PLANES, LARGE)} <= found
    assert ("engine-64", BITS) in found or names == [ENGINE, "engine-2-threads"]
    assert ("engine-2-threads", LARGE) in found
    assert all(set(row) == {"workload", "contender", "metric", "unit", "value", "spread", "ratios"} for row in rows)
    assert all(row["ratios"][ENGINE] > 0 for row in rows if row["contender"] == "engine-2-threads")


@pytest.mark.cc
def test_generated_c_is_compiled_elsewhere_and_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BITLOGIC_CACHE", str(tmp_path))
    rows = rows_of("c-64")
    assert all((rows["c-64", metric].value or 0) > 0 for metric in (BITS, PIXELS, PLANES, "build", "build memory"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.cc
@pytest.mark.parametrize("file", ["model.engine", "model.pt"])
def test_a_file_gives_its_first_result(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bench_cpu_files.write_files(SMALL, SMALL_BATCH, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert bench_cpu_files.main(ENGINE, file) == 0
    assert float(capsys.readouterr().out) > 0
    scores = np.load("scores.npy")
    np.save("scores.npy", scores + 1)
    assert bench_cpu_files.main(ENGINE, file) == 1
    assert capsys.readouterr().out == "refused: the first result is wrong\n"


@pytest.mark.cc
def test_the_large_network_has_a_row_for_each_step() -> None:
    rows = {row.metric: row for row in bench_cpu_large.large_rows(400, 300)}
    steps = sum(rows[step].value or 0 for step in bench_cpu_large.STEPS)
    assert rows[bench_cpu_large.LARGE_TOTAL].value == pytest.approx(steps)
    assert (rows[bench_cpu_large.LARGE_PEAK].value or 0) > 50


def test_the_large_network_at_its_limit_says_so() -> None:
    (row,) = bench_cpu_large.large_rows(400, 0.01)
    assert (row.value, row.reason) == (None, "gave up after 0.01 s")


def test_operations_are_counted_for_each_lut() -> None:
    def counted(tables: list[int], pins: list[list[int]]) -> list[float | None]:
        workload = CpuWorkload("by hand", SMALL.model)
        netlist = bits_netlist(4, tables, pins, [6, 7], 2)
        workload.__dict__.update(netlist=netlist, optimized=netlist)  # where the cached properties keep them
        return [row.value for row in operation_rows(workload)]

    parity, both = 0x6996, 0x8000
    assert counted([parity, both], [[2, 3, 4, 5]] * 2) == [2.0, 2.0]  # two operations of three inputs each
    assert counted([XOR, AND], [[2, 3], [3, 4]]) == []


@pytest.mark.parametrize(
    ("target", "row", "met", "reached"),
    [
        (Target(0.3, 1), Row("w", ENGINE, BITS, "M samples/s", 0.5), True, False),
        (Target(5, 1), Row("w", ENGINE, "model.pt to result", "s", 0.5), True, True),
        (Target(5), Row("w", ENGINE, "model.pt to result", "s", 6.0), False, None),
        (Target(15, 40, "p"), Row("w", ENGINE, BITS, "M samples/s", 1.0, None, {"p": 16.0}), True, False),
        (Target(15, 40, "p"), Row("w", ENGINE, BITS, "M samples/s", 1.0), None, None),
    ],
)
def test_a_target_is_a_floor_where_more_is_better(
    target: Target, row: Row, met: bool | None, reached: bool | None
) -> None:
    assert (target.met_by(row), target.reached_by(row)) == (met, reached)


def test_the_targets_say_what_is_met() -> None:
    rows = with_ratios(
        [
            Row("W1", ENGINE, BITS, "M samples/s", 9.0, 0.1),
            Row("W1", "torchlogix", BITS, "M samples/s", 0.3),
            Row("mine", "netlist", "operations a LUT", "", 1.8),
        ],
        ["torchlogix", "difflogic"],
    )
    lines = [line.split() for line in targets_table(rows, ["mine"]).splitlines()[2:]]
    assert lines[0][-5:] == ["torchlogix", "15x", "yes", "40x", "no"]
    assert lines[1][-5:] == ["difflogic", "5x", "-", "12x", "-"]
    assert lines[2][0] == "mine" and lines[2][-4:] == ["1.75", "no", "-", "-"]
    assert [aim.metric for aim in unmet(rows, ["mine"])] == ["operations a LUT"]
    assert targets_table([], []) == ""
    assert rows_table(rows[:1], ["torchlogix"], {}).splitlines()[0].split()[-2:] == ["x", "torchlogix"]
    assert all(aim.target.aim is None or aim.target.aim != aim.target.must for aim in TARGETS)


@pytest.mark.interop
@pytest.mark.cc
@pytest.mark.slow
def test_torchlogix_prints_any_netlist_and_counts_as_it_should() -> None:
    netlist = random_netlist(3, widths=(30, 24), rank=4)  # with constants, repeated pins and skipped levels
    bits = np.random.default_rng(0).integers(0, 2, size=(128, netlist.num_inputs), dtype=np.uint8)
    peer = bench_cpu_peers.build_peer(bench_cpu_peers.TORCHLOGIX, netlist, 300)
    expected = evaluate(netlist.without_encoder(), Samples(InputKind.BITS, bits)).scores
    assert np.array_equal(peer.counts(bits.astype(bool)), expected)
    assert peer.build_seconds > 0 and peer.peak_mb > 10
    with pytest.raises(ValueError, match="a multiple of 64"):
        peer.counts(bits[:10].astype(bool))


def test_a_gate_is_numbered_from_the_value_at_zeros() -> None:
    netlist = bits_netlist(2, [AND, OR, XOR, NAND, 0b1010, 0b1100], [[2, 3]] * 6, [4, 5, 6, 7, 8, 9], 2)
    first, second, functions = bench_cpu_peers._gates(netlist)
    assert functions.tolist() == [1, 7, 6, 14, 5, 3]  # pin 0, the table 0b1010, is operand b
    assert (first.tolist(), second.tolist()) == ([3] * 6, [2] * 6)
    inverter = DEGENERATE["wire_and_inverter_chain"]
    assert bench_cpu_peers._gates(inverter)[2].tolist() == [5, 10, 10, 10]


def test_difflogic_refuses_what_it_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="its gates have two inputs; the network has rank 4"):
        bench_cpu_peers._gates(random_netlist(0))
    with pytest.raises(MissingToolError, match=r"no difflogic/__init__\.py"):
        bench_cpu_peers.load_difflogic(tmp_path)


@pytest.mark.parametrize("order", ["by threshold", "by feature"])
def test_bytes_are_encoded_as_evaluate_does(order: str) -> None:
    netlist: Netlist = random_netlist(1)
    encoder = netlist.encoder
    assert encoder is not None
    if order == "by feature":
        netlist = trained_like(netlist)
        encoder = netlist.encoder
        assert encoder is not None
    x = np.random.default_rng(0).integers(0, 256, size=(50, encoder.num_features), dtype=np.uint8)
    bits = bench_cpu_peers.encoded(encoder)(x)
    assert bits.dtype == bool and bits.flags.c_contiguous
    by_bits = evaluate(netlist.without_encoder(), Samples(InputKind.BITS, bits.astype(np.uint8)))
    assert np.array_equal(by_bits.scores, evaluate(netlist, Samples(InputKind.X, x)).scores)


def trained_like(netlist: Netlist) -> Netlist:
    """The same with the encoder's bits of a feature side by side, and the LUTs reading other bits for it."""
    encoder = netlist.encoder
    assert encoder is not None and encoder.integer_thresholds is not None
    order = np.argsort(encoder.features, kind="stable")
    parts = {name: getattr(encoder, name)[order] for name in ("features", "thresholds", "integer_thresholds")}
    return replace(netlist, encoder=replace(encoder, **parts))


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [Row("W1", name, BITS, "M samples/s", value, 0.1) for name, value in ((EAGER, 0.1), (ENGINE, 10.0))]
    plot_rows([*rows, Row("W1", "c", BITS, "M samples/s", None, reason="gone")], tmp_path / "cpu.png")
    assert (tmp_path / "cpu.png").read_bytes()[:4] == b"\x89PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["cpu.png"]


def test_misuse_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words, reason in [
        (["--workload", "Z"], "unknown workload 'Z'; choices: W1, W2, M, W3, 1M"),
        (["--contender", "z"], "unknown contender 'z'; choices: eager, eager-native, packed"),
        (["--batch", "100"], "--batch 100: a multiple of 64"),
        (["--json", "nowhere/rows.json"], "--json nowhere/rows.json: there is no folder"),
        (["--plot", "nowhere/rows.png"], "--plot nowhere/rows.png: there is no folder"),
        (["--model", "model.pt"], "--model 'model.pt': NAME=model.pt"),
    ]:
        code, _, err = run(capsys, *words)
        assert (code, len(err.splitlines())) == (2, 1), err
        assert reason in err


def test_a_trained_network_is_a_model(tmp_path: Path) -> None:
    bitlogic.save(SMALL.model, tmp_path / "model.pt")
    workload = trained_workload(f"mine={tmp_path / 'model.pt'}")
    assert (workload.name, workload.trained) == ("mine", True)
    assert workload.netlist.digest() == SMALL.netlist.digest()
    SMALL.netlist.save(tmp_path / "net.npz")
    with pytest.raises(OptionError, match="not from a netlist"):
        trained_workload(f"mine={tmp_path / 'net.npz'}")
