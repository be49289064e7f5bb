"""The samples of one training: checked, and divided into those that train, those that choose and those that judge."""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bitlogic.datasets import Dataset, spread_over_classes
from bitlogic.training.seeding import generator_for, seed_for
from bitlogic.training.settings import Settings


class Part(NamedTuple):
    """Samples (n, ...) and labels (n,)."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Samples:
    """All the samples of one training, on one device."""

    train: Part
    measured: Part  # those of `train` whose accuracy is measured after each epoch
    validation: Part | None  # held out of the training samples, for every choice
    test: Part  # measured once, at the end
    num_classes: int
    checksum: int  # of samples and labels as they were given


def prepare_samples(data: Dataset, settings: Settings, device: torch.device) -> Samples:
    """The data set divided by the settings' seed.

    Raises:
        ValueError: a value is not finite, named by its place; labels do not fit; too few samples for the settings.
    """
    for name in ("train", "test"):
        _check(name, getattr(data, f"{name}_x"), getattr(data, f"{name}_y"))
    if data.train_x.shape[1:] != data.test_x.shape[1:]:
        shapes = [tuple(x.shape[1:]) for x in (data.train_x, data.test_x)]
        raise ValueError(f"a sample to train on has the shape {shapes[0]}, but one held out {shapes[1]}")
    checksum = 0
    for tensor in data:
        checksum = zlib.crc32(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data, checksum)
    num_classes = 1 + int(max(data.train_y.max(), data.test_y.max()))
    train, validation = Part(data.train_x, data.train_y), None
    if settings.validation:
        num = round(settings.validation * len(train.y)) if settings.validation < 1 else int(settings.validation)
        if not 0 < num < len(train.y):
            raise ValueError(f"train.validation takes {num} of the {len(train.y)} training samples")
        held = spread_over_classes(train.y, num, seed_for("validation", settings.seed))
        train, validation = Part(train.x[~held], train.y[~held]), Part(train.x[held], train.y[held])
    if settings.batch_size > len(train.y):
        raise ValueError(f"train.batch_size is {settings.batch_size}, but {len(train.y)} samples are left to train on")
    order = torch.randperm(len(train.y), generator=generator_for("measured", settings.seed))
    some = order[: settings.measured_samples]
    return Samples(
        _on(device, train),
        _on(device, Part(train.x[some], train.y[some])),
        None if validation is None else _on(device, validation),
        _on(device, Part(data.test_x, data.test_y)),
        num_classes,
        checksum,
    )


def _check(name: str, x: Tensor, y: Tensor) -> None:
    if x.ndim < 2 or not x.is_floating_point() or y.ndim != 1 or y.dtype != torch.int64 or len(x) != len(y):
        raise ValueError(
            f"{name}_x is {x.dtype} {tuple(x.shape)} and {name}_y {y.dtype} {tuple(y.shape)}; samples are floats "
            "(n, ...), labels int64 (n,)"
        )
    if not len(y):
        raise ValueError(f"{name}_x holds no samples")
    finite = x.isfinite()
    if not finite.all():
        place = (~finite).nonzero()[0].tolist()
        value = float(x[tuple(place)])
        count = int((~finite).sum())
        raise ValueError(f"{name}_x[{', '.join(map(str, place))}] is {value}; {count} values are not finite")
    if int(y.min()) < 0:
        raise ValueError(f"{name}_y[{int(y.argmin())}] is {int(y.min())}; labels count from 0")


def _on(device: torch.device, part: Part) -> Part:
    return Part(part.x.to(device), part.y.to(device))
