"""GroupSum: integer scores, float scores, and what it refuses."""

import pytest
import torch

from bitlogic.heads import HEADS, GroupSum, list_heads, setup_head


def test_group_sum_by_hand() -> None:
    bits = torch.tensor([[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]])
    head = GroupSum(k=2, tau=4.0, beta=0.5)
    assert head.scores(bits).tolist() == [[2, 1]]
    assert head(bits).tolist() == [[2 / 4 + 0.5, 1 / 4 + 0.5]]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64])
def test_scores_are_the_same_integers_for_every_dtype(dtype: torch.dtype) -> None:
    bits = torch.rand(3, 5, 3000, generator=torch.Generator().manual_seed(0)) > 0.3
    scores = GroupSum(k=2).scores(bits.to(dtype))
    assert scores.dtype == torch.int64
    assert torch.equal(scores, bits.view(3, 5, 2, 1500).sum(-1))


def test_half_inputs_are_summed_in_float32() -> None:
    scores = GroupSum(k=1)(torch.ones(1, 5001, dtype=torch.float16))
    assert scores.dtype == torch.float32
    assert scores.tolist() == [[5001.0]]
    assert GroupSum(k=1)(torch.ones(1, 8, dtype=torch.float64)).dtype == torch.float64


def test_training_and_evaluation_give_the_same_floats() -> None:
    x = torch.rand(4, 12, generator=torch.Generator().manual_seed(1))
    head = GroupSum(k=3, tau=2.0)
    assert torch.equal(head.train()(x), head.eval()(x))


def test_group_sum_reads_a_transposed_input_alike() -> None:
    x = torch.rand(12, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(GroupSum(3)(x.t()), GroupSum(3)(x.t().contiguous()))


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"k": 2, "tau": 0.0},
        {"k": 2, "tau": -1.0},
        {"k": 2, "tau": float("nan")},
        {"k": 2, "beta": float("inf")},
    ],
)
def test_group_sum_refuses(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="GroupSum"):
        GroupSum(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(2, 5), (2, 0), ()])
def test_an_input_that_does_not_divide_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="equal groups"):
        GroupSum(k=2)(torch.zeros(shape))
    with pytest.raises(ValueError, match="equal groups"):
        GroupSum(k=2).scores(torch.zeros(shape))


@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_head_is_rebuilt_from_its_config(name: str) -> None:
    head = setup_head(name, 5, tau=3.0, beta=1.0)
    again = type(head)(**head.get_config())
    again.load_state_dict(head.state_dict())
    x = torch.rand(3, 20, generator=torch.Generator().manual_seed(2))
    assert torch.equal(head(x), again(x))
    assert name in list_heads()


def test_unknown_heads_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="choices: groupsum"):
        setup_head("softmax", 2)
    with pytest.raises(TypeError, match="'temper'"):
        setup_head("groupsum", 2, temper=1.0)
