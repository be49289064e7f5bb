"""The verilog target: one portable Verilog-2001 file, simulated for real through cocotb.

The file is a design of ``bitlogic.export.hardware`` in text; its ports and their timing are those of ``design``. Every
module's name starts with ``module_name``; a module holds at most 8192 LUTs and 65,536 port bits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bitlogic.errors import TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.choices import chosen
from bitlogic.export.hardware.architecture import Architecture, Design, design
from bitlogic.export.manifest import describe
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import Result, Samples
from bitlogic.export.signal_names import NAMES, signal_names
from bitlogic.export.simulate import simulate
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_models import simulation_models
from bitlogic.export.targets.verilog_primitives import Primitives
from bitlogic.export.targets.verilog_print import Printing, print_modules
from bitlogic.export.testbench_ports import Ports


@dataclass(frozen=True)
class VerilogOptions(Architecture):
    """The architecture, how its LUTs are written, and whether an export folder holds ``test/``."""

    primitives: Primitives = Primitives.NONE
    style: Style = Style.FUNCTION  # without primitives; large nets are read by Yosys faster as wires
    testbench: bool = True  # a folder test/ with benches and vectors that need no bitlogic

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "primitives", chosen("primitives", self.primitives, Primitives))
        object.__setattr__(self, "style", chosen("style", self.style, Style))


def emit(netlist: Netlist, options: VerilogOptions = VerilogOptions()) -> Artifacts:
    """``{module_name}.v`` and ``names.json``; ExportError for a netlist that the options cannot serve."""
    made = design(netlist, options)
    manifest = describe(netlist, "verilog", options, design=made)
    files = {f"{options.module_name}.v": design_text(made, options, manifest["netlist"]["digest"])}
    return Artifacts(manifest, {**files, NAMES: signal_names(netlist, made.top)})


def design_text(made: Design, options: VerilogOptions, digest: str) -> bytes:
    """The Verilog of a design of the netlist with that digest."""
    printing = Printing(options.style, options.primitives, options.module_name)
    return render("verilog_file.j2", digest=digest, note=made.note, modules=print_modules(made.top, printing))


def run(artifacts: Artifacts, samples: Samples, simulator: str | None = None) -> Result:
    """Scores and classes read from the ports in the simulator ``icarus`` or ``verilator`` (None: any).

    A device's primitives are simulated with the models that Yosys has of them, so that needs pyosys.
    """
    manifest = artifacts.manifest
    if manifest["target"] != "verilog":
        raise TargetError(f"artifacts of the target {manifest['target']}, not verilog")
    options = manifest["options"]
    files: Mapping[str, bytes] = {name: content for name, content in artifacts.files.items() if name.endswith(".v")}
    files = {**files, **simulation_models(Primitives(options.get("primitives", Primitives.NONE)))}
    return simulate(files, options["module_name"], Ports.of(manifest), samples, simulator)
