"""The ``amaranth`` target: one ``.py`` with a ``wiring.Component`` that drops into a user's Amaranth design.

The file depends on amaranth 0.5 only. Its class is the module's name in CamelCase (``bitlogic_net`` holds
``BitlogicNet``; ``component`` in the manifest). It is a design of ``bitlogic.export.hardware`` in text, and its ports
are those of ``design``, but that clock and reset are those of the domain ``sync`` and that ``--interface stream`` gives
streams of ``amaranth.lib.stream``: ``sink`` and ``source`` (``amaranth_faces``). AXI4-Streams are plain signals with
AXI's names. ``NetlistComponent`` is the same without a file.
"""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bitlogic.errors import OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.hardware.architecture import Architecture, Design, design
from bitlogic.export.manifest import describe
from bitlogic.export.names import PYTHON_KEYWORDS, check_identifier
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.targets.amaranth_faces import Face, face_of
from bitlogic.export.targets.amaranth_plan import Plan, plan_of
from bitlogic.export.targets.amaranth_run import run as run
from bitlogic.export.targets.amaranth_source import parts_source
from bitlogic.export.targets.amaranth_text import class_text, function_text, inside, local

if TYPE_CHECKING:
    from bitlogic.export.targets.amaranth_component import NetlistComponent as NetlistComponent

_WORD = 64


def __getattr__(name: str) -> Any:
    """``NetlistComponent``, which imports amaranth, only where somebody asks for it."""
    if name == "NetlistComponent":
        from bitlogic.export.targets.amaranth_component import NetlistComponent

        return NetlistComponent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True)
class AmaranthOptions(Architecture):
    """The architecture; ``module_name`` names the file, the class in CamelCase, and the Verilog module."""

    def __post_init__(self) -> None:
        check_identifier("module-name", self.module_name, "Python", PYTHON_KEYWORDS)
        super().__post_init__()
        if self.module_name == "amaranth" or self.module_name in sys.stdlib_module_names:
            raise OptionError(f"--module-name {self.module_name!r} hides the Python module of that name")
        if self.component in parts_source().names or self.component in PYTHON_KEYWORDS:
            raise OptionError(f"--module-name {self.module_name!r} gives the class {self.component}, a name in use")

    @property
    def component(self) -> str:
        """The name of the class: the module's name in CamelCase."""
        return "".join(part[:1].upper() + part[1:] for part in self.module_name.split("_"))


def emit(netlist: Netlist, options: AmaranthOptions = AmaranthOptions()) -> Artifacts:
    """``<module_name>.py``; the manifest adds ``component``, the name of the class in it."""
    made = design(netlist, options)
    face, plan, parts = face_of(made, netlist), plan_of(made.top), parts_source()
    prefix = options.module_name
    shapes = " ".join(member.shape for member in face.members)
    text = render(
        "amaranth_component.py.j2",
        module_name=options.module_name,
        component=options.component,
        netlist=netlist,
        digest=netlist.digest(),
        encoder=netlist.encoder if options.input == "x" else None,
        members=face.members,
        latency=made.latency_cycles,
        interval=made.interval_cycles,
        num_beats=made.num_beats,
        sample_frame=made.input_frame,
        result_frame=made.result_frame,
        imports=parts.imports,
        needs_signed="signed(" in shapes,
        libraries=[name for name in ("data", "stream") if f"{name}." in shapes] + ["wiring"],
        lines=_top_lines(made, face, plan, prefix),
        modules=[
            (function_text if plan.is_function(module) else class_text)(module, plan, prefix)
            for module in reversed(plan.modules)
            if module is not made.top
        ],
        parts=parts.text,
    )
    manifest = describe(netlist, "amaranth", options, design=made)
    return Artifacts({**manifest, "component": options.component}, {f"{options.module_name}.py": text})


def _top_lines(made: Design, face: Face, plan: Plan, prefix: str) -> list[str]:
    lines, targets = [], {}
    for port in made.top.ports:
        attribute = f"self.{face.attributes[port.name]}"
        value = f"Value.cast({attribute})" if ".payload" in attribute else attribute
        if not port.is_input:
            targets[port.name] = value
        elif port.width > _WORD:
            lines.append(f'm.submodules.{port.name}_words = {port.name}_words = Port({value}, "{port.name}")')
            lines.append(f"{local(port.name)} = {port.name}_words.words")
        else:
            lines.append(f"{local(port.name)} = {value}")
    return inside(made.top, plan, prefix, lines, targets, flat_targets=True)
