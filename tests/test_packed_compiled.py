"""PackedLogicNet behind torch.compile: the same integers, and a new batch size compiles nothing."""

import copy
import io
import warnings

import pytest
import torch
from torch import Tensor, nn

from bitlogic import GroupSum, LogicDense, PackedLogicNet, Thermometer
from bitlogic.inference import PackBitsTensor
from bitlogic.kernels import use_native
from tests.models import conv_model


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense(in_dim: int, out_dim: int, rank: int) -> LogicDense:
    return LogicDense(in_dim, out_dim, lut_rank=rank, weight_init="random", generator=seeded(out_dim))


def image_model(rank: int = 4) -> nn.Sequential:
    x = images(100)
    layers = dense(60, 50, rank), dense(50, 40, rank)
    return nn.Sequential(Thermometer(3).fit(x), nn.Flatten(), *layers, GroupSum(5, tau=3.7, beta=-0.3)).eval()


def images(num_samples: int) -> Tensor:
    return torch.rand(num_samples, 1, 4, 5, generator=seeded(num_samples))


def traced(model: nn.Module) -> PackedLogicNet:
    """Packed and compiled into a graph that torch runs operator by operator: without the minutes of a C++ compiler."""
    packed = PackedLogicNet(model)
    packed.compile(backend="eager")
    return packed


@pytest.mark.cc
@pytest.mark.slow
@pytest.mark.parametrize("rank", [2, 4])
def test_compiled_code_gives_the_integers_of_eval(rank: int) -> None:
    model = image_model(rank)
    packed = PackedLogicNet(model, compile=True)
    for num_samples in (70, 512):
        assert torch.equal(packed(images(num_samples)), model(images(num_samples)))


@pytest.mark.parametrize("form", ["images", "bits", "words"])
def test_any_batch_runs_in_blocks_of_four_sizes(form: str) -> None:
    model = image_model()
    packed, plain = traced(model), PackedLogicNet(model)
    with use_native(False):
        for num_samples in (0, 1, 63, 64, 65, 200, 512, 513, 5000, 5001, 2):
            x: Tensor | PackBitsTensor = images(num_samples)
            expected, of_bits = plain.scores(x), form == "bits"
            if form == "bits":
                x = model[:2](x) == 1
            if form == "words":
                x = PackBitsTensor.pack(model[:2](x))
            assert torch.equal(packed.scores(x, ready_bits=of_bits), expected)
            assert torch.equal(packed.class_ids(x, ready_bits=of_bits), plain.class_ids(images(num_samples)))
    assert packed._compiled.keys() == ({"pack True", "outputs"} if form == "bits" else {"outputs"})
    for blocks in packed._compiled.values():
        unit = 64 if blocks.axis == 0 else 1
        assert sorted(shape[blocks.axis] for shape, *_ in blocks.compiled) == [unit, 8 * unit, 32 * unit, 128 * unit]


@pytest.mark.parametrize("seed", range(2))
def test_images_compile(seed: int) -> None:
    model = conv_model(seed)
    x = torch.rand(130, 1, 7, 7, generator=seeded(seed))
    assert torch.equal(traced(model)(x), model(x))


def test_a_model_without_a_head_compiles() -> None:
    model = image_model()[:3]
    assert torch.equal(traced(model)(images(70)), model(images(70)))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float64])
def test_ready_bits_compile_and_other_values_are_refused(dtype: torch.dtype) -> None:
    packed, plain = traced(image_model()), PackedLogicNet(image_model())
    bits = torch.rand(70, 60, generator=seeded(0)) > 0.5
    assert torch.equal(packed.scores(bits.to(dtype), ready_bits=True), plain.scores(bits, ready_bits=True))
    if dtype != torch.bool:
        with pytest.raises(ValueError, match="neither 0 nor 1"):
            packed(bits.to(dtype) * 2, ready_bits=True)


def test_input_that_is_not_contiguous_or_not_aligned_compiles() -> None:
    model = nn.Sequential(dense(16, 20, 2), GroupSum(4)).eval()
    bits = torch.rand(16, 130, generator=seeded(0)) > 0.5
    shifted = torch.cat([bits.new_zeros(1), bits.T.flatten()])[1:].view(130, 16)
    for net in (PackedLogicNet(model), traced(model)):
        assert torch.equal(net(bits.T), model(bits.T.float()))
        assert torch.equal(net(shifted), model(bits.T.float()))


@pytest.mark.parametrize("rank", range(1, 5))
def test_words_in_either_order_of_memory_compile(rank: int) -> None:
    layer = dense(30, 40, rank).eval()
    words = torch.randint(-(2**62), 2**62, (3, 30), generator=seeded(rank)).T
    expected = layer(PackBitsTensor(words.contiguous(), 192)).words
    compiled = torch.compile(lambda some: layer(PackBitsTensor(some, 192)).words, backend="aot_eager")
    assert torch.equal(compiled(words), expected)


def test_a_copy_compiles_for_itself_and_state_and_pickles_know_nothing_of_it() -> None:
    model = image_model()
    packed = traced(model)
    x = images(70)
    expected = packed(x)
    twin = copy.deepcopy(packed)
    assert not twin._compiled
    assert torch.equal(twin(x), expected)
    twin.layers[0].constants.bitwise_not_()  # type: ignore[operator]
    assert not torch.equal(twin(x), expected)
    assert torch.equal(packed(x), expected)
    assert packed.state_dict().keys() == PackedLogicNet(model).state_dict().keys()
    torch.save(packed, io.BytesIO())


def test_rows_that_are_not_there_are_refused_before_code_relies_on_them() -> None:
    packed = traced(conv_model(0))
    state = {name: value.clone() for name, value in packed.state_dict().items()}
    x = torch.rand(70, 1, 7, 7, generator=seeded(0))
    expected = packed(x)
    names = [name for name in state if name.endswith((".rows", ".ids"))]
    assert len(names) > 1
    for name in names:
        packed.load_state_dict({**state, name: state[name].clone().fill_(10**6)})
        with pytest.raises(ValueError, match="reads row 1000000"):
            packed(x)
    packed.load_state_dict(state)
    assert torch.equal(packed(x), expected)


def test_torch_compile_makes_one_graph_of_it() -> None:
    model = image_model()
    whole = torch.compile(PackedLogicNet(model), backend="eager", fullgraph=True)
    for num_samples in (70, 64, 130, 200):
        assert torch.equal(whole(images(num_samples)), model(images(num_samples)))
    bits = torch.rand(70, 60, generator=seeded(0)) > 0.5
    expected = PackedLogicNet(model)(bits, ready_bits=True)
    assert torch.equal(whole(bits.float(), ready_bits=True), expected)


def test_without_a_compiler_it_warns_once_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    model = image_model()
    packed = PackedLogicNet(model, compile=True)
    with pytest.warns(UserWarning, match="no-such-compiler is not there") as caught:
        assert torch.equal(packed(images(70)), model(images(70)))
    assert "\n" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(packed(images(70)), model(images(70)))


def test_options_come_as_keywords() -> None:
    with pytest.raises(TypeError, match="keywords"):
        PackedLogicNet(image_model()).compile("inductor")
