"""The script of README's hardware tables, on a network that is trained and routed in a minute."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_examples import EXAMPLES, write_digits

ROWS = [
    {"metric": "LUTs", "value": 2000.0},
    {"metric": "text", "value": 0.31},
    {"metric": "export", "value": 1.234},
    {"metric": "export memory", "value": 88.4},
    {"metric": "lint", "value": 2.0},
    {"metric": "lint memory", "value": 100.0},
    {"metric": "icarus", "value": None, "reason": "> 300 s"},
    {"metric": "proof", "value": None, "reason": "refused: not proven"},
    {"metric": "refutation of a table bit", "value": 1.0},
    {"metric": "refutation of a pin", "value": 0.5},
]


@pytest.mark.synth
@pytest.mark.slow
def test_the_tables_hold_what_was_measured(tmp_path: Path) -> None:
    write_digits(tmp_path, "train", 600)
    write_digits(tmp_path, "t10k", 100)
    marks = "<!-- {0} -->\nold\n<!-- /{0} -->\n"
    (tmp_path / "README.md").write_text("before\n" + marks.format("hardware") + marks.format("routed") + "after\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1k.json").write_text(json.dumps(ROWS))  # what is there is not measured again
    options = "--root . --folder out --workloads 1k --recipes mnist_200 --readme README.md --set train.epochs=1"
    options += " train.validation=60 train.batch_size=20 model.layers.2.out_dim=40 model.layers.3.out_dim=40"
    command = [sys.executable, str(EXAMPLES / "hardware_results.py"), *options.split()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "README.md").read_text().splitlines()
    measured, routed = (line for line in lines if line.startswith(("| 2 x", "| mnist_200")))
    assert measured.split(" | ")[1:6] == ["2000", "1.23 s, 88 MB", "0.3 MB", "2 s, 100 MB", "> 300 s"]
    assert measured.endswith("| - | - | - | - | refused: not proven | 2 of 4, 1.5 s |")
    cells = [cell.strip() for cell in routed.strip("|").split("|")]
    assert cells[1] == "ice40-hx8k" and float(cells[5].removesuffix(" MHz")) > 50
    assert cells[-1] == "100 of 100" and "old" not in lines
