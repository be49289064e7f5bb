"""How right a model is, relaxed as it trains and discrete as it will run, on the same samples."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bitlogic.inference import PackedLogicNet
from bitlogic.training.samples import Part

_BLOCK = 1000  # samples of one relaxed forward


@dataclass(frozen=True)
class Measured:
    """Shares of right answers, and the loss of the discrete scores."""

    relaxed: float  # the training forward without its noise
    discrete: float  # the tables
    discrete_loss: float  # cross-entropy of the discrete scores, in nats

    @property
    def gap(self) -> float:
        """What is lost between training and hardware, as a share of the samples."""
        return self.relaxed - self.discrete

    def to_json(self, prefix: str) -> dict[str, float]:
        names = ("relaxed", "discrete", "gap", "discrete_loss")
        return {f"{prefix}_{name}": round(getattr(self, name), 6) for name in names}


def measure(model: nn.Module, part: Part) -> Measured:
    """The model's accuracies on samples; it is left in training mode, and torch's random numbers as they were.

    Raises:
        TypeError: a module that `PackedLogicNet` does not know.
    """
    relaxed = _right(_relaxed_classes(model, part.x), part.y)
    model.eval()
    with torch.no_grad():
        scores = PackedLogicNet(model)(part.x)
        loss = float(cross_entropy(scores.float(), part.y))
    model.train()
    return Measured(relaxed, _right(_first_highest(scores), part.y), loss)


@torch.no_grad()
def _relaxed_classes(model: nn.Module, x: Tensor) -> Tensor:
    model.train()
    devices = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), _without_noise(model):
        return torch.cat([_first_highest(model(block)) for block in x.split(_BLOCK)])  # type: ignore[no-untyped-call]


@contextmanager
def _without_noise(model: nn.Module) -> Iterator[None]:
    """Turns the Gumbel samplings into the same without noise: soft stays soft, hard stays hard."""
    noisy = []
    for module in model.modules():
        sampling = getattr(module, "forward_sampling", None)
        if isinstance(sampling, str) and sampling.startswith("gumbel_"):
            noisy.append((module, sampling))
            module.forward_sampling = sampling.removeprefix("gumbel_")  # type: ignore[assignment]
    try:
        yield
    finally:
        for module, sampling in noisy:
            module.forward_sampling = sampling  # type: ignore[assignment]


def _first_highest(scores: Tensor) -> Tensor:
    """The class of the highest score, the lowest index of equal ones, which torch.argmax does not promise."""
    num_classes = scores.shape[1]
    index = torch.arange(num_classes, device=scores.device)
    return torch.where(scores == scores.amax(1, keepdim=True), index, num_classes).amin(1)


def _right(classes: Tensor, labels: Tensor) -> float:
    return float((classes == labels).double().mean())
