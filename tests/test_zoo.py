"""The zoo: names in both spellings, the table's sizes, encoders, files."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import bitlogic
from bitlogic import models
from bitlogic.encoders import DistributiveThermometer, FixedBinarization, Thermometer
from bitlogic.heads import GroupSum
from bitlogic.inference import PackedLogicNet
from bitlogic.layers import LogicConv2d, LogicDense, OrPooling2d
from bitlogic.models import list_models, zoo
from bitlogic.models.sizes import DATASETS, DENSE_SIZES

SMALL = [
    "DlgnTinyMnist",
    "DlgnDwnSmallMnistRank6",
    "DlgnSmallFashionMnistRank6",
    "DlgnSmallCifar10Rank6",
    "ClgnTinyMnist",
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense(model: nn.Sequential) -> list[LogicDense]:
    return [layer for layer in model if isinstance(layer, LogicDense)]


def widths(model: nn.Sequential) -> list[int]:
    return [layer.out_dim for layer in dense(model)]


@pytest.mark.parametrize("name", SMALL)
def test_a_model_is_built_saved_loaded_and_packed(name: str, tmp_path: Path) -> None:
    model = zoo.build(name, generator=seeded(0)).eval()
    dataset = next(data for key, data in DATASETS.items() if key in name)
    x = torch.rand(5, *dataset.shape, generator=seeded(1))
    scores = model(x)
    assert scores.shape == (5, 10)
    bitlogic.save(model, tmp_path / "model.pt")
    again = bitlogic.load(tmp_path / "model.pt")
    assert str(again) == str(model)
    assert torch.equal(again(x), scores)
    assert torch.equal(PackedLogicNet(again)(x), scores)


def test_both_spellings_and_attributes_build_the_same() -> None:
    states = [
        zoo.build("DlgnTinyMnist", generator=seeded(3)).state_dict(),
        zoo.build("DlgnMnistTiny", generator=seeded(3)).state_dict(),
        models.DlgnTinyMnist(generator=seeded(3)).state_dict(),
        models.DlgnMnistTiny(generator=seeded(3)).state_dict(),
    ]
    for state in states[1:]:
        assert all(torch.equal(state[key], value) for key, value in states[0].items())
    assert models.DlgnTinyMnist.__name__ == "DlgnTinyMnist"
    with pytest.raises(AttributeError, match="DlgnHugeMnist"):
        _ = models.DlgnHugeMnist
    assert "ClgnMediumCifar10" in dir(models)


def test_the_mnist_models_have_the_published_sizes() -> None:
    tiny = models.DlgnTinyMnist()
    assert widths(tiny) == [1000] * 5
    encoder, head = tiny[0], tiny[-1]
    assert isinstance(encoder, FixedBinarization) and isinstance(head, GroupSum)
    assert (head.k, head.tau) == (10, 10.0)
    x = torch.tensor([0.0, 0.49, 0.51, 1.0]).repeat(196).view(1, 1, 28, 28)
    assert encoder(x).flatten().tolist() == [0.0, 0.0, 1.0, 1.0] * 196
    assert models.DlgnSmallMnist()[-1].tau == 10.0
    rank_4 = models.DlgnMnistSmallRank4()
    assert (widths(rank_4), {layer.lut_rank for layer in dense(rank_4)}) == ([4000] * 5, {4})


def test_the_convolutional_models_have_the_published_sizes() -> None:
    model = models.ClgnTinyMnist()
    convolutions = [layer for layer in model if isinstance(layer, LogicConv2d)]
    sizes = [(layer.in_dim[0], layer.num_kernels, layer.tree_depth, layer.out_dim[0]) for layer in convolutions]
    assert sizes == [(28, 4, 3, 24), (12, 12, 3, 10), (6, 36, 3, 4)]
    assert [layer.padding for layer in model if isinstance(layer, OrPooling2d)] == [(0, 0), (1, 1), (1, 1)]
    assert widths(model) == [1280 * 4, 640 * 4, 320 * 4]
    assert dense(model)[0].in_dim == 81 * 4
    cifar = models.ClgnSmallCifar10()
    convolutions = [layer for layer in cifar if isinstance(layer, LogicConv2d)]
    assert [layer.num_kernels for layer in convolutions] == [32, 128, 512, 1024]
    assert [layer.channel_group_size for layer in convolutions] == [1, 2, 2, 2]
    assert convolutions[0].in_channels == 9


def test_variants_choose_rank_bits_and_learnable_layers() -> None:
    for name in ("DlgnDwnSmallMnist2BitsRank6Learn1", "DlgnMnistDwnSmallRank6Bits2Learn1"):
        model = zoo.build(name, num_candidates=8)
        assert model[0].num_bits == 2
        assert [layer.get_config()["connections"] for layer in dense(model)] == ["learnable", "fixed"]
        assert {layer.lut_rank for layer in dense(model)} == {6}
    plain = zoo.build("DlgnTinyMnist", connections="learnable", num_candidates=4, parametrization="raw")
    assert {layer.get_config()["connections"] for layer in dense(plain)} == {"learnable"}


def test_the_encoder_is_given_fitted_or_uniform() -> None:
    x = torch.rand(50, 1, 28, 28, generator=seeded(0))
    fixed = zoo.build("DlgnTinyMnist", thresholds=[0.2, 0.8], input_range=(0.0, 1.0))
    assert dense(fixed)[0].in_dim == 2 * 784
    fitted = zoo.build("DlgnMnistTiny3Bits", fit_samples=x)
    assert isinstance(fitted[0], DistributiveThermometer) and dense(fitted)[0].in_dim == 3 * 784
    given = Thermometer(4).fit(x)
    assert zoo.build("ClgnTinyMnist", encoder=given)[1].in_channels == 4
    encoder = zoo.build("DlgnSmallCifar10Rank6")[0]
    assert isinstance(encoder, FixedBinarization)
    assert encoder.get_config()["thresholds"] == [0.25, 0.5, 0.75]


def test_jet_tagging_needs_samples_or_a_range() -> None:
    with pytest.raises(ValueError, match="DlgnDwnTinyJscRank6 needs fit_samples, or input_range"):
        zoo.build("DlgnDwnTinyJscRank6")
    x = torch.randn(400, 16, generator=seeded(0))
    model = zoo.build("DlgnDwnTinyJscRank6Bits5", fit_samples=x).eval()
    assert dense(model)[0].in_dim == 80
    assert model(x).shape == (400, 5)
    assert dense(zoo.build("DlgnJscDwnTinyRank6Bits5", input_range=(-3.0, 3.0)))[0].in_dim == 80


@pytest.mark.parametrize(
    ("name", "options", "error", "reason"),
    [
        ("DlgnHugeMnist", {}, ValueError, "unknown model 'DlgnHugeMnist'; known: DlgnTinyMnist, "),
        ("ClgnTinyMnistRank4", {}, ValueError, "known: ClgnTinyMnist"),
        ("DlgnTinyMnistRank4", {}, ValueError, "unknown model"),
        ("DlgnTinyMnist2BitsBits2", {}, ValueError, "unknown model"),
        ("Resnet", {}, ValueError, "unknown model"),
        ("DlgnTinyMnist", {"lut_rnk": 3}, TypeError, "lut_rnk"),
        ("DlgnTinyMnist", {"fit_samples": torch.rand(9, 1, 28, 28), "thresholds": [0.5]}, ValueError, "give either"),
        ("DlgnTinyMnist", {"encoder": Thermometer(2), "thresholds": [0.5]}, ValueError, "in place of"),
    ],
)
def test_wrong_names_and_options_are_refused(
    name: str, options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        zoo.build(name, **options)


def test_every_listed_name_is_known_once_and_its_classes_divide_its_width() -> None:
    names = list_models()
    assert len(set(names)) == len(names) > 60
    assert all(zoo.is_model(name) and zoo.is_model(f"{name}Learn1") for name in names)
    assert all(size.widths[-1] % DATASETS[size.dataset].num_classes == 0 for size in DENSE_SIZES)


@pytest.mark.slow
def test_the_medium_models_are_built_in_seconds() -> None:
    assert widths(models.DlgnMediumMnist()) == [64_000] * 5
    assert models.DlgnMediumMnist()[-1].tau == pytest.approx(33.3, abs=0.1)
    assert widths(models.ClgnMediumMnist()) == [1280 * 64, 640 * 64, 320 * 64]


def test_the_package_offers_the_zoo_under_both_spellings() -> None:
    assert [layer.out_dim for layer in dense(bitlogic.DlgnTinyMnist())] == widths(bitlogic.DlgnMnistTiny())
    with pytest.raises(AttributeError, match="DlgnTinyMars"):
        _ = bitlogic.DlgnTinyMars
