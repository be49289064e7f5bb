"""What training minimises."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import cross_entropy

Loss = Callable[[Tensor, Tensor, float], Tensor]


def _cross_entropy(scores: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    return cross_entropy(scores, labels, label_smoothing=label_smoothing)


# Each takes float scores (batch, classes), labels int64 (batch,) and the label smoothing, and gives the batch's mean.
LOSSES: dict[str, Loss] = {
    "cross_entropy": _cross_entropy,
}
