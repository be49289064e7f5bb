"""Neural networks made of look-up tables, from PyTorch to C and silicon, with the same integers everywhere.

Every public name is loaded at its first use (PEP 562), so that the tools which never touch torch start without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitlogic.checkpoint import load as load
    from bitlogic.checkpoint import save as save
    from bitlogic.compile import compile_model as compile_model
    from bitlogic.encoders import Binary as Binary
    from bitlogic.encoders import DistributiveThermometer as DistributiveThermometer
    from bitlogic.encoders import FixedBinarization as FixedBinarization
    from bitlogic.encoders import GaussianThermometer as GaussianThermometer
    from bitlogic.encoders import GrayCode as GrayCode
    from bitlogic.encoders import LearnableBinarization as LearnableBinarization
    from bitlogic.encoders import LogarithmicThermometer as LogarithmicThermometer
    from bitlogic.encoders import OneHot as OneHot
    from bitlogic.encoders import SignMagnitude as SignMagnitude
    from bitlogic.encoders import SoftBinarization as SoftBinarization
    from bitlogic.encoders import Thermometer as Thermometer
    from bitlogic.encoders import UniformFixedPoint as UniformFixedPoint
    from bitlogic.errors import BitlogicError as BitlogicError
    from bitlogic.export.compiled import CompiledLogicNet as CompiledLogicNet
    from bitlogic.export.engine import Engine as Engine
    from bitlogic.heads import GroupedDSP as GroupedDSP
    from bitlogic.heads import GroupSum as GroupSum
    from bitlogic.inference import PackBitsTensor as PackBitsTensor
    from bitlogic.inference import PackedLogicNet as PackedLogicNet
    from bitlogic.inference import pack_bits as pack_bits
    from bitlogic.inference import unpack_bits as unpack_bits
    from bitlogic.interop import from_difflogic as from_difflogic
    from bitlogic.interop import from_dwn as from_dwn
    from bitlogic.interop import from_torchlogix as from_torchlogix
    from bitlogic.layers import LogicConv2d as LogicConv2d
    from bitlogic.layers import LogicConv3d as LogicConv3d
    from bitlogic.layers import LogicDense as LogicDense
    from bitlogic.layers import OrPooling2d as OrPooling2d
    from bitlogic.layers import OrPooling3d as OrPooling3d
    from bitlogic.layers import ResidualLogicBlock as ResidualLogicBlock
    from bitlogic.models import FeedForward as FeedForward
    from bitlogic.models import list_models as list_models
    from bitlogic.training.train import train as train

__version__ = "0.1.0"

_HOME = {
    "Binary": "bitlogic.encoders",
    "BitlogicError": "bitlogic.errors",
    "CompiledLogicNet": "bitlogic.export.compiled",
    "DistributiveThermometer": "bitlogic.encoders",
    "Engine": "bitlogic.export.engine",
    "FeedForward": "bitlogic.models",
    "FixedBinarization": "bitlogic.encoders",
    "GaussianThermometer": "bitlogic.encoders",
    "GrayCode": "bitlogic.encoders",
    "GroupSum": "bitlogic.heads",
    "GroupedDSP": "bitlogic.heads",
    "LearnableBinarization": "bitlogic.encoders",
    "LogarithmicThermometer": "bitlogic.encoders",
    "LogicConv2d": "bitlogic.layers",
    "LogicConv3d": "bitlogic.layers",
    "LogicDense": "bitlogic.layers",
    "OneHot": "bitlogic.encoders",
    "OrPooling2d": "bitlogic.layers",
    "OrPooling3d": "bitlogic.layers",
    "PackBitsTensor": "bitlogic.inference",
    "PackedLogicNet": "bitlogic.inference",
    "ResidualLogicBlock": "bitlogic.layers",
    "SignMagnitude": "bitlogic.encoders",
    "SoftBinarization": "bitlogic.encoders",
    "Thermometer": "bitlogic.encoders",
    "UniformFixedPoint": "bitlogic.encoders",
    "compile_model": "bitlogic.compile",
    "from_difflogic": "bitlogic.interop",
    "from_dwn": "bitlogic.interop",
    "from_torchlogix": "bitlogic.interop",
    "list_models": "bitlogic.models",
    "load": "bitlogic.checkpoint",
    "pack_bits": "bitlogic.inference",
    "save": "bitlogic.checkpoint",
    "train": "bitlogic.training.train",
    "unpack_bits": "bitlogic.inference",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name.startswith(("Dlgn", "Clgn")):  # the zoo's, some hundreds of spellings
        return getattr(import_module("bitlogic.models"), name)
    raise AttributeError(f"module 'bitlogic' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
