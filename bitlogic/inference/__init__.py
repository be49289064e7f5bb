"""Discrete inference on words of 64 samples."""

from bitlogic.inference.pack import pack_bits, unpack_bits
from bitlogic.inference.packed_model import PackedLogicNet

__all__ = ["PackedLogicNet", "pack_bits", "unpack_bits"]
