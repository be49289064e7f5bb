"""The reduction that teaches learnable connections, without a (batch, candidates, rank, out) tensor."""

import warnings

import torch
from torch import Tensor


def candidate_dots(signals: Tensor, candidates: Tensor, grad: Tensor) -> Tensor:
    """``sum over the batch of signals[candidates[k, j, n]] * grad[j, n]``, of candidates' shape, in grad's dtype.

    Args:
        signals: ``(in_dim, batch)``, any dtype.
        candidates: int64 ``(num_candidates, lut_rank, out_dim)``, distinct along the first dimension.
        grad: float ``(lut_rank, out_dim, batch)``, contiguous.
    """
    if grad.device.type == "cpu" and grad.dtype in (torch.float32, torch.float64):
        return sampled_dots(signals, candidates, grad)
    return gathered_dots(signals, candidates, grad)


def sampled_dots(signals: Tensor, candidates: Tensor, grad: Tensor) -> Tensor:
    """`candidate_dots` as a sampled matrix product: only the wanted entries of ``grad @ signals.T`` are computed."""
    num_candidates = candidates.shape[0]
    flat = grad.flatten(0, 1)
    columns = candidates.flatten(1).t().contiguous()
    rows = torch.arange(0, columns.numel() + 1, num_candidates)
    with warnings.catch_warnings():
        # Every first CSR tensor of a process warns that the layout is in beta (torch 2.6 to 2.13).
        warnings.simplefilter("ignore", UserWarning)
        wanted = torch.sparse_csr_tensor(
            rows,
            columns.flatten(),
            flat.new_zeros(columns.numel()),
            (flat.shape[0], signals.shape[0]),
            check_invariants=False,
        )
        product = torch.sparse.sampled_addmm(wanted, flat, signals.to(grad.dtype).t(), beta=0.0)
    dots: Tensor = product.values().view(-1, num_candidates).t().reshape(candidates.shape)
    return dots


def gathered_dots(signals: Tensor, candidates: Tensor, grad: Tensor) -> Tensor:
    """`candidate_dots` by one gather for each candidate number: for devices and dtypes without the sampled product."""
    flat = grad.flatten(0, 1)
    dots = [torch.linalg.vecdot(signals[pool].to(grad.dtype), flat) for pool in candidates.flatten(1)]
    return torch.stack(dots).view(candidates.shape)
