"""What is synthesised: Verilog, its parts, and the netlist it stands for."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from bitlogic.errors import OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST, options_from_manifest
from bitlogic.export.hardware.architecture import Architecture, Design, Interface, design
from bitlogic.export.hardware.popcount import LEAF_SIZES
from bitlogic.export.hardware.rtl import Comparators, Module, modules_below
from bitlogic.export.hardware.shell import Shell, ShellPlan, build_shell
from bitlogic.export.hardware.uart import uart_shell
from bitlogic.export.hardware.uart_line import Line
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.verilog_bodies import Style
from bitlogic.export.targets.verilog_primitives import Primitives
from bitlogic.export.targets.verilog_print import Printing, print_modules


class ShellKind(StrEnum):
    """What stands around the core."""

    BYTE = "byte"  # bytes in and out, encoded on arrival
    UART = "uart"  # the same behind a serial line
    NONE = "none"  # the design's own ports are the pins


@dataclass(frozen=True)
class Project:
    """Verilog, and what there is to know about it.

    ``parts`` names the modules of the parts that are counted apart; all else counts as ``rest``.
    """

    netlist: Netlist
    input: InputKind
    shell: ShellKind
    top: str
    module: Module  # that Verilog's top, as it was lowered
    files: Mapping[str, bytes]
    parts: Mapping[str, tuple[str, ...]]
    rest: str
    ports: tuple[tuple[str, int], ...]  # name and width, clk and rst first
    lut_levels: int  # of the pipeline between two registers; 0: the core has none
    latency_cycles: int
    interval_cycles: int
    frame_bytes: int | None = None  # of the shell
    result_bytes: int | None = None
    keeps_up: bool | None = None  # a serial line with a host that sends without a pause
    plan: Mapping[str, Any] = field(default_factory=dict)  # how it was lowered: {"shell" or "architecture": its fields}

    @property
    def pins(self) -> int:
        return sum(width for _, width in self.ports)


def shell_project(
    netlist: Netlist, architecture: Architecture, lut_memory_bits: int, primitives: Primitives = Primitives.NONE
) -> Project:
    """The core in the byte-wide shell; of the architecture, its name, pipeline and fold."""
    plan = _shell_plan(netlist, architecture, lut_memory_bits)
    shell = build_shell(netlist, plan)
    note = (
        f"byte-wide shell, {shell.frame_bytes} bytes in, {shell.result_bytes} out, "
        f"latency {shell.latency_cycles} cycles, a sample every {shell.interval_cycles}"
    )
    return Project(
        netlist=netlist,
        input=architecture.input,
        shell=ShellKind.BYTE,
        files={f"{shell.module.name}.v": _verilog(shell.module, netlist, note, primitives)},
        latency_cycles=shell.latency_cycles,
        interval_cycles=shell.interval_cycles,
        **_around(shell, shell.module, plan),
    )


def uart_project(
    netlist: Netlist,
    architecture: Architecture,
    lut_memory_bits: int,
    line: Line,
    primitives: Primitives = Primitives.NONE,
) -> Project:
    """The same behind a serial line, which counts as shell; latency and interval are the line's."""
    plan = replace(_shell_plan(netlist, architecture, lut_memory_bits), has_restart=True)
    shell = build_shell(netlist, plan)
    uart = uart_shell(shell, line, f"{architecture.module_name}_uart")
    note = (
        f"serial line of {line.divisor} clock edges a bit, {shell.frame_bytes} bytes in, {shell.result_bytes} out, "
        f"latency {uart.latency_cycles} cycles, a sample every {uart.interval_cycles}"
    )
    return Project(
        netlist=netlist,
        input=architecture.input,
        shell=ShellKind.UART,
        files={f"{uart.module.name}.v": _verilog(uart.module, netlist, note, primitives)},
        latency_cycles=uart.latency_cycles,
        interval_cycles=uart.interval_cycles,
        keeps_up=uart.keeps_up,
        **_around(shell, uart.module, plan),
    )


def _around(shell: Shell, top: Module, plan: ShellPlan) -> dict[str, Any]:
    """The fields of a project that follow from the shell and the module that is the top."""
    return {
        "top": top.name,
        "module": top,
        "parts": {"core": (shell.core.name,), "encoder": (shell.arrival.name,)},
        "rest": "shell",
        "ports": _ports(top),
        "lut_levels": plan.pipeline.lut_levels,
        "frame_bytes": shell.frame_bytes,
        "result_bytes": shell.result_bytes,
        "plan": {"shell": asdict(plan)},
    }


def _shell_plan(netlist: Netlist, architecture: Architecture, lut_memory_bits: int) -> ShellPlan:
    return ShellPlan(
        architecture.module_name,
        design(netlist, architecture).pipeline,
        LEAF_SIZES[architecture.lut_inputs],
        architecture.fold,
        lut_memory_bits,
        architecture.family,
    )


def bare_project(netlist: Netlist, architecture: Architecture, primitives: Primitives = Primitives.NONE) -> Project:
    """The design with its own ports, comparators apart."""
    made = design(netlist, architecture)
    files = {f"{made.top.name}.v": _verilog(made.top, netlist, made.note, primitives)}
    return _bare(netlist, architecture, made, files)


def exported_project(artifacts: Artifacts) -> Project:
    """The Verilog of an export folder as it stands."""
    if artifacts.manifest["target"] != "verilog":
        raise OptionError(f"an export to {artifacts.manifest['target']}; synth takes one to verilog")
    if artifacts.changed:
        raise OptionError(f"{', '.join(artifacts.changed)} was edited after the export; verify it, and export again")
    netlist = Netlist.from_bytes(artifacts.files[NETLIST])
    options = options_from_manifest(artifacts.manifest)
    files = {name: content for name, content in artifacts.files.items() if re.fullmatch(r"[^/]+\.v", name)}
    return _bare(netlist, options, design(netlist, options), files)


def _bare(netlist: Netlist, architecture: Architecture, made: Design, files: Mapping[str, bytes]) -> Project:
    comparators = tuple(module.name for module in modules_below(made.top) if isinstance(module.body, Comparators))
    clocked = made.interface is not Interface.COMB
    return Project(
        netlist=netlist,
        input=architecture.input,
        shell=ShellKind.NONE,
        top=made.top.name,
        module=made.top,
        files=files,
        parts={"encoder": comparators} if comparators else {},
        rest="core",
        ports=_ports(made.top),
        lut_levels=made.pipeline.lut_levels if clocked else 0,
        latency_cycles=made.latency_cycles,
        interval_cycles=made.interval_cycles,
        plan={"architecture": {each.name: getattr(architecture, each.name) for each in fields(Architecture)}},
    )


def _verilog(top: Module, netlist: Netlist, note: str, primitives: Primitives) -> bytes:
    modules = print_modules(top, Printing(Style.WIRES, primitives, top.name, where_they_fit=True))
    return render("verilog_file.j2", digest=netlist.digest(), note=note, modules=modules)


def _ports(top: Module) -> tuple[tuple[str, int], ...]:
    clocks = [("clk", 1)] * top.has_clock + [("rst", 1)] * top.has_reset
    return (*clocks, *((port.name, port.width) for port in top.ports))
