"""Every CPU runtime on the test images: rows of equal integers, or an exit code that says otherwise."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import bitlogic
from bitlogic import DistributiveThermometer, Engine, GroupSum, LogicDense
from bitlogic.errors import MissingToolError
from tests.test_examples import imported, write_digits

IMAGES = 100


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example, on a small random model and images like MNIST's, without what takes the C++ compiler a minute."""
    for part, num in (("train", 20), ("t10k", IMAGES)):
        write_digits(tmp_path, part, num)
    save_model(tmp_path / "model.pt", input_bits=8)
    words = ["--root", str(tmp_path), "--model", str(tmp_path / "model.pt"), "--json", str(tmp_path / "rows.json")]
    monkeypatch.setattr(sys, "argv", ["cpu_equal.py", *words])
    module = imported("cpu_equal")

    def missing() -> None:
        raise MissingToolError("no C++ compiler\nhere")

    monkeypatch.setattr(module, "check_cxx", missing)
    return module


def save_model(path: Path, *, input_bits: int) -> None:
    generator = torch.Generator().manual_seed(0)
    encoder = DistributiveThermometer(2, input_bits=input_bits).fit(torch.rand(50, 1, 28, 28, generator=generator))
    sizes = ((1568, 80), (80, 60))
    layers = [LogicDense(*size, lut_rank=4, weight_init="random", generator=generator) for size in sizes]
    bitlogic.save(nn.Sequential(encoder, nn.Flatten(), *layers, GroupSum(10)).eval(), path)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "rows.json").read_text())["rows"]
    return found


@pytest.mark.cc
@pytest.mark.slow
def test_every_runtime_gives_equal_scores_and_classes(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert example.main() == 0
    found = rows(tmp_path)
    ran = [row for row in found if row["missing"] is None]
    counts = {(row["images"], row["equal_scores"], row["equal_classes"], row["error"]) for row in ran}
    assert counts == {(IMAGES, IMAGES, IMAGES, None)}
    names = {row["runtime"] for row in ran}
    assert {"evaluate, after the passes", "model.eval()", "PackedLogicNet", "Engine, 64 bits, 2 threads"} <= names
    assert {"target engine", "target packed", "target c", "target c, tables"} <= names
    forms = {"integer grid", "float32", "bool ready bits", "Planes", "PackBitsTensor"}
    assert {row["form"] for row in ran} == forms
    title, header, _, *lines = capsys.readouterr().out.splitlines()
    assert title == str(tmp_path / "model.pt") and header.split()[:3] == ["runtime", "form", "images"]
    assert len(lines) == len(found)
    compiled = "PackedLogicNet, compile=True missing: no C++ compiler here - - -"
    assert compiled in [" ".join(line.split()) for line in lines]


def only(example: ModuleType, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Leaves the runtimes of those names."""
    every = example.runtimes

    def some(workload: Any) -> list[Any]:
        return [runtime for runtime in every(workload) if runtime.name in names]

    monkeypatch.setattr(example, "runtimes", some)


class WrongEngine(Engine):
    def scores(self, x: Any, *, ready_bits: bool = False) -> Any:
        scores = super().scores(x, ready_bits=ready_bits)
        scores[7, 3] += 1
        return scores

    def class_ids(self, x: Any, *, ready_bits: bool = False) -> Any:
        class_ids = super().class_ids(x, ready_bits=ready_bits)
        class_ids[[2, 9]] ^= 1
        return class_ids


@pytest.mark.cc
def test_a_wrong_runtime_is_counted_and_gives_exit_code_1(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(example, monkeypatch, "Engine, 64 bits, 1 thread", "PackedLogicNet")
    monkeypatch.setattr(example, "Engine", WrongEngine)
    assert example.main() == 1
    counts = {(row["runtime"], row["equal_scores"], row["equal_classes"]) for row in rows(tmp_path)}
    assert counts == {("Engine, 64 bits, 1 thread", IMAGES - 1, IMAGES - 2), ("PackedLogicNet", IMAGES, IMAGES)}
    assert "sample=2" in capsys.readouterr().err


def test_a_runtime_that_fails_has_a_row_and_gives_exit_code_1(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(bitlogic.PackedLogicNet):
        def scores(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no memory")

    only(example, monkeypatch, "evaluate, after the passes", "PackedLogicNet")
    monkeypatch.setattr(example, "PackedLogicNet", Failing)
    assert example.main() == 1
    errors = [(row["runtime"], row["equal_scores"], row["error"]) for row in rows(tmp_path)]
    assert (
        errors
        == [("evaluate, after the passes", IMAGES, None)] * 2
        + [("PackedLogicNet", None, "RuntimeError: no memory")] * 3
    )


def test_an_encoder_without_a_grid_has_no_integers_and_some_images_are_enough(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(example, monkeypatch, "evaluate, after the passes", "target packed")
    save_model(tmp_path / "model.pt", input_bits=0)
    sys.argv += ["--images", "65"]
    assert example.main() == 0
    found = [(row["form"], row["equal_scores"], row["missing"]) for row in rows(tmp_path)]
    assert found == [("integer grid", None, "the encoder has no integer grid"), ("float32", 65, None)] * 2


def test_a_missing_model_is_misuse(example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.pt").unlink()
    assert example.main() == 2
    assert capsys.readouterr().err == f"cpu_equal: {tmp_path / 'model.pt'}: no such file\n"
