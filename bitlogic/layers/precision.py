"""The dtype of activations."""

import torch
from torch import Tensor


def activation_dtype(x: Tensor, weight: Tensor) -> torch.dtype:
    """What a layer gives for an input: the input's dtype where that is a float, else the weights'; or autocast's.

    As torch does, autocast leaves float64 alone. Weights and sums stay in float32 at least.
    """
    dtype = x.dtype if x.is_floating_point() else weight.dtype
    if dtype != torch.float64 and torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return dtype
