"""The ``amaranth`` target: one ``.py`` with a ``wiring.Component`` that drops into a user's Amaranth design.

The file depends on amaranth 0.5 only. Its class is the module's name in CamelCase (``bitlogic_net`` holds
``BitlogicNet``; ``component`` in the manifest). Its ports are those of every hardware target: ``x`` or ``bits``,
``scores``, ``class_id`` and, when it is clocked, ``valid_in`` and ``valid_out``; clock and reset are those of the
domain ``sync``.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.expressions import lut_expressions
from bitlogic.export.manifest import describe
from bitlogic.export.names import PYTHON_KEYWORDS, check_identifier, check_module_name
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind
from bitlogic.export.stages import schedule
from bitlogic.export.targets.amaranth_layout import WORD, Block, Layout, lay_out
from bitlogic.export.targets.amaranth_run import run as run

MAX_PORT_BITS = 1 << 16  # Amaranth 0.5 neither simulates nor converts a wider signal
_IMPORTED = frozenset(["Cat", "Const", "Elaboratable", "In", "Module", "Mux", "Out", "Signal", "signed"])


@dataclass(frozen=True)
class AmaranthOptions:
    """How the component is named, what it takes, and where its registers are."""

    module_name: str = "bitlogic_net"  # of the file, of the class in CamelCase, and of the Verilog module
    input: InputKind = InputKind.X
    pipeline: int = 0  # a register after every so many LUT levels; 0: combinational

    def __post_init__(self) -> None:
        check_identifier("module-name", self.module_name, "Python", PYTHON_KEYWORDS)
        check_module_name(self.module_name)
        if self.module_name == "amaranth" or self.module_name in sys.stdlib_module_names:
            raise OptionError(f"--module-name {self.module_name!r} hides the Python module of that name")
        if self.component in _IMPORTED or self.component in PYTHON_KEYWORDS:
            raise OptionError(f"--module-name {self.module_name!r} gives the class {self.component}, a name in use")
        if isinstance(self.pipeline, bool) or not isinstance(self.pipeline, int) or self.pipeline < 0:
            raise OptionError(f"--pipeline is a number of LUT levels, 0 or more, not {self.pipeline!r}")

    @property
    def component(self) -> str:
        """The name of the class: the module's name in CamelCase."""
        return "".join(part[:1].upper() + part[1:] for part in self.module_name.split("_"))


def emit(netlist: Netlist, options: AmaranthOptions = AmaranthOptions()) -> Artifacts:
    """``<module_name>.py``; the manifest adds ``component``, the name of the class in it."""
    encoder = _encoder_inside(netlist, options)
    pipeline = schedule(netlist, options.pipeline, encoder_inside=encoder is not None)
    layout = lay_out(netlist, pipeline)
    port, port_width = ("bits", netlist.num_inputs)
    if encoder is not None:
        port, port_width = ("x", encoder.num_features * encoder.input_bits)
    scores_width = netlist.head.num_classes * netlist.score_width
    for name, width in ((port, port_width), ("scores", scores_width)):
        if width > MAX_PORT_BITS:
            raise ExportError(f"port {name} is {width} bits wide; Amaranth takes at most {MAX_PORT_BITS}")
    text = render(
        "amaranth_component.py.j2",
        module_name=options.module_name,
        component=options.component,
        netlist=netlist,
        digest=netlist.digest(),
        encoder=encoder,
        port=port,
        port_width=port_width,
        scores_width=scores_width,
        score_shape=f"signed({netlist.score_width})" if netlist.score_signed else str(netlist.score_width),
        products=_products(netlist),
        latency=pipeline.latency_cycles,
        clocked=options.pipeline > 0,
        comparators=_comparators(netlist, encoder) if encoder is not None else [],
        num_input_words=-(-netlist.num_inputs // WORD),
        layout=layout,
        blocks=[_block_text(netlist, layout, block) for block in layout.blocks],
        register_banks=[layout.register_texts(bank) for bank in layout.register_banks],
        groups=[
            [f"*{bits}" for bits in layout.run_texts(group, layout.head_stage)]
            for group in netlist.outputs.reshape(netlist.head.num_classes, -1)
        ],
    )
    manifest = describe(netlist, "amaranth", options, latency_cycles=pipeline.latency_cycles)
    return Artifacts({**manifest, "component": options.component}, {f"{options.module_name}.py": text})


def _encoder_inside(netlist: Netlist, options: AmaranthOptions) -> Encoder | None:
    """The encoder that goes into the component; None when the bits are the port."""
    if options.input is InputKind.BITS:
        return None
    if netlist.encoder is None:
        raise ExportError("the netlist has no encoder: export it with --input bits")
    if netlist.encoder.integer_thresholds is None:
        raise ExportError("the encoder has no integer grid (input_bits=0), which hardware needs; use --input bits")
    return netlist.encoder


def _comparators(netlist: Netlist, encoder: Encoder) -> list[str]:
    """One text for each input bit: its feature and its integer threshold; None where nobody reads the bit."""
    read = np.zeros(netlist.num_nets, dtype=bool)
    read[netlist.pins] = True
    read[netlist.outputs] = True
    thresholds = encoder.integer_thresholds
    assert thresholds is not None  # _encoder_inside refuses an encoder without a grid
    rows = zip(
        read[FIRST_INPUT : netlist.first_lut].tolist(), encoder.features.tolist(), thresholds.tolist(), strict=True
    )
    return [f"({feature}, {threshold})" if used else "None" for used, feature, threshold in rows]


def _products(netlist: Netlist) -> list[list[str]]:
    """For each class the terms of its score, which are group sums times their weights; empty without weights."""
    if netlist.head.weights is None:
        return []
    return [
        [f"self.sums[{group}] * {weight}" for group, weight in enumerate(column) if weight]
        for column in netlist.head.weights.T.tolist()
    ]


def _block_text(netlist: Netlist, layout: Layout, block: Block) -> dict[str, Any]:
    """The holes of one block: its name, and for each of its words the LUTs and their expressions."""
    names = layout.names(np.unique(netlist.pins[block.luts]), block.stage)
    expressions = lut_expressions(netlist, block.luts, names.__getitem__, ("ZERO", "ONE"))
    words = [
        {
            "number": block.first_word + start // WORD,
            "luts": _ranges(block.luts[start : start + WORD].tolist()),
            "expressions": expressions[start : start + WORD],
        }
        for start in range(0, len(expressions), WORD)
    ]
    return {"name": block.name, "class_name": block.class_name, "level": block.level, "words": words}


def _ranges(numbers: list[int]) -> str:
    """Ascending numbers as text, three or more in a row as a range: ``3, 5, 8 to 20``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    parts = []
    for first, last in runs:
        parts.append(f"{first} to {last}" if last > first + 1 else ", ".join(map(str, range(first, last + 1))))
    return ", ".join(parts)
