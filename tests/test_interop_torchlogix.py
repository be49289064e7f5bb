"""Models of the installed torchlogix, imported: equal predictions, and layers that train on."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import bitlogic
from bitlogic.datasets import digits
from bitlogic.export.extract import extract
from bitlogic.export.folder import export
from bitlogic.export.reference import packed_reference
from bitlogic.export.verify import verify
from bitlogic.inference import PackedLogicNet
from bitlogic.interop import InputGrid, TorchlogixFacts, from_torchlogix
from bitlogic.interop.peer import load_torchlogix
from bitlogic.interop.torchlogix_layers import own_weight

pytestmark = pytest.mark.interop

KINDS = [("raw", 2), ("warp", 1), ("warp", 2), ("warp", 4), ("warp", 6), ("light", 2), ("light", 4), ("light", 6)]


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    return load_torchlogix()


def random_bits(*shape: int, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) > 0.5).float()


def dense(peer: ModuleType, in_dim: int, out_dim: int, kind: str, rank: int, **options: Any) -> Any:
    options = {"parametrization_kwargs": {"weight_init": "random"}, **options}
    return peer.LogicDense(in_dim, out_dim, parametrization=kind, lut_rank=rank, **options)


def two_layers(peer: ModuleType, kind: str, rank: int, **options: Any) -> Any:
    torch.manual_seed(rank)
    layers = [dense(peer, 40, 60, kind, rank, **options), dense(peer, 60, 60, kind, rank, **options)]
    return nn.Sequential(*layers, peer.GroupSum(5, tau=3.0, beta=7.0))


@pytest.mark.parametrize("connections", ["fixed", "learnable"])
@pytest.mark.parametrize(("kind", "rank"), KINDS)
def test_every_parametrization_and_rank_predicts_and_trains_alike(
    kind: str, rank: int, connections: str, peer: ModuleType
) -> None:
    options = {"connections_kwargs": {"num_candidates": 4}} if connections == "learnable" else {}
    theirs = two_layers(peer, kind, rank, connections=connections, **options)
    ours: Any = from_torchlogix(theirs)
    assert not ours.training
    x, labels = random_bits(300, 40), torch.arange(300) % 5
    theirs.eval()
    assert torch.equal(ours(x).argmax(1), theirs(x).argmax(1))
    assert torch.equal(ours[:2](x), theirs[:2](x))
    torch.testing.assert_close(ours(x), theirs(x))

    for model in (theirs.train(), ours.train()):
        cross_entropy(model(x), labels).backward()  # type: ignore[no-untyped-call]
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        torch.testing.assert_close(mine.parametrization.weight.grad, other.weight.grad, atol=1e-6, rtol=1e-3)
        if connections == "learnable":
            torch.testing.assert_close(mine.connections.weights.grad, other.connections.weights.grad)


def test_all_sixteen_functions_keep_their_numbers(peer: ModuleType) -> None:
    theirs = dense(peer, 2, 16, "raw", 2).eval()
    theirs.connections.indices = torch.tensor([[0] * 16, [1] * 16])
    with torch.no_grad():
        theirs.weight.copy_(10 * torch.eye(16))
    ours: Any = from_torchlogix(nn.Sequential(theirs))
    assert ours[0].get_lut_ids().tolist() == list(range(16))
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert torch.equal(ours(corners), theirs(corners))


def test_beta_moves_behind_tau(peer: ModuleType) -> None:
    ours: Any = from_torchlogix(nn.Sequential(peer.GroupSum(2, tau=4.0, beta=-6.0)))
    assert (ours[0].tau, ours[0].beta) == (4.0, -1.5)
    with pytest.raises(ValueError, match="tau must be finite and positive"):
        from_torchlogix(nn.Sequential(peer.GroupSum(2, tau=0.0)))


def test_a_table_entry_lost_in_float32_is_the_one_that_torchlogix_sees(peer: ModuleType) -> None:
    torch.manual_seed(0)
    theirs = dense(peer, 4, 2000, "warp", 4).eval()
    theirs.connections.indices = torch.arange(4)[:, None].expand(4, 2000)
    with torch.no_grad():  # sums that nearly cancel at many corners
        theirs.weight.copy_((torch.randint(-2, 3, (2000, 16)) / 10.0).roll(1, 0))
    ours: Any = from_torchlogix(nn.Sequential(theirs))
    moved = own_weight(theirs.weight.detach(), "warp").ne(theirs.weight)
    assert 0 < int(moved.any(1).sum()) < 2000
    corners = (torch.arange(16)[:, None] >> torch.tensor([3, 2, 1, 0]) & 1).float()
    assert torch.equal(ours(corners), theirs(corners))


def test_connections_that_count_from_the_end_and_that_see_every_input(peer: ModuleType) -> None:
    torch.manual_seed(0)
    theirs = nn.Sequential(dense(peer, 12, 10, "light", 4, connections="learnable"), peer.GroupSum(2))
    ours: Any = from_torchlogix(theirs)
    assert ours[0].get_config()["num_candidates"] == -1
    x = random_bits(50, 12)
    assert torch.equal(ours(x), theirs.eval()(x))
    backwards = dense(peer, 12, 10, "raw", 2).eval()
    backwards.connections.indices -= 12
    assert torch.equal(from_torchlogix(nn.Sequential(backwards))(x), backwards(x))
    backwards.connections.indices += 24
    with pytest.raises(ValueError, match="in_dim=12"):
        from_torchlogix(nn.Sequential(backwards))


@pytest.mark.parametrize("kind", ["FixedBinarization", "SoftBinarization", "LearnableBinarization"])
@pytest.mark.parametrize(
    ("shape", "feature_dim"), [((4,), 1), ((4,), -2), ((3, 4), 1), ((1, 5), 2), ((3, 2, 2, 2), 1)], ids=str
)
def test_thresholds_on_pixels(kind: str, shape: tuple[int, ...], feature_dim: int, peer: ModuleType) -> None:
    generator = torch.Generator().manual_seed(len(shape))
    thresholds = torch.rand(*shape, generator=generator).sort(-1)[0]
    thresholds[..., 0] = 77 / 255  # a pixel's own value
    thresholds = thresholds.sort(-1)[0]
    theirs = getattr(peer, kind)(thresholds, feature_dim=feature_dim).eval()
    if kind == "LearnableBinarization":
        with torch.no_grad():  # as training would: the buffer keeps the first thresholds
            theirs.raw_diffs += 0.01
    pixels = torch.cat([torch.arange(256).repeat_interleave(12), torch.randint(256, (1200,))]).view(-1, 3, 2, 2) / 255
    for bits in (8, 0):
        ours: Any = from_torchlogix(nn.Sequential(theirs), inputs=InputGrid(bits=bits, shape=(3, 2, 2)))
        assert torch.equal(ours(pixels), theirs(pixels))
    floats = torch.rand(300, 3, 2, 2, generator=generator)
    assert torch.equal(ours(floats), theirs(floats))


def test_thresholds_between_samples_that_are_not_on_the_grid(peer: ModuleType) -> None:
    sixteenths = torch.arange(17).float() / 16
    theirs = peer.FixedBinarization(torch.cat([sixteenths[:-1], torch.rand(20)]), feature_dim=1)
    samples = sixteenths[:, None]
    ours: Any = from_torchlogix(nn.Sequential(theirs), inputs=InputGrid(samples=samples))
    assert torch.equal(ours(samples), theirs(samples))
    with pytest.raises(ValueError, match="which are the same integer of 4 bits"):
        from_torchlogix(nn.Sequential(theirs), inputs=InputGrid(bits=4, samples=samples))


def test_a_bit_that_is_always_one_is_refused(peer: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"threshold -0\.5, below every input from 0"):
        from_torchlogix(nn.Sequential(peer.FixedBinarization(torch.tensor([-0.5, 0.5]))))
    with pytest.raises(ValueError, match="NaN"):
        from_torchlogix(nn.Sequential(peer.FixedBinarization(torch.tensor([torch.nan]))))


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "depth 1": {"tree_depth": 1, "receptive_field_size": 2},
    "depth 3, padding": {"tree_depth": 3, "receptive_field_size": 3, "padding": 1},
    "stride": {"tree_depth": 2, "receptive_field_size": (2, 3), "stride": 2, "padding": 1},
    "groups": {"tree_depth": 2, "receptive_field_size": 2, "connections_kwargs": {"channel_group_size": 2}},
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize(("kind", "rank"), [("raw", 2), ("warp", 4), ("light", 2)])
def test_convolutions_and_pooling(name: str, kind: str, rank: int, peer: ModuleType) -> None:
    if rank == 4 and name.startswith("depth 3"):
        rank = 2
    torch.manual_seed(0)
    options = {"parametrization_kwargs": {"weight_init": "random"}, **CONVOLUTIONS[name]}
    conv = peer.LogicConv2d((8, 9), 4, 5, lut_rank=rank, parametrization=kind, **options)
    theirs = nn.Sequential(conv, peer.OrPooling2d(2, 2, padding=1), nn.Flatten(), peer.GroupSum(5))
    ours: Any = from_torchlogix(theirs)
    x = random_bits(70, 4, 8, 9)
    torch.testing.assert_close(ours.train()(x), theirs.train()(x))
    assert torch.equal(ours.eval()(x), theirs.eval()(x))
    assert torch.equal(PackedLogicNet(ours)(x), ours(x))


def test_volumes_and_residual_blocks(peer: ModuleType) -> None:
    torch.manual_seed(0)
    x = random_bits(40, 2, 4, 5, 6)
    theirs = nn.Sequential(
        peer.LogicConv3d((4, 5, 6), 2, 5, tree_depth=2, receptive_field_size=2), peer.OrPooling3d(2, 1)
    )
    assert torch.equal(from_torchlogix(theirs)(x), theirs.eval()(x))

    from torchlogix.modules.resblock import ResidualLogicBlock

    options = {"parametrization": "warp", "lut_rank": 2, "parametrization_kwargs": {"weight_init": "random"}}
    block = nn.Sequential(ResidualLogicBlock(6, 3, 3, tree_depth=2, **options))
    ours: Any = from_torchlogix(block)
    x = random_bits(40, 3, 6, 6)
    assert torch.equal(ours(x), block.eval()(x))
    torch.testing.assert_close(ours.train()(x), block.train()(x))
    block[0].shortcut = nn.Sequential()  # torchlogix 0.2.2 cannot make one with random connections
    with pytest.raises(TypeError, match=r"module 0 \(ResidualLogicBlock\) has a projection"):
        from_torchlogix(block)


@pytest.mark.parametrize(("kind", "rank"), [("raw", 2), ("light", 4)])
def test_a_state_dict_with_its_facts_is_the_model(kind: str, rank: int, peer: ModuleType) -> None:
    torch.manual_seed(0)
    layers = [
        dense(peer, 72, 60, kind, rank, connections="learnable", connections_kwargs={"num_candidates": 4}),
        dense(peer, 60, 50, kind, rank),
    ]
    binarization = peer.FixedBinarization(torch.tensor([0.2, 0.6]), feature_dim=1)
    theirs = nn.Sequential(binarization, nn.Flatten(), *layers, peer.GroupSum(5, tau=2.0, beta=3.0)).eval()
    facts = TorchlogixFacts(num_classes=5, tau=2.0, beta=3.0, in_dim=72, parametrization=kind, feature_dim=1)
    ours: Any = from_torchlogix(theirs.state_dict(), facts=facts)
    x = torch.randint(256, (200, 1, 6, 6)) / 255
    assert torch.equal(ours(x), from_torchlogix(theirs)(x))
    assert torch.equal(ours(x).argmax(1), theirs(x).argmax(1))


def test_a_state_dict_says_which_fact_is_missing(peer: ModuleType) -> None:
    torch.manual_seed(0)
    state = nn.Sequential(dense(peer, 12, 10, "light", 4), peer.GroupSum(2)).state_dict()
    for facts, reason in [
        (None, "needs facts"),
        (TorchlogixFacts(2, 1.0, parametrization="light"), "module 0: give in_dim"),
        (TorchlogixFacts(2, 1.0, in_dim=12), "module 0 is light or warp"),
    ]:
        with pytest.raises(ValueError, match=reason):
            from_torchlogix(state, facts=facts)
    bits = peer.FixedBinarization(torch.tensor([0.2, 0.6])).state_dict()
    with pytest.raises(ValueError, match="give feature_dim"):
        from_torchlogix(bits, facts=TorchlogixFacts(2, 1.0))
    every_input = dense(peer, 12, 10, "light", 4, connections="learnable").state_dict()
    assert from_torchlogix(every_input, facts=TorchlogixFacts(2, 1.0, parametrization="light"))[0].in_dim == 12
    conv = peer.LogicConv2d(6, 1, 2, tree_depth=1, receptive_field_size=2).state_dict()
    with pytest.raises(TypeError, match="load the state_dict into its torchlogix model"):
        from_torchlogix(conv, facts=TorchlogixFacts(2, 1.0))
    with pytest.raises(TypeError, match="facts are for a state_dict"):
        from_torchlogix(nn.Sequential(), facts=TorchlogixFacts(2, 1.0))


def test_what_cannot_be_imported_is_named_with_its_place(peer: ModuleType) -> None:
    transposed = peer.LogicConvTranspose2d(6, 1, 2, tree_depth=1, receptive_field_size=2, device="cpu")
    for module, name in [
        (nn.Linear(3, 3), "Linear"),
        (transposed, "LogicConvTranspose2d"),
        (bitlogic.GroupSum(2), "GroupSum"),
        (nn.ModuleList(), "ModuleList"),
    ]:
        with pytest.raises(TypeError, match=rf"module 1\.0 \({name}\) cannot be imported; known: LogicDense"):
            from_torchlogix(nn.Sequential(nn.Flatten(), nn.Sequential(module)))


@pytest.fixture(scope="module")
def trained(peer: ModuleType) -> nn.Sequential:
    """A peer that has seen the digits for some steps: learnable light, then raw layers, with beta and tau."""
    torch.manual_seed(0)
    data = digits()
    thresholds = torch.tensor([2.5, 6.0, 10.5])
    model = nn.Sequential(
        peer.LearnableBinarization(thresholds, feature_dim=1),
        nn.Flatten(),
        dense(peer, 192, 200, "light", 4, connections="learnable", connections_kwargs={"num_candidates": 4}),
        dense(peer, 200, 200, "raw", 2),
        peer.GroupSum(10, tau=3.0, beta=5.0),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for batch in torch.randint(1437, (30, 100)):
        optimizer.zero_grad()
        cross_entropy(model(data.train_x[batch]), data.train_y[batch]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


@pytest.mark.data
def test_a_trained_peer_predicts_alike_and_trains_on(trained: nn.Sequential, tmp_path: Path) -> None:
    data = digits()
    x = torch.cat([data.train_x, data.test_x])
    ours: Any = from_torchlogix(trained, inputs=InputGrid(0.0, 16.0, samples=data.train_x))
    expected = trained(x)
    assert torch.equal(ours(x).argmax(1), expected.argmax(1))
    assert torch.equal(ours[:4](x), trained[:4](x))
    assert torch.equal(PackedLogicNet(ours)(x), ours(x))
    assert float((expected.argmax(1) == torch.cat([data.train_y, data.test_y])).float().mean()) > 0.5
    bitlogic.save(ours, tmp_path / "ours.pt")
    assert torch.equal(bitlogic.load(tmp_path / "ours.pt")(x), ours(x))

    ours.train()
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.02)
    losses = []
    for _ in range(6):
        loss = cross_entropy(ours(data.train_x), data.train_y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


@pytest.mark.data
@pytest.mark.parametrize(
    "target", [pytest.param("c", marks=pytest.mark.cc), pytest.param("verilog", marks=pytest.mark.sim)]
)
def test_an_imported_peer_is_exported_and_verified(target: str, trained: nn.Sequential) -> None:
    data = digits()
    ours: Any = from_torchlogix(trained, inputs=InputGrid(0.0, 16.0, samples=data.train_x))
    artifacts = export(extract(ours), target, reference=packed_reference(ours))
    assert verify(artifacts).holds
