"""Packing rows of bits into words by the kernel of ``pack.c``."""

import ctypes

import torch
from torch import Tensor

from bitlogic.kernels.build import library
from bitlogic.kernels.switch import native_wanted
from bitlogic.kernels.threads import run, split

READABLE = (torch.bool, torch.uint8, torch.float32)
GROUP = 512  # samples that the kernel writes at a time


def serves(x: Tensor) -> bool:
    """Whether the library is there for tensors of that device."""
    # Subclasses are tracers' stand-ins without memory.
    plain = type(x) is Tensor and not torch.compiler.is_compiling()
    return plain and x.device.type == "cpu" and native_wanted() and library().handle is not None


def pack(x: Tensor, words: Tensor) -> bool:
    """Fills the words of bits ``(B, signals)``, of a `READABLE` dtype; whether all of them are 0 or 1.

    The words are int64 ``(signals, ceil(B / 64) or more)`` and their last axis is contiguous. Bit b of word w is sample
    64 * w + b; the tail of the last word is 0.
    """
    if len(words) != x.shape[1] or words.shape[1] * 64 < len(x):
        raise ValueError(f"words {tuple(words.shape)} for bits {tuple(x.shape)}")
    x = x.detach()
    if x.shape[1] > 1 and x.stride(1) != 1:
        x = x.contiguous()
    handle = library().handle
    assert handle is not None  # `serves`
    call = handle.pack_floats if x.dtype == torch.float32 else handle.pack_bytes
    call.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 6
    ranges = split(len(x), GROUP, x.numel())
    are_bits = [0] * len(ranges)

    def one(part: int) -> None:
        rows, target = (x.data_ptr(), words.data_ptr()), (x.stride(0), words.stride(0))
        are_bits[part] = call(*rows, *x.shape, *target, *ranges[part])

    run(one, len(ranges))
    return all(are_bits)
