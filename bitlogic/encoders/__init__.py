"""Encoders: numbers to bits. A new one is a file here and a line in `ENCODERS`."""

from typing import Any

from bitlogic.encoders.base import Encoder
from bitlogic.encoders.binarization import Binarization, FixedBinarization
from bitlogic.encoders.binary import Binary
from bitlogic.encoders.code import CodeEncoder
from bitlogic.encoders.comparators import Code, Comparators
from bitlogic.encoders.distributive import DistributiveThermometer
from bitlogic.encoders.fixed_point import UniformFixedPoint
from bitlogic.encoders.gaussian import GaussianThermometer
from bitlogic.encoders.gray import GrayCode
from bitlogic.encoders.learnable import LearnableBinarization
from bitlogic.encoders.logarithmic import LogarithmicThermometer
from bitlogic.encoders.one_hot import OneHot
from bitlogic.encoders.sign_magnitude import SignMagnitude
from bitlogic.encoders.soft import SoftBinarization
from bitlogic.encoders.uniform import Thermometer
from bitlogic.keywords import look_up

ENCODERS: dict[str, type[Encoder]] = {
    "distributive_thermometer": DistributiveThermometer,
    "thermometer": Thermometer,
    "gaussian_thermometer": GaussianThermometer,
    "logarithmic_thermometer": LogarithmicThermometer,
    "uniform_fixed_point": UniformFixedPoint,
    "binary": Binary,
    "gray_code": GrayCode,
    "one_hot": OneHot,
    "sign_magnitude": SignMagnitude,
    "fixed_binarization": FixedBinarization,
    "soft_binarization": SoftBinarization,
    "learnable_binarization": LearnableBinarization,
}
ENCODER_ALIASES = {
    "distributive": "distributive_thermometer",
    "uniform": "thermometer",
    "gaussian": "gaussian_thermometer",
    "logarithmic": "logarithmic_thermometer",
    "fixed_point": "uniform_fixed_point",
    "gray": "gray_code",
    "onehot": "one_hot",
    "fixed": "fixed_binarization",
    "soft": "soft_binarization",
    "learnable": "learnable_binarization",
}

__all__ = [
    "ENCODERS",
    "ENCODER_ALIASES",
    "Binarization",
    "Binary",
    "Code",
    "CodeEncoder",
    "Comparators",
    "DistributiveThermometer",
    "Encoder",
    "FixedBinarization",
    "GaussianThermometer",
    "GrayCode",
    "LearnableBinarization",
    "LogarithmicThermometer",
    "OneHot",
    "SignMagnitude",
    "SoftBinarization",
    "Thermometer",
    "UniformFixedPoint",
    "list_encoders",
    "setup_encoder",
]


def list_encoders() -> list[str]:
    """The names that `setup_encoder` takes, aliases left out."""
    return list(ENCODERS)


def setup_encoder(name: str, **kwargs: Any) -> Encoder:
    """A new encoder by its name, not fitted unless its keywords say everything.

    Raises:
        ValueError: a name that is neither in `list_encoders()` nor an alias.
        TypeError: a keyword that the encoder does not take.
    """
    return look_up("encoder", name, ENCODERS, ENCODER_ALIASES)(**kwargs)
