"""Connections: what every init_method promises, and the gradients of fixed and learnable wiring."""

import itertools
import math
import time
from typing import Any

import pytest
import torch
from torch import Tensor

from bitlogic.connections import (
    CONNECTIONS,
    Connections,
    FixedDenseConnections,
    LearnableDenseConnections,
    list_connections,
    setup_connections,
)
from bitlogic.connections.candidates import gathered_dots, sampled_dots
from bitlogic.connections.routing import INIT_METHODS, Routing


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sets_of(indices: Tensor) -> list[frozenset[int]]:
    return [frozenset(column) for column in indices.t().tolist()]


def learnable(in_dim: int, out_dim: int, rank: int, **options: Any) -> LearnableDenseConnections:
    return LearnableDenseConnections(in_dim, out_dim, rank, generator=seeded(0), **options)


@pytest.mark.parametrize(("in_dim", "out_dim", "rank"), [(5, 7, 2), (7, 3, 2), (1, 9, 3), (100, 33, 6), (784, 500, 4)])
def test_random_uses_every_input_equally_often(in_dim: int, out_dim: int, rank: int) -> None:
    indices = Routing(in_dim, out_dim, rank).draw("random", seeded(0))
    counts = torch.bincount(indices.flatten(), minlength=in_dim)
    assert indices.shape == (rank, out_dim)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("in_dim", "out_dim", "rank"),
    [
        (2, 1, 2),
        (4, 6, 2),
        (5, 9, 2),
        (5, 10, 3),
        (6, 1, 6),
        (8, 50, 4),
        (30, 400, 2),
        (60, 400, 2),
        (100, 17, 6),
        (784, 500, 4),
    ],
)
def test_random_unique_gives_distinct_sets_and_covers(in_dim: int, out_dim: int, rank: int, seed: int) -> None:
    indices = Routing(in_dim, out_dim, rank).draw("random-unique", seeded(seed))
    sets = sets_of(indices)
    assert all(len(inputs) == rank for inputs in sets)
    assert len(set(sets)) == min(out_dim, math.comb(in_dim, rank))
    if out_dim * rank >= in_dim:
        assert set(indices.flatten().tolist()) == set(range(in_dim))
    else:
        assert len(set(indices.flatten().tolist())) == out_dim * rank


def test_random_unique_repeats_sets_evenly_when_they_run_out() -> None:
    sets = sets_of(Routing(4, 60, 2).draw("random-unique", seeded(0)))
    counts = [sets.count(frozenset(pair)) for pair in itertools.combinations(range(4), 2)]
    assert sum(counts) == 60
    assert min(counts) >= 9


def test_random_unique_needs_enough_inputs() -> None:
    with pytest.raises(ValueError, match="init_method='random' allows repeats"):
        FixedDenseConnections(3, 5, lut_rank=4)


def test_grouped_luts_read_their_own_block() -> None:
    indices = Routing(10, 9, 2, num_groups=3).draw("grouped", seeded(0))
    for luts, inputs in ((range(3), range(3)), (range(3, 6), range(3, 6)), (range(6, 9), range(6, 10))):
        assert set(indices[:, list(luts)].flatten().tolist()) == set(inputs)


@pytest.mark.parametrize("bias", [0.0, 0.3, 1.0])
def test_grouped_biased_reads_its_own_block_that_often(bias: float) -> None:
    in_dim, out_dim, rank, groups = 40, 4000, 4, 4
    indices = Routing(in_dim, out_dim, rank, groups, bias).draw("grouped-biased", seeded(0))
    own = indices // (in_dim // groups) == torch.arange(out_dim) // (out_dim // groups)
    assert abs(own.double().mean().item() - bias) < 0.02
    assert all(len(inputs) == rank for inputs in sets_of(indices))
    others = indices[:, :1000].flatten().bincount(minlength=in_dim)
    assert bias == 1.0 or others[10:].min() > 0


def test_blocks_of_inputs_in_runs_are_the_same_piece_of_every_run() -> None:
    # Two runs of six inputs, three blocks: {0, 1, 6, 7}, {2, 3, 8, 9}, {4, 5, 10, 11}.
    indices = Routing(12, 12, 2, num_groups=3, input_runs=2).draw("grouped", seeded(0))
    for block in range(3):
        read = set(indices[:, 4 * block : 4 * block + 4].flatten().tolist())
        assert read == {2 * block, 2 * block + 1, 2 * block + 6, 2 * block + 7}


def test_blocks_of_luts_in_runs_are_the_same_piece_of_every_run() -> None:
    # Three runs of five LUTs, two blocks: a run's LUTs 0 and 1 read inputs 0 to 3, its LUTs 2 to 4 inputs 4 to 7.
    indices = Routing(8, 15, 2, num_groups=2, lut_runs=3).draw("grouped", seeded(0))
    for run in range(0, 15, 5):
        assert set(indices[:, run : run + 2].flatten().tolist()) <= {0, 1, 2, 3}
        assert set(indices[:, run + 2 : run + 5].flatten().tolist()) <= {4, 5, 6, 7}
    assert set(indices.flatten().tolist()) == set(range(8))


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_odd_lengths_give_every_block_the_same_piece(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    input_runs, lut_runs, groups, rank = (int(torch.randint(1, 5, (), generator=generator)) for _ in range(4))
    run_length, luts_a_run = (int(torch.randint(20, 40, (), generator=generator)) for _ in range(2))
    in_dim, out_dim = input_runs * run_length, lut_runs * luts_a_run
    options: dict[str, Any] = {"num_groups": groups, "input_runs": input_runs, "lut_runs": lut_runs}
    made = LearnableDenseConnections(in_dim, out_dim, rank, num_candidates=3, init_method="grouped", **options)
    assert made.candidates is not None
    input_groups = torch.tensor([(groups * (i % run_length + 1) - 1) // run_length for i in range(in_dim)])
    lut_groups = torch.tensor([(groups * (n % luts_a_run + 1) - 1) // luts_a_run for n in range(out_dim)])
    assert torch.equal(input_groups[made.candidates], lut_groups.expand(made.candidates.shape))
    assert torch.equal(input_groups[made.get_indices()], lut_groups.expand(rank, out_dim))


def test_runs_keep_to_the_bias() -> None:
    in_dim, out_dim = 60, 6000
    options: dict[str, Any] = {"num_groups": 4, "group_bias": 0.7, "input_runs": 3, "lut_runs": 10}
    indices = Routing(in_dim, out_dim, 3, **options).draw("grouped-biased", seeded(0))
    own = (indices % 20 // 5) == (torch.arange(out_dim) % 600 // 150)
    assert abs(own.double().mean().item() - 0.7) < 0.02
    assert all(len(inputs) == 3 for inputs in sets_of(indices))


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("grouped", {"num_groups": 2, "input_runs": 3}, "input_runs must divide the 8 inputs evenly, got 3"),
        ("grouped-biased", {"num_groups": 2, "group_bias": 0.5, "lut_runs": 0}, "lut_runs must divide the 8 LUTs"),
        ("grouped", {"num_groups": 5, "input_runs": 2}, r"num_groups must be 1\.\.4, got 5"),
        ("grouped", {}, "need num_groups"),
        ("grouped", {"num_groups": 0}, r"1\.\.8"),
        ("grouped", {"num_groups": 9}, r"1\.\.8"),
        ("grouped", {"num_groups": 8}, "block of 1 inputs"),
        ("grouped-biased", {"num_groups": 2}, "group_bias"),
        ("grouped-biased", {"num_groups": 2, "group_bias": 1.5}, "group_bias"),
        ("shuffled", {}, "choices: random, random-unique, grouped, grouped-biased"),
    ],
)
def test_init_methods_refuse(method: str, options: dict[str, Any], message: str) -> None:
    for kind in CONNECTIONS:
        with pytest.raises(ValueError, match=message):
            setup_connections(kind, 8, 8, 2, init_method=method, **options)


def test_an_index_tensor_is_taken_as_it_stands_and_checked() -> None:
    wanted = torch.tensor([[0, 2, 2], [1, 1, 2]], dtype=torch.int32)
    for kind in CONNECTIONS:
        made = setup_connections(kind, 3, 3, 2, init_method=wanted, num_candidates=2)
        assert made.get_indices().tolist() == wanted.tolist()
        assert made.get_indices().dtype == torch.int64
    with pytest.raises(ValueError, match=r"\(2, 3\), got \(3, 2\)"):
        setup_connections("fixed", 3, 3, 2, init_method=wanted.t())
    with pytest.raises(ValueError, match=r"0\.\.1, got 0\.\.2"):
        setup_connections("fixed", 2, 3, 2, init_method=wanted)
    with pytest.raises(TypeError, match="integers"):
        setup_connections("fixed", 3, 3, 2, init_method=wanted.float())


@pytest.mark.parametrize("method", sorted(INIT_METHODS))
@pytest.mark.parametrize("kind", sorted(CONNECTIONS))
def test_the_same_seed_gives_the_same_connections(kind: str, method: str) -> None:
    def draw(seed: int) -> Connections:
        options: dict[str, Any] = {"init_method": method, "num_groups": 3, "group_bias": 0.5, "num_candidates": 4}
        return setup_connections(kind, 30, 40, 3, generator=seeded(seed), **options)

    assert torch.equal(draw(1).get_indices(), draw(1).get_indices())
    assert not torch.equal(draw(1).get_indices(), draw(2).get_indices())


@pytest.mark.parametrize("method", sorted(INIT_METHODS))
def test_large_layers_are_drawn_in_seconds(method: str) -> None:
    start = time.process_time()
    Routing(6272, 64_000, 6, num_groups=16, group_bias=0.8).draw(method, seeded(0))
    assert time.process_time() - start < 3.0  # about 0.2 s; a loop over LUTs takes minutes


def test_forward_gives_slots_in_order() -> None:
    x = torch.rand(5, 4, generator=seeded(0))
    indices = torch.tensor([[0, 3, 1], [2, 2, 0]])
    for kind, training in itertools.product(CONNECTIONS, (True, False)):
        made = setup_connections(kind, 4, 3, 2, init_method=indices, num_candidates=3).train(training)
        assert torch.equal(made(x), x[:, indices])
    with pytest.raises(ValueError, match=r"\(batch, 4\)"):
        made(x[0])


def test_fixed_gradient_is_the_gradient_of_indexing() -> None:
    made = FixedDenseConnections(6, 9, 3, generator=seeded(0))
    ours = torch.rand(5, 6, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    plain = ours.detach().clone().requires_grad_()
    upstream = torch.randn(5, 3, 9, dtype=torch.float64, generator=seeded(2))
    (made(ours) * upstream).sum().backward()
    (plain[:, made.get_indices()] * upstream).sum().backward()  # type: ignore[no-untyped-call]
    assert ours.grad is not None and plain.grad is not None
    torch.testing.assert_close(ours.grad, plain.grad, rtol=0, atol=1e-14)


@pytest.mark.parametrize("num", [1, 3, 12, 70])
def test_candidates_of_a_slot_are_distinct_and_start_with_the_choice(num: int) -> None:
    made = learnable(80, 60, 3, num_candidates=num)
    assert made.candidates is not None and made.candidates.shape == (num, 3, 60)
    ordered = made.candidates.sort(0).values
    assert num == 1 or bool((ordered.diff(dim=0) > 0).all())
    assert made.candidates.min() >= 0 and made.candidates.max() < 80
    assert torch.equal(made.get_indices(), made.candidates[0])
    assert torch.equal(made.get_indices(), Routing(80, 60, 3).draw("random-unique", seeded(0)))


def test_candidates_may_be_all_inputs() -> None:
    made = learnable(7, 20, 2, num_candidates=7)
    assert made.candidates is not None
    assert bool((made.candidates.sort(0).values == torch.arange(7)[:, None, None]).all())


def test_grouped_candidates_stay_in_their_block() -> None:
    made = learnable(20, 10, 2, num_candidates=5, init_method="grouped", num_groups=2)
    assert made.candidates is not None
    assert torch.equal(made.candidates // 10, (torch.arange(10) // 5).expand(5, 2, 10))
    with pytest.raises(ValueError, match="cannot draw 11 distinct inputs out of 10"):
        learnable(20, 10, 2, num_candidates=11, init_method="grouped", num_groups=2)


@pytest.mark.parametrize("num", [0, -2, 9])
def test_a_wrong_number_of_candidates_is_refused(num: int) -> None:
    with pytest.raises(ValueError, match=rf"1\.\.8, got {num}"):
        learnable(8, 4, 2, num_candidates=num)


def test_every_input_is_a_candidate_with_minus_one() -> None:
    made = learnable(9, 12, 2)
    assert made.weights.shape == (9, 2, 12)
    assert torch.equal(made.get_indices(), Routing(9, 12, 2).draw("random-unique", seeded(0)))
    with torch.no_grad():
        made.weights[4, 1, 5] = 2.0
    assert made.get_indices()[1, 5] == 4


def test_a_tie_goes_to_the_first_candidate() -> None:
    made = learnable(9, 12, 2, num_candidates=4)
    torch.nn.init.zeros_(made.weights)
    assert made.candidates is not None
    assert torch.equal(made.get_indices(), made.candidates[0])


@pytest.mark.parametrize("sampling", ["soft", "hard"])
@pytest.mark.parametrize("temperature", [0.001, 0.5])
@pytest.mark.parametrize("num", [-1, 1, 4])
def test_learnable_gradients_follow_their_formulas(num: int, temperature: float, sampling: str) -> None:
    made = learnable(8, 6, 3, num_candidates=num, temperature=temperature, forward_sampling=sampling).double()
    x = torch.rand(5, 8, dtype=torch.float64, generator=seeded(1)).requires_grad_()
    upstream = torch.randn(5, 3, 6, dtype=torch.float64, generator=seeded(2))
    output = made(x)
    assert torch.equal(output, x[:, made.get_indices()])
    (output * upstream).sum().backward()

    pool = torch.arange(8)[:, None, None].expand(8, 3, 6) if made.candidates is None else made.candidates
    read = x.detach()[:, pool]  # (batch, candidates, rank, out)
    shares = torch.softmax(made.weights.detach() / temperature, 0)
    if sampling == "hard":
        shares = torch.nn.functional.one_hot(shares.argmax(0), len(pool)).permute(2, 0, 1).double()
    expected_x = torch.zeros(5, 8, dtype=torch.float64)
    expected_x.index_add_(1, pool.flatten(), (shares * upstream[:, None]).flatten(1))
    expected_weights = ((2 * read - 1) * upstream[:, None]).sum(0)
    assert x.grad is not None and made.weights.grad is not None
    torch.testing.assert_close(x.grad, expected_x, rtol=0, atol=1e-13)
    torch.testing.assert_close(made.weights.grad, expected_weights, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32, torch.float64])
def test_both_candidate_reductions_agree(dtype: torch.dtype) -> None:
    signals = (torch.rand(20, 33, generator=seeded(0)) > 0.5).to(dtype)
    candidates = Routing(20, 11, 3).draw_candidates("random", 6, seeded(1))
    grad = torch.randint(-9, 9, (3, 11, 33), generator=seeded(2)).double()
    assert torch.equal(sampled_dots(signals, candidates, grad), gathered_dots(signals, candidates, grad))


def test_gumbel_noise_is_for_training_only() -> None:
    made = learnable(30, 200, 2, num_candidates=8, forward_sampling="gumbel_hard")
    torch.manual_seed(0)
    draws = [made.draw().indices for _ in range(2)]
    assert not torch.equal(draws[0], draws[1])
    x = torch.rand(4, 30, generator=seeded(3))
    made.eval()
    assert torch.equal(made(x), x[:, made.get_indices()])


@pytest.mark.parametrize("kind", sorted(CONNECTIONS))
def test_connections_are_rebuilt_from_their_config(kind: str) -> None:
    for method in (*INIT_METHODS, torch.randint(0, 12, (3, 10), generator=seeded(9))):
        options: dict[str, Any] = {"num_groups": 2, "group_bias": 0.5, "num_candidates": 3, "init_method": method}
        made = setup_connections(kind, 12, 10, 3, generator=seeded(0), **options)
        again = type(made)(12, 10, 3, **made.get_config())
        again.load_state_dict(made.state_dict())
        assert torch.equal(made.get_indices(), again.get_indices())


def test_unknown_names_and_options_are_refused() -> None:
    assert list_connections() == ["fixed", "learnable"]
    assert type(setup_connections("random", 4, 4, 2)) is FixedDenseConnections
    with pytest.raises(ValueError, match="choices: fixed, learnable, random"):
        setup_connections("dense", 4, 4, 2)
    with pytest.raises(TypeError, match="'num_candidate'"):
        setup_connections("learnable", 4, 4, 2, num_candidate=2)
    with pytest.raises(ValueError, match="in_dim must be at least 1"):
        setup_connections("fixed", 0, 4, 2)
    with pytest.raises(ValueError, match="choices: soft, hard"):
        setup_connections("learnable", 4, 4, 2, forward_sampling="softly")
    with pytest.raises(ValueError, match="temperature"):
        setup_connections("learnable", 4, 4, 2, temperature=0.0)
