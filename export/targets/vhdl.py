"""The vhdl target: one portable VHDL-2008 file, simulated for real in GHDL through cocotb.

The file is a design of ``bitlogic.export.hardware`` in text; its ports and their timing are those of ``design``. It
needs nothing but std_logic_1164 and numeric_std. A port of one bit is a std_logic, any other a std_logic_vector, and an
entity stands before those that instantiate it. Every entity's name starts with ``module_name``.
"""

from dataclasses import dataclass

from bitlogic.errors import TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.hardware.architecture import Architecture, design
from bitlogic.export.manifest import describe
from bitlogic.export.names import check_entity_name
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import Result, Samples
from bitlogic.export.signal_names import NAMES, signal_names
from bitlogic.export.simulate import simulate
from bitlogic.export.simulators import GHDL
from bitlogic.export.targets.vhdl_print import print_modules
from bitlogic.export.testbench_ports import Ports


@dataclass(frozen=True)
class VhdlOptions(Architecture):
    """The architecture; there is one way to write it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_entity_name(self.module_name)


def emit(netlist: Netlist, options: VhdlOptions = VhdlOptions()) -> Artifacts:
    """``{module_name}.vhd`` and ``names.json``; ExportError for a netlist that the options cannot serve."""
    made = design(netlist, options)
    manifest = describe(netlist, "vhdl", options, design=made)
    digest = manifest["netlist"]["digest"]
    text = render("vhdl_file.j2", digest=digest, note=made.note, modules=print_modules(made.top))
    return Artifacts(manifest, {f"{options.module_name}.vhd": text, NAMES: signal_names(netlist, made.top)})


def run(artifacts: Artifacts, samples: Samples) -> Result:
    """Scores and classes read from the ports in GHDL; TargetError if one of their bits is no 0 or 1."""
    manifest = artifacts.manifest
    if manifest["target"] != "vhdl":
        raise TargetError(f"artifacts of the target {manifest['target']}, not vhdl")
    files = {name: content for name, content in artifacts.files.items() if name.endswith(".vhd")}
    return simulate(files, manifest["options"]["module_name"], Ports.of(manifest), samples, GHDL)
