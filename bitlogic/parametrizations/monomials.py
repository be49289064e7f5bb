"""Multilinear polynomials of bounded degree: their columns, and their values at the corners of {0, 1}^R.

The columns are the monomials in order of degree, then of the slots: 1, x0, x1, ..., x0 x1, x0 x2, ...
"""

import itertools
import math

import torch
from torch import Tensor

from bitlogic.parametrizations.base import Parametrization, full_precision_product, residual_spread


def monomials(lut_rank: int, degree: int) -> Tensor:
    """Which slots a monomial multiplies, bool ``(num_monomials, lut_rank)``, for all of at most that degree."""
    sizes = range(min(degree, lut_rank) + 1)
    subsets = [subset for size in sizes for subset in itertools.combinations(range(lut_rank), size)]
    return torch.tensor([[slot in subset for slot in range(lut_rank)] for subset in subsets])


def at_corners(weight: Tensor, lut_rank: int, degree: int) -> Tensor:
    """The polynomials' values ``(out_dim, 2**lut_rank)`` for weights ``(out_dim, num_monomials)``, differentiable."""
    corners = torch.arange(1 << lut_rank) >> torch.arange(lut_rank - 1, -1, -1)[:, None] & 1
    products = (corners.bool() | ~monomials(lut_rank, degree)[:, :, None]).all(1)
    return full_precision_product(weight, products)


def initial_polynomials(parametrization: Parametrization, degree: int, generator: torch.Generator | None) -> Tensor:
    """Fresh weights ``(out_dim, num_monomials)``: `random` or `residual` logits, times the temperature.

    They are drawn for products of ``2 x - 1``, which are -1 or 1 and zero on average, and multiplied out: drawn for the
    monomials themselves, half of the tables would lean to one side.
    """
    chosen = monomials(parametrization.lut_rank, degree)
    shape = (parametrization.out_dim, len(chosen))
    if parametrization.weight_init == "random":
        signed = torch.randn(shape, generator=generator) / math.sqrt(len(chosen))
    else:
        logit = torch.logit(torch.tensor(parametrization.residual_probability, dtype=torch.float64)).item()
        spread = residual_spread(shape, generator)
        signed = (spread - 1) * logit / len(chosen)
        signed[:, 1] = spread[:, 1] * logit  # column 1 is x0
    return full_precision_product(signed, _multiplied_out(chosen)) * parametrization.temperature


def _multiplied_out(chosen: Tensor) -> Tensor:
    """Row S: the monomial coefficients of ``prod_{i in S} (2 x_i - 1)``."""
    contained = (chosen[None] <= chosen[:, None]).all(2)
    sizes = chosen.sum(1)
    missing = sizes[:, None] - sizes[None]
    return contained * 2.0**sizes * torch.where(missing % 2 == 0, 1.0, -1.0)
