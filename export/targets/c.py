"""The C target: portable C99 without malloc or libc, one sample or 64 samples a call, in functions of bounded size."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.manifest import describe
from bitlogic.export.names import C_KEYWORDS, check_identifier
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_batch import WIDTHS, batch_source, work_bytes
from bitlogic.export.targets.c_encoder import encoder_sources
from bitlogic.export.targets.c_forms import Form, batch_form, forms_of, value_type
from bitlogic.export.targets.c_head import head_sources, integer_literal
from bitlogic.export.targets.c_layout import lay_out
from bitlogic.export.targets.c_luts import Function, functions
from bitlogic.export.targets.c_operations import operations_of
from bitlogic.export.targets.c_run import run as run
from bitlogic.export.targets.c_tables import tables_sources
from bitlogic.export.targets.c_trees import Project

_PART_LUTS = 2048  # LUTs of one compilation unit: bounds the time and memory of a compiler call
_STANDARD_HEADERS = frozenset(
    """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype
    """.split()
)


class Style(StrEnum):
    """What a LUT becomes."""

    UNROLLED = "unrolled"  # a statement
    TABLES = "tables"  # constants in flash, which loops interpret


@dataclass(frozen=True)
class COptions:
    """How the C code is named and cut.

    ``prefix`` opens the name of every symbol, macro (in upper case) and file, so that several networks link into one
    program. ``input`` X puts the encoder inside. ``chunk_luts`` is the number of LUTs in one C function, 1 to 1024.
    ``width`` is the samples in a word of the batch entry points: 32 and 64 are plain C99, 128, 256 and 512 need GCC or
    Clang and pay where the processor has such registers.
    ``style`` TABLES is for microcontrollers: little code and a byte of RAM for each signal that is alive. ``selftest``
    and ``project`` only count where a whole folder is exported: golden vectors with programs that run them, and the
    files that a build system wants.
    """

    prefix: str = "bitlogic_net"
    input: InputKind = InputKind.X
    chunk_luts: int = 64
    width: int = 64
    style: Style = Style.UNROLLED
    selftest: bool = False
    project: Project = Project.NONE

    def __post_init__(self) -> None:
        check_identifier("prefix", self.prefix, "C or C++", C_KEYWORDS)
        if self.prefix.lower() in _STANDARD_HEADERS:
            raise OptionError(f"--prefix {self.prefix!r} would hide the standard header <{self.prefix.lower()}.h>")
        if not 1 <= self.chunk_luts <= 1024:
            raise OptionError(f"--chunk-luts is 1 to 1024, not {self.chunk_luts}")
        if self.width not in WIDTHS:
            raise OptionError(f"--width is one of {', '.join(map(str, WIDTHS))}, not {self.width}")
        if self.style is Style.TABLES and self.width != 64:
            raise OptionError("--width is for --style unrolled: tables are for one sample and for 64")


def emit(netlist: Netlist, options: COptions = COptions()) -> Artifacts:
    """The header ``include/P.h`` and the sources ``src/P*.c`` with their private headers, P the prefix.

    ExportError for input X when the netlist has no encoder.
    """
    if options.input is InputKind.X and netlist.encoder is None:
        raise ExportError("the netlist has no encoder: export it with --input bits")
    names = _names(netlist, options)
    prefix = options.prefix
    if options.style is Style.TABLES:
        tables = tables_sources(netlist, options.input, names)
        work, files = (tables.work_bytes, tables.work64_words), tables.files
    else:
        num_stored, num_cells, num_batch_cells, files = _unrolled_sources(netlist, options, names)
        work = (max(1, num_stored), num_cells + netlist.head.num_classes * netlist.sum_width)
        names["work_batch_bytes"] = work_bytes(netlist, num_batch_cells, options.width)
    files[f"include/{prefix}.h"] = render("c_header.h.j2", **names, **_figures(netlist, *work))
    files[f"src/{prefix}_argmax.c"] = render("c_argmax.c.j2", **names)
    files.update(head_sources(netlist.head, names))
    if options.input is InputKind.X and netlist.encoder is not None:
        files.update(encoder_sources(netlist.encoder, names))
    return Artifacts(describe(netlist, "c", options), files)


def _unrolled_sources(
    netlist: Netlist, options: COptions, names: dict[str, Any]
) -> tuple[int, int, int, dict[str, bytes]]:
    """The cells of one sample, of 64 samples and of a batch, and the files."""
    forms = forms_of(netlist, options.input, options.prefix)
    if options.width == 64:
        batch = next(form for form in forms if form.name == "bits64")
    else:
        batch = batch_form(options.width)
        forms.append(batch)
    num_stored, num_cells, parts, files = _part_sources(netlist, options, names, 2)
    num_batch_cells = num_cells
    if batch.ternary_condition:
        _, num_ternary_cells, ternary_parts, ternary_files = _part_sources(netlist, options, names, 3)
        num_batch_cells = max(num_cells, num_ternary_cells)
        files.update(ternary_files)
        # Equal LUTs become one, so that the one may have a part more than the other, which is then empty.
        for kind, own in (("luts", parts), ("ternary", ternary_parts)):
            for part in {*parts, *ternary_parts} - {*own}:
                text = render("c_part.h.j2", **names, part=part, functions=[])
                files[f"src/{options.prefix}_{part.replace('luts', kind)}.h"] = text
        parts = max(parts, ternary_parts, key=len)
    for form in forms:
        files.update(_form_sources(form, names, parts, num_cells))
    holes = {"parts": parts, "num_cells": num_batch_cells}
    files[f"src/{options.prefix}_batch.c"] = batch_source(netlist, options.input, batch, names, holes)
    return num_stored, num_cells, num_batch_cells, files


def _part_sources(
    netlist: Netlist, options: COptions, names: dict[str, Any], size: int
) -> tuple[int, int, list[str], dict[str, bytes]]:
    """All LUTs in operations of ``size`` operands: cells without and with the outputs, the parts' names, the files."""
    operations = operations_of(netlist, size)
    layout = lay_out(operations, options.chunk_luts)
    files, parts, kind = {}, [], {2: "luts", 3: "ternary"}[size]
    for number, part in enumerate(
        _parts(functions(operations, layout, options.input, options.prefix), options.chunk_luts)
    ):
        parts.append(f"luts_{number:03d}")
        text = render("c_part.h.j2", **names, part=parts[-1], functions=part)
        files[f"src/{options.prefix}_{kind}_{number:03d}.h"] = text
    return layout.staging, layout.num_cells, parts, files


def _form_sources(form: Form, names: dict[str, Any], parts: list[str], num_cells: int) -> dict[str, bytes]:
    prefix = names["prefix"]
    holes = {**names, "form": form, "parts": parts, "num_cells": num_cells}
    files = {
        f"src/{prefix}_{form.name}.h": render("c_form.h.j2", **holes),
    }
    if form.name != "batch":
        files[f"src/{prefix}_{form.name}.c"] = render(form.template, **holes)
    for part in parts:
        files[f"src/{prefix}_{form.name}_{part}.c"] = render("c_unit.c.j2", **names, form=form, part=part)
    return files


def _parts(chunks: Iterator[Function], chunk_luts: int) -> Iterator[list[Function]]:
    while part := list(islice(chunks, max(1, _PART_LUTS // chunk_luts))):
        yield part


def _names(netlist: Netlist, options: COptions) -> dict[str, Any]:
    """The holes that every template has."""
    return {
        "prefix": options.prefix,
        "upper": options.prefix.upper(),
        "has_x": options.input is InputKind.X,
        "value_type": value_type(netlist.encoder) if options.input is InputKind.X else None,
        "has_weights": netlist.head.weights is not None,
        "style": options.style,
        "width": options.width,
    }


def _figures(netlist: Netlist, work_bytes: int, work64_words: int) -> dict[str, Any]:
    encoder, num_classes = netlist.encoder, netlist.head.num_classes
    low, high = netlist.score_range
    return {
        "digest": netlist.digest(),
        "num_luts": netlist.num_luts,
        "num_features": encoder.num_features if encoder is not None else None,
        "input_shape": " x ".join(map(str, encoder.input_shape)) if encoder is not None else None,
        "input_bits": encoder.input_bits if encoder is not None else 0,
        "max_input": encoder.max_input if encoder is not None else None,
        "num_bits": netlist.num_inputs,
        "bits_words": -(-netlist.num_inputs // 64),
        "num_classes": num_classes,
        "group_size": netlist.group_size,
        "sum_width": netlist.sum_width,
        "score_min": integer_literal(low),
        "score_max": integer_literal(high),
        "score_width": netlist.score_width,
        "scale": repr(netlist.head.scale),
        "tau": repr(float(netlist.head.tau)),
        "beta": repr(float(netlist.head.beta)),
        "work_bytes": work_bytes,
        "work64_words": work64_words,
    }
