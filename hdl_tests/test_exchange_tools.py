"""BLIF and AIGER files as other tools read and write them."""

import subprocess
import sys
from pathlib import Path

import pytest

from bitlogic.export.equivalence import prove_equal
from bitlogic.export.exchange.load import load
from bitlogic.export.folder import export, options_from
from bitlogic.export.mapping.abc import abc_program
from bitlogic.export.netlist import Netlist
from tests.nets import DEGENERATE, random_netlist
from tests.trained import trained_like

NETS = {
    "random_rank6": random_netlist(6, rank=6),
    "trained_like": trained_like(2),
    **{name: DEGENERATE[name] for name in ("no_lut", "constant_nets_as_outputs", "output_from_an_input")},
}


def abc(folder: Path, commands: str) -> str:
    program = abc_program()
    assert program is not None
    done = subprocess.run([program, "-q", commands], cwd=folder, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def written(netlist: Netlist, folder: Path, kind: str = "bits") -> Path:
    for target in ("blif", "aiger"):
        export(netlist, target, options_from(target, {"input": kind, "name": "net"})).write(folder / target)
    return folder


@pytest.mark.abc
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("kind", ["bits", "x"])
def test_abc_finds_blif_and_aiger_equal_and_an_edited_one_different(name: str, kind: str, tmp_path: Path) -> None:
    if kind == "x" and NETS[name].encoder is None:
        pytest.skip("no encoder")
    folder = written(NETS[name], tmp_path, kind)
    assert "Networks are equivalent" in abc(folder, "cec -n blif/net.blif aiger/net.aig")
    header, literal, rest = (folder / "aiger" / "net.aig").read_bytes().split(b"\n", 2)
    (folder / "edited.aig").write_bytes(b"\n".join([header, b"%d" % (int(literal) ^ 1), rest]))
    assert "Networks are NOT EQUIVALENT" in abc(folder, "cec -n blif/net.blif edited.aig")


@pytest.mark.abc
@pytest.mark.formal
@pytest.mark.parametrize("name", NETS)
def test_what_abc_writes_is_read_with_the_side_car_of_what_it_read(name: str, tmp_path: Path) -> None:
    folder = written(NETS[name], tmp_path)
    for commands in ("read_blif blif/net.blif; strash; if -K 5", "read_aiger aiger/net.aig; if -K 3"):
        log = abc(folder, f"{commands}; write_blif mapped.blif")
        assert (folder / "mapped.blif").exists(), log
        after = load(folder / "mapped.blif", sidecar=folder / "blif" / "net.json")
        assert prove_equal(NETS[name], after).holds is True
        (folder / "mapped.blif").unlink()


@pytest.mark.synth
@pytest.mark.formal
@pytest.mark.parametrize("name", ["random_rank6", "trained_like"])
def test_what_yosys_writes_is_read_too(name: str, tmp_path: Path) -> None:
    pytest.importorskip("pyosys")
    folder = written(NETS[name], tmp_path)
    script = "read_blif blif/net.blif; techmap; abc -lut 4; opt_clean; write_blif mapped.blif"
    code = (
        f"from pyosys import libyosys; d = libyosys.Design(); [libyosys.run_pass(p, d) for p in {script!r}.split('; ')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, timeout=120)
    after = load(folder / "mapped.blif", sidecar=folder / "blif" / "net.json")
    assert after.rank <= 4
    assert prove_equal(NETS[name], after).holds is True
