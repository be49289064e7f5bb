"""difflogic's models (arXiv:2210.08277), written out naively here, since its package installs only beside CUDA."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bitlogic.inference import PackedLogicNet
from bitlogic.interop import DiffLogicFacts, from_difflogic


class LogicLayer(nn.Module):
    """The published layer: a distribution over sixteen functions, the most likely one in evaluation."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.in_dim, self.out_dim, self.grad_factor = in_dim, out_dim, 2.0
        self.weights = nn.Parameter(torch.randn(out_dim, 16))
        self.indices = (torch.randint(in_dim, (out_dim,)), torch.randint(in_dim, (out_dim,)))

    def forward(self, x: Tensor) -> Tensor:
        columns = []
        for neuron in range(self.out_dim):
            a, b = x[:, self.indices[0][neuron]], x[:, self.indices[1][neuron]]
            values = torch.stack([function(a, b) for function in FUNCTIONS])
            shares = torch.softmax(self.weights[neuron], 0)
            best = int(self.weights[neuron].argmax())
            columns.append((shares[:, None] * values).sum(0) if self.training else values[best])
        return torch.stack(columns, 1)


class GroupSum(nn.Module):
    """The published head."""

    def __init__(self, k: int, tau: float) -> None:
        super().__init__()
        self.k, self.tau = k, tau

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([group.sum(1) / self.tau for group in x.chunk(self.k, 1)], 1)


# The paper's table 1, in its order.
FUNCTIONS: list[Callable[[Tensor, Tensor], Tensor]] = [
    lambda a, b: torch.zeros_like(a),
    lambda a, b: a * b,
    lambda a, b: a * (1 - b),
    lambda a, b: a,
    lambda a, b: (1 - a) * b,
    lambda a, b: b,
    lambda a, b: a * (1 - b) + (1 - a) * b,
    lambda a, b: 1 - (1 - a) * (1 - b),
    lambda a, b: (1 - a) * (1 - b),
    lambda a, b: a * b + (1 - a) * (1 - b),
    lambda a, b: 1 - b,
    lambda a, b: 1 - (1 - a) * b,
    lambda a, b: 1 - a,
    lambda a, b: 1 - a * (1 - b),
    lambda a, b: 1 - a * b,
    lambda a, b: torch.ones_like(a),
]


def published(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), LogicLayer(20, 40), LogicLayer(40, 30), GroupSum(5, tau=3.0))


def random_bits(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(1)) > 0.5).float()


def test_all_sixteen_functions_keep_their_numbers() -> None:
    theirs: Any = LogicLayer(2, 16).eval()
    theirs.indices = (torch.zeros(16, dtype=torch.int64), torch.ones(16, dtype=torch.int64))
    with torch.no_grad():
        theirs.weights.copy_(torch.eye(16))
    ours: Any = from_difflogic(nn.Sequential(theirs))
    assert ours[0].get_lut_ids().tolist() == list(range(16))
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert torch.equal(ours(corners), theirs(corners))


@pytest.mark.parametrize("seed", range(3))
def test_a_model_predicts_and_trains_alike(seed: int) -> None:
    theirs = published(seed)
    ours: Any = from_difflogic(theirs)
    x = random_bits(200, 4, 5)
    assert torch.equal(ours(x), theirs.eval()(x))
    assert torch.equal(PackedLogicNet(ours)(x), ours(x))
    torch.testing.assert_close(ours.train()(x), theirs.train()(x))
    assert [layer.grad_factor for layer in ours[1:3]] == [2.0, 2.0]


def test_a_checkpoint_with_its_wiring_is_the_model(tmp_path: Path) -> None:
    theirs = published()
    torch.save(theirs.state_dict(), tmp_path / "golden.pt")
    state = torch.load(tmp_path / "golden.pt", weights_only=True)
    facts = DiffLogicFacts(20, [layer.indices for layer in theirs[1:3]], num_classes=5, tau=3.0)
    x = random_bits(200, 20)
    assert torch.equal(from_difflogic(state, facts=facts)(x), theirs.eval()(x))


def test_what_cannot_be_imported_is_one_clear_error() -> None:
    theirs = published()
    with pytest.raises(ValueError, match="holds no wiring: give facts"):
        from_difflogic(theirs.state_dict())
    facts = DiffLogicFacts(20, [theirs[1].indices], num_classes=5)
    with pytest.raises(ValueError, match="2 layers, the facts indices of 1"):
        from_difflogic(theirs.state_dict(), facts=facts)
    with pytest.raises(TypeError, match=r"holds 0\.bias"):
        from_difflogic({"0.bias": torch.zeros(3)}, facts=facts)
    with pytest.raises(TypeError, match="facts are for a state_dict"):
        from_difflogic(theirs, facts=facts)
    with pytest.raises(TypeError, match=r"module 4 \(Tanh\) cannot be imported; known: LogicLayer, GroupSum"):
        from_difflogic(nn.Sequential(*theirs, nn.Tanh()))
