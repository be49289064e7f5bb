"""Images that look a little different in every batch."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from bitlogic.training.settings import Settings


def check_augmentable(settings: Settings, sample_shape: tuple[int, ...]) -> None:
    """Raises a ValueError where the settings ask for what only images (channels, height, width) can have."""
    if (settings.shift or settings.flip) and len(sample_shape) != 3:
        word = "shift" if settings.shift else "flip"
        raise ValueError(f"train.{word} is for images (channels, height, width), not for samples {sample_shape}")
    if settings.shift and settings.shift >= min(sample_shape[1:]):
        raise ValueError(f"train.shift of {settings.shift} pixels leaves nothing of images {sample_shape}")


def augment(images: Tensor, settings: Settings, generator: torch.Generator) -> Tensor:
    """Images (n, channels, height, width), each or all alike shifted and some mirrored, by a CPU generator."""
    if settings.shift:
        num = len(images) if settings.shift_per == "sample" else 1
        offsets = torch.randint(0, 2 * settings.shift + 1, (2, num), generator=generator)
        images = _shift(images, offsets, settings.shift)
    if settings.flip:
        mirrored = torch.randint(0, 2, (len(images), 1, 1, 1), generator=generator).bool().to(images.device)
        images = torch.where(mirrored, images.flip(-1), images)
    return images


def _shift(images: Tensor, offsets: Tensor, shift: int) -> Tensor:
    """Windows of the images padded by `shift` zeros, at offsets (2, n) or (2, 1) from 0 to 2 * shift."""
    height, width = images.shape[-2:]
    padded = pad(images, (shift,) * 4)
    if offsets.shape[1] == 1:
        down, right = offsets[:, 0].tolist()
        return padded[..., down : down + height, right : right + width]
    offsets = offsets.to(images.device)
    rows = (offsets[0, :, None] + torch.arange(height, device=images.device))[:, :, None]
    columns = (offsets[1, :, None] + torch.arange(width, device=images.device))[:, None, :]
    samples = torch.arange(len(images), device=images.device)[:, None, None]
    # The advanced indices stand apart, so their axes come first: (n, height, width, channels).
    return padded[samples, :, rows, columns].permute(0, 3, 1, 2)
