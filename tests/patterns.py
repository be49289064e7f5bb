"""A data set that trains in a second: noisy 4 x 4 images, each with a bright row and column that tell its class."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bitlogic.datasets import Dataset

NUM_CLASSES = 4
SMALL_MODEL: dict[str, Any] = {
    "layer_width": 60,
    "num_layers": 2,
    "num_bits": 2,
    "num_candidates": 4,
    "forward_sampling": "hard",
}


def patterns(num_train: int = 320, num_test: int = 80, seed: int = 0) -> Dataset:
    """Images (n, 1, 4, 4) of 0 to 1 and labels of `NUM_CLASSES` classes."""
    generator = torch.Generator().manual_seed(seed)
    parts: list[Tensor] = []
    for num in (num_train, num_test):
        labels = torch.arange(num) % NUM_CLASSES
        images = 0.6 * torch.rand(num, 1, 4, 4, generator=generator)
        images[torch.arange(num), 0, labels] += 0.3
        images[torch.arange(num), 0, :, labels] += 0.1
        parts += [images, labels]
    return Dataset(*parts)


def write_patterns(path: Path) -> Path:
    """`patterns()` as an .npz table."""
    data = patterns()
    train_x, train_y, test_x, test_y = (value.numpy() for value in data)
    np.savez(path, train_x=train_x, train_y=train_y, test_x=test_x, test_y=test_y)
    return path
