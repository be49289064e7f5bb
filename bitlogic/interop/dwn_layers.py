"""torch_dwn's LUTLayer and GroupSum, made of their tensors."""

import torch
from torch import Tensor, nn

from bitlogic.heads import GroupSum
from bitlogic.interop.assemble import assemble_dense, assemble_learnable
from bitlogic.layers import LogicDense


def fixed_layer(in_dim: int, luts: Tensor, mapping: Tensor) -> LogicDense:
    """A LUTLayer with tables ``(out_dim, 2**rank)`` and mapping ``(out_dim, rank)``, slot 0 the lowest bit."""
    return assemble_dense(in_dim, luts.detach(), mapping.detach().flip(1).t(), "dwn")


def learnable_layer(luts: Tensor, choice: Tensor, **options: float) -> LogicDense:
    """A LUTLayer with a LearnableMapping of weights ``(in_dim, out_dim * rank)``, slot 0 the lowest bit."""
    in_dim = choice.shape[0]
    by_slot = choice.detach().view(in_dim, luts.shape[0], -1).flip(2).transpose(1, 2)
    return assemble_learnable(in_dim, luts.detach(), by_slot, None, "dwn", **options)


def group_sum(built: list[nn.Module], num_classes: int, tau: float, permutation: Tensor | None, place: str) -> GroupSum:
    """The head, after the last of the layers is put into the order that it reads.

    LUTs that no class reads fall away; LUTs that are always 0 take the place of the zeros that fill up the classes.
    """
    last = built[-1] if built else None
    if not isinstance(last, LogicDense):
        raise TypeError(f"{place} does not follow a LUTLayer")
    order = torch.arange(last.out_dim) if permutation is None else permutation.detach().to("cpu", torch.int64)
    if order.numel() == 0 or int(order.max()) >= last.out_dim:
        raise ValueError(f"{place} permutes {order.numel()} inputs, the layer before it has {last.out_dim} outputs")
    num_zeros = -len(order) % num_classes
    if permutation is not None or num_zeros:
        built[-1] = _in_order(last, order, num_zeros)
    return GroupSum(num_classes, tau=tau)


def _in_order(layer: LogicDense, order: Tensor, num_zeros: int) -> LogicDense:
    weight = layer.parametrization.weight.detach()
    never = -weight.new_ones(num_zeros, weight.shape[1])
    weight = torch.cat([weight[order], never])
    state = layer.connections.state_dict()
    if "weights" in state:
        choice = torch.cat(
            [state["weights"][..., order], state["weights"].new_zeros(*state["weights"].shape[:2], num_zeros)], 2
        )
        temperature = float(layer.get_config()["connection_temperature"])
        return assemble_learnable(layer.in_dim, weight, choice, None, "dwn", connection_temperature=temperature)
    indices = layer.connections.get_indices()[:, order]
    indices = torch.cat([indices, indices.new_zeros(len(indices), num_zeros)], 1)
    return assemble_dense(layer.in_dim, weight, indices, "dwn")
