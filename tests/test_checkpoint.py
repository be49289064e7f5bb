"""save and load: the same model again, and what a file that is none says."""

import json
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import bitlogic
from bitlogic import DistributiveThermometer, FeedForward, GroupSum, LogicDense, PackedLogicNet, Thermometer
from bitlogic.checkpoint import VERSION
from bitlogic.errors import FormatError, MissingToolError

X = torch.rand(100, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def make(parametrization: str = "light", connections: str = "learnable", rank: int = 4) -> nn.Sequential:
    keywords: dict[str, Any] = {"parametrization": parametrization, "connections": connections, "lut_rank": rank}
    return nn.Sequential(
        DistributiveThermometer(3, distinct=True, input_bits=6).fit(X),
        nn.Flatten(),
        LogicDense(48, 40, num_candidates=5, weight_init="random", **keywords),
        nn.Identity(),
        LogicDense(40, 30, num_candidates=4, weight_init="random", temperature=0.7, grad_factor=2.0, **keywords),
        GroupSum(3, tau=1.7, beta=0.25),
    )


def assert_same(model: nn.Module, again: nn.Module) -> None:
    assert type(again) is type(model)
    assert str(again) == str(model)
    state = again.state_dict()
    assert list(state) == list(model.state_dict())
    for name, value in model.state_dict().items():
        assert state[name].dtype == value.dtype, name
        assert torch.equal(state[name], value), name
    assert torch.equal(again(X), model.eval()(X))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("connections", ["fixed", "learnable"])
@pytest.mark.parametrize(("parametrization", "rank"), [("light", 4), ("light", 6), ("warp", 3), ("difflogic", 2)])
def test_a_saved_model_comes_back(
    tmp_path: Path, suffix: str, connections: str, parametrization: str, rank: int
) -> None:
    model = make(parametrization, connections, rank)
    bitlogic.save(model, tmp_path / f"model{suffix}")
    again = bitlogic.load(tmp_path / f"model{suffix}")
    assert not again.training
    assert_same(model, again)
    assert torch.equal(PackedLogicNet(again).scores(X), PackedLogicNet(model).scores(X))
    assert [path.name for path in tmp_path.iterdir()] == [f"model{suffix}"]


def test_a_loaded_model_trains_on(tmp_path: Path) -> None:
    bitlogic.save(make(), tmp_path / "model.pt")
    model = bitlogic.load(tmp_path / "model.pt").train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model(X).sum().backward()
    optimizer.step()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_feedforward_nests_and_names_come_back(tmp_path: Path) -> None:
    models = [
        FeedForward(fit_samples=X, num_classes=2, layer_width=40, tau=3.0, encoder="thermometer"),
        nn.Sequential(OrderedDict(front=make()[:2], back=nn.Sequential(OrderedDict(lut=make()[2])))),
        nn.Sequential(Thermometer(2, encode_axis=-1, fit_axes=(2, 3), input_bits=0).fit(X), nn.Flatten(1, -1)),
    ]
    for model in models:
        bitlogic.save(model, tmp_path / "model.pt")
        assert_same(model, bitlogic.load(tmp_path / "model.pt"))


def test_explicit_connections_and_double_weights_come_back(tmp_path: Path) -> None:
    ids = torch.randint(0, 48, (2, 9), generator=torch.Generator().manual_seed(1))
    model = nn.Sequential(Thermometer(3).fit(X), nn.Flatten(), LogicDense(48, 9, init_method=ids)).double()
    for suffix in (".pt", ".safetensors"):
        bitlogic.save(model, tmp_path / f"model{suffix}")
        again = bitlogic.load(tmp_path / f"model{suffix}")
        assert_same(model, again)
        layer = again[2]  # type: ignore[index]
        assert torch.equal(layer.get_luts_and_ids()[1], ids)


def test_an_unfitted_encoder_comes_back_unfitted(tmp_path: Path) -> None:
    bitlogic.save(nn.Sequential(Thermometer(2)), tmp_path / "model.pt")
    with pytest.raises(RuntimeError, match="not fitted"):
        bitlogic.load(tmp_path / "model.pt")(X)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_two_saves_have_equal_bytes(tmp_path: Path, suffix: str) -> None:
    model = make()
    for name in ("a", "b"):
        bitlogic.save(model, tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_loading_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    bitlogic.save(make(), tmp_path / "model.pt")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    bitlogic.load(tmp_path / "model.pt")
    assert torch.equal(torch.rand(3), expected)


def test_the_file_is_plain_data_with_a_json_able_config(tmp_path: Path) -> None:
    bitlogic.save(make(), tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert sorted(content) == ["config", "format", "state_dict", "version"]
    assert (content["format"], content["version"]) == ("bitlogic", VERSION)
    assert json.loads(json.dumps(content["config"])) == content["config"]
    assert all(isinstance(value, Tensor) for value in content["state_dict"].values())


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.pt"
    bitlogic.save(make(), path)
    before = path.read_bytes()

    def fail(source: object, target: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("bitlogic.checkpoint.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        bitlogic.save(make(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


class OwnSequential(nn.Sequential):
    pass


class OwnDense(LogicDense):
    pass


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(2, 2))), "module 0 of module 1 of the model is a Linear"),
        (OwnSequential(nn.Flatten()), "the model is a OwnSequential"),
        (nn.Sequential(OwnDense(4, 4)), "module 0 of the model is a OwnDense"),
    ],
)
def test_modules_that_a_file_cannot_describe_are_named(tmp_path: Path, model: nn.Module, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        bitlogic.save(model, tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def assert_refused(path: Path, reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        bitlogic.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message


def test_a_pickled_module_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    way_out = r"runs code; .*torch\.load\(path, weights_only=False\).*bitlogic\.save"
    torch.save(make(), path)
    assert_refused(path, way_out)
    torch.save({"format": "bitlogic", "version": 1, "config": {}, "state_dict": make()}, path)
    assert_refused(path, way_out)
    path.write_bytes(pickle.dumps(make()))
    assert_refused(path, way_out)


class _Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    path, touched = tmp_path / "model.pt", tmp_path / "touched"
    torch.save(_Touches(touched), path)
    assert_refused(path, "pickled")
    path.write_bytes(pickle.dumps(_Touches(touched)))
    assert_refused(path, "pickled")
    assert not touched.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_state_dict_alone_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    state = {name: value.clone() for name, value in make().state_dict().items()}
    if suffix == ".pt":
        torch.save(state, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(state, path)
    assert_refused(path, "a state_dict alone")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"P", b"PK\x03\x04", b"not a model at all", b"\x80\x02", b"\xff" * 100, b"{}"]
)
def test_files_of_other_kinds_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    assert_refused(path, "no model file|pickled")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_off_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"model{suffix}"
    bitlogic.save(make(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert_refused(path, "cut off")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": VERSION + 1}, r"version 2 is newer than this bitlogic reads \(1\)"),
        ({"version": "1"}, "version '1' does not exist"),
        ({"version": 0}, "version 0 does not exist"),
        ({"version": True}, "version True does not exist"),
        ({"format": "other"}, "no bitlogic model"),
        ({"config": {"type": "Linear", "config": {"in_features": 1}}}, "unknown module type 'Linear'"),
        ({"config": {"type": "LogicDense", "config": {"in_dim": 4}}}, "cannot be rebuilt: TypeError"),
        ({"config": {"type": "Sequential", "modules": {}}}, "cannot be rebuilt: RuntimeError"),
        ({"config": {"type": "Sequential", "modules": [1]}}, "cannot be rebuilt"),
        ({"config": 7}, "cannot be rebuilt"),
        ({"state_dict": {}}, "cannot be rebuilt"),
        ({"state_dict": None}, "cannot be rebuilt"),
    ],
)
def test_changed_contents_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = tmp_path / "model.pt"
    bitlogic.save(make(), path)
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    assert_refused(path, reason)


@pytest.mark.parametrize("value", [torch.zeros(3), [1, 2], 5, None, {}])
def test_other_data_is_refused(tmp_path: Path, value: object) -> None:
    torch.save(value, tmp_path / "model.pt")
    assert_refused(tmp_path / "model.pt", "no bitlogic model")


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    assert_refused(tmp_path / "model.pt", "no such file")


def test_missing_safetensors_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(MissingToolError, match="pip install safetensors"):
        bitlogic.save(make(), tmp_path / "model.safetensors")
