"""The optimizers by name."""

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

Parameters = Iterable[nn.Parameter]

# Fused where torch has it: one kernel for all tensors, on the CPU too.
OPTIMIZERS: dict[str, Callable[[Parameters, float, float], Optimizer]] = {
    "adam": lambda parameters, lr, decay: torch.optim.Adam(parameters, lr=lr, weight_decay=decay, fused=True),
    "adamw": lambda parameters, lr, decay: torch.optim.AdamW(parameters, lr=lr, weight_decay=decay, fused=True),
    "nadam": lambda parameters, lr, decay: torch.optim.NAdam(parameters, lr=lr, weight_decay=decay),
    "radam": lambda parameters, lr, decay: torch.optim.RAdam(parameters, lr=lr, weight_decay=decay),
    "rmsprop": lambda parameters, lr, decay: torch.optim.RMSprop(parameters, lr=lr, weight_decay=decay),
    "sgd": lambda parameters, lr, decay: torch.optim.SGD(
        parameters, lr=lr, momentum=0.9, nesterov=True, weight_decay=decay, fused=True
    ),
}


def setup_optimizer(name: str, parameters: Parameters, *, lr: float, weight_decay: float) -> Optimizer:
    """The optimizer of that name over the parameters that train.

    Raises:
        ValueError: an unknown name, or nothing that trains.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; choices: {', '.join(OPTIMIZERS)}")
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ValueError("the model has no parameters to train")
    return OPTIMIZERS[name](trained, lr, weight_decay)
