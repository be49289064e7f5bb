"""CompiledLogicNet: equal to PackedLogicNet, kept in a cache, and clear about what it does not take."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bitlogic import FeedForward, PackBitsTensor, PackedLogicNet
from bitlogic.encoders import Encoder
from bitlogic.errors import MissingToolError, OptionError, ToolError
from bitlogic.export import compilers
from bitlogic.export.compiled import CompiledLogicNet
from bitlogic.export.evaluate import evaluate
from bitlogic.export.samples import InputKind
from bitlogic.native import BuildError
from tests.nets import random_netlist, samples_for

SHAPE = (1, 5, 4)


def model(head: str = "groupsum") -> FeedForward:
    torch.manual_seed(0)
    samples = torch.rand(50, *SHAPE)
    return FeedForward(
        fit_samples=samples, num_classes=3, layer_width=60, num_bits=3, lut_rank=4, tau=3.0, head=head
    ).eval()


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for all tests of this file, so that each net is compiled once."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setenv("BITLOGIC_CACHE", str(folder))
    return folder


@pytest.mark.cc
@pytest.mark.parametrize("head", ["groupsum", "grouped_dsp"])
@pytest.mark.parametrize("num", [0, 1, 63, 65, 1030])
def test_floats_scores_and_classes_are_those_of_the_packed_net(head: str, num: int) -> None:
    trained = model(head)
    packed, compiled = PackedLogicNet(trained), CompiledLogicNet(trained)
    x = torch.rand(num, *SHAPE)
    assert torch.equal(compiled(x), packed(x)) and compiled(x).dtype == packed(x).dtype
    assert torch.equal(compiled.scores(x), packed.scores(x))
    assert torch.equal(compiled.class_ids(x), packed.class_ids(x))
    array = compiled(x.numpy())
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(array, packed(x).numpy())


@pytest.mark.cc
def test_memory_in_any_order_and_any_float_dtype_give_the_same() -> None:
    trained = model()
    packed, compiled = PackedLogicNet(trained), CompiledLogicNet(trained)
    x = torch.rand(4, 5, 1, 300).permute(3, 2, 1, 0)
    assert not x.is_contiguous()
    for given in (x, x.double(), x.half(), x[::3]):
        assert torch.equal(compiled(given), packed(given)) and compiled(given).dtype == packed(given).dtype


@pytest.mark.cc
def test_integers_of_the_grid_and_bits_behind_the_encoder_are_taken() -> None:
    trained = model()
    packed, compiled = PackedLogicNet(trained), CompiledLogicNet(trained)
    x = torch.rand(200, *SHAPE)
    expected = packed.scores(x)
    encoder = trained[0]
    assert isinstance(encoder, Encoder)
    assert torch.equal(compiled.scores(encoder.quantize(x)), expected)
    bits = encoder(x)
    for given in (bits, bits.bool(), bits.to(torch.uint8), PackBitsTensor.pack(bits.flatten(1))):
        assert torch.equal(compiled.scores(given, ready_bits=True), expected)


@pytest.mark.cc
def test_what_it_does_not_take_is_a_clear_error() -> None:
    compiled = CompiledLogicNet(model())
    with pytest.raises(ValueError, match="values; the model takes 20"):
        compiled(torch.rand(3, 1, 5, 5))
    with pytest.raises(TypeError, match="complex"):
        compiled(torch.zeros(3, *SHAPE, dtype=torch.complex64))
    with pytest.raises(TypeError, match="list"):
        compiled([[0.5] * 20])
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        compiled(np.full((3, 60), 2, dtype=np.uint8), ready_bits=True)
    narrow = CompiledLogicNet(random_netlist(0, input_bits=4), width=64)
    with pytest.raises(ValueError, match="grid, which is 0 to 15"):
        narrow(np.full((3, 6), 16, dtype=np.uint8))


@pytest.mark.cc
@pytest.mark.parametrize("width", [32, 64, 256])
def test_threads_share_a_batch_in_words_of_any_width(width: int) -> None:
    netlist = random_netlist(3, widths=(40, 40))
    samples = samples_for(netlist, InputKind.X, num=1000)
    compiled = CompiledLogicNet(netlist, optimization_level="-O1", width=width, threads=3)
    np.testing.assert_array_equal(compiled.scores(samples.values), evaluate(netlist, samples).scores)
    np.testing.assert_array_equal(compiled.class_ids(samples.values), evaluate(netlist, samples).class_ids)


@pytest.mark.cc
def test_the_program_is_compiled_once_and_again_for_other_flags(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = random_netlist(11)
    CompiledLogicNet(netlist, width=64)
    before = sorted(cache.iterdir())
    monkeypatch.setattr(compilers.Compiler, "build", None)
    CompiledLogicNet(netlist, width=64)
    assert sorted(cache.iterdir()) == before and all(path.suffix == ".so" for path in before)
    with pytest.raises(TypeError):
        CompiledLogicNet(netlist, width=64, optimization_level="-O0")


@pytest.mark.cc
@pytest.mark.parametrize("compiler", ["clang", "zig", None])
def test_other_compilers_and_the_engine_give_the_same(compiler: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if compiler is None:
        monkeypatch.delenv("BITLOGIC_CACHE")  # the engine's library takes long to build and is the same for all
    netlist = random_netlist(5)
    samples = samples_for(netlist, InputKind.X, num=300)
    try:
        compiled = CompiledLogicNet(netlist, compiler, width=64)
    except MissingToolError as error:
        pytest.skip(str(error))
    np.testing.assert_array_equal(compiled.scores(samples.values), evaluate(netlist, samples).scores)


def test_a_missing_compiler_names_what_brings_it_and_what_answers_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingToolError, match=r"gcc is not installed: apt install.*PackedLogicNet.*evaluate"):
        CompiledLogicNet(random_netlist(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compiler": "tcc"}, "compiler is one of gcc, clang, zig"),
        ({"optimization_level": "-Ofast"}, "optimization_level is one of -O0"),
        ({"threads": 0}, "threads is at least 1"),
    ],
)
def test_options_that_there_are_not_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CompiledLogicNet(random_netlist(0), **options)  # type: ignore[arg-type]


@pytest.mark.cc
def test_a_compiler_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str]) -> str:
        raise BuildError("no space left")

    monkeypatch.setattr(compilers, "run_compiler", refuse)
    with pytest.raises(ToolError, match="gcc does not run: no space left; PackedLogicNet"):
        CompiledLogicNet(random_netlist(0))
