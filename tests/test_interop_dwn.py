"""DWN's models (arXiv:2410.11112), written out naively here, since its package runs only on CUDA."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bitlogic.inference import PackedLogicNet
from bitlogic.interop import DWNFacts, InputGrid, from_dwn


class LearnableMapping(nn.Module):
    """The published mapping: each slot reads its input of highest weight."""

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.rand(input_size, output_size))
        self.tau = 0.002


class LUTLayer(nn.Module):
    """The published layer: slot l is bit l of the address, entries above 0 are ones."""

    def __init__(self, input_size: int, output_size: int, n: int, *, learnable: bool = False, ste: bool = True) -> None:
        super().__init__()
        self.input_size, self.output_size, self.n, self.ste = input_size, output_size, n, ste
        self.alpha, self.beta = torch.tensor(0.5 * 0.75 ** (n - 1)), torch.tensor(0.25 / 0.75)
        if learnable:
            self.mapping: nn.Module | nn.Parameter = LearnableMapping(input_size, output_size * n)
            dummy = torch.arange(output_size * n).reshape(output_size, n)
            self.register_parameter("_LUTLayer__dummy_mapping", nn.Parameter(dummy, requires_grad=False))
        else:
            drawn = torch.randint(input_size, (output_size, n), dtype=torch.int32)
            self.mapping = nn.Parameter(drawn, requires_grad=False)
        self.luts = nn.Parameter(2 * torch.rand(output_size, 2**n) - 1)

    def wires(self) -> Tensor:
        if isinstance(self.mapping, LearnableMapping):
            return self.mapping.weights.argmax(0).reshape(self.output_size, self.n)
        assert isinstance(self.mapping, Tensor)
        return self.mapping.long()

    def forward(self, x: Tensor) -> Tensor:
        columns = []
        for lut, wires in zip(self.luts, self.wires(), strict=True):
            address = sum((x[:, wire] > 0).long() << slot for slot, wire in enumerate(wires.tolist()))
            columns.append(lut[address])
        out = torch.stack(columns, 1)
        return (out > 0).float() if self.ste else out


class STE(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).float()


class GroupSum(nn.Module):
    """The published head: a permutation, zeros until the classes divide the inputs, sums."""

    def __init__(self, k: int, tau: float = 1.0, randperm: int = 0) -> None:
        super().__init__()
        self.k, self.tau = k, tau
        self.randperm = torch.randperm(randperm) if randperm else None

    def forward(self, x: Tensor) -> Tensor:
        if self.randperm is not None:
            x = x[:, self.randperm]
        width = math.ceil(x.shape[1] / self.k)
        padded = torch.cat([x, x.new_zeros(len(x), width * self.k - x.shape[1])], 1)
        return torch.stack([group.sum(1) / self.tau for group in torch.split(padded, width, 1)], 1)


class DistributiveThermometer:
    """The published encoder, which is no module."""

    def __init__(self, thresholds: Tensor) -> None:
        self.thresholds = thresholds

    def binarize(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(-1) > self.thresholds).float()


def random_bits(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(1)) > 0.5).float()


def test_slot_0_is_the_lowest_bit_of_the_address() -> None:
    theirs: Any = LUTLayer(3, 1, 3)
    with torch.no_grad():
        theirs.mapping.copy_(torch.tensor([[2, 0, 1]]))
        theirs.luts.copy_(torch.tensor([[-1.0, 1, -1, -1, -1, -1, -1, -1]]))  # only slot 0, which reads input 2
    ours: Any = from_dwn(nn.Sequential(theirs))
    luts, ids = ours[0].get_luts_and_ids()
    assert luts.tolist() == [[0, 1, 0, 0, 0, 0, 0, 0]]
    assert ids.tolist() == [[1], [0], [2]], "our slot 2 is the lowest bit"
    assert ours(torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("learnable", [False, True], ids=["fixed", "learnable"])
@pytest.mark.parametrize("n", range(1, 7))
def test_a_model_of_every_rank_predicts_alike(n: int, learnable: bool) -> None:
    torch.manual_seed(n)
    theirs = nn.Sequential(
        LUTLayer(20, 30, n, learnable=learnable),
        LUTLayer(30, 26, n, learnable=learnable, ste=False),
        STE(),
        GroupSum(4, tau=1 / 0.3, randperm=26),
    )
    ours: Any = from_dwn(theirs)
    x = random_bits(200, 20)
    assert torch.equal(ours(x), theirs(x)), "26 outputs in 4 classes: permuted, and two zeros appended"
    assert ours[1].out_dim == 28
    assert torch.equal(PackedLogicNet(ours)(x), ours(x))
    if learnable:
        assert [layer.get_config()["connection_temperature"] for layer in ours[:2]] == [0.002, 0.002]
        assert all(layer.connections.weights.requires_grad for layer in ours[:2])
    output = ours.train()(x)
    assert torch.equal(output, theirs(x)), "DWN trains on bits, too"
    output.sum().backward()
    assert all(layer.parametrization.weight.grad is not None for layer in ours[:2])


@pytest.mark.parametrize("shape", [(6, 3), (3,), (1, 2, 3, 4)], ids=str)
def test_a_thermometer_becomes_the_encoder(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    thermometer = DistributiveThermometer(torch.rand(shape).sort(-1)[0])
    sample = (6,) if len(shape) < 3 else (1, 2, 3)
    layers = nn.Sequential(LUTLayer(6 * shape[-1], 20, 4), GroupSum(5))
    pixels = torch.randint(256, (200, *sample)) / 255
    expected = layers(thermometer.binarize(pixels).flatten(1))
    for given in (thermometer, thermometer.thresholds):
        ours: Any = from_dwn(layers, thermometer=given, inputs=InputGrid(shape=sample))
        assert torch.equal(ours(pixels), expected)


@pytest.mark.parametrize("learnable", [False, True], ids=["fixed", "learnable"])
def test_a_checkpoint_with_its_facts_is_the_model(learnable: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = GroupSum(4, tau=2.0, randperm=30)
    theirs = nn.Sequential(LUTLayer(20, 30, 3, learnable=learnable), LUTLayer(30, 30, 2), head)
    torch.save(theirs.state_dict(), tmp_path / "golden.pt")
    state = torch.load(tmp_path / "golden.pt", weights_only=True)
    facts = DWNFacts(in_dim=20, num_classes=4, tau=2.0, permutation=head.randperm)
    x = random_bits(200, 20)
    assert torch.equal(from_dwn(state, facts=facts)(x), theirs(x))


def test_what_cannot_be_imported_is_one_clear_error() -> None:
    torch.manual_seed(0)
    layer = LUTLayer(20, 30, 3)
    facts = DWNFacts(in_dim=20, num_classes=4)
    with pytest.raises(ValueError, match="needs facts=DWNFacts"):
        from_dwn(layer.state_dict())
    with pytest.raises(TypeError, match=r"holds bias; known: luts"):
        from_dwn({"bias": torch.zeros(3)}, facts=facts)
    with pytest.raises(TypeError, match="only luts"):
        from_dwn({"0.luts": torch.zeros(3, 4)}, facts=facts)
    with pytest.raises(TypeError, match="facts are for a state_dict"):
        from_dwn(nn.Sequential(layer), facts=facts)
    with pytest.raises(TypeError, match="there is none"):
        from_dwn(nn.Sequential(layer), inputs=InputGrid())
    with pytest.raises(ValueError, match="adds up the real outputs"):
        from_dwn(nn.Sequential(LUTLayer(20, 30, 3, ste=False), GroupSum(5)))
    with pytest.raises(TypeError, match=r"module 0 \(GroupSum\) does not follow a LUTLayer"):
        from_dwn(nn.Sequential(GroupSum(5)))
    with pytest.raises(ValueError, match="permutes 40 inputs"):
        from_dwn(nn.Sequential(layer, GroupSum(5, randperm=40)))
    with pytest.raises(ValueError, match="rank"):
        from_dwn(nn.Sequential(LUTLayer(20, 3, 7)))
    layer.alpha = torch.tensor(1.0)
    with pytest.warns(UserWarning, match="further training uses 0.28"):
        from_dwn(nn.Sequential(layer))
