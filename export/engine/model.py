"""The engine's model file: a netlist made ready to run, flat, little-endian, every section at a multiple of 64 bytes.

    bytes     what
    0         "blengine"
    8         uint32 version, 1
    12        4 bytes of 0
    16        uint64 size of the file
    24        8 bytes of 0
    32        sha256 of everything from byte 64 on
    64        int64 x 16: input bits, features, bits of the encoder's integers, planes, slots, runs, ids, classes,
              outputs a class, axes of the input, whether there are weights, whether there is an encoder, 4 zeros
    192       float64 x 4: tau, beta, scale, 0
    224       sha256 of the netlist
    256       the sections, each filled up with 0 to a multiple of 64 bytes:
    shape       int64 (axes,): the sizes of one sample; their product is the number of features
    bits        int32 (planes,): the input bit that a plane holds; input bits that nothing reads have no plane
    slots       int32 (planes,): where it goes
    features    int32 (planes,), with an encoder: what the plane compares, ascending
    thresholds  float32 (planes,), with an encoder: a plane is x[feature] > threshold
    integers    int32 (planes,), with an encoder of integers: the same for them
    runs        int32 (runs, 4): operation, count, place, negations
    ids         int32 (ids,): slots and negations that the runs take one after the other
    weights     int32 (classes, classes), with weights: score c is the sum over g of (sum of group g) * weights[g, c]

A slot holds a signal, one bit for each sample; slot 0 is 0 for all of them, and a slot may be computed anew when
nothing reads its signal any more. A run below operation 65536 computes ``count`` LUTs into the slots from ``place``
on. The operation is their function, the table of one of the engine's kernels (``kernels.py``), and of each LUT the
ids are the slots for those inputs on which the function depends, the lowest first. Bit i of ``negations`` says that
the i-th of them is inverted in every LUT; with -1 each LUT has such a number of its own behind its slots. A run of
operation 65536 adds ``count`` signals to the sum of group ``place``, with negations 1 their complements; every group
adds up equally many.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.head import Head
from bitlogic.export.netlist import Netlist

Array = npt.NDArray[Any]
MAGIC = b"blengine"
VERSION = 1
COUNT = 65536  # the operation
OWN_NEGATIONS = -1
_HEADER_BYTES = 256
_DIGESTED_FROM = 64


@dataclass(frozen=True)
class Program:
    """The part of a model that a netlist's LUTs become; see the module's docstring for the numbers."""

    num_slots: int
    bits: Array  # int32 (planes,)
    slots: Array  # int32 (planes,)
    runs: Array  # int32 (runs, 4)
    ids: Array  # int32 (ids,)


@dataclass(frozen=True)
class Interface:
    """What a model says of its inputs and outputs, as a reader of the file sees them."""

    num_inputs: int
    num_features: int  # 0 without an encoder
    input_bits: int
    input_shape: tuple[int, ...]
    has_encoder: bool
    head: Head  # with weights where the file has them
    netlist_digest: str

    @property
    def max_input(self) -> int:
        """The largest integer of the encoder's grid."""
        return (1 << self.input_bits) - 1


def model_bytes(netlist: Netlist, program: Program) -> bytes:
    """The file; the same netlist and program give the same bytes."""
    encoder, head = netlist.encoder, netlist.head
    fields = np.zeros(16, dtype="<i8")
    fields[:12] = (
        *(netlist.num_inputs, 0 if encoder is None else encoder.num_features),
        *(0 if encoder is None else encoder.input_bits, len(program.bits), program.num_slots),
        *(len(program.runs), len(program.ids), head.num_classes, netlist.group_size),
        *(0 if encoder is None else len(encoder.input_shape), head.weights is not None, encoder is not None),
    )
    numbers = np.array([head.tau, head.beta, head.scale, 0], dtype="<f8")
    sections: list[Array] = [
        np.array([] if encoder is None else encoder.input_shape, dtype="<i8"),
        program.bits.astype("<i4"),
        program.slots.astype("<i4"),
    ]
    if encoder is not None:
        sections += [encoder.features[program.bits].astype("<i4"), encoder.thresholds[program.bits].astype("<f4")]
        if encoder.integer_thresholds is not None:
            sections.append(encoder.integer_thresholds[program.bits].astype("<i4"))
    sections += [program.runs.astype("<i4"), program.ids.astype("<i4")]
    if head.weights is not None:
        sections.append(head.weights.astype("<i4"))
    body = fields.tobytes() + numbers.tobytes() + bytes.fromhex(netlist.digest())
    body += b"".join(_padded(section.tobytes()) for section in sections)
    size = np.array([_DIGESTED_FROM + len(body)], dtype="<u8").tobytes()
    prefix = MAGIC + np.array([VERSION, 0], dtype="<u4").tobytes() + size + bytes(8)
    return prefix + sha256(body).digest() + body


def read_interface(data: Any) -> Interface:
    """What a model file, as bytes or an mmap that the C library has accepted, says of its inputs and outputs."""
    fields = np.frombuffer(data, dtype="<i8", count=12, offset=64).tolist()
    tau, beta, scale = np.frombuffer(data, dtype="<f8", count=3, offset=192).tolist()
    num_inputs, num_features, input_bits, *_ = fields
    num_classes, num_dims, has_weights, has_encoder = fields[7], fields[9], fields[10], fields[11]
    shape = np.frombuffer(data, dtype="<i8", count=num_dims, offset=_HEADER_BYTES).tolist()
    weights = None
    if has_weights:
        size = num_classes * num_classes
        at = len(data) - len(_padded(bytes(4 * size)))
        weights = np.frombuffer(data, dtype="<i4", count=size, offset=at).reshape(num_classes, num_classes)
    head = Head(num_classes, tau, beta, weights, scale)
    digest = bytes(data[224:256]).hex()
    return Interface(num_inputs, num_features, input_bits, tuple(shape), bool(has_encoder), head, digest)


def _padded(section: bytes) -> bytes:
    return section + bytes(-len(section) % 64)
