"""What every loader gives: samples to train on and samples held out."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Dataset(NamedTuple):
    """Samples float32 (n, ...), images as (n, channels, height, width), and labels int64 (n,) counted from 0."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


def scaled_pixels(images: NDArray[np.uint8]) -> Tensor:
    """Bytes (n, channels, height, width) as p / 255 in float32, so that an encoder's 8-bit grid gives p back."""
    return torch.from_numpy(images).to(torch.float32).div_(255.0)


def integer_labels(labels: NDArray[np.uint8]) -> Tensor:
    """Labels (n,) as int64."""
    return torch.from_numpy(labels).to(torch.int64)


def hold_out(x: Tensor, y: Tensor, size: float, seed: int) -> Dataset:
    """Samples shuffled by the seed and divided, every class alike; the held-out part is sorted into no order.

    Args:
        x: samples (n, ...).
        y: labels (n,).
        size: how many are held out: a share in (0, 1), or a number of samples.
        seed: of the division.

    Raises:
        ValueError: a size that leaves nothing on one of the sides.
    """
    num = round(size * len(y)) if size < 1 else int(size)
    if not 0 < num < len(y) or (size > 1 and size != num):
        raise ValueError(
            f"{size:g} of {len(y)} samples cannot be held out; give a share in (0, 1) or a number below {len(y)}"
        )
    held = spread_over_classes(y, num, seed)
    return Dataset(x[~held], y[~held], x[held], y[held])


def spread_over_classes(y: Tensor, num: int, seed: int) -> Tensor:
    """A mask bool (n,) of `num` samples drawn by the seed, every class with its share of them, to within one."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    # Position of a sample within its class, as a fraction: the lowest fractions of all classes are its fair share.
    by_class = order[torch.sort(y[order], stable=True).indices]
    counts = torch.bincount(y)
    starts = counts.cumsum(0) - counts
    labels = y[by_class]
    place = (torch.arange(len(y)) - starts[labels] + 0.5) / counts[labels]
    mask = torch.zeros(len(y), dtype=torch.bool)
    mask[by_class[torch.sort(place, stable=True).indices[:num]]] = True
    return mask
