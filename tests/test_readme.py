"""README's code runs as it stands, in its own order, in an empty folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
PROGRAMS = {"bitlogic": "bitlogic", "torchrun": "torch.distributed.run"}
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.data
@pytest.mark.cc
@pytest.mark.sim
@pytest.mark.synth
@pytest.mark.slow
def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [language for language, _ in BLOCKS] == ["python", "sh", "python", "sh", "python", "sh", "python"]
    (tmp_path / "examples").symlink_to(Path(__file__).resolve().parent.parent / "examples")
    names: dict[str, object] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "README.md", "exec"), names)
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line)
            command = [sys.executable, "-m", PROGRAMS[program], *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert float(names["accuracy"]) > 0.9  # type: ignore[arg-type]


def test_the_commands_that_it_names_exist() -> None:
    makefile = (Path(__file__).resolve().parent.parent / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
