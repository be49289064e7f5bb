"""Training in one process: what it learns, measures and writes, and what it refuses."""

import json
import random
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlogic
from bitlogic import DistributiveThermometer, FeedForward, GroupSum, LogicDense, PackedLogicNet
from bitlogic.datasets import Dataset
from bitlogic.errors import DivergenceError
from bitlogic.parametrizations.base import Parametrization
from bitlogic.training import Settings, measure, train
from bitlogic.training.augment import augment
from bitlogic.training.samples import Part, prepare_samples
from bitlogic.training.schedules import anneal, learning_rate
from tests.patterns import NUM_CLASSES, SMALL_MODEL, patterns

FAST: dict[str, Any] = {"epochs": 3, "batch_size": 32, "lr": 0.05, "threads": 1, "show": False, "device": "cpu"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def states_equal(ours: nn.Module, theirs: nn.Module) -> bool:
    pairs = zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True)
    return all(name == other and torch.equal(value, twin) for (name, value), (other, twin) in pairs)


def test_training_learns_and_leaves_a_folder_that_tells_all(tmp_path: Path) -> None:
    data = patterns()
    result = train(SMALL_MODEL, data, output=tmp_path / "run", log_steps=4, **FAST)
    assert result.complete
    assert result.validation is not None and result.validation > 0.8
    assert result.test is not None and result.test.discrete > 0.8
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} >= {
        "config.toml",
        "metrics.jsonl",
        "checkpoint.pt",
        "best.pt",
        "model.pt",
    }
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines == list(result.history)
    steps_per_epoch = (320 - 32) // 32
    assert [line["step"] for line in lines if line["event"] == "epoch"] == [steps_per_epoch * n for n in (1, 2, 3)]
    assert [line["step"] for line in lines if line["event"] == "step"] == [4, 8, 12, 16, 20, 24]
    common = {"event", "step", "epoch", "seconds"}
    measured = {"relaxed", "discrete", "gap"}
    keys = {
        "step": common | {"lr", "train_loss"},
        "epoch": common
        | {"lr", "train_loss", "validation_discrete_loss"}
        | {f"{part}_{kind}" for part in ("train", "validation") for kind in measured},
        "end": common | {"model_epoch", "luts", "test_discrete_loss"} | {f"test_{kind}" for kind in measured},
    }
    for line in lines:
        assert set(line) == keys[line["event"]]
    assert lines[-1]["luts"] == result.num_luts == 120
    saved = bitlogic.load(folder / "model.pt")
    assert states_equal(saved, result.model)
    right = PackedLogicNet(saved).class_ids(data.test_x) == data.test_y
    assert round(float(right.double().mean()), 6) == lines[-1]["test_discrete"]


def test_config_toml_trains_the_same_again(tmp_path: Path) -> None:
    first = train(SMALL_MODEL, patterns(), output=tmp_path / "a", **FAST)
    text = (tmp_path / "a" / "config.toml").read_text()
    assert "tau = 2.13" in text, "0.55 * sqrt(60 / 4) stands where no tau was given"
    tables = tomllib.loads(text)
    settings = {**tables["train"], "show": False}
    assert states_equal(train(tables["model"], patterns(), **settings).model, first.model)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    before = torch.rand(1), random.random(), np.random.rand()
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    noisy = {**SMALL_MODEL, "forward_sampling": "gumbel_soft", "connection_sampling": "gumbel_soft"}
    first = train(noisy, patterns(), seed=1, **FAST)
    assert (torch.rand(1), random.random(), np.random.rand()) == before
    assert states_equal(train(noisy, patterns(), seed=1, **FAST).model, first.model)
    assert not states_equal(train(noisy, patterns(), seed=2, **FAST).model, first.model)


def test_a_module_of_ones_own_is_trained_in_place() -> None:
    data = patterns()
    encoder = DistributiveThermometer(2).fit(data.train_x)
    layer = LogicDense(32, 80, lut_rank=4, connections="learnable", forward_sampling="hard")
    model = nn.Sequential(encoder, nn.Flatten(), layer, GroupSum(NUM_CLASSES, tau=2.0))
    result = train(model, data, **FAST)
    assert result.model is model and not model.training
    assert result.test is not None and result.test.discrete > 0.6


def test_model_pt_holds_the_epoch_that_did_best_on_the_validation_samples() -> None:
    states: list[dict[str, Tensor]] = []
    data = patterns()
    model = FeedForward(fit_samples=data.train_x, num_classes=NUM_CLASSES, tau=2.0, **SMALL_MODEL)

    def keep(line: dict[str, Any]) -> None:
        states.append({name: value.clone() for name, value in model.state_dict().items()})

    result = train(model, data, on_epoch=keep, **{**FAST, "epochs": 6, "schedule": "constant", "lr": 0.3})
    lines = [line for line in result.history if line["event"] == "epoch"]
    best = max(lines, key=lambda line: (line["validation_discrete"], -line["validation_discrete_loss"]))
    assert result.epoch == best["epoch"] == result.history[-1]["model_epoch"]
    assert result.validation == pytest.approx(best["validation_discrete"], abs=1e-6)
    assert all(torch.equal(value, states[result.epoch - 1][name]) for name, value in model.state_dict().items())


def test_without_validation_the_last_weights_come_out() -> None:
    result = train(SMALL_MODEL, patterns(), validation=0, **FAST)
    assert (result.epoch, result.validation) == (3, None)
    assert "validation_discrete" not in result.history[0]


def test_relaxed_accuracy_is_that_of_the_training_forward_without_noise() -> None:
    data = patterns()
    for sampling in ("soft", "hard", "gumbel_soft", "gumbel_hard"):
        table = {**SMALL_MODEL, "forward_sampling": sampling, "connection_sampling": "gumbel_hard"}
        model = train(table, data, **FAST).model
        state = torch.get_rng_state()
        measured = measure(model, Part(data.test_x, data.test_y))
        assert torch.equal(torch.get_rng_state(), state)
        assert model.training
        kinds = {module.forward_sampling for module in model.modules() if isinstance(module, Parametrization)}
        assert kinds == {sampling}
        for module in model.modules():
            if hasattr(module, "forward_sampling"):
                module.forward_sampling = sampling.removeprefix("gumbel_")  # type: ignore[assignment]
        with torch.no_grad():
            scores = model.train()(data.test_x)
            discrete = model.eval()(data.test_x)
        first = [[int((row == row.max()).nonzero()[0, 0]) for row in part] for part in (scores, discrete)]
        right = [sum(int(c) == int(y) for c, y in zip(part, data.test_y, strict=True)) / 80 for part in first]
        assert [measured.relaxed, measured.discrete] == pytest.approx(right)
        if sampling.endswith("hard"):
            assert measured.gap == 0


def test_validation_samples_never_train_and_every_class_has_its_share() -> None:
    data = patterns()
    samples = prepare_samples(data, Settings(validation=40, batch_size=32), torch.device("cpu"))
    assert samples.validation is not None
    assert samples.validation.y.bincount().tolist() == [10] * 4
    rows = {tuple(row) for row in samples.train.x.flatten(1).tolist()}
    held = {tuple(row) for row in samples.validation.x.flatten(1).tolist()}
    assert not rows & held and len(rows | held) == 320
    assert {tuple(row) for row in samples.measured.x.flatten(1).tolist()} <= rows
    again = prepare_samples(data, Settings(validation=0.125, batch_size=32), torch.device("cpu"))
    assert again.validation is not None and torch.equal(again.validation.x, samples.validation.x)
    other = prepare_samples(data, Settings(validation=40, batch_size=32, seed=1), torch.device("cpu"))
    assert other.validation is not None and not torch.equal(other.validation.x, samples.validation.x)


def test_learning_rates_by_hand() -> None:
    cosine = Settings(lr=0.4, lr_end=0.2, epochs=3, warmup_epochs=1.0)
    rates = [learning_rate(cosine, step, 6, 2) for step in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.4, 0.3 + 0.1 * 2**-0.5, 0.3, 0.3 - 0.1 * 2**-0.5])
    constant = Settings(lr=0.4, schedule="constant")
    assert [learning_rate(constant, step, 6, 2) for step in (0, 5)] == [0.4, 0.4]


def test_temperatures_fall_from_epoch_to_epoch() -> None:
    layer = LogicDense(8, 8, connections="learnable")
    settings = Settings(epochs=3, temperature=(1.0, 0.01), connection_temperature=(0.1, 0.001))
    seen = []
    for epoch in range(3):
        anneal(nn.Sequential(layer, LogicDense(8, 8)), settings, epoch)
        seen.append((layer.parametrization.temperature, layer.connections.temperature))
    assert [pair[0] for pair in seen] == pytest.approx([1.0, 0.1, 0.01])
    assert [pair[1] for pair in seen] == pytest.approx([0.1, 0.01, 0.001])


def test_a_shift_moves_images_by_whole_pixels_and_zeros_come_in() -> None:
    images = torch.arange(1.0, 1 + 50 * 2 * 3 * 4).view(50, 2, 3, 4)
    shifts = set()
    moved = augment(images, Settings(shift=1), torch.Generator().manual_seed(0))
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    for number in range(50):
        found = [
            (down, right)
            for down in range(3)
            for right in range(3)
            if torch.equal(moved[number], padded[number, :, down : down + 3, right : right + 4])
        ]
        assert len(found) == 1
        shifts |= set(found)
    assert len(shifts) == 9
    together = augment(images, Settings(shift=1, shift_per="batch"), torch.Generator().manual_seed(3))
    windows = [padded[:, :, down : down + 3, right : right + 4] for down in range(3) for right in range(3)]
    assert sum(torch.equal(together, window) for window in windows) == 1


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    images = torch.arange(1.0, 1 + 100 * 12).view(100, 1, 3, 4)
    flipped = augment(images, Settings(flip=True), torch.Generator().manual_seed(0))
    mirrored = [torch.equal(ours, theirs.flip(-1)) for ours, theirs in zip(flipped, images, strict=True)]
    kept = [torch.equal(ours, theirs) for ours, theirs in zip(flipped, images, strict=True)]
    assert sum(mirrored) + sum(kept) == 100
    assert 30 < sum(mirrored) < 70


@pytest.mark.parametrize(
    "settings",
    [
        {"regularization": "entropy", "regularization_factor": 0.1},
        {"label_smoothing": 0.1, "grad_clip": 0.5, "optimizer": "adamw", "weight_decay": 0.01},
        {"optimizer": "sgd", "schedule": "constant", "warmup_epochs": 0.5},
        {"shift": 1, "shift_per": "batch", "flip": True},
        {"temperature": (1.0, 0.5), "connection_temperature": (0.01, 0.001)},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_every_setting_changes_what_is_learned(settings: dict[str, Any]) -> None:
    plain = train({**SMALL_MODEL, "forward_sampling": "soft"}, patterns(), **FAST)
    other = train({**SMALL_MODEL, "forward_sampling": "soft"}, patterns(), **{**FAST, **settings})
    assert not states_equal(plain.model, other.model)
    assert all(value.isfinite().all() for value in other.model.state_dict().values() if value.is_floating_point())


def test_amp_trains_under_autocast() -> None:
    data = patterns()
    model = FeedForward(fit_samples=data.train_x, num_classes=NUM_CLASSES, tau=2.0, **SMALL_MODEL)
    seen = set()
    model[2].register_forward_hook(lambda *_: seen.add((model.training, torch.is_autocast_enabled("cpu"))))
    result = train(model, data, amp="bfloat16", **FAST)
    assert (True, True) in seen
    assert result.test is not None and result.test.discrete > 0.7


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_data_that_are_not_finite_are_refused_by_their_place(part: str, value: float) -> None:
    data = patterns()
    getattr(data, f"{part}_x")[7, 0, 2, 3] = value
    with pytest.raises(ValueError, match=rf"{part}_x\[7, 0, 2, 3\] is {value}; 1 values are not finite"):
        train(SMALL_MODEL, data, **FAST)


def test_a_loss_that_is_nan_stops_with_the_step_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    data = patterns()
    model = FeedForward(fit_samples=data.train_x, num_classes=NUM_CLASSES, tau=2.0, **SMALL_MODEL)
    steps = []

    def break_the_thirteenth(module: nn.Module, inputs: Any, scores: Tensor) -> Tensor:
        steps.append(torch.is_grad_enabled())
        return scores * (float("nan") if sum(steps) == 13 else 1.0)

    model[-1].register_forward_hook(break_the_thirteenth)
    with pytest.raises(
        DivergenceError, match=r"step 13: the loss is nan; checkpoint\.pt holds the state after step 10"
    ):
        train(model, data, output=tmp_path / "run", checkpoint_steps=5, **FAST)
    kept = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert kept["progress"]["step"] == 10
    assert all(value.isfinite().all() for value in kept["model"].values() if value.is_floating_point())
    assert not (tmp_path / "run" / "model.pt").exists()


def test_a_gradient_that_is_nan_never_reaches_the_weights() -> None:
    data = patterns()
    model = FeedForward(fit_samples=data.train_x, num_classes=NUM_CLASSES, tau=2.0, **SMALL_MODEL)
    weight = next(model.parameters())
    weight.register_hook(lambda gradient: gradient * float("nan"))  # type: ignore[no-untyped-call]
    before = weight.detach().clone()
    with pytest.raises(DivergenceError, match="step 1: the gradient's norm is nan"):
        train(model, data, **FAST)
    assert torch.equal(weight, before)


def test_weights_that_are_not_finite_are_named_and_never_saved(tmp_path: Path) -> None:
    model = FeedForward(fit_samples=patterns().train_x, num_classes=NUM_CLASSES, tau=2.0, **SMALL_MODEL)
    with torch.no_grad():
        model.state_dict()["3.parametrization.weight"][0, 0] = float("inf")
    with pytest.raises(DivergenceError, match=r"step 0: the weights 3\.parametrization\.weight are not finite"):
        train(model, patterns(), output=tmp_path / "run", **FAST)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


WRONG: dict[str, tuple[dict[str, Any], Any, str]] = {
    "batch": ({"batch_size": 400}, SMALL_MODEL, "train.batch_size is 400, but 288 samples are left"),
    "validation": ({"validation": 320}, SMALL_MODEL, "takes 320 of the 320"),
    "device": ({"device": "cuda:99"}, SMALL_MODEL, "there is no device 'cuda:99' here"),
    "unknown key": ({}, {"width": 3}, "unknown key model.width; choices: .*layer_width"),
    "zoo": ({}, "Resnet50", "Resnet50"),
    "width": ({}, {**SMALL_MODEL, "layer_width": 61}, "61 does not split into 4 equal classes"),
    "no layers": ({}, {"layers": []}, "model.layers must be a list"),
    "unknown type": ({}, {"layers": [{"type": "Linear"}]}, "unknown model.layers.0.type 'Linear'; .*LogicDense"),
    "unknown layer key": (
        {},
        {"layers": [{"type": "Flatten"}, {"type": "LogicDense", "width": 3}]},
        "unknown key model.layers.1.width; choices: .*out_dim",
    ),
    "layer option": (
        {},
        {"layers": [{"type": "Flatten"}, {"type": "LogicDense", "out_dim": 4, "lut_rank": 7}]},
        r"model.layers.1 \(LogicDense\) on samples \(16,\): .*7",
    ),
    "no head": (
        {},
        {"layers": [{"type": "Flatten"}, {"type": "LogicDense", "out_dim": 3}]},
        "the data have 4 classes",
    ),
    "shift": ({"shift": 4}, SMALL_MODEL, "train.shift of 4 pixels"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_trained_is_a_value_error_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    settings, model, reason = WRONG[case]
    with pytest.raises(ValueError, match=reason):
        train(model, patterns(), output=tmp_path / "run", **{**FAST, **settings})
    assert list(tmp_path.iterdir()) == []


def test_samples_that_are_no_images_are_not_shifted() -> None:
    data = patterns()
    flat = Dataset(data.train_x.flatten(1), data.train_y, data.test_x.flatten(1), data.test_y)
    with pytest.raises(ValueError, match=r"train.flip is for images"):
        train(SMALL_MODEL, flat, flip=True, **FAST)


def test_a_module_without_a_discrete_form_is_refused_before_training() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, NUM_CLASSES))
    with pytest.raises(TypeError, match="Linear"):
        train(model, patterns(), **FAST)


def test_an_unknown_setting_of_train_is_a_type_error_with_the_choices() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'epoch'; settings: epochs, batch_size"):
        train(SMALL_MODEL, patterns(), epoch=3)


def test_a_model_of_the_zoo_is_trained_by_its_name() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 10
    images = torch.rand(60, 1, 28, 28, generator=generator)
    data = Dataset(images, labels, images, labels)
    settings = {**FAST, "epochs": 1, "batch_size": 10}
    fixed = train("DlgnTinyMnist", data, **settings).model
    assert states_equal(train({"name": "DlgnMnistTiny"}, data, **settings).model, fixed)
    fitted = train({"name": "DlgnTinyMnist", "fit": True, "parametrization": "warp"}, data, **settings).model
    assert type(fitted[0]).__name__ == "DistributiveThermometer"  # type: ignore[index]
    with pytest.raises(ValueError, match=r"unknown key model.layer_width; choices: .*tau"):
        train({"name": "DlgnTinyMnist", "layer_width": 3}, data, **settings)


def test_layers_by_type_fit_together_by_themselves() -> None:
    layers = [
        {"type": "thermometer", "num_bits": 2},
        {"type": "Flatten"},
        {"type": "LogicDense", "out_dim": 60, "lut_rank": 4},
        {"type": "LogicDense", "out_dim": 40, "parametrization": "warp"},
        {"type": "GroupSum"},
    ]
    result = train({"layers": layers}, patterns(), **FAST)
    assert type(next(result.model.children())).__name__ == "Thermometer"
    widths = [layer.in_dim for layer in result.model.children() if isinstance(layer, LogicDense)]
    heads = [(head.k, head.tau) for head in result.model.children() if isinstance(head, GroupSum)]
    assert (widths, heads) == ([32, 60], [(NUM_CLASSES, 1.74)])


def test_a_convolution_by_type_takes_its_size_from_the_images() -> None:
    layers = [
        {"type": "Thermometer", "num_bits": 2},
        {"type": "LogicConv2d", "num_kernels": 4, "tree_depth": 1, "receptive_field_size": 2, "padding": 1},
        {"type": "OrPooling2d", "kernel_size": 2, "stride": 2},
        {"type": "Flatten"},
        {"type": "LogicDense", "out_dim": 40},
        {"type": "GroupSum"},
    ]
    result = train({"layers": layers}, patterns(), **{**FAST, "epochs": 1})
    assert result.model[1].in_channels == 2  # type: ignore[index]
    assert result.model[4].in_dim == 4 * 2 * 2  # type: ignore[index]


def test_a_folder_with_files_is_refused_and_force_replaces_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(SMALL_MODEL, patterns(), output=folder, **FAST)
    (folder / "notes.txt").write_text("mine")
    (folder / "best.pt").write_text("old")
    with pytest.raises(FileExistsError, match=r"is not empty .*; resume continues, force replaces"):
        train(SMALL_MODEL, patterns(), output=folder, **FAST)
    assert (folder / "best.pt").read_text() == "old"
    with pytest.raises(ValueError, match="batch_size"):
        train(SMALL_MODEL, patterns(), output=folder, force=True, **{**FAST, "batch_size": 999})
    assert (folder / "best.pt").read_text() == "old", "a mistake costs nothing"
    train(SMALL_MODEL, patterns(), output=folder, force=True, validation=0, **FAST)
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "best.pt").exists()


def test_without_matplotlib_there_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    train(SMALL_MODEL, patterns(), output=tmp_path / "run", **{**FAST, "show": True})
    assert capsys.readouterr().err.splitlines()[-1] == "curve.png needs matplotlib: pip install 'bitlogic[report]'"
    assert not (tmp_path / "run" / "curve.png").exists()
    assert (tmp_path / "run" / "model.pt").exists()


def test_the_curve_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    train(SMALL_MODEL, patterns(), output=tmp_path / "run", **FAST)
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")
