"""Small models with everything a real one has, made from a seed without training."""

from typing import Any

import torch
from torch import nn

from bitlogic import DistributiveThermometer, GroupSum, LogicDense


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
