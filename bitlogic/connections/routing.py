"""Drawing the inputs of LUTs: every `init_method`, without a loop over LUTs."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bitlogic.connections.distinct import draw_distinct, draw_distinct_sets

Generator = torch.Generator | None


@dataclass(frozen=True)
class Routing:
    """What the indices of a layer are drawn for.

    The methods, all from the generator's or torch's seed, on the CPU:

    - ``random``: balanced, every input is used floor or ceil(out_dim * lut_rank / in_dim) times; repeats allowed.
    - ``random-unique``: no input twice in a LUT, distinct input sets while that is possible, every input used when
      ``out_dim * lut_rank >= in_dim``.
    - ``grouped``: ``num_groups`` equal blocks of consecutive inputs and LUTs; block g of the LUTs reads block g of the
      inputs, ``random-unique`` within it.
    - ``grouped-biased``: each slot reads its own block with probability ``group_bias``, else any other block; no
      input twice in a LUT.

    A block of the grouped methods may lie in several places: the inputs are ``input_runs`` equal runs, each cut into
    ``num_groups`` pieces, and block g is piece g of every run; so with the LUTs and ``lut_runs``. A thermometer of
    three thresholds gives three runs of pixels, and ``input_runs=3`` makes the blocks bands of image rows; in front of
    a GroupSum of ten classes ``lut_runs=10`` gives every class LUTs of every block. Where all layers keep to such
    blocks, only the sums of the classes reach across them, and wires on a chip are short.
    """

    in_dim: int
    out_dim: int
    lut_rank: int
    num_groups: int | None = None
    group_bias: float | None = None
    input_runs: int = 1
    lut_runs: int = 1

    def draw(self, init_method: str | Tensor, generator: Generator) -> Tensor:
        """The indices, int64 ``(lut_rank, out_dim)`` on the CPU; an index tensor is checked and copied.

        Raises:
            ValueError: an unknown method, one that the dimensions do not allow, or an index tensor of a wrong shape or
                range.
            TypeError: an index tensor that does not hold integers.
        """
        if isinstance(init_method, Tensor):
            return self._explicit(init_method)
        if init_method not in INIT_METHODS:
            raise ValueError(
                f"unknown init_method {init_method!r}; choices: {', '.join(INIT_METHODS)}, or an index tensor"
            )
        return self._in_place(INIT_METHODS[init_method](self, generator), init_method).t().contiguous()

    def draw_candidates(self, init_method: str | Tensor, num: int, generator: Generator) -> Tensor:
        """Pools of distinct candidates, int64 ``(num, lut_rank, out_dim)``; the first of each is what `draw` gives.

        The others come from the slot's own block with ``grouped``, from it with probability ``group_bias`` with
        ``grouped-biased``, else from all inputs.

        Raises:
            ValueError: as `draw`, or a block of fewer than ``num`` inputs.
        """
        first = self.draw(init_method, generator).t().reshape(-1)
        if init_method in GROUPED:
            bias = 1.0 if init_method == "grouped" else self._bias()
            block_order = self._draw_biased(bias, num, self.lut_rank, generator)
            pool = self._in_place(block_order.view(self.out_dim, -1), init_method).view(-1, num)
        else:
            pool = draw_distinct(torch.full_like(first, self.in_dim), num, generator)
        # The drawn choice takes the first place; where it is in the pool already, the two change places.
        pool = torch.where(pool == first[:, None], pool[:, :1], pool)
        pool[:, 0] = first
        return pool.view(self.out_dim, self.lut_rank, num).permute(2, 1, 0).contiguous()

    def _explicit(self, indices: Tensor) -> Tensor:
        if indices.dtype == torch.bool or indices.is_floating_point() or indices.is_complex():
            raise TypeError(f"an index tensor holds integers, got {indices.dtype}")
        if tuple(indices.shape) != (self.lut_rank, self.out_dim):
            raise ValueError(
                f"the index tensor must be (lut_rank, out_dim) = {(self.lut_rank, self.out_dim)}, "
                f"got {tuple(indices.shape)}"
            )
        if int(indices.min()) < 0 or int(indices.max()) >= self.in_dim:
            raise ValueError(
                f"the index tensor must hold 0..{self.in_dim - 1}, got {int(indices.min())}..{int(indices.max())}"
            )
        return indices.detach().to("cpu", torch.int64, copy=True)

    def _random(self, generator: Generator) -> Tensor:
        num_slots = self.out_dim * self.lut_rank
        rounds = math.ceil(num_slots / self.in_dim)
        balanced = torch.rand(rounds, self.in_dim, generator=generator).argsort(1).reshape(-1)[:num_slots]
        return balanced[torch.randperm(num_slots, generator=generator)].view(self.out_dim, self.lut_rank)

    def _random_unique(self, generator: Generator) -> Tensor:
        if self.in_dim < self.lut_rank:
            raise ValueError(
                f"a LUT of rank {self.lut_rank} cannot read distinct inputs of in_dim={self.in_dim}; "
                "init_method='random' allows repeats"
            )
        return draw_distinct_sets(self.in_dim, self.out_dim, self.lut_rank, generator)

    def _grouped(self, generator: Generator) -> Tensor:
        _, input_bounds, lut_bounds = self._blocks()
        rows = []
        for g, (start, stop) in enumerate(itertools.pairwise(input_bounds)):
            if stop - start < self.lut_rank:
                raise ValueError(f"a block of {stop - start} inputs cannot feed a LUT of rank {self.lut_rank}")
            num_luts = lut_bounds[g + 1] - lut_bounds[g]
            rows.append(start + draw_distinct_sets(stop - start, num_luts, self.lut_rank, generator))
        return torch.cat(rows)

    def _grouped_biased(self, generator: Generator) -> Tensor:
        return self._draw_biased(self._bias(), self.lut_rank, 1, generator)

    def _draw_biased(self, bias: float, num: int, repeat: int, generator: Generator) -> Tensor:
        """``num`` distinct inputs for each LUT, ``repeat`` times over, each of the own block with that probability."""
        num_groups, input_bounds, lut_bounds = self._blocks()
        num_rows = torch.tensor(lut_bounds).diff() * repeat
        start = torch.tensor(input_bounds[:-1]).repeat_interleave(num_rows)
        size = torch.tensor(input_bounds).diff().repeat_interleave(num_rows)
        own = start[:, None] + draw_distinct(size, num, generator)
        if bias == 1.0 or num_groups == 1:
            return own
        other = draw_distinct(self.in_dim - size, num, generator)
        other = torch.where(other >= start[:, None], other + size[:, None], other)
        return torch.where(torch.rand(own.shape, generator=generator) < bias, own, other)

    def _blocks(self) -> tuple[int, list[int], list[int]]:
        """The number of groups and the bounds of their blocks of inputs and of LUTs."""
        groups = self.num_groups
        if groups is None:
            raise ValueError("the grouped methods need num_groups")
        most = min(
            _run_length("input_runs", self.input_runs, self.in_dim, "inputs"),
            _run_length("lut_runs", self.lut_runs, self.out_dim, "LUTs"),
        )
        if not 1 <= groups <= most:
            raise ValueError(f"num_groups must be 1..{most}, got {groups}")
        return groups, _bounds(self.in_dim, self.input_runs, groups), _bounds(self.out_dim, self.lut_runs, groups)

    def _in_place(self, rows: Tensor, init_method: str | Tensor) -> Tensor:
        """What a method drew with inputs and LUTs block by block, ``(out_dim, n)``, as they lie in their runs."""
        if init_method not in GROUPED or (self.input_runs == 1 and self.lut_runs == 1):
            return rows
        groups, _, _ = self._blocks()
        inputs = _block_order(self.in_dim, self.input_runs, groups)
        luts = _block_order(self.out_dim, self.lut_runs, groups)
        placed = torch.empty_like(rows)
        placed[luts] = inputs[rows]
        return placed

    def _bias(self) -> float:
        if self.group_bias is None or not 0.0 <= self.group_bias <= 1.0:
            raise ValueError(f"grouped-biased needs group_bias in [0, 1], got {self.group_bias}")
        return self.group_bias


def _run_length(name: str, runs: int, num: int, what: str) -> int:
    if runs < 1 or num % runs:
        raise ValueError(f"{name} must divide the {num} {what} evenly, got {runs}")
    return num // runs


def _bounds(num: int, runs: int, groups: int) -> list[int]:
    """Where the groups' blocks begin and end when they lie one behind the other, ``groups + 1`` numbers."""
    return [runs * (g * (num // runs) // groups) for g in range(groups + 1)]


def _block_order(num: int, runs: int, groups: int) -> Tensor:
    """The numbers ``0 .. num - 1`` block by block, int64: those of block 0 in all runs, then those of block 1."""
    length = num // runs
    numbers = torch.arange(num).view(runs, length)
    bounds = _bounds(length, 1, groups)
    return torch.cat([numbers[:, start:stop].reshape(-1) for start, stop in itertools.pairwise(bounds)])


def stored_method(init_method: str | Tensor) -> str:
    """The method a configuration names: indices given as a tensor travel in the state, so any cheap draw serves."""
    return "random" if isinstance(init_method, Tensor) else init_method


GROUPED = ("grouped", "grouped-biased")
INIT_METHODS: dict[str, Callable[[Routing, Generator], Tensor]] = {
    "random": Routing._random,
    "random-unique": Routing._random_unique,
    "grouped": Routing._grouped,
    "grouped-biased": Routing._grouped_biased,
}
