"""Encoders: numbers to bits. A new one is a file here and a line in `ENCODERS`."""

from typing import Any

from bitlogic.encoders.base import Comparators, Encoder
from bitlogic.encoders.distributive import DistributiveThermometer
from bitlogic.encoders.uniform import Thermometer
from bitlogic.keywords import look_up

ENCODERS: dict[str, type[Encoder]] = {
    "distributive_thermometer": DistributiveThermometer,
    "thermometer": Thermometer,
}

__all__ = [
    "ENCODERS",
    "Comparators",
    "DistributiveThermometer",
    "Encoder",
    "Thermometer",
    "list_encoders",
    "setup_encoder",
]


def list_encoders() -> list[str]:
    """The names that `setup_encoder` takes."""
    return list(ENCODERS)


def setup_encoder(name: str, **kwargs: Any) -> Encoder:
    """A new encoder, not fitted, by its name; ValueError for a name that is not in `list_encoders()`."""
    return look_up("encoder", name, ENCODERS, {})(**kwargs)
