"""FeedForward: what it is made of and what it refuses."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import bitlogic
from bitlogic import DistributiveThermometer, FeedForward, GroupSum, LogicDense, PackedLogicNet, Thermometer
from bitlogic.encoders import ENCODERS
from bitlogic.heads import HEADS

X = torch.rand(100, 1, 4, 4, generator=torch.Generator().manual_seed(0))
Y = (X.mean((1, 2, 3)) > 0.5).long()


def small(**keywords: object) -> FeedForward:
    settings: dict[str, object] = {"fit_samples": X, "num_classes": 2, "layer_width": 40, "tau": 2.0, "num_bits": 4}
    return FeedForward(**{**settings, **keywords})  # type: ignore[arg-type]


def test_feedforward_is_encoder_flatten_layers_head() -> None:
    model = small(num_layers=3)
    assert isinstance(model, nn.Sequential)
    kinds = [type(module) for module in model]
    assert kinds == [DistributiveThermometer, nn.Flatten, LogicDense, LogicDense, LogicDense, GroupSum]
    layers = [module for module in model if isinstance(module, LogicDense)]
    assert [(layer.in_dim, layer.out_dim) for layer in layers] == [(64, 40), (40, 40), (40, 40)]
    assert {layer.lut_rank for layer in layers} == {4}
    assert model(X).shape == (100, 2)
    head = model[-1]
    assert isinstance(head, GroupSum)
    assert (head.k, head.tau, head.beta) == (2, 2.0, 0.0)


def test_keywords_reach_the_parts() -> None:
    model = small(encoder="thermometer", parametrization="warp", connections="fixed", lut_rank=2, temperature=0.5)
    assert isinstance(model[0], Thermometer)
    config = model[2].get_config()  # type: ignore[operator]
    assert config["parametrization"] == "warp"
    assert config["connections"] == "fixed"
    assert config["lut_rank"] == 2
    assert config["temperature"] == 0.5


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_and_head_serve_by_name(encoder: str, head: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = small(encoder=encoder, head=head, head_wbits=4, generator=torch.Generator().manual_seed(0))
    assert type(model[0]) is ENCODERS[encoder] and type(model[-1]) is HEADS[head]
    nn.functional.cross_entropy(model(X), Y).backward()  # type: ignore[no-untyped-call]
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters() if parameter.grad is not None)
    expected = model.eval()(X)
    assert torch.equal(PackedLogicNet(model)(X), expected)
    bitlogic.save(model, tmp_path / "model.pt")
    again = bitlogic.load(tmp_path / "model.pt")
    assert isinstance(again, FeedForward)
    assert torch.equal(again(X), expected)


def test_flat_samples_do_as_well() -> None:
    assert small(fit_samples=X.flatten(1))(X.flatten(1)).shape == (100, 2)


def test_feedforward_learns() -> None:
    torch.manual_seed(0)
    model = small()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), Y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.eval()
    assert float((model(X).argmax(1) == Y).float().mean()) > 0.9


def test_a_generator_makes_it_reproducible() -> None:
    first, second = (small(generator=torch.Generator().manual_seed(3)) for _ in range(2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_a_tau_far_above_the_rule_is_warned_of_with_a_better_one() -> None:
    with pytest.warns(UserWarning, match=r"tau=150 .* 20 LUTs .* tau=2\.5 "):
        small(tau=150.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(tau=2.5)


@pytest.mark.parametrize(
    ("keywords", "error", "reason"),
    [
        ({"layer_width": 41}, ValueError, "41 does not split into 2"),
        ({"num_classes": 0}, ValueError, "0 equal classes"),
        ({"num_layers": 0}, ValueError, "num_layers is 0"),
        ({"encoder": "none"}, ValueError, "distributive_thermometer, thermometer"),
        ({"head": "none"}, ValueError, "groupsum"),
        ({"connections": "none"}, ValueError, "learnable"),
        ({"parametrization": "none"}, ValueError, "light"),
        ({"tau": 0.0}, ValueError, "tau"),
        ({"wdith": 3}, TypeError, "wdith"),
    ],
)
def test_wrong_keywords_are_refused(keywords: dict[str, object], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        small(**keywords)
