"""Small models with everything a real one has, made from a seed without training."""

from typing import Any

import torch
from torch import nn

from bitlogic import DistributiveThermometer, GroupSum, LogicDense
from bitlogic.layers import LogicConv2d, OrPooling2d, ResidualLogicBlock


def small_model(
    seed: int = 0,
    *,
    num_bits: int = 3,
    widths: tuple[int, ...] = (40, 30),
    ranks: tuple[int, ...] = (4, 4),
    num_classes: int = 5,
    input_bits: int = 8,
    **layer: Any,
) -> nn.Sequential:
    """Encoder on (n, 1, 4, 4) samples of 0..1, Flatten, LogicDense with random tables, GroupSum; in eval mode."""
    torch.manual_seed(seed)
    encoder = DistributiveThermometer(num_bits, input_bits=input_bits).fit(torch.rand(200, 1, 4, 4))
    layers: list[nn.Module] = []
    before = 16 * num_bits
    for width, rank in zip(widths, ranks, strict=True):
        layers.append(LogicDense(before, width, lut_rank=rank, weight_init="random", **layer))
        before = width
    return nn.Sequential(encoder, nn.Flatten(), *layers, GroupSum(num_classes, tau=2.0, beta=0.5)).eval()


def bits_model(seed: int = 0, *, num_inputs: int = 8, width: int = 12, num_classes: int = 3) -> nn.Sequential:
    """The same without an encoder: the samples are bits."""
    torch.manual_seed(seed)
    layers = [LogicDense(num_inputs, width, lut_rank=3, weight_init="random") for _ in range(1)]
    return nn.Sequential(*layers, GroupSum(num_classes)).eval()


def conv_model(seed: int = 0, *, rank: int = 2, encoder: bool = True, num_classes: int = 3) -> nn.Sequential:
    """Convolutions with padding, with stride and channel groups, a pooling, two residual blocks, one of which pools.

    On (n, 1, 7, 7) samples of 0..1 with an encoder, else on (n, 2, 7, 7) bits. Most tables pass an input through, and
    ones are rare, because random tables and many ors would leave hardly an output that varies.
    """
    torch.manual_seed(seed)
    groups: dict[str, Any] = {"channel_group_size": 2, "connections": "learnable", "num_candidates": 4}
    layers: list[nn.Module] = [
        LogicConv2d(7, 2, 4, 2, 3, padding=1, lut_rank=rank),
        OrPooling2d(2, 1, 1),
        LogicConv2d(8, 4, 5, 1, 2, stride=2, lut_rank=rank, **groups),
        ResidualLogicBlock(4, 5, 6, 2, (1, 3), (1, 2), lut_rank=rank),
        ResidualLogicBlock(2, 6, 6, 1, 3, lut_rank=rank),
        nn.Flatten(),
        LogicDense(24, 15, lut_rank=3, weight_init="random"),
        GroupSum(num_classes, tau=2.0, beta=0.5),
    ]
    for layer in layers[:5]:
        for name, parameter in layer.named_parameters():
            if name.endswith("weight"):
                parameter.data += 2 * torch.randn(parameter.shape) - 1
    if encoder:
        layers.insert(0, DistributiveThermometer(2, input_bits=6).fit(torch.rand(200, 1, 7, 7)))
    return nn.Sequential(*layers).eval()
