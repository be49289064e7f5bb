"""From samples as rows to signals as rows: the one copy at the entry of a network."""

import torch
from torch import Tensor

from bitlogic.kernels import native

_FEW_ELEMENTS = 2**14  # below, starting a library call costs more than it saves


def signal_major(x: Tensor, *, bits_as_bytes: bool = False) -> Tensor:
    """A contiguous ``(features, batch)`` of ``(batch, features)``, without a copy where memory holds it so already.

    With ``bits_as_bytes`` a copy of float32 data that holds nothing but 0 and 1 is uint8: a quarter of the memory to
    write, and to read for every slot. Encoders give such data.
    """
    signals = x.t()
    # Subclasses are tracers' stand-ins without memory. Integers and data need no gradient, a tensor that does goes by
    # torch's way; it comes from a layer, and then it is in order already.
    plain = type(x) is Tensor and not torch.compiler.is_compiling() and not x.requires_grad
    if signals.is_contiguous() or not plain or x.numel() < _FEW_ELEMENTS or x.stride(1) != 1 or not native.serves(x):
        return signals.contiguous()
    if bits_as_bytes and x.dtype == torch.float32 and (bits := native.transpose_bits(x)) is not None:
        return bits
    return native.transpose(x)
