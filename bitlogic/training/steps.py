"""One optimizer step: forward, loss, backward, and a look at whether all of it is finite."""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from bitlogic.errors import DivergenceError
from bitlogic.parametrizations.base import Parametrization
from bitlogic.parametrizations.regularization import regularization_loss
from bitlogic.training.distributed import World
from bitlogic.training.losses import LOSSES
from bitlogic.training.settings import Settings


@dataclass(frozen=True)
class Stepper:
    """What a step needs; `forward` is the model compiled, distributed or as it is."""

    model: nn.Module
    forward: nn.Module
    optimizer: Optimizer
    settings: Settings
    world: World

    def step(self, x: Tensor, y: Tensor, number: int, flags: tuple[bool, bool] = (False, False)) -> "StepOutcome":
        """Trains on this process' share of a batch and learns what the other processes say.

        Args:
            x: samples, on the world's device.
            y: their labels.
            number: of the step, from 1, for the messages.
            flags: what this process says to all: that training must stop, that a checkpoint is due.

        Raises:
            DivergenceError: the loss or the gradient is not finite; the weights are as before the step.
        """
        settings = self.settings
        with torch.autocast(self.world.device.type, torch.bfloat16, enabled=settings.amp != "off"):
            scores = self.forward(x)
        loss = LOSSES[settings.loss](scores.float(), y, settings.label_smoothing)
        total = loss + self._regularization() if settings.regularization else loss
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        told = torch.tensor([0.0, *flags], dtype=torch.float64, device=x.device)
        told[0] = total.detach()
        mean, stop, due = self.world.mean(told).tolist()
        if not math.isfinite(mean):
            raise DivergenceError(f"step {number}: the loss is {mean}")
        self._check_and_clip(number)
        self.optimizer.step()
        return StepOutcome(mean, stop > 0, due > 0)

    def check_weights(self, number: int) -> None:
        """Raises a DivergenceError, naming the first of them, when weights are not finite after a step."""
        for name, value in self.model.named_parameters():
            if not value.detach().isfinite().all():
                raise DivergenceError(f"step {number}: the weights {name} are not finite")

    def _regularization(self) -> Tensor:
        """The mean over the model's parametrizations, of which a layer has one and a convolution one a level."""
        kind = cast(str, self.settings.regularization)
        parts = [module for module in self.model.modules() if isinstance(module, Parametrization)]
        return self.settings.regularization_factor * torch.stack([regularization_loss(p, kind) for p in parts]).mean()

    def _check_and_clip(self, number: int) -> None:
        parameters = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
        norm = get_total_norm([cast(Tensor, parameter.grad) for parameter in parameters])
        # Hard look-ups hide NaN weights from the loss, so the gradient is looked at before it reaches them.
        if not math.isfinite(float(norm)):
            raise DivergenceError(f"step {number}: the gradient's norm is {float(norm)}")
        if self.settings.grad_clip:
            clip_grads_with_norm_(parameters, self.settings.grad_clip, norm)


@dataclass(frozen=True)
class StepOutcome:
    """The loss averaged over the processes, and what any of them said."""

    loss: float
    stop: bool
    checkpoint_due: bool
