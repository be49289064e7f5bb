"""What changes from step to step, as functions of the step alone, so that they need no state of their own."""

import math

from torch import nn
from torch.optim import Optimizer

from bitlogic.connections import Connections
from bitlogic.parametrizations.base import Parametrization
from bitlogic.training.settings import Settings


def learning_rate(settings: Settings, step: int, num_steps: int, steps_per_epoch: int) -> float:
    """The learning rate of a step, counted from 0."""
    warmup = min(round(settings.warmup_epochs * steps_per_epoch), num_steps)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.lr
    done = (step - warmup) / max(1, num_steps - warmup)
    return settings.lr_end + (settings.lr - settings.lr_end) * (1 + math.cos(math.pi * done)) / 2


def set_learning_rate(optimizer: Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr


def anneal(model: nn.Module, settings: Settings, epoch: int) -> None:
    """Sets the temperatures of an epoch, counted from 0: at the start in the first, at the end in the last."""
    done = epoch / max(1, settings.epochs - 1)
    for kind, ends in (
        (Parametrization, settings.temperature),
        (Connections, settings.connection_temperature),
    ):
        if ends is None:
            continue
        temperature = ends[0] ** (1 - done) * ends[1] ** done
        for module in model.modules():
            if isinstance(module, kind):
                module.update_temperature(temperature)
