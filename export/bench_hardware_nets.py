"""The networks that `bitlogic bench hardware` measures: random ones by name, and what their figures must reach."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bitlogic.errors import OptionError
from bitlogic.export.bench import Target
from bitlogic.export.netlist import FIRST_INPUT, Head, Netlist
from bitlogic.export.sources import load_source

VERILOG = "verilog"
_NUM_CLASSES = 10
_TRAINED_VECTORS = 50


@dataclass(frozen=True)
class HardwareWorkload:
    """A network to export, and how many vectors its simulations run."""

    name: str
    netlist: Netlist
    num_vectors: int


@dataclass(frozen=True)
class _Shape:
    num_inputs: int
    width: int  # LUTs of each of the two layers
    rank: int
    num_vectors: int


_SHAPES = {
    "1k": _Shape(6272, 1000, 4, 50),
    "W2": _Shape(6272, 2000, 4, 50),
    "W1": _Shape(784, 8000, 2, 20),
    "8k": _Shape(6272, 8000, 4, 20),
    "M": _Shape(6272, 16_000, 4, 20),
    "W3": _Shape(6272, 64_000, 4, 10),
}
NAMES = tuple(_SHAPES)

# Once and a half what a prototype of this Verilog, without the group sums, took on a machine of the same kind.
TARGETS: dict[tuple[str, str, str], Target] = {
    ("1k", VERILOG, "lint"): Target(2.3),
    ("8k", VERILOG, "lint"): Target(16),
    ("W3", VERILOG, "lint"): Target(98),
    ("W3", VERILOG, "lint memory"): Target(4200),
    ("1k", VERILOG, "icarus"): Target(0.26),
    ("8k", VERILOG, "icarus"): Target(2.1),
    ("W3", VERILOG, "icarus"): Target(28),
    ("W3", VERILOG, "icarus memory"): Target(2250),
    ("1k", VERILOG, "icarus run"): Target(0.45),
    ("8k", VERILOG, "icarus run"): Target(2.1),
    ("W3", VERILOG, "icarus run"): Target(14.3),
    ("1k", VERILOG, "verilator"): Target(22.5),
    ("8k", VERILOG, "verilator"): Target(87),
    ("8k", VERILOG, "verilator memory"): Target(1160),
    ("8k", VERILOG, "yosys"): Target(13.4),
    ("8k", VERILOG, "yosys memory"): Target(750),
    ("W3", VERILOG, "yosys"): Target(132),
    ("W3", VERILOG, "yosys memory"): Target(6000),
    ("8k", VERILOG, "proof"): Target(58),
}


def random_workload(name: str, divisor: int = 1) -> HardwareWorkload:
    """The workload of that name: two layers of random tables and wiring, all of a LUT's inputs different.

    ``divisor`` makes every width so many times smaller, for trying things out. The seed is fixed.
    """
    shape = _SHAPES[name]
    rng = np.random.default_rng(0)
    width = max(_NUM_CLASSES, shape.width // divisor // _NUM_CLASSES * _NUM_CLASSES)
    num_inputs = max(36, shape.num_inputs // divisor)
    first = FIRST_INPUT + _different(rng, width, shape.rank, num_inputs)
    second = FIRST_INPUT + num_inputs + _different(rng, width, shape.rank, width)
    begin = FIRST_INPUT + num_inputs + width
    netlist = Netlist(
        num_inputs=num_inputs,
        tables=rng.integers(0, 1 << (1 << shape.rank), size=2 * width, dtype=np.uint64),
        pins=np.concatenate([first, second]).astype(np.int32),
        outputs=np.arange(begin, begin + width, dtype=np.int32),
        head=Head(_NUM_CLASSES),
    )
    return HardwareWorkload(name, netlist, shape.num_vectors)


def trained_workload(text: str) -> HardwareWorkload:
    """The extracted network of ``NAME=model.pt``."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise OptionError(f"--model {text!r}: NAME=model.pt")
    return HardwareWorkload(name, load_source(Path(path))[1], _TRAINED_VECTORS)


def _different(rng: np.random.Generator, num: int, rank: int, below: int) -> npt.NDArray[np.int64]:
    """``num`` rows of ``rank`` different numbers; rows with a repetition, which are few, are drawn anew."""
    rows = rng.integers(0, below, size=(num, rank))
    while (again := (np.diff(np.sort(rows, axis=1)) == 0).any(axis=1)).any():
        rows[again] = rng.integers(0, below, size=(int(again.sum()), rank))
    return rows
