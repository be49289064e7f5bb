"""compile_model: the same numbers, one state, and a clear error for what the machine cannot do."""

import copy
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bitlogic import GroupSum, LogicDense
from bitlogic.compile import MODES, CompiledModel, compile_model
from bitlogic.errors import MissingToolError
from bitlogic.heads import GroupedDSP


def tiny_model() -> nn.Sequential:
    layer = LogicDense(8, 12, lut_rank=2, weight_init="random", generator=torch.Generator().manual_seed(0))
    return nn.Sequential(layer, GroupedDSP(3, tau=2.0))


def bits(seed: int = 0) -> Tensor:
    return (torch.rand(20, 8, generator=torch.Generator().manual_seed(seed)) > 0.5).float()


@pytest.mark.slow
@pytest.mark.cc
def test_the_compiled_model_trains_the_model_and_evaluates_like_it() -> None:
    model = tiny_model()
    compiled = compile_model(model)
    expected = copy.deepcopy(model)
    for net in (compiled, expected):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        nn.functional.cross_entropy(net(bits()), torch.arange(20) % 3).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for ours, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    compiled.eval()
    assert not model.training
    with torch.no_grad():
        assert torch.equal(compiled(bits(1)), model(bits(1)))


@pytest.mark.parametrize("mode", [False, "default"])
def test_the_state_is_the_models_own(mode: str | bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda run, **options: run)
    model = tiny_model()
    names, modules = set(vars(model)), dict(model.named_modules())
    compiled = compile_model(model, mode=mode)
    assert compiled.training
    assert [id(p) for p in compiled.parameters()] == [id(p) for p in model.parameters()]
    assert torch.equal(compiled(bits()), model(bits()))
    assert not compiled.eval().model.training and model(bits()).equal(compiled(bits()))
    assert (set(vars(model)), dict(model.named_modules())) == (names, modules)
    assert model.state_dict().keys() == {name.removeprefix("model.") for name in compiled.state_dict()}


@pytest.mark.parametrize("mode", [False, "default"])
def test_a_copy_is_independent(mode: str | bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda run, **options: run)
    compiled = compile_model(tiny_model(), mode=mode, amp_dtype=torch.bfloat16).eval()
    before = compiled(bits())
    for other in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert isinstance(other, CompiledModel) and other.options == compiled.options
        assert not other.training and not other.model.training
        assert torch.equal(other(bits()), before)
        with torch.no_grad():
            other.model[1].weight.neg_()  # type: ignore[index]
        assert not torch.equal(other(bits()), before)
        assert torch.equal(compiled(bits()), before)


@pytest.mark.parametrize(
    ("mode", "passed"), [(True, "reduce-overhead"), ("max-autotune", "max-autotune"), ("default", "default")]
)
def test_torch_compile_gets_what_was_asked_for(mode: str | bool, passed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}
    monkeypatch.setattr(torch, "compile", lambda run, **options: seen.update(options) or run)
    compile_model(tiny_model(), mode=mode, dynamic=True, fullgraph=True)
    assert seen == {"mode": passed, "dynamic": True, "fullgraph": True}


def test_false_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert compile_model(tiny_model(), mode=False)(bits()).shape == (20, 3)


def test_more_models_than_torch_keeps_compilations_of_one_function_are_all_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graphs: list[torch.fx.GraphModule] = []
    compile_with = torch.compile

    def count(graph: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", lambda run, **_: compile_with(run, backend=count))
    for width in range(1, 11):
        compile_model(nn.Sequential(nn.Linear(3, width)))(torch.zeros(2, 3))
    assert len(graphs) == 10


class _Dtypes(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, torch.dtype]:
        return x, (x @ x.T).dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_is_on_inside_and_off_outside(dtype: torch.dtype) -> None:
    compiled = compile_model(_Dtypes(), mode=False, amp_dtype=dtype)
    assert compiled(bits())[1] == dtype
    assert (bits() @ bits().T).dtype == torch.float32
    assert compile_model(_Dtypes(), mode=False)(bits())[1] == torch.float32


def test_evaluation_under_autocast_is_bit_for_bit_the_same() -> None:
    model = nn.Sequential(LogicDense(8, 1200, lut_rank=4, connections="learnable"), GroupedDSP(4, tau=2.0)).eval()
    assert torch.equal(compile_model(model, mode=False, amp_dtype=torch.bfloat16)(bits()), model(bits()))
    model = nn.Sequential(model[0], GroupSum(1)).eval()
    assert torch.equal(compile_model(model, mode=False, amp_dtype=torch.bfloat16)(bits()), model(bits()))


@pytest.mark.parametrize("mode", ["fast", "", "reduce_overhead", None, 1])
def test_an_unknown_mode_is_refused_with_the_choices(mode: object) -> None:
    with pytest.raises(ValueError, match=f"unknown mode {mode!r}; choices: {', '.join(MODES)}"):
        compile_model(tiny_model(), mode=mode)  # type: ignore[arg-type]


def test_an_amp_dtype_or_a_device_that_is_not_there_is_refused() -> None:
    for dtype in (torch.float32, torch.float64, torch.int8):
        with pytest.raises(ValueError, match=r"amp_dtype is torch\.bfloat16, torch\.float16 or None"):
            compile_model(tiny_model(), mode=False, amp_dtype=dtype)
    with pytest.raises(ValueError, match="unknown device_type 'abacus'"):
        compile_model(tiny_model(), device_type="abacus")
    with pytest.raises(ValueError, match=r"the device 'meta' has no amp_dtype torch\.bfloat16"):
        compile_model(tiny_model(), mode=False, amp_dtype=torch.bfloat16, device_type="meta")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_autocast_on_a_missing_cuda_device_is_refused_where_torch_only_warns() -> None:
    with pytest.raises(ValueError, match="the device 'cuda' has no amp_dtype"):
        compile_model(tiny_model(), mode=False, amp_dtype=torch.float16, device_type="cuda")


def test_the_device_is_the_models_own() -> None:
    assert compile_model(tiny_model(), mode=False).options.device_type == "cpu"
    assert compile_model(tiny_model().to("meta"), mode=False).options.device_type == "meta"
    assert compile_model(nn.Identity(), mode=False).options.device_type == "cpu"


def test_a_missing_compiler_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(MissingToolError, match=r"C\+\+ compiler .* mode=False") as caught:
        compile_model(tiny_model())
    assert "\n" not in str(caught.value)
