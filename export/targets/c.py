"""The C target: portable C99 without malloc or libc, one sample or 64 samples a call, in functions of bounded size."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.manifest import describe
from bitlogic.export.names import C_KEYWORDS, check_identifier
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.c_encoder import encoder_sources
from bitlogic.export.targets.c_forms import Form, forms_of, value_type
from bitlogic.export.targets.c_head import head_sources, integer_literal
from bitlogic.export.targets.c_layout import Layout, lay_out
from bitlogic.export.targets.c_luts import Function, functions
from bitlogic.export.targets.c_run import run as run

_PART_LUTS = 2048  # LUTs of one compilation unit: bounds the time and memory of a compiler call
_STANDARD_HEADERS = frozenset(
    """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype
    """.split()
)


@dataclass(frozen=True)
class COptions:
    """How the C code is named and cut.

    ``prefix`` opens the name of every symbol, macro (in upper case) and file, so that several networks link into one
    program. ``input`` X puts the encoder inside. ``chunk_luts`` is the number of LUTs in one C function, 1 to 1024.
    """

    prefix: str = "bitlogic_net"
    input: InputKind = InputKind.X
    chunk_luts: int = 64

    def __post_init__(self) -> None:
        check_identifier("prefix", self.prefix, "C or C++", C_KEYWORDS)
        if self.prefix.lower() in _STANDARD_HEADERS:
            raise OptionError(f"--prefix {self.prefix!r} would hide the standard header <{self.prefix.lower()}.h>")
        if not 1 <= self.chunk_luts <= 1024:
            raise OptionError(f"--chunk-luts is 1 to 1024, not {self.chunk_luts}")


def emit(netlist: Netlist, options: COptions = COptions()) -> Artifacts:
    """The header ``include/P.h`` and the sources ``src/P*.c`` with their private headers, P the prefix.

    ExportError for input X when the netlist has no encoder.
    """
    if options.input is InputKind.X and netlist.encoder is None:
        raise ExportError("the netlist has no encoder: export it with --input bits")
    layout = lay_out(netlist, options.chunk_luts)
    names = _names(netlist, options)
    prefix = options.prefix
    files = {f"include/{prefix}.h": render("c_header.h.j2", **names, **_figures(netlist, layout))}
    files[f"src/{prefix}_argmax.c"] = render("c_argmax.c.j2", **names)
    files.update(head_sources(netlist.head, names))
    parts = []
    for number, part in enumerate(_parts(functions(netlist, layout, options.input, prefix), options.chunk_luts)):
        parts.append(f"luts_{number:03d}")
        files[f"src/{prefix}_{parts[-1]}.h"] = render("c_part.h.j2", **names, part=parts[-1], functions=part)
    for form in forms_of(netlist, options.input, prefix):
        files.update(_form_sources(form, names, parts, layout))
    if options.input is InputKind.X and netlist.encoder is not None:
        files.update(encoder_sources(netlist.encoder, names))
    return Artifacts(describe(netlist, "c", options), files)


def _form_sources(form: Form, names: dict[str, Any], parts: list[str], layout: Layout) -> dict[str, bytes]:
    prefix = names["prefix"]
    holes = {**names, "form": form, "parts": parts, "num_cells": layout.num_cells}
    files = {
        f"src/{prefix}_{form.name}.h": render("c_form.h.j2", **holes),
        f"src/{prefix}_{form.name}.c": render(form.template, **holes),
    }
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
    }


def _figures(netlist: Netlist, layout: Layout) -> dict[str, Any]:
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
        "work_bytes": layout.num_cells,
        "work64_words": layout.num_cells + num_classes * netlist.sum_width,
    }
