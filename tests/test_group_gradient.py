"""The gradient that a head hands to LUTs without writing it out: the same as the one that is written."""

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bitlogic.heads import GroupSum, group_sums
from bitlogic.kernels import describe, native, native_available, repeated
from bitlogic.kernels.repeated import RepeatedRows, compact
from bitlogic.layers import LogicDense

WAYS: list[dict[str, Any]] = [
    {"parametrization": "light", "lut_rank": 4},
    {"parametrization": "difflogic"},
    {"parametrization": "dwn", "lut_rank": 3},
    {"parametrization": "light", "connections": "learnable", "num_candidates": 3},
    {"parametrization": "light", "connections": "learnable"},
]


@pytest.fixture(params=["native", "blocks"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test on each path of the kernels."""
    if request.param == "blocks":
        monkeypatch.setattr(native, "serves", lambda signals: False)
    elif not native_available():
        pytest.skip(describe())
    return str(request.param)


@pytest.fixture
def never_written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Fails the test where the gradient is written out, or is not one of rows at all; counts those of rows."""
    made: list[int] = []
    new = RepeatedRows.__new__

    def count(cls: type, rows: Tensor, repeats: int, *, transposed: bool = False) -> RepeatedRows:
        made.append(repeats)
        return new(cls, rows, repeats, transposed=transposed)

    def refuse(given: RepeatedRows) -> Tensor:
        raise AssertionError("the gradient is written out")

    monkeypatch.setattr(RepeatedRows, "__new__", staticmethod(count))
    monkeypatch.setattr(repeated, "_write", refuse)
    yield made
    assert made


def network(**options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    first, last = LogicDense(40, 90), LogicDense(90, 700, **options)
    return nn.Sequential(first, last, GroupSum(7, tau=3.0, beta=0.5))


def batch(size: int = 200) -> Tensor:
    return (torch.rand(size, 40, generator=torch.Generator().manual_seed(1)) > 0.5).float()


def loss(scores: Tensor) -> Tensor:
    return nn.functional.cross_entropy(scores, torch.arange(len(scores)) % scores.shape[1])


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def written_gradients(
    monkeypatch: pytest.MonkeyPatch, model: nn.Module, run: Callable[[nn.Module], Any]
) -> list[Tensor]:
    """What a run leaves in a copy of the model where GroupSum is torch's own sum."""
    twin = copy.deepcopy(model)
    with monkeypatch.context() as patch:
        patch.setattr(group_sums, "_FEW_ELEMENTS", 2**60)
        run(twin)
    return gradients(twin)


def step(model: nn.Module) -> None:
    loss(model(batch())).backward()  # type: ignore[no-untyped-call]


def assert_equal(ours: list[Tensor], expected: list[Tensor]) -> None:
    assert len(ours) == len(expected) > 0
    assert all(type(one) is Tensor and torch.equal(one, other) for one, other in zip(ours, expected, strict=True))


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_step_is_the_same_and_writes_no_gradient_of_bits(
    path: str, options: dict[str, Any], never_written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(**options)
    expected = written_gradients(monkeypatch, model, step)
    assert not never_written
    step(model)
    assert_equal(gradients(model), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_are_the_same(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()

    def run(given: nn.Module) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            value = loss(given(batch().to(torch.float64 if dtype == torch.float64 else torch.float32)))
        value.backward()  # type: ignore[no-untyped-call]

    if dtype == torch.float64:
        model.double()
    expected = written_gradients(monkeypatch, model, run)
    run(model)
    assert_equal(gradients(model), expected)


def test_gradcheck_through_a_layer_and_a_head(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_sums, "_FEW_ELEMENTS", 0)
    layer, head = LogicDense(6, 12, lut_rank=3).double(), GroupSum(3, tau=2.0, beta=1.0)
    x = torch.rand(4, 6, dtype=torch.float64).requires_grad_()
    torch.autograd.gradcheck(lambda given: head(layer(given)), x)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (2, 3, 6)])
def test_gradcheck_of_a_head_alone(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, dtype=torch.float64).requires_grad_()
    torch.autograd.gradcheck(lambda given: GroupSum(3, tau=2.0)(given if shape[-1] == 6 else given.t()), x)
    torch.autograd.gradgradcheck(lambda given: GroupSum(3, tau=2.0)(given if shape[-1] == 6 else given.t()), x)


def seen_by_hook(model: nn.Module, found: list[Tensor], change: Callable[[Tensor], Tensor | None]) -> None:
    assert isinstance(model, nn.Sequential)
    bits = model[:2](batch())

    def hook(grad: Tensor) -> Tensor | None:
        found.append(grad.clone())
        return change(grad)

    bits.register_hook(hook)
    loss(model[2](bits)).backward()  # type: ignore[no-untyped-call]


def _zero_a_column(grad: Tensor) -> None:
    grad[:, 5] = 0


CHANGES: dict[str, Callable[[Tensor], Tensor | None]] = {
    "none": lambda grad: None,
    "a new tensor": lambda grad: grad * torch.arange(700),
    "in place": lambda grad: grad.mul_(torch.arange(700)),
    "in place, not returned": lambda grad: _zero_a_column(grad),
    "numpy": lambda grad: torch.from_numpy(grad.numpy() * 3),
    "pickle": lambda grad: torch.load(_saved(grad)),
}


def _saved(grad: Tensor) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(grad, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", CHANGES)
def test_a_hook_on_the_bits_sees_and_changes_the_gradient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    theirs: list[Tensor] = []
    ours: list[Tensor] = []
    expected = written_gradients(monkeypatch, model, lambda twin: seen_by_hook(twin, theirs, CHANGES[name]))
    seen_by_hook(model, ours, CHANGES[name])
    assert_equal(ours, theirs)
    assert_equal(gradients(model), expected)


def other_consumers(model: nn.Module) -> list[Tensor]:
    """The gradient of bits that are kept, used twice and asked for, over two passes."""
    assert isinstance(model, nn.Sequential)
    found: list[Tensor] = []
    for _ in range(2):
        bits = model[:2](batch())
        bits.retain_grad()
        value = loss(model[2](bits)) + bits.square().mean()
        found += torch.autograd.grad(value, [bits, *model.parameters()], retain_graph=True)
        value.backward()
        assert bits.grad is not None
        found.append(bits.grad)
    return found


def test_other_uses_of_the_bits_see_plain_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    theirs: list[Tensor] = []
    expected = written_gradients(monkeypatch, model, lambda twin: theirs.extend(other_consumers(twin)))
    assert_equal(other_consumers(model), theirs)
    assert_equal(gradients(model), expected)


def test_the_gradient_of_bits_alone_behaves_as_a_tensor() -> None:
    model = network()
    bits = model[:2](batch())
    bits.retain_grad()
    value = loss(model[2](bits))
    (grad,) = torch.autograd.grad(value, [bits], retain_graph=True)
    value.backward()  # type: ignore[no-untyped-call]
    for given in (grad, bits.grad):
        assert isinstance(given, Tensor) and given.shape == (200, 700)
        plain = given.clone()
        assert type(plain) is Tensor and torch.equal(given + 0, plain) and given.tolist() == plain.tolist()
        assert torch.equal(copy.deepcopy(given), plain) and repr(given).startswith("tensor(")


@pytest.mark.filterwarnings("ignore:Using backward")
def test_anomaly_detection_and_create_graph_work() -> None:
    model, twin = network(), network()
    with torch.autograd.set_detect_anomaly(True):
        step(model)
    loss(twin(batch())).backward(create_graph=True)  # type: ignore[no-untyped-call]
    assert all(torch.equal(one, other) for one, other in zip(gradients(model), gradients(twin), strict=True))


def test_checkpointed_layers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()

    def run(given: nn.Module) -> None:
        assert isinstance(given, nn.Sequential)
        scores = torch.utils.checkpoint.checkpoint(given, batch(), use_reentrant=False)
        loss(scores).backward()  # type: ignore[no-untyped-call]

    expected = written_gradients(monkeypatch, model, step)
    run(model)
    assert_equal(gradients(model), expected)


def test_a_compiled_model_is_one_graph_with_the_same_gradients() -> None:
    model = network()
    twin = copy.deepcopy(model)
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    loss(compiled(batch())).backward()  # type: ignore[no-untyped-call]
    step(model)
    for ours, theirs in zip(gradients(twin), gradients(model), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-9)


def test_a_training_model_is_exported() -> None:
    model = network()
    exported = torch.export.export(model, (batch(),)).module()
    assert torch.equal(exported(batch()), model(batch()))


def test_rows_are_the_repeated_tensor() -> None:
    rows = torch.rand(3, 5)
    plain = rows.repeat_interleave(4, 0)
    for made, expected in ((RepeatedRows(rows, 4), plain), (RepeatedRows(rows, 4, transposed=True), plain.t())):
        assert torch.equal(made.clone(), expected)
        assert made.shape == expected.shape and made.stride() == expected.stride() and made.numpy().shape == made.shape
    assert compact(RepeatedRows(rows, 4)) is rows
    assert compact(rows) is rows
    assert torch.equal(compact(RepeatedRows(rows, 4, transposed=True)), plain.t())
    changed = RepeatedRows(rows, 4)
    changed.mul_(2)
    assert torch.equal(compact(changed), 2 * plain)
