"""What every way of connecting LUTs to their inputs offers to a layer."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from bitlogic.connections.wiring import Wiring, gather
from bitlogic.sampling import check_temperature


class Connections(nn.Module, ABC):
    """Which of ``in_dim`` inputs each slot of ``out_dim`` LUTs reads.

    Slot 0 is the most significant bit of the LUT's address.
    """

    def __init__(self, in_dim: int, out_dim: int, lut_rank: int) -> None:
        super().__init__()
        for name, value in (("in_dim", in_dim), ("out_dim", out_dim), ("lut_rank", lut_rank)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.lut_rank = lut_rank

    @abstractmethod
    def get_indices(self) -> Tensor:
        """The input that feeds each slot once training is over, int64 ``(lut_rank, out_dim)``, a copy."""

    @abstractmethod
    def draw(self) -> Wiring:
        """The choice of inputs for one training forward, with what its gradient needs."""

    def update_temperature(self, temperature: float) -> None:
        """Sets the softness of the choice; ValueError unless finite and positive; fixed connections have none."""
        check_temperature(temperature)

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords beside the three dimensions, JSON-able.

        A module made from them holds the same connections after ``load_state_dict``.
        """

    def forward(self, x: Tensor) -> Tensor:
        """The inputs of every LUT, ``(batch, lut_rank, out_dim)``, read from ``(batch, in_dim)``."""
        if x.ndim != 2 or x.shape[1] != self.in_dim:
            raise ValueError(f"connections expect an input of shape (batch, {self.in_dim}), got {tuple(x.shape)}")
        signals = x.t().contiguous()
        if self.training:
            return gather(signals, self.draw()).permute(2, 0, 1)
        return signals[self.get_indices()].permute(2, 0, 1)

    def extra_repr(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.get_config().items() if value is not None)
        return f"in_dim={self.in_dim}, out_dim={self.out_dim}, lut_rank={self.lut_rank}, {options}"
