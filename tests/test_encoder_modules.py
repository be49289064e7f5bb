"""Encoders as modules: configuration and state, files, dtypes, devices, memory layout, and the compiler."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

import bitlogic
from bitlogic.encoders import ENCODERS, Thermometer, setup_encoder


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("input_bits", [0, 8])
def test_config_and_state_dict_rebuild_an_encoder(name: str, input_bits: int) -> None:
    x = torch.randn(30, 2, 3, generator=torch.Generator().manual_seed(0))
    encoder = setup_encoder(name, num_bits=4, input_bits=input_bits).fit(x).eval()
    config = json.loads(json.dumps(encoder.get_config()))
    again = type(encoder)(**config).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(x), encoder(x))
    assert again.get_config() == config
    refitted = type(encoder)(**config).fit(torch.rand(9, 4, 1)).eval()
    refitted.load_state_dict(encoder.state_dict())
    assert refitted.comparators().input_shape == (2, 3)
    for copied in (copy.deepcopy(encoder), refitted):
        assert torch.equal(copied(x), encoder(x))
        for name_, value in encoder.state_dict().items():
            assert torch.equal(copied.state_dict()[name_], value)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_file_brings_back_an_encoder_and_what_it_fitted(name: str, suffix: str, tmp_path: Path) -> None:
    x = torch.randn(30, 2, 3, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(setup_encoder(name, num_bits=4).fit(x), nn.Flatten()).eval()
    bitlogic.save(model, tmp_path / f"model{suffix}")
    again = bitlogic.load(tmp_path / f"model{suffix}")
    assert torch.equal(again(x), model(x))
    assert dict(again.named_parameters()).keys() == dict(model.named_parameters()).keys()


def test_a_state_of_another_width_is_refused() -> None:
    state = Thermometer(4).fit(torch.rand(4, 3)).state_dict()
    with pytest.raises(RuntimeError, match="4 thresholds for each value, not 5"):
        Thermometer(5).load_state_dict(state)
    with pytest.raises(RuntimeError, match="integer_thresholds"):
        Thermometer(4, input_bits=0).load_state_dict(state)


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("cast", ["half", "bfloat16", "double"])
def test_casting_a_model_leaves_the_thresholds_in_float32(name: str, cast: str) -> None:
    x = torch.rand(64, 3, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(setup_encoder(name, num_bits=4).fit(x)).eval()
    expected, state = model(x), {key: value.clone() for key, value in model.state_dict().items()}
    getattr(model, cast)()
    assert torch.equal(model(x), expected)
    for key, value in model.state_dict().items():
        assert value.dtype == state[key].dtype and torch.equal(value, state[key])


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_dtype_is_compared_as_float32_and_gives_the_floating_dtype_back(name: str) -> None:
    x = torch.randn(64, 2, 3, generator=torch.Generator().manual_seed(0)) * 5
    encoder = setup_encoder(name, num_bits=4).fit(x).eval()
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.uint8, torch.int16, torch.bool):
        given = x.to(dtype)
        bits = encoder(given)
        assert bits.dtype == (dtype if dtype.is_floating_point else torch.float32)
        assert torch.equal(bits.float(), encoder(given.float()))
        assert torch.equal(encoder.bits(given).float(), bits.float())
    assert encoder(torch.rand(4, 2, 3, requires_grad=True)).requires_grad is False


def test_the_samples_of_a_bit_stand_together_in_memory() -> None:
    x = torch.rand(8, 2, 3, 4)
    bits = Thermometer(5).fit(x)(x)
    signals = bits.flatten(1)
    assert signals.data_ptr() == bits.data_ptr()
    assert signals.t().is_contiguous()


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("training", [False, True])
def test_an_encoder_compiles_into_one_graph(name: str, training: bool) -> None:
    x = torch.rand(16, 2, 3, generator=torch.Generator().manual_seed(0))
    encoder = setup_encoder(name, num_bits=3).fit(x).train(training)
    torch.compiler.reset()
    compiled = torch.compile(encoder, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), encoder(x))


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_an_encoder_exports_for_any_batch(name: str) -> None:
    x = torch.rand(16, 2, 3, generator=torch.Generator().manual_seed(0))
    encoder = setup_encoder(name, num_bits=3).fit(x).eval()
    program = torch.export.export(encoder, (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    assert torch.equal(program.module()(x[:5]), encoder(x[:5]))


@pytest.mark.cuda
@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_the_bits_are_the_same_on_cuda(name: str) -> None:
    x = torch.rand(64, 2, 3, generator=torch.Generator().manual_seed(0))
    encoder = setup_encoder(name, num_bits=4).fit(x).eval()
    expected = encoder(x)
    encoder.to("cuda")
    assert torch.equal(encoder(x.cuda()).cpu(), expected)
