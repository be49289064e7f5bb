"""LUT layers made of weights and wiring that another library trained."""

from typing import Any

import torch
from torch import Tensor

from bitlogic.connections import LearnableDenseConnections
from bitlogic.layers import LogicDense


def assemble_dense(in_dim: int, weight: Tensor, indices: Tensor, parametrization: str, **options: Any) -> LogicDense:
    """A layer with fixed connections.

    Args:
        in_dim: the number of inputs.
        weight: of the parametrization, ``(out_dim, ...)``.
        indices: ``(lut_rank, out_dim)``, slot 0 first; a negative one counts from the end, as in torch's indexing.
        parametrization: a name of `bitlogic.parametrizations`.
        options: further keywords of LogicDense.
    """
    rank, out_dim = indices.shape
    wiring = _from_the_front(indices, in_dim)
    with torch.random.fork_rng(devices=[]):
        layer = LogicDense(
            in_dim, out_dim, parametrization=parametrization, lut_rank=rank, init_method=wiring, **options
        )
    _set_weight(layer, weight)
    return layer


def assemble_learnable(
    in_dim: int,
    weight: Tensor,
    choice: Tensor,
    candidates: Tensor | None,
    parametrization: str,
    **options: Any,
) -> LogicDense:
    """A layer whose connections stay learnable.

    Args:
        in_dim: the number of inputs.
        weight: of the parametrization, ``(out_dim, ...)``.
        choice: the connections' weights, ``(num_candidates, lut_rank, out_dim)``, slot 0 first.
        candidates: the inputs to choose from, of the same shape; None: candidate k is input k.
        parametrization: a name of `bitlogic.parametrizations`.
        options: further keywords of LogicDense.
    """
    num_candidates, rank, out_dim = choice.shape
    with torch.random.fork_rng(devices=[]):
        layer = LogicDense(
            in_dim,
            out_dim,
            parametrization=parametrization,
            connections="learnable",
            num_candidates=-1 if candidates is None else num_candidates,
            lut_rank=rank,
            init_method="random",
            **options,
        )
    connections = layer.connections
    if not isinstance(connections, LearnableDenseConnections):
        raise TypeError(f"learnable connections are {type(connections).__name__}")
    with torch.no_grad():
        connections.weights.copy_(choice)
        if candidates is not None and connections.candidates is not None:
            connections.candidates.copy_(_from_the_front(candidates, in_dim))
    _set_weight(layer, weight)
    return layer


def _from_the_front(indices: Tensor, in_dim: int) -> Tensor:
    indices = indices.detach().to("cpu", torch.int64)
    if indices.numel() and not -in_dim <= int(indices.min()) <= int(indices.max()) < in_dim:
        raise ValueError(f"connections read input {int(indices.max())} of a layer with in_dim={in_dim}")
    return torch.where(indices < 0, indices + in_dim, indices)


def _set_weight(layer: LogicDense, weight: Tensor) -> None:
    own = layer.parametrization.weight
    if own.shape != weight.shape:
        raise ValueError(f"weights of shape {tuple(weight.shape)} where {tuple(own.shape)} belongs")
    with torch.no_grad():
        own.copy_(weight)
