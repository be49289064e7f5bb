"""The modules that compute bits: the encoder's comparators, and the LUTs of one level, in blocks of bounded size."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.expressions import lut_expressions
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.render import render, wrap
from bitlogic.export.targets.verilog_wiring import MAX_PORT_BITS, WORD_WIDTH, Port, Wiring, concat, words_of

Array = npt.NDArray[Any]
MAX_LUTS = 8192  # of one module
_CONSTANTS = ("1'b0", "1'b1")
_PER_LINE = 4
_INDENT = " " * 16


@dataclass(frozen=True)
class Instance:
    """An instance in the top module; ``ports`` are (port, connection)."""

    module: str
    ports: tuple[tuple[str, str], ...]


def level_modules(
    netlist: Netlist, wiring: Wiring, prefix: str, luts: Array, vector: str
) -> tuple[list[bytes], list[Instance]]:
    """The modules that compute ``luts``, one level, into the top module's vector ``vector``, and their instances."""
    texts, instances = [], []
    start = 0
    for number, block in enumerate(np.array_split(luts, -(-len(luts) // MAX_LUTS))):
        module = f"{prefix}_{vector}_{number}"
        port = wiring.port(netlist.pins[block], MAX_PORT_BITS - len(block))
        expressions = lut_expressions(netlist, block, partial(_word_bit, port.bits), _CONSTANTS)
        cuts = [(f"i{word.number}", word.top, word.high, word.low) for word in words_of(port.width)]
        texts.append(_module(module, f"LUTs of {vector}", port.width, cuts, expressions))
        instances.append(_instance(module, port.connection, vector, start, len(block), len(luts)))
        start += len(block)
    return texts, instances


def encoder_modules(encoder: Encoder, prefix: str, nets: Array, vector: str) -> tuple[list[bytes], list[Instance]]:
    """The comparators of the input bits ``nets``; bit ``k`` of the vector ``vector`` is net ``nets[k]``."""
    if encoder.integer_thresholds is None:
        raise ValueError("an encoder without a grid has no comparators in hardware")
    width = encoder.input_bits
    block_size = min(MAX_LUTS, MAX_PORT_BITS // (1 + width))
    texts, instances = [], []
    start = 0
    for number, block in enumerate(np.array_split(nets, -(-len(nets) // block_size))):
        module = f"{prefix}_{vector}_{number}"
        features = encoder.features[block - FIRST_INPUT]
        thresholds = encoder.integer_thresholds[block - FIRST_INPUT]
        port = _feature_port(encoder, features, len(block))
        expressions = [
            f"(f{feature} > {width}'d{threshold})" if threshold < encoder.max_input else _CONSTANTS[0]
            for feature, threshold in zip(features.tolist(), thresholds.tolist(), strict=True)
        ]
        used = np.unique(features[thresholds < encoder.max_input]).tolist()
        cuts = [(f"f{feature}", width - 1, port.bits[feature] + width - 1, port.bits[feature]) for feature in used]
        texts.append(_module(module, "comparators of the encoder", port.width, cuts, expressions))
        instances.append(_instance(module, port.connection, vector, start, len(block), len(nets)))
        start += len(block)
    return texts, instances


def _word_bit(bits: dict[int, int], net: int) -> str:
    """A net as a bit of the words ``i0``, ``i1``, … that the port is cut into."""
    bit = bits[net]
    return f"i{bit // WORD_WIDTH}[{bit % WORD_WIDTH}]"


def _feature_port(encoder: Encoder, features: Array, num_outputs: int) -> Port:
    """The whole of ``x`` if the module has room for it, else the features that it reads; ``bits`` is by feature."""
    width, total = encoder.input_bits, encoder.num_features * encoder.input_bits
    used = np.unique(features).tolist()
    if total + num_outputs <= MAX_PORT_BITS:
        return Port("x", total, {feature: feature * width for feature in used})
    parts = [f"x[{feature * width + width - 1}:{feature * width}]" for feature in used]
    return Port(concat(parts), len(used) * width, {feature: place * width for place, feature in enumerate(used)})


def _module(module: str, what: str, width: int, cuts: list[tuple[str, int, int, int]], expressions: list[str]) -> bytes:
    """A module whose output bit ``k`` is ``expressions[k]`` over the ``cuts`` (name, top, high, low) of its input.

    The assignments stand in a function: Icarus evaluates it once for a change of the input, ten times faster than it
    follows as many wires, and unlike an always block it is also evaluated for an input that never changes.
    """
    words = []
    for word in words_of(len(expressions)):
        highest_first = expressions[word.low : word.high + 1][::-1]
        words.append((f"o{word.number}", word.top, wrap(highest_first, per_line=_PER_LINE, indent=_INDENT)))
    return render(
        "verilog_block.j2",
        module=module,
        what=what,
        width=width,
        num_outputs=len(expressions),
        cuts=cuts,
        words=words,
        joined=concat([name for name, _, _ in words], indent=_INDENT),
    )


def _instance(module: str, connection: str, vector: str, start: int, count: int, total: int) -> Instance:
    output = vector if count == total else f"{vector}[{start + count - 1}:{start}]"
    return Instance(module, ((("i", connection),) if connection else ()) + (("o", output),))
