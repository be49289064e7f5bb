"""Exports on the cores they are for: freestanding objects, self-tests in qemu, and what a sample costs a Cortex-M4."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import export
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c import COptions, Style, emit
from tests.edge.boards import MACHINES, build, instructions, run
from tests.edge.workload import layered_netlist
from tests.nets import random_netlist, with_weights

TABLES = COptions(style=Style.TABLES, selftest=True)
UNROLLED = replace(TABLES, style=Style.UNROLLED)
BITS = replace(TABLES, input=InputKind.BITS)
# Sources of batches and of floating point: a core without either does that by helpers that come with the compiler.
NOT_FOR_SMALL_CORES = re.compile(r"_(float|batch|bits64)")


def exported(netlist: Netlist, folder: Path, options: COptions = TABLES) -> Artifacts:
    artifacts = export(netlist, "c", options)
    artifacts.write(folder)
    return artifacts


# The self-test on the machine of the tests.


@pytest.mark.cc
@pytest.mark.parametrize("options", [TABLES, UNROLLED, BITS], ids=["tables", "unrolled", "bits"])
def test_the_selftest_passes_and_names_the_first_wrong_sample_of_a_changed_export(
    options: COptions, tmp_path: Path
) -> None:
    exported(with_weights(random_netlist(3), 0), tmp_path, options)
    makefile = ["make", "-s", "-C", str(tmp_path / "selftest")]
    done = subprocess.run(makefile, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "PASS 16/16"
    source = tmp_path / "src" / "bitlogic_net_selftest.c"
    before, rest = source.read_text().split("_golden_scores[16][BITLOGIC_NET_NUM_CLASSES] = {\n", 1)
    first = re.search(r"-?\d+", rest)
    assert first is not None
    score = int(first[0])
    changed = f"{rest[: first.start()]}{score + 1}{rest[first.end() :]}"
    source.write_text(f"{before}_golden_scores[16][BITLOGIC_NET_NUM_CLASSES] = {{\n{changed}")
    failed = subprocess.run(makefile, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode != 0
    assert f"sample 0: the score of class 0 is {score}, not {score + 1}\n" in failed.stdout
    assert failed.stdout.splitlines()[-1] == "FAIL 15/16"


@pytest.mark.cc
def test_the_selftest_takes_floats_where_there_is_no_grid(tmp_path: Path) -> None:
    netlist = random_netlist(0)
    assert netlist.encoder is not None
    floats = replace(netlist, encoder=replace(netlist.encoder, input_bits=0, integer_thresholds=None))
    exported(floats, tmp_path)
    done = subprocess.run(["make", "-s", "-C", str(tmp_path / "selftest")], capture_output=True, text=True, timeout=60)
    assert "cycles of a predict_float n/a\nPASS 16/16\n" in done.stdout


@pytest.mark.cc
def test_an_export_with_a_selftest_verifies(tmp_path: Path) -> None:
    from bitlogic.export.verify import verify

    exported(random_netlist(3), tmp_path)
    assert verify(Artifacts.read(tmp_path)).holds


@pytest.mark.cc
@pytest.mark.skipif(shutil.which("size") is None, reason="needs binutils' size")
def test_the_size_report_counts_only_what_predict_needs(tmp_path: Path) -> None:
    exported(random_netlist(3), tmp_path)
    report = subprocess.check_output(["make", "-s", "-C", str(tmp_path / "selftest"), "size"], text=True, timeout=60)
    objects = re.findall(r"bitlogic_net_(\w+)\.o", report)
    assert objects == ["argmax", "cells", "x"]
    total = next(line for line in report.splitlines() if "TOTALS" in line).split()
    assert int(total[0]) > 0 and total[1:3] == ["0", "0"]
    assert re.search(r"BITLOGIC_NET_WORK_BYTES \d+ ", report)


# Cross-compiled.


@pytest.mark.edge
@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0", "rv32imac", "aarch64"])
def test_freestanding_objects_call_nothing_and_write_no_static_data(core: str, style: Style, tmp_path: Path) -> None:
    netlist = with_weights(random_netlist(3, widths=(60, 40)), 0)
    emit(netlist, COptions(style=style)).write(tmp_path)
    machine = MACHINES[core]
    small = core != "aarch64"
    sources = [str(path) for path in tmp_path.glob("src/*.c") if not (small and NOT_FOR_SMALL_CORES.search(path.name))]
    for level in ("-Os", "-O3"):
        flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-ffreestanding", level]
        command = [f"{machine.cross}gcc", *flags, *machine.flags, "-Iinclude", "-nostdlib", "-r", "-o", "all.o"]
        subprocess.run([*command, *sources], cwd=tmp_path, check=True, timeout=60)
        symbols = subprocess.check_output([f"{machine.cross}nm", "all.o"], cwd=tmp_path, text=True, timeout=60)
        assert not re.search(r" [UuBbDdC] ", symbols), symbols


@pytest.mark.edge
@pytest.mark.parametrize("core", MACHINES)
@pytest.mark.parametrize("style", list(Style))
def test_the_selftest_passes_on_every_core(core: str, style: Style, tmp_path: Path) -> None:
    exported(with_weights(random_netlist(4, widths=(150, 60, 40)), 1), tmp_path, replace(TABLES, style=style))
    done = run(MACHINES[core], build(MACHINES[core], tmp_path))
    assert "PASS 16/16\n" in done.stdout and done.returncode == 0
    assert ("n/a" in done.stdout) == (core != "rv32imac")  # qemu's boards have no DWT, and Linux none that C may read


@pytest.mark.edge
@pytest.mark.parametrize("kind", list(InputKind))
@pytest.mark.parametrize(("rank", "input_bits"), [(1, 8), (2, 8), (3, 8), (5, 8), (6, 8), (4, 12)])
def test_every_loop_of_the_tables_passes_on_a_core_that_tests_four_bytes_at_once(
    rank: int, input_bits: int, kind: InputKind, tmp_path: Path
) -> None:
    netlist = random_netlist(rank, rank=rank, widths=(200, 60, 40), input_bits=input_bits)
    exported(netlist, tmp_path, replace(TABLES, input=kind))
    done = run(MACHINES["cortex-m4"], build(MACHINES["cortex-m4"], tmp_path))
    assert "PASS 16/16\n" in done.stdout and done.returncode == 0


@pytest.mark.edge
def test_a_wrong_score_fails_on_the_core(tmp_path: Path) -> None:
    exported(random_netlist(4), tmp_path)
    source = tmp_path / "src" / "bitlogic_net_argmax.c"
    source.write_text(source.read_text().replace("return best", "return best ^ 1"))
    done = run(MACHINES["cortex-m4"], build(MACHINES["cortex-m4"], tmp_path))
    assert re.match(r"sample 0: the class is \d, not \d\n", done.stdout)
    assert "FAIL 0/16\n" in done.stdout and done.returncode == 1


@pytest.mark.edge
def test_two_models_of_both_styles_link_into_one_firmware(tmp_path: Path) -> None:
    exported(random_netlist(1), tmp_path, replace(TABLES, prefix="left"))
    right = export(random_netlist(2, rank=3), "c", replace(UNROLLED, prefix="right"))
    for name, content in right.files.items():
        if name.startswith(("src/", "include/")):
            (tmp_path / name).write_bytes(content)
    main = tmp_path / "selftest" / "cortex_m.c"
    text = main.read_text().replace("left_selftest(put)", "left_selftest(put) + right_selftest(put)")
    main.write_text(text.replace("#include <stdint.h>", '#include <stdint.h>\n#include "right_selftest.h"'))
    done = run(MACHINES["cortex-m4"], build(MACHINES["cortex-m4"], tmp_path))
    assert done.stdout.count("PASS 16/16\n") == 2 and done.returncode == 0


# What it costs.


@pytest.mark.edge
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_tables_of_4000_luts_fit_the_budget_of_a_cortex_m4(level: str, tmp_path: Path) -> None:
    artifacts = exported(layered_netlist(0, num_pixels=784, widths=(2000, 2000)), tmp_path)
    machine = MACHINES["cortex-m4"]
    counts = instructions(build(machine, tmp_path, level), "bitlogic_net_predict", calls=2)
    assert len(counts) == 2 and len(set(counts)) == 1  # the same for every sample
    assert counts[0] <= 75_000
    tools = ("CC=arm-none-eabi-gcc", "SIZE=arm-none-eabi-size")
    report = subprocess.check_output(
        ["make", "-s", "-C", "selftest", "size", *tools, f"CFLAGS={level} -mcpu=cortex-m4 -mthumb"],
        cwd=tmp_path,
        text=True,
        timeout=60,
    )
    total = next(line for line in report.splitlines() if "TOTALS" in line).split()
    assert int(total[0]) <= 36_000 and total[1:3] == ["0", "0"]
    work = re.search(r"_WORK_BYTES (\d+)", artifacts.files["include/bitlogic_net.h"].decode())
    assert work is not None and int(work[1]) <= 2000


@pytest.mark.edge
def test_unrolled_4000_luts_fit_the_budget_of_a_cortex_m4(tmp_path: Path) -> None:
    exported(layered_netlist(0, num_pixels=784, widths=(2000, 2000)), tmp_path, UNROLLED)
    (count,) = instructions(build(MACHINES["cortex-m4"], tmp_path, "-Os"), "bitlogic_net_predict", calls=1)
    assert count <= 50_000
