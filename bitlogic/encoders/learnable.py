"""Thresholds that are trained."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from bitlogic.encoders.grid import cell_end, quantize, snap_upwards
from bitlogic.encoders.soft import SoftBinarization
from bitlogic.sampling import FORWARD_SAMPLINGS, check_choice, logistic_noise, straight_through


class LearnableBinarization(SoftBinarization):
    """Thresholds as parameters: `LearnableBinarization(num_thresholds=3).fit(x)`, then an optimiser.

    Every forward snaps them upwards to the grid, with a straight-through gradient, so training sees the thresholds that
    hardware gets; the parameter itself moves freely. Each bit has its own comparator, so trained thresholds may cross,
    and need no order. Those of a constant feature, whose bits are 0, get no gradient.

    In training bit b comes from z = (x - thresholds[b]) / temperature. `soft` is sigmoid(z). `hard` is the bit itself
    with the gradient of sigmoid(z), so that nothing is left to discretise. `gumbel_soft` and `gumbel_hard` are the same
    after logistic noise on z, which makes the hard bit one with probability sigmoid(z) (arXiv:1611.00712).

    Without thresholds the parameter exists after `fit`; make the optimiser then. A later fit sets it in place.

    Args:
        thresholds: initial ones; see `Binarization`, as for the others that are not here.
        temperature: see `SoftBinarization`.
        forward_sampling: soft, hard, gumbel_soft or gumbel_hard; training only.
    """

    PARAMETERS = ("thresholds",)

    def __init__(
        self,
        thresholds: Tensor | NDArray[Any] | Sequence[Any] | None = None,
        *,
        forward_sampling: str = "hard",
        temperature: float = 0.1,
        num_bits: int | None = None,
        num_thresholds: int | None = None,
        input_range: tuple[float, float] | None = None,
        scope: str | None = None,
        initial: str = "uniform",
        encode_axis: int = 1,
        input_bits: int = 8,
    ) -> None:
        self.forward_sampling = check_choice("forward_sampling", forward_sampling, FORWARD_SAMPLINGS)
        super().__init__(
            thresholds,
            temperature=temperature,
            num_bits=num_bits,
            num_thresholds=num_thresholds,
            input_range=input_range,
            scope=scope,
            initial=initial,
            encode_axis=encode_axis,
            input_bits=input_bits,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "forward_sampling": self.forward_sampling}

    def _relaxed(self, x: Tensor, thresholds: Tensor) -> Tensor:
        logits = self._logits(x, self._on_the_grid(thresholds))
        if self.forward_sampling.startswith("gumbel"):
            logits = logits + logistic_noise(logits)
        soft = torch.sigmoid(logits)
        if not self.forward_sampling.endswith("hard"):
            return soft
        if self.forward_sampling == "hard":
            values, compared = self._compared(x.detach(), batch_last=True)
            return straight_through(values > compared, soft)
        return straight_through(logits.detach() > 0, soft)

    def _on_the_grid(self, thresholds: Tensor) -> Tensor:
        """The snapped thresholds with the gradient of the free ones, +inf where the feature is constant."""
        low, high = (limit.unsqueeze(-1) for limit in self._fitted()[1:])
        snapped = thresholds.detach()
        if self.input_bits > 0:
            snapped = cell_end(quantize(snapped, low, high, self.input_bits), low, high, self.input_bits)
        return straight_through(torch.where(high > low, snapped, torch.inf), thresholds)

    def _compared(self, x: Tensor, batch_last: bool) -> tuple[Tensor, Tensor]:
        thresholds, low, high = self._fitted()
        if self.input_bits == 0:
            self._check_input(x)
            return self._arranged(x.to(torch.float32), self._frozen_thresholds()[0], batch_last)
        # The exact float boundary of a moved threshold takes a search; the integers of the grid say the same.
        integers = quantize(thresholds.detach(), low.unsqueeze(-1), high.unsqueeze(-1), self.input_bits)
        return self._arranged(self.quantize(x).to(torch.float32), integers.to(torch.float32), batch_last)

    def _snap(self, thresholds: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor | None]:
        # The parameter keeps what it is given, and stays finite where the feature is constant.
        return torch.where(high > low, thresholds, low), None

    def _frozen_thresholds(self) -> tuple[Tensor, Tensor | None]:
        thresholds, low, high = (value.detach() for value in self._fitted())
        low, high = low.unsqueeze(-1), high.unsqueeze(-1)
        if self.input_bits > 0:
            return snap_upwards(thresholds, low, high, self.input_bits)
        return torch.where(high > low, thresholds, torch.inf), None

    def _takes(self, name: str) -> bool:
        return name != "integer_thresholds"
