"""Whole networks: FeedForward, and the zoo's by name, such as ``bitlogic.models.DlgnMediumMnist()``."""

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from torch import nn

from bitlogic.models import zoo
from bitlogic.models.feedforward import FeedForward
from bitlogic.models.zoo import list_models

__all__ = ["FeedForward", "list_models", "zoo"]


def __getattr__(name: str) -> Callable[..., nn.Sequential]:
    if not zoo.is_model(name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    maker: Any = update_wrapper(partial(zoo.build, name), zoo.build)
    maker.__name__ = name
    made: Callable[..., nn.Sequential] = maker
    return made


def __dir__() -> list[str]:
    return sorted([*__all__, *list_models()])
