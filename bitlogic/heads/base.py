"""What every head is: the last module of a model, whose integer scores leave the chip."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class Head(nn.Module, ABC):
    """Turns the last LUT layer's outputs into one score for each of ``k`` classes.

    Attributes:
        k: the number of classes.
    """

    k: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Float scores ``(..., k)`` of relaxed or discrete outputs ``(..., num_outputs)``."""

    @abstractmethod
    def scores(self, bits: Tensor) -> Tensor:
        """The integers ``(..., k)`` int64 that every target gives for bits ``(..., num_outputs)``."""

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able; ``type(self)(**config)`` rebuilds the head."""
