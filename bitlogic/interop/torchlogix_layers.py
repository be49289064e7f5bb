"""torchlogix' LUT layers, one by one."""

from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.interop.assemble import assemble_dense, assemble_learnable
from bitlogic.parametrizations.warp import hadamard

_PARAMETRIZATIONS = {
    "RawLUTParametrization": "difflogic",
    "WarpLUTParametrization": "warp",
    "LightLUTParametrization": "light",
}


def convert_dense(module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
    """A LogicDense of torchlogix as ours."""
    options = layer_options(module, place)
    weight = own_weight(module.weight.detach(), options["parametrization"])
    connections = module.connections
    kind = type(connections).__name__
    if kind == "FixedDenseConnections":
        return [assemble_dense(module.in_dim, weight, connections.indices, **options)]
    if kind != "LearnableDenseConnections":
        raise TypeError(f"{place} has {kind}; known: FixedDenseConnections, LearnableDenseConnections")
    candidates = own_candidates(connections.indices, module.in_dim)
    return [
        assemble_learnable(
            module.in_dim,
            weight,
            connections.weights.detach(),
            candidates,
            connection_temperature=float(connections.temperature),
            connection_sampling="gumbel_soft" if connections.gumbel else "soft",
            **options,
        )
    ]


def layer_options(module: Any, place: str) -> dict[str, Any]:
    """The keywords of our layer that torchlogix' layer has as well."""
    parametrization = module.parametrization
    kind = type(parametrization).__name__
    if kind not in _PARAMETRIZATIONS:
        raise TypeError(f"{place} has {kind}; known: {', '.join(_PARAMETRIZATIONS)}")
    return {
        "parametrization": _PARAMETRIZATIONS[kind],
        "forward_sampling": parametrization.forward_sampling,
        "temperature": float(parametrization.temperature),
        "weight_init": parametrization.weight_init,
        "residual_probability": float(parametrization.residual_probability),
        "grad_factor": float(module.grad_factor),
    }


def own_candidates(indices: Tensor, in_dim: int) -> Tensor | None:
    """The candidates ``(num_candidates, lut_rank, out_dim)``; None where they are all inputs in their order."""
    every = torch.arange(in_dim, device=indices.device)[:, None, None]
    return None if len(indices) == in_dim and bool((indices == every).all()) else indices


def own_weight(weight: Tensor, parametrization: str) -> Tensor:
    """Weights ``(..., 2**lut_rank)`` whose tables, decided here in float64, are those of torchlogix' evaluation.

    torchlogix sums a warp LUT's coefficients in float32, one after the other, at every corner. Where that falls on the
    other side of zero than the exact sum, the LUT's corners near zero are moved apart, by a few units in the last place
    of the sum of its coefficients.
    """
    if parametrization != "warp":
        return weight
    given = weight.to("cpu", torch.float32)
    signs = hadamard(given)
    rounded = torch.zeros_like(given)
    for coefficient, row in zip(given.unbind(-1), signs, strict=True):
        rounded += coefficient[..., None] * row
    exact = given.double() @ signs.double()
    wrong = (rounded < 0) != (exact < 0)
    touched = wrong.any(-1, keepdim=True)
    if not bool(touched.any()):
        return weight
    # Far enough that rounding the new coefficients to float32 cannot take a corner back across zero.
    step = given.abs().sum(-1, keepdim=True).double() * (4 * torch.finfo(torch.float32).eps)
    moved = torch.where(wrong | (exact.abs() < step), torch.where(rounded < 0, -step, step), exact)
    repaired = moved @ signs.double() / len(signs)
    return torch.where(touched, repaired.to(given), given).to(weight)
