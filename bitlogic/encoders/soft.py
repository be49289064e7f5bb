"""Thresholds with a slope while training."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.encoders.binarization import Binarization
from bitlogic.sampling import check_temperature


class SoftBinarization(Binarization):
    """In training bit b is sigmoid((x - thresholds[b]) / temperature), in evaluation `x > thresholds[b]`.

    The thresholds are fixed and stand on the grid in both; the gradient goes to x.

    Args:
        thresholds: see `Binarization`, as for the others that are not here.
        temperature: of the sigmoid, in the units of x; finite and positive.
    """

    def __init__(
        self,
        thresholds: Tensor | NDArray[Any] | Sequence[Any] | None = None,
        *,
        temperature: float = 0.1,
        num_bits: int | None = None,
        num_thresholds: int | None = None,
        input_range: tuple[float, float] | None = None,
        scope: str | None = None,
        initial: str = "uniform",
        encode_axis: int = 1,
        input_bits: int = 8,
    ) -> None:
        super().__init__(
            thresholds,
            num_bits=num_bits,
            num_thresholds=num_thresholds,
            input_range=input_range,
            scope=scope,
            initial=initial,
            encode_axis=encode_axis,
            input_bits=input_bits,
        )
        self.temperature = check_temperature(temperature)

    def forward(self, x: Tensor) -> Tensor:
        """The bits of a batch, relaxed in training."""
        if not self.training:
            return super().forward(x)
        return self._join(self._relaxed(x, self._fitted()[0]), True).to(_output_dtype(x))

    def update_temperature(self, temperature: float) -> None:
        """Sets the temperature; ValueError unless finite and positive."""
        self.temperature = check_temperature(temperature)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}

    def _logits(self, x: Tensor, thresholds: Tensor) -> Tensor:
        """(x - thresholds) / temperature in float32 at least, with the thresholds' axis apart and the batch last."""
        dtype = torch.promote_types(_output_dtype(x), torch.float32)
        self._check_input(x)
        values, placed = self._arranged(x.to(dtype), thresholds, batch_last=True)
        return (values - placed) / self.temperature

    def _relaxed(self, x: Tensor, thresholds: Tensor) -> Tensor:
        return torch.sigmoid(self._logits(x, thresholds))


def _output_dtype(x: Tensor) -> torch.dtype:
    return x.dtype if x.is_floating_point() else torch.float32
