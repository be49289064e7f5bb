"""From a netlist or an export folder to the project that is synthesised: with its own ports or in the shell."""

from dataclasses import dataclass, replace

from bitlogic.errors import OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST, options_from_manifest
from bitlogic.export.hardware.architecture import Architecture
from bitlogic.export.hardware.devices import find_device
from bitlogic.export.hardware.uart_line import Line
from bitlogic.export.mapping import LutMapping
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis.project import (
    Project,
    ShellKind,
    bare_project,
    exported_project,
    shell_project,
    uart_project,
)
from bitlogic.export.synthesis.synthesize import part_and_flow
from bitlogic.export.targets.verilog_primitives import Primitives

_DEFAULT_PIPELINE = 1


@dataclass(frozen=True)
class Wanted:
    """What the user and the device want of a project."""

    shell: ShellKind | None  # None: the shell where the design's own ports are more than ``pins``
    pipeline: int | None  # None: as exported, or a register after every level
    fold: int | None
    pins: int | None  # of the package; None: there is no limit
    lut_inputs: int
    lut_memory_bits: int = 0
    primitives: Primitives = Primitives.NONE  # that the LUTs are printed as, where there are registers between them
    map: LutMapping | None = None  # of the netlist, before it comes here; None: as exported, or none
    device: str | None = None
    line: Line | None = None  # the shell stands behind a serial line; ``shell`` is ``UART`` then

    def takes(self, bare: Project) -> bool:
        """Whether the design goes with its own ports."""
        fits = self.pins is None or bare.pins <= self.pins
        return self.shell is ShellKind.NONE or (self.shell is None and fits)


def wanted_on(
    device: str, shell: ShellKind | None, pipeline: int | None, fold: int | None, mapping: LutMapping | None = None
) -> Wanted:
    """What that device wants, in the package that is placed for."""
    part, flow = part_and_flow(device)
    inputs = find_device(device).lut_inputs
    return Wanted(
        shell, pipeline, fold, part.pins, inputs, flow.lut_memory_bits, flow.primitives, mapping, device=device
    )


def project_of_netlist(netlist: Netlist, wanted: Wanted) -> Project:
    """The project of an optimised netlist, whose input is ``x`` where it has an encoder."""
    pipeline = _DEFAULT_PIPELINE if wanted.pipeline is None else wanted.pipeline
    architecture = Architecture(
        input=InputKind.BITS if netlist.encoder is None else InputKind.X,
        pipeline=pipeline,
        fold=wanted.fold or 1,
        lut_size=wanted.lut_inputs,
        device=wanted.device,
    )
    if wanted.shell in (None, ShellKind.NONE):
        bare = bare_project(netlist, architecture, _primitives(architecture, wanted))
        if wanted.takes(bare):
            return bare
    return _in_shell(netlist, architecture, wanted)


def project_of_export(artifacts: Artifacts, wanted: Wanted) -> Project:
    """The project of an export folder: its Verilog as it stands, or its netlist printed anew inside the shell."""
    bare = exported_project(artifacts)
    if wanted.takes(bare):
        changed = [name for name in ("pipeline", "fold", "map") if getattr(wanted, name) is not None]
        if changed:
            raise OptionError(f"--{changed[0]} is the export's own: export again with it, or use --shell byte")
        return bare
    if wanted.map is not None:
        raise OptionError("--map is the export's own: export again with it")
    exported = options_from_manifest(artifacts.manifest)
    pipeline = exported.levels_per_stage if wanted.pipeline is None else wanted.pipeline
    architecture = Architecture(
        module_name=exported.module_name,
        input=exported.input,
        pipeline=pipeline,
        fold=wanted.fold or exported.fold,
        lut_size=exported.lut_size or wanted.lut_inputs,
        device=wanted.device or exported.device,
    )
    netlist = Netlist.from_bytes(artifacts.files[NETLIST])
    if exported.input is InputKind.BITS:
        netlist = replace(netlist, encoder=None)
    return _in_shell(netlist, architecture, wanted)


def _in_shell(netlist: Netlist, architecture: Architecture, wanted: Wanted) -> Project:
    primitives = _primitives(architecture, wanted)
    if wanted.line is None:
        return shell_project(netlist, architecture, wanted.lut_memory_bits, primitives)
    return uart_project(netlist, architecture, wanted.lut_memory_bits, wanted.line, primitives)


def _primitives(architecture: Architecture, wanted: Wanted) -> Primitives:
    """Without a register behind every level a synthesis tool can merge LUTs with what follows, if they are no cells."""
    return wanted.primitives if architecture.pipeline == 1 else Primitives.NONE
