"""torchlogix' convolutions and pooling."""

from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.interop.torchlogix_layers import layer_options, own_weight
from bitlogic.layers import LogicConv2d, LogicConv3d, OrPooling2d, OrPooling3d, ResidualLogicBlock
from bitlogic.layers.conv import LogicConv
from bitlogic.layers.tree import TreeShape


def convert_conv(module: Any, place: str, built: list[nn.Module]) -> list[LogicConv]:
    """A LogicConv2d or LogicConv3d of torchlogix as ours; its transposed convolutions are not known."""
    options = layer_options(module, place)
    kind = type(module.connections).__name__
    if kind != "FixedConvConnections":
        raise TypeError(f"{place} has {kind}; known: FixedConvConnections")
    if module.tree_depth < 1:
        raise TypeError(f"{place} has tree_depth {module.tree_depth}; known: 1 and above")
    convolution = LogicConv2d if module.conv_dimension == 2 else LogicConv3d
    tree = TreeShape(module.num_kernels, module.tree_depth, module.lut_rank, num_positions=1)
    with torch.random.fork_rng(devices=[]):
        layer = convolution(
            module.in_dim,
            module.channels,
            module.num_kernels,
            module.tree_depth,
            module.receptive_field_size,
            stride=module.stride,
            padding=module.padding,
            lut_rank=module.lut_rank,
            init_method=_leaves(module.connections.indices[0], module.receptive_field_size, tree.in_order(0)),
            **options,
        )
    with torch.no_grad():
        for number, weight in enumerate(module.tree_weights):
            # (LUTs of a kernel, kernels, 2**rank), numbered so that children stand together.
            in_our_order = weight.detach()[tree.in_order(number)].flatten(0, 1)
            layer.parametrizations()[number].weight.copy_(own_weight(in_our_order, options["parametrization"]))
    return [layer]


def convert_pooling(module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
    """An OrPooling2d or OrPooling3d of torchlogix as ours."""
    pooling = OrPooling2d if type(module).__name__ == "OrPooling2d" else OrPooling3d
    return [pooling(module.kernel_size, module.stride, module.padding)]


def convert_residual(module: Any, place: str, built: list[nn.Module]) -> list[nn.Module]:
    """A ResidualLogicBlock of torchlogix as ours.

    Its blocks with a projection, those that pool or change the channels, have a convolution of tree_depth 0, which
    torchlogix 0.2.2 itself cannot evaluate.
    """
    if not isinstance(module.shortcut, nn.Identity):
        raise TypeError(f"{place} has a projection in its shortcut; known: blocks that neither pool nor widen")
    foreign: list[Any] = [part for part in module.main if not isinstance(part, nn.Identity)]
    parts = [layer for part in foreign for layer in convert_conv(part, place, built)]
    for part in parts:
        if part.stride != (1, 1) or part.padding != tuple(width // 2 for width in part.receptive_field_size):
            raise TypeError(f"{place} has convolutions that do not keep the extent")
    first = foreign[0]
    with torch.random.fork_rng(devices=[]):
        block = ResidualLogicBlock(
            first.in_dim,
            first.channels,
            first.num_kernels,
            first.tree_depth,
            first.receptive_field_size,
            lut_rank=first.lut_rank,
            init_method="random",
            **layer_options(first, place),
        )
    block.main = nn.Sequential(*parts)
    return [block]


def _leaves(indices: Tensor, window: tuple[int, ...], order: Tensor) -> Tensor:
    """Inputs of the receptive field ``(lut_rank, LUTs * num_kernels)`` in C order of channel and place.

    torchlogix has ``(lut_rank, num_kernels, positions, LUTs, axes + 1)`` coordinates, the channel last; at position 0
    they are those within the receptive field.
    """
    coordinates = indices[:, :, 0].cpu().unbind(-1)
    leaves = coordinates[-1]
    for coordinate, size in zip(coordinates[:-1], window, strict=True):
        leaves = leaves * size + coordinate
    return leaves[:, :, order].transpose(1, 2).flatten(1).to(torch.int64)
