"""Connections drawn once and kept."""

from typing import Any

import torch
from torch import Tensor

from bitlogic.connections.base import Connections
from bitlogic.connections.routing import Routing, stored_method
from bitlogic.connections.wiring import Wiring


class FixedDenseConnections(Connections):
    """An index buffer and no parameters (arXiv:2210.08277).

    Args:
        in_dim: the number of inputs.
        out_dim: the number of LUTs.
        lut_rank: the slots of a LUT.
        device: where the index buffer lives.
        init_method: how the indices are drawn, see `routing.Routing`, or an index tensor ``(lut_rank, out_dim)``.
        num_groups: blocks of the grouped methods.
        group_bias: probability of the own block in ``grouped-biased``.
        input_runs, lut_runs: equal runs of inputs and LUTs that the grouped methods cut into blocks each.
        generator: a CPU generator; default torch's own.
    """

    indices: Tensor  # int64 (lut_rank, out_dim)

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        lut_rank: int = 2,
        device: torch.device | str | None = None,
        init_method: str | Tensor = "random-unique",
        num_groups: int | None = None,
        group_bias: float | None = None,
        input_runs: int = 1,
        lut_runs: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(in_dim, out_dim, lut_rank)
        routing = Routing(in_dim, out_dim, lut_rank, num_groups, group_bias, input_runs, lut_runs)
        self.register_buffer("indices", routing.draw(init_method, generator).to(device))
        self._init_method = stored_method(init_method)
        self._num_groups = num_groups
        self._group_bias = group_bias
        self._input_runs = input_runs
        self._lut_runs = lut_runs

    def get_indices(self) -> Tensor:
        return self.indices.clone()

    def draw(self) -> Wiring:
        return Wiring(self.indices)

    def get_config(self) -> dict[str, Any]:
        return {
            "init_method": self._init_method,
            "num_groups": self._num_groups,
            "group_bias": self._group_bias,
            "input_runs": self._input_runs,
            "lut_runs": self._lut_runs,
        }
