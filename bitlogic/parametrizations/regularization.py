"""Losses on a layer's weights that push it towards its discrete form."""

from collections.abc import Callable

import torch
from torch import Tensor

from bitlogic.parametrizations.base import Parametrization
from bitlogic.sampling import check_choice


def regularization_loss(parametrization: Parametrization, kind: str) -> Tensor:
    """A scalar to add to the loss, averaged over the LUTs.

    Kinds:
        entropy: mean entropy of the relaxed table's entries in bits, 0 for a discrete table and 1 for an undecided one.
        l1: mean absolute weight.
        l2: mean squared weight.

    Raises:
        ValueError: another kind; the message lists these.
    """
    return REGULARIZATIONS[check_choice("regularization", kind, REGULARIZATIONS)](parametrization)


def _entropy(parametrization: Parametrization) -> Tensor:
    table = parametrization.relaxed_table()
    # log(0) would make the gradient NaN: both logarithms stop at the smallest normal number.
    smallest = torch.finfo(table.dtype).tiny
    both = torch.stack([table, 1 - table])
    return -(both * both.clamp_min(smallest).log2()).sum(0).mean()


def _l1(parametrization: Parametrization) -> Tensor:
    return parametrization.weight.abs().mean()


def _l2(parametrization: Parametrization) -> Tensor:
    return parametrization.weight.square().mean()


REGULARIZATIONS: dict[str, Callable[[Parametrization], Tensor]] = {
    "entropy": _entropy,
    "l1": _l1,
    "l2": _l2,
}
