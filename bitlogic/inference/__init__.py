"""Discrete inference on words of 64 samples.

PackedLogicNet is loaded at its first use (PEP 562): it knows the layers, and the layers know PackBitsTensor.
"""

from typing import TYPE_CHECKING, Any

from bitlogic.inference.pack import pack_bits, unpack_bits
from bitlogic.inference.packed_tensor import PackBitsTensor

if TYPE_CHECKING:
    from bitlogic.inference.packed_model import PackedLogicNet

__all__ = ["PackBitsTensor", "PackedLogicNet", "pack_bits", "unpack_bits"]


def __getattr__(name: str) -> Any:
    if name == "PackedLogicNet":
        from bitlogic.inference.packed_model import PackedLogicNet

        return PackedLogicNet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
