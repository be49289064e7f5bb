"""The [train] table of a recipe: how to train, as opposed to what and on what."""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bitlogic.compile import MODES
from bitlogic.parametrizations.regularization import REGULARIZATIONS
from bitlogic.training.losses import LOSSES
from bitlogic.training.optimizers import OPTIMIZERS

SCHEDULES = ("cosine", "constant")
SHIFTS_PER = ("batch", "sample")
AMP_DTYPES = ("off", "bfloat16")
COMPILE_MODES = ("off", *MODES)


@dataclass(frozen=True)
class Settings:
    """How to train; the keywords of `bitlogic.train` and the keys of [train]."""

    epochs: int = 10
    batch_size: int = 128  # over all processes together; the last incomplete batch of an epoch is left out
    lr: float = 0.02
    schedule: str = "cosine"  # of lr, over all steps
    warmup_epochs: float = 0.0  # lr rises linearly from 0 at first
    lr_end: float = 0.0  # where the cosine ends
    optimizer: str = "adam"
    weight_decay: float = 0.0
    grad_clip: float = 0.0  # largest norm of the gradient; 0: any
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    regularization: str | None = None
    regularization_factor: float = 0.0  # times the mean over the layers
    shift: int = 0  # random shift of images by up to so many pixels each way, zeros come in
    shift_per: str = "sample"
    flip: bool = False  # mirror every second image, left to right
    temperature: tuple[float, float] | None = None  # of the parametrizations, from start to end, geometrically
    connection_temperature: tuple[float, float] | None = None
    validation: float = 0.1  # of the training samples, held out for all choices: a share, or a number, or 0
    seed: int = 0
    device: str = "auto"  # auto: CUDA where there is one
    threads: int = 0  # of torch on the CPU; 0: as many as it chooses
    amp: str = "off"
    compile: str = "off"
    measured_samples: int = 2000  # training samples whose accuracy is measured after each epoch
    log_steps: int = 0  # a line in metrics.jsonl every so many steps, beside those of the epochs; 0: none
    checkpoint_steps: int = 0  # a checkpoint every so many steps, beside those of the epochs; 0: none
    checkpoint_seconds: float = 60.0  # and when the last one is so old; 0: never

    def __post_init__(self) -> None:
        for name, (holds, allowed) in _RULES.items():
            value = getattr(self, name)
            if value is not None and not holds(value):
                raise ValueError(f"train.{name} is {value!r}; it must be {allowed}")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise ValueError(f"unknown train.{name} {value!r}; choices: {', '.join(choices)}")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Settings":
        """Settings from plain values, whole numbers allowed for floats, lists for pairs.

        Raises:
            ValueError: an unknown key, where the choices are listed, or a value of a wrong type or range.
        """
        hints = typing.get_type_hints(cls)
        for key in given:
            if key not in hints:
                raise ValueError(f"unknown key train.{key}; choices: {', '.join(hints)}")
        return cls(**{key: _typed(key, value, hints[key]) for key, value in given.items()})

    def to_table(self) -> dict[str, Any]:
        """All settings as plain values, those without a value left out."""
        pairs = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {key: list(value) if isinstance(value, tuple) else value for key, value in pairs if value is not None}


Rule = tuple[Callable[[Any], bool], str]
_AT_LEAST_1: Rule = (lambda value: value >= 1, "at least 1")
_NOT_NEGATIVE: Rule = (lambda value: value >= 0 and math.isfinite(value), "finite and not negative")
_POSITIVE: Rule = (lambda value: value > 0 and math.isfinite(value), "finite and positive")
_POSITIVE_PAIR: Rule = (lambda pair: all(_POSITIVE[0](value) for value in pair), "two finite positive numbers")
_FRACTION: Rule = (lambda value: 0 <= value < 1, "in [0, 1)")
_RULES: dict[str, Rule] = {
    "epochs": _AT_LEAST_1,
    "batch_size": _AT_LEAST_1,
    "lr": _POSITIVE,
    "warmup_epochs": _NOT_NEGATIVE,
    "lr_end": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "grad_clip": _NOT_NEGATIVE,
    "label_smoothing": _FRACTION,
    "regularization_factor": _NOT_NEGATIVE,
    "shift": _NOT_NEGATIVE,
    "temperature": _POSITIVE_PAIR,
    "connection_temperature": _POSITIVE_PAIR,
    "validation": (
        lambda value: 0 <= value < 1 or (value >= 1 and value == int(value)),
        "a share below 1 or a number of samples",
    ),
    "seed": _NOT_NEGATIVE,
    "threads": _NOT_NEGATIVE,
    "measured_samples": _AT_LEAST_1,
    "log_steps": _NOT_NEGATIVE,
    "checkpoint_steps": _NOT_NEGATIVE,
    "checkpoint_seconds": _NOT_NEGATIVE,
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": SCHEDULES,
    "optimizer": tuple(OPTIMIZERS),
    "loss": tuple(LOSSES),
    "regularization": tuple(REGULARIZATIONS),
    "shift_per": SHIFTS_PER,
    "amp": AMP_DTYPES,
    "compile": COMPILE_MODES,
}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", tuple: "two numbers"}


def _typed(key: str, value: Any, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    kind = typing.get_origin(hint) or hint
    if kind is tuple and isinstance(value, list | tuple) and len(value) == 2:
        return tuple(_typed(key, part, float) for part in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"train.{key} must be {_WORDS[kind]}, got {value!r}")
    return value
