"""LUTs as instances of a device's primitive, so that no tool maps them again."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
import numpy.typing as npt

from bitlogic.errors import ExportError
from bitlogic.export.hardware.rtl import Luts, Module
from bitlogic.export.render import render
from bitlogic.export.targets.verilog_text import join_text, select

_MAX_RANK = 6


class Primitives(StrEnum):
    """The primitive that a LUT becomes."""

    NONE = "none"  # expressions
    ICE40 = "ice40"  # SB_LUT4
    ECP5 = "ecp5"  # LUT4
    XILINX = "xilinx"  # LUT1 to LUT6
    GENERIC = "generic"  # a module with parameters in the same file


@dataclass(frozen=True)
class _Primitive:
    name: str  # with {rank} where there is one for each rank
    ranks: tuple[int, int]  # the fewest and the most inputs
    parameter: str
    output: str
    inputs: tuple[str, ...]  # pin 0 first, which is bit 0 of the address in all of them


_PRIMITIVES = {
    Primitives.ICE40: _Primitive("SB_LUT4", (4, 4), "LUT_INIT", "O", ("I0", "I1", "I2", "I3")),
    Primitives.ECP5: _Primitive("LUT4", (4, 4), "INIT", "Z", ("A", "B", "C", "D")),
    Primitives.XILINX: _Primitive("LUT{rank}", (1, 6), "INIT", "O", ("I0", "I1", "I2", "I3", "I4", "I5")),
}


def largest_rank(primitives: Primitives) -> int:
    """The most pins that a LUT may have."""
    return _PRIMITIVES[primitives].ranks[1] if primitives in _PRIMITIVES else _MAX_RANK


def pins_read(body: Luts) -> int:
    """The most pins that a LUT of the block reads."""
    return int(_pins_used(body).max(initial=0))


def _pins_used(body: Luts) -> npt.NDArray[np.int64]:
    """For each LUT the pins up to the last one that is read."""
    read = body.pins != 0
    return np.asarray(read.cumsum(axis=1).argmax(axis=1) + read.any(axis=1), dtype=np.int64)


def primitives_module(module: Module, body: Luts, ports: list[str], primitives: Primitives, prefix: str) -> bytes:
    """A block of LUTs as instances ``lut0``, ``lut1``, …, number ``k`` for output bit ``k``.

    Raises:
        ExportError: A LUT reads more pins than the primitive has.
    """
    width = sum(port.width for port in module.input_ports)
    used = _pins_used(body)
    largest = largest_rank(primitives)
    if pins_read(body) > largest:
        raise ExportError(
            f"--primitives {primitives}: a LUT of {module.name} has {pins_read(body)} pins and the primitive takes "
            f"{largest}: map the netlist with --map lut{largest} and count with --lut-size {largest}"
        )
    names = ["1'b0", "1'b1", *(select("i", bit, 1, width) for bit in range(width))]
    num_outputs = len(body.tables)
    rows = []
    for number, (table, pins, rank) in enumerate(
        zip(body.tables.tolist(), body.pins.tolist(), used.tolist(), strict=True)
    ):
        target = select("o", number, 1, num_outputs)
        connected = [names[pin] for pin in pins[:rank]]
        rows.append(_instance(primitives, f"lut{number}", prefix, target, connected, partial(_init, table, body.rank)))
    return render("verilog_block_primitives.j2", module=module, ports=ports, rows=rows)


def generic_module(prefix: str) -> bytes:
    """The module that ``generic`` instantiates."""
    return render("verilog_lut.j2", prefix=prefix)


def _instance(
    primitives: Primitives, name: str, prefix: str, target: str, pins: list[str], init: Callable[[int], str]
) -> str:
    if primitives is Primitives.GENERIC:
        rank = max(1, len(pins))
        address = join_text(pins or ["1'b0"])
        return f"{prefix}_lut #(.RANK({rank}), .INIT({init(rank)})) {name} (.a({address}), .o({target}));"
    primitive = _PRIMITIVES[primitives]
    rank = max(primitive.ranks[0], len(pins))
    inputs = zip(primitive.inputs, pins + ["1'b0"] * (rank - len(pins)), strict=False)
    connected = "".join(f", .{pin}({text})" for pin, text in inputs)
    module, parameter = primitive.name.format(rank=rank), f".{primitive.parameter}({init(rank)})"
    return f"{module} #({parameter}) {name} (.{primitive.output}({target}){connected});"


def _init(table: int, table_rank: int, rank: int) -> str:
    """The table over ``rank`` pins as a constant: those beyond ``table_rank`` change nothing, those left out read 0."""
    entries = table & (1 << (1 << min(rank, table_rank))) - 1
    for pin in range(table_rank, rank):
        entries |= entries << (1 << pin)
    return f"{1 << rank}'h{entries:0{max(1, (1 << rank) // 4)}x}"
