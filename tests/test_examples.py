"""The examples run as they stand."""

import gzip
import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import bitlogic

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "BITLOGIC_MNIST"}
    environment["OMP_NUM_THREADS"] = "1"  # small tensors, and other tests may be running
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def imported(name: str) -> ModuleType:
    """An example as a module, for what it computes without a tool."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def write_digits(folder: Path, name: str, num: int) -> None:
    """Images 28 x 28 in MNIST's format, dark with specks, each with two bright rows at the height of its label."""
    generator = torch.Generator().manual_seed(num)
    labels = torch.arange(num, dtype=torch.uint8) % 10
    images = torch.randint(0, 256, (num, 28, 28), generator=generator, dtype=torch.uint8)
    images[torch.rand(num, 28, 28, generator=generator) < 0.9] = 0
    for row in (0, 1):
        images[torch.arange(num), 2 * labels.long() + row] = 255
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.numpy().tobytes()))


@pytest.mark.data
def test_the_quickstart_learns_and_saves(tmp_path: Path) -> None:
    done = run("quickstart.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "64 samples a word give the same scores: True" in done.stdout
    accuracies = [float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("epoch")]
    assert accuracies[-1] >= 90
    assert bitlogic.load(tmp_path / "model.pt")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.cc
@pytest.mark.slow
def test_results_makes_the_tables_and_puts_them_into_a_readme(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    (tmp_path / "README.md").write_text(
        "before\n<!-- results -->\nold\n<!-- /results -->\n<!-- exports -->\nold\n<!-- /exports -->\nafter\n"
    )
    options = "--root . --folder out --recipes mnist --targets c packed --readme README.md --set train.epochs=1"
    options += " train.validation=60 train.batch_size=20 model.layers.2.out_dim=100 model.layers.3.out_dim=100"
    done = run("results.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n<!-- results -->\n| recipe |") and text.endswith("<!-- /exports -->\nafter\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:7] == "| mnist"]
    assert [row[1] for row in rows] == ["0", "1", "2", "c", "packed"]
    assert [row[2] for row in rows] == ["200"] * 5
    assert [row[-1] for row in rows[3:]] == ["0", "0"]
    assert "old" not in text


def test_large_netlist_prints_every_step(tmp_path: Path) -> None:
    done = run("large_netlist.py", tmp_path, "--width", "200")
    assert done.returncode == 0, done.stderr
    steps = [line.split("  ")[0] for line in done.stdout.splitlines()[2:]]
    assert steps[:3] == ["build", "extract", "optimize"] and "emit verilog" in steps


@pytest.mark.cc
def test_throughput_has_a_row_for_each_batch(tmp_path: Path) -> None:
    done = run("throughput.py", tmp_path, *"--scale 40 --batches 1 70 600 --rounds 1".split())
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["1", "70", "600"]
    assert rows[2][1] == "-"  # eager mode ends at 512
    assert all(int(row[3]) > 0 for row in rows)


def test_cpu_results_puts_the_rows_and_the_targets_into_a_readme(tmp_path: Path) -> None:
    def row(contender: str, value: float | None, **more: Any) -> dict[str, Any]:
        named = {"workload": "W1", "contender": contender, "metric": "bool to counts", "unit": "M samples/s"}
        return {**named, "value": value, "spread": None, "ratios": {}, **more}

    (tmp_path / "out").mkdir()
    fast = row("engine", 6.0, ratios={"torchlogix": 20.0, "difflogic": None})
    rows = [fast, row("torchlogix", 0.3), row("difflogic", None, reason="gone")]
    (tmp_path / "out" / "W1.json").write_text(json.dumps(rows))
    marks = "<!-- cpu -->\nold\n<!-- /cpu -->\n<!-- cpu-targets -->\nold\n<!-- /cpu-targets -->\n"
    (tmp_path / "README.md").write_text(marks)
    done = run("cpu_results.py", tmp_path, *"--folder out --workloads W1 --readme README.md".split())
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "README.md").read_text()
    assert "| engine | 6 |\n| torchlogix | 0.3 |\n| difflogic | gone |\n" in text and "old" not in text
    assert "| engine | bool to counts | torchlogix | 20 | 15x, met | 40x, missed |" in text
    assert "| engine | bool to counts | difflogic | - | 5x, not measured | 12x, not measured |" in text
    fast["ratios"]["torchlogix"] = 14.0
    (tmp_path / "out" / "W1.json").write_text(json.dumps(rows))
    done = run("cpu_results.py", tmp_path, *"--folder out --workloads W1".split())
    assert done.returncode == 1
    assert done.stderr == "cpu_results: missed: W1, engine, bool to counts, against torchlogix\n"


@pytest.mark.interop
@pytest.mark.data
@pytest.mark.cc
@pytest.mark.sim
def test_import_torchlogix_gives_the_same_classes_and_exports(tmp_path: Path) -> None:
    options = "--steps 20 --width 100 --simulated 20 --folder out"
    done = run("import_torchlogix.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("of 360 test images; the imported model differs on 0")
    assert lines[1].startswith("verilog: 20 test images agree") and lines[2].startswith("c: 360 test images agree")
    assert bitlogic.load(tmp_path / "out" / "model.pt")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.data
@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
def test_a_recipe_trains_as_it_stands(name: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bitlogic", "train", str(EXAMPLES / "recipes" / f"{name}.toml"), "-o", "run"]
    words += ["--epochs", "3", "--threads", "1", "--set", "model.layer_width=200"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert bitlogic.load(tmp_path / "run" / "model.pt") is not None


def test_the_mnist_recipe_trains_as_it_stands(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    words = [sys.executable, "-m", "bitlogic", "train", str(EXAMPLES / "recipes" / "mnist.toml"), "-o", "run"]
    words += ["--root", ".", "--epochs", "1", "--batch-size", "20", "--threads", "1", "--set", "train.validation=60"]
    words += ["--set", "model.layers.2.out_dim=200", "--set", "model.layers.3.out_dim=200"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert bitlogic.load(tmp_path / "run" / "model.pt")(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "recipes").glob("mnist*.toml")), ids=lambda path: path.stem)
def test_every_mnist_recipe_builds_its_model(path: Path) -> None:
    from bitlogic.training import Recipe, read_tables
    from bitlogic.training.build import build_model, check_model

    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    model, _ = build_model(Recipe.of(read_tables(path)).model, images, 10)
    check_model(model, images, 10)


@pytest.mark.data
def test_the_sweep_finds_and_writes_a_recipe(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    recipe = str(EXAMPLES / "recipes" / "digits.toml")
    options = f"{recipe} --trials 2 --output best.toml --set train.epochs=2 --set model.layer_width=100"
    done = run("sweep_optuna.py", tmp_path, *options.split(), "--set", "train.threads=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("best of 2 trials: {") and "test accuracy" in done.stdout
    from bitlogic.training import Recipe, read_tables

    assert Recipe.of(read_tables(tmp_path / "best.toml")).train.epochs == 2


@pytest.mark.cc
@pytest.mark.data
def test_the_sweep_of_parametrizations_writes_a_table_and_fails_below_the_least_accuracy(tmp_path: Path) -> None:
    options = "--only dwn --connections learnable --epochs 3 --least 101 --output out"
    done = run("sweep_parametrizations.py", tmp_path, *options.split())
    assert done.returncode == 1
    assert "failed: dwn, any, learnable" in done.stderr and "Traceback" not in done.stderr
    table = (tmp_path / "out" / "sweep.md").read_text()
    assert table == done.stdout
    cells = [cell.strip() for cell in table.splitlines()[-1].split("|")[1:-1]]
    (row,) = json.loads((tmp_path / "out" / "sweep.json").read_text())["rows"]
    assert cells[:4] == ["dwn", "any", "learnable", f"{row['discrete']:.2f}"]
    assert row["equal"] and row["finite"] and len(row["curve"]) == 3
    assert row["discrete"] >= 50


@pytest.mark.interop
@pytest.mark.data
@pytest.mark.synth
@pytest.mark.icarus
def test_the_comparison_counts_both_and_simulates_both_against_the_model(tmp_path: Path) -> None:
    options = "--width 60 --layers 2 --steps 20 --device ice40-hx8k --map none --simulated 40 --json rows.json"
    done = run("compare_verilog.py", tmp_path, *options.split())
    result = json.loads((tmp_path / "rows.json").read_text())
    theirs, from_bits, from_pixels = result["rows"]
    assert result["images_that_differ_from_the_model"] == {"torchlogix": 0, "ours, map none, bits in": 0}
    assert theirs["luts"] > 0 and theirs["argmax_luts"] is None and theirs["encoder_luts"] is None
    assert from_bits["luts"] > 0 and from_bits["argmax_luts"] > 0 and from_bits["encoder_luts"] is None
    assert from_pixels["encoder_luts"] == 0  # half of the range is the top bit of a pixel
    larger = [row for row in (from_bits, from_pixels) if row["luts"] > theirs["luts"]]
    assert done.returncode == (1 if larger else 0)
    assert len(done.stderr.split("LUTs, torchlogix")) - 1 == len(larger)


def test_the_comparison_fails_where_ours_is_larger_or_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"device": "a", "design": "torchlogix", "luts": 10}, {"device": "a", "design": "ours", "luts": 10}]
    result: dict[str, Any] = {"rows": rows, "images_that_differ_from_the_model": {"torchlogix": 3, "ours": 0}}
    compare = imported("compare_verilog")
    assert compare.verdict(result) == 0
    rows[1]["luts"] = 11
    assert compare.verdict(result) == 1
    assert capsys.readouterr().err == "ours on a: 11 LUTs, torchlogix 10\n"
    rows[1]["luts"], result["images_that_differ_from_the_model"]["ours"] = 9, 1
    assert compare.verdict(result) == 1


@pytest.mark.interop
@pytest.mark.icarus
def test_a_constant_that_torchlogix_drops_from_a_sum_is_seen() -> None:
    compare = imported("compare_verilog")
    layers = compare.load_torchlogix()
    torch.manual_seed(0)
    layer = layers.LogicDense(4, 6, lut_rank=2, parametrization="raw")
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, 1] = 1.0  # AND everywhere,
        layer.weight[0, 15] = 2.0  # and a 1 in the first class, whatever comes in
    model = torch.nn.Sequential(
        layers.FixedBinarization(torch.tensor([0.5]), feature_dim=1), torch.nn.Flatten(), layer, layers.GroupSum(2)
    ).eval()
    images = torch.tensor([[i >> bit & 1 for bit in range(4)] for i in range(16)]).float().view(16, 1, 2, 2)
    rival = compare.their_verilog(model, 4)
    bits, scores = compare.bits_and_scores(model, images, 2)
    assert scores[0].tolist() == [1, 0]
    assert compare.disagreeing(compare.simulated_theirs(rival, bits, 2), scores) == 16


NEXTPNR_LOG = """Info:     at initial placer iter 3, wirelen = 2033
Info:   at iteration #13: temp = 0.000000, timing cost = 170, wirelen = 29764
Info: Routing 15760 arcs.
Info:    IterCnt |  w/ripup   wo/ripup |  w/r  wo/r |      arcs| batch(sec) total(sec)|
Info:       1000 |      182        817 |  182   817 |     15001|       3.80       3.80|
Info:       2000 |      435       1564 |  253   747 |     14362|       2.97       6.77|
"""


def test_congestion_is_read_from_nextpnrs_log() -> None:
    congestion = imported("routability").congestion
    assert congestion(NEXTPNR_LOG) == {"wirelength": 29764, "arcs": 15760, "rip_ups": 435, "unrouted_arcs": 14362}
    assert set(congestion("").values()) == {None}


@pytest.mark.parametrize("case", ["bands", "stars:100", "bands:105", "bands:-10", "bands:0"])
def test_a_wrong_case_of_routability_is_refused(case: str) -> None:
    routability = imported("routability")
    with pytest.raises(ValueError, match="a colon and a multiple of ten LUTs"):
        routability.case_of(case)
    assert routability.case_of("bands:500") == ("bands", 500)


def test_a_wrong_case_on_the_command_line_is_misuse(tmp_path: Path) -> None:
    done = run("routability.py", tmp_path, "--folder", "out", "--cases", "stars:100")
    assert done.returncode == 2
    assert done.stderr == (
        "routability: --cases 'stars:100': a wiring (random, bands, biased), a colon and a multiple of ten LUTs\n"
    )


@pytest.mark.cc
@pytest.mark.synth
@pytest.mark.slow
def test_routability_trains_routes_and_says_what_the_limit_stopped(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    options = "--root . --folder out --cases biased:100 --device ice40-hx8k --json rows.json --set train.epochs=1"
    options += " train.validation=60 train.batch_size=20"
    done = run("routability.py", tmp_path, *options.split())
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    layers = bitlogic.load(tmp_path / "out" / "biased_100" / "model.pt").children()
    widths = [layer.out_dim for layer in layers if isinstance(layer, bitlogic.LogicDense)]
    assert widths == [100, 100] and row["fmax_mhz"] > 50 and row["unrouted_arcs"] == 0 and row["reason"] is None
    assert row["total_luts"] > row["core_luts"] > 100 and row["cpu_seconds"] > 0 and row["wirelength"] > 0

    (tmp_path / "out" / "biased_100.json").unlink()  # what was trained stays
    done = run("routability.py", tmp_path, *options.split(), "--cpu-limit", "1")
    assert done.returncode == 0, done.stderr
    (stopped,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert stopped["fmax_mhz"] is None and stopped["reason"] == "not routed in 1 CPU s"
    assert stopped["accuracy_percent"] == row["accuracy_percent"] and stopped["core_luts"] == row["core_luts"]
