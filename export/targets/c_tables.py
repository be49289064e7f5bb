"""The table style of the C target: LUTs as records in flash, which small loops interpret, a byte for each signal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import ExportError
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render, wrap
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_tables_loops import Bits, make_unit
from bitlogic.export.targets.c_tables_plan import Plan, plan_tables

Array = npt.NDArray[Any]
_MAX_ID = 1 << 16  # what a record can name
_PER_LINE = 16


@dataclass(frozen=True)
class Tables:
    """The sources of a table-style export, and what the header says of them."""

    files: dict[str, bytes]
    work_bytes: int  # of one sample
    work64_words: int


@dataclass(frozen=True)
class _Form:
    """The entry points for one sample given as numbers or as bits, as C text."""

    name: str  # of its file and private symbols
    bits: Bits
    input: str  # what the caller gives
    read: str  # what the loops read it as
    cast: str
    argument: str
    extent: str
    suffix: str
    lane: str  # the C condition under which an input bit is 0, over ``value`` and ``test``
    lanes: str  # the same for four bytes at once, as the operands of the unsigned subtraction that must not borrow


def tables_sources(netlist: Netlist, kind: InputKind, names: dict[str, Any]) -> Tables:
    """The files ``src/P_*.c`` of the table style, but for those of the encoder, the head and the argmax.

    ExportError where a record cannot name every cell, feature or byte of bits.
    """
    prefix = names["prefix"]
    forms = _forms(netlist, kind, prefix)
    plan = plan_tables(netlist, forms[0].bits.tests)
    _check_sizes(netlist, plan, kind)
    holes = {**names, "num_cells": plan.num_cells, "offsets": _offsets(plan)}
    files = {
        f"src/{prefix}_tables.h": render("c_tables.h.j2", **holes),
        f"src/{prefix}_cells.c": render("c_tables_cells.c.j2", **holes, unit=make_unit(plan, None, f"{prefix}_cells")),
        f"src/{prefix}_bits64.c": render("c_tables_bits64.c.j2", **holes),
    }
    for form in forms:
        unit = make_unit(plan, form.bits, f"{prefix}_{form.name}")
        files[f"src/{prefix}_{form.name}.c"] = render("c_tables_form.c.j2", **holes, unit=unit, form=form)
    work_bytes = max(1, plan.num_cells)
    return Tables(files, work_bytes, -(-netlist.num_inputs // 64) + -(-work_bytes // 8))


def _forms(netlist: Netlist, kind: InputKind, prefix: str) -> list[_Form]:
    """The forms of an export, first the one that its users are for."""
    bit, upper = np.arange(netlist.num_inputs), prefix.upper()
    forms = [
        _Form(
            name="bits",
            bits=Bits(bit // 8, 1 << bit % 8, 8, f"in[{upper}_BYTE({{}})]", f"{upper}_LANE", f"{prefix}_lanes"),
            input="uint64_t",
            read="uint8_t",
            cast="(const uint8_t *)bits",
            argument="bits",
            extent="BITS_WORDS",
            suffix="_bits",
            lane="((value) & (test)) == 0",
            lanes="0, values & tests",
        )
    ]
    encoder = netlist.encoder
    if kind is InputKind.X and encoder is not None and encoder.integer_thresholds is not None:
        test_bits = 8 if encoder.input_bits <= 8 else 16
        value_type = f"uint{test_bits}_t"
        forms.insert(
            0,
            _Form(
                name="x",
                bits=Bits(
                    encoder.features.astype(np.int64),
                    encoder.integer_thresholds.astype(np.int64),
                    test_bits,
                    "in[{}]",
                    f"{upper}_LANE",
                    f"{prefix}_lanes",
                ),
                input=value_type,
                read=value_type,
                cast="x",
                argument="x",
                extent="NUM_FEATURES",
                suffix="",
                lane="(test) >= (value)",
                lanes="tests, values",
            ),
        )
    return forms


def _check_sizes(netlist: Netlist, plan: Plan, kind: InputKind) -> None:
    encoder = netlist.encoder
    sizes = {"signals alive at a time": plan.num_cells, "bytes of input bits": -(-netlist.num_inputs // 8)}
    if kind is InputKind.X and encoder is not None:
        sizes["features"] = encoder.num_features
    for what, size in sizes.items():
        if size > _MAX_ID:
            raise ExportError(f"--style tables holds at most {_MAX_ID} {what}, not {size}; use --style unrolled")


def _offsets(plan: Plan) -> str | None:
    if not plan.offsets.any():
        return None
    return wrap([str(offset) for offset in plan.offsets.tolist()], per_line=_PER_LINE)
