"""Neural networks made of look-up tables, from PyTorch to C and silicon, with the same integers everywhere.

Every public name is loaded at its first use (PEP 562), so that the tools which never touch torch start without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitlogic.checkpoint import load as load
    from bitlogic.checkpoint import save as save
    from bitlogic.encoders import DistributiveThermometer as DistributiveThermometer
    from bitlogic.encoders import Thermometer as Thermometer
    from bitlogic.errors import BitlogicError as BitlogicError
    from bitlogic.heads import GroupSum as GroupSum
    from bitlogic.inference import PackedLogicNet as PackedLogicNet
    from bitlogic.inference import pack_bits as pack_bits
    from bitlogic.inference import unpack_bits as unpack_bits
    from bitlogic.layers import LogicDense as LogicDense
    from bitlogic.models import FeedForward as FeedForward

__version__ = "0.1.0"

_HOME = {
    "BitlogicError": "bitlogic.errors",
    "DistributiveThermometer": "bitlogic.encoders",
    "FeedForward": "bitlogic.models",
    "GroupSum": "bitlogic.heads",
    "LogicDense": "bitlogic.layers",
    "PackedLogicNet": "bitlogic.inference",
    "Thermometer": "bitlogic.encoders",
    "load": "bitlogic.checkpoint",
    "pack_bits": "bitlogic.inference",
    "save": "bitlogic.checkpoint",
    "unpack_bits": "bitlogic.inference",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'bitlogic' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
