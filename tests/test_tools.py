"""A missing tool skips by name, and is a failure where BITLOGIC_REQUIRE_TOOLS names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ONE_TEST = "tests/test_datasets.py"


def collect(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-m", "mnist", ONE_TEST]
    env = {name: value for name, value in os.environ.items() if not name.startswith("BITLOGIC_")} | environment
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)


def test_without_its_tool_a_test_skips_by_name() -> None:
    done = collect()
    assert done.returncode == 0, done.stdout
    assert "needs the MNIST files ($BITLOGIC_MNIST)" in done.stdout


@pytest.mark.parametrize(
    ("tools", "message"),
    [("cc,mnist", "requires mnist, but the MNIST files"), ("cc,vivado", "names 'vivado'; there are: cc, edge")],
)
def test_a_required_tool_that_is_missing_fails_the_run(tools: str, message: str) -> None:
    done = collect(BITLOGIC_REQUIRE_TOOLS=tools)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
