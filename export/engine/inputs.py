"""What the engine is given, as rows of numbers that its C code reads, or a clear error."""

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.engine.model import Interface

Array = npt.NDArray[Any]
_WORD_BITS = 64


class Input(IntEnum):
    """``enum engine_input`` of engine.h."""

    UINT8 = 0
    UINT16 = 1
    FLOAT32 = 2
    BITS = 3
    WORDS = 4


@dataclass(frozen=True)
class Planes:
    """Bits of samples packed by signal: bit ``b`` of word ``w`` of a signal is sample ``64 * w + b``.

    The words may lie in memory in either order: what `pack_bits` gives is read without a copy as its transpose.
    """

    words: Array  # uint64 or int64 (num_inputs, ceil(num_samples / 64))
    num_samples: int


@dataclass(frozen=True)
class Rows:
    """A batch as the library takes it; ``values`` keeps the memory alive."""

    input: Input
    values: Array  # (num_samples, width), or for WORDS (num_inputs, num_words); each row without gaps
    num_samples: int


def rows_of(x: Any, model: Interface, *, ready_bits: bool) -> Rows:
    """The batch ``x``: a torch tensor or numpy array ``(n, ...)``, ``Planes`` or a ``PackBitsTensor``.

    Raises:
        TypeError: no such thing, or a dtype that holds no numbers or bits.
        ValueError: samples of another size than the model's, or a number beyond the encoder's grid.
    """
    if hasattr(x, "words") and hasattr(x, "num_samples"):
        return _packed(x, model)
    values = array_of(x)
    if values.ndim < 1:
        raise ValueError("the engine takes a batch (n, ...), not a single number")
    bits = ready_bits or not model.has_encoder
    width = model.num_inputs if bits else model.num_features
    size = int(np.prod(values.shape[1:], dtype=np.int64))
    if size != width:
        what = "bits" if bits else f"values {model.input_shape}"
        raise ValueError(f"samples of shape {values.shape[1:]} have {size} values; the model takes {width} {what}")
    kind, values = _as_bits(values) if bits else _as_numbers(values, model)
    values = values.reshape(len(values), width)
    if values.shape[1] > 1 and values.strides[1] != values.itemsize:
        values = np.ascontiguousarray(values)
    return Rows(kind, values, len(values))


def array_of(x: Any) -> Array:
    """The numpy array that shares the memory of a tensor or array; TypeError for anything else."""
    if isinstance(x, np.ndarray):
        return x
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    if torch is not None and isinstance(x, torch.Tensor):
        if x.device.type != "cpu":
            raise TypeError(f"the engine runs on the CPU; the tensor is on {x.device}: give it x.cpu()")
        x = x.detach()
        return np.asarray((x.to(torch.float32) if x.dtype == torch.bfloat16 else x).numpy())
    raise TypeError(f"the engine takes a tensor, an array, Planes or a PackBitsTensor, not {type(x).__name__}")


def _as_numbers(values: Array, model: Interface) -> tuple[Input, Array]:
    kind = values.dtype.kind
    if kind == "f":  # the encoder compares in float32 whatever it is given
        return Input.FLOAT32, values.astype(np.float32, copy=False)
    if kind not in "iu":
        raise TypeError(f"an encoder takes floats or integers of its grid, not {values.dtype} (bits: ready_bits=True)")
    if model.input_bits == 0:
        raise TypeError(f"the encoder has no integer grid (input_bits=0); it takes floats, not {values.dtype}")
    narrow, wide = (np.uint8, Input.UINT8), (np.uint16, Input.UINT16)
    dtype, chosen = narrow if model.input_bits <= 8 else wide
    if values.dtype != dtype:
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
        if low < 0 or high > model.max_input:
            raise ValueError(f"an input of {low if low < 0 else high}; the encoder's grid is 0 to {model.max_input}")
    return chosen, values.astype(dtype, copy=False)


def _as_bits(values: Array) -> tuple[Input, Array]:
    if values.dtype.kind not in "biuf":
        raise TypeError(f"bits are bool, integers or floats of 0 and 1, not {values.dtype}")
    if values.dtype == np.bool_:
        return Input.BITS, values.view(np.uint8)
    if values.dtype != np.uint8:
        if not bool(((values == 0) | (values == 1)).all()):
            raise ValueError("the bits hold a value that is neither 0 nor 1")
        values = values.astype(np.uint8)
    return Input.BITS, values


def _packed(x: Any, model: Interface) -> Rows:
    words = array_of(x.words)
    if words.dtype not in (np.int64, np.uint64) or words.ndim < 1:
        raise TypeError(f"packed bits are words of 64 bits (*shape, words), not {words.dtype} {words.shape}")
    num_words, num_samples = words.shape[-1], int(x.num_samples)
    size = int(np.prod(words.shape[:-1], dtype=np.int64))
    if size != model.num_inputs:
        raise ValueError(f"packed samples of {size} bits; the model takes {model.num_inputs}")
    if num_samples < 0 or -(-num_samples // _WORD_BITS) != num_words:
        raise ValueError(f"{num_samples} samples do not fit {num_words} words of {_WORD_BITS}")
    words = words.reshape(size, num_words)
    if any(stride % words.itemsize for stride in words.strides):
        words = np.ascontiguousarray(words)
    return Rows(Input.WORDS, words, num_samples)
