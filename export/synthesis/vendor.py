"""Flows that are scripts for tools nobody can install freely: written here, run elsewhere, their reports read back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bitlogic.errors import OptionError, ToolError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST
from bitlogic.export.hardware.devices import Device, find_device
from bitlogic.export.manifest import describe
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis.project import Project, ShellKind
from bitlogic.export.synthesis.quartus import quartus_scripts, read_quartus
from bitlogic.export.synthesis.report import REPORT, Report
from bitlogic.export.synthesis.vendor_results import VendorResults
from bitlogic.export.synthesis.vivado import read_vivado, vivado_scripts

DEFAULT_MHZ = 300.0
_LUT_INPUTS = 6


@dataclass(frozen=True)
class Vendor:
    """A vendor's tool: its scripts by file name, the command that runs them, and the reader of what they leave."""

    scripts: Callable[[Project, str, float], Mapping[str, bytes]]
    command: str
    reports: tuple[str, ...]  # with {top}
    read: Callable[[Mapping[str, str]], VendorResults]
    default_device: str | None  # None: a --part is needed


VENDORS: dict[str, Vendor] = {
    "vivado": Vendor(
        vivado_scripts,
        "vivado -mode batch -source vivado.tcl",
        ("utilization.rpt", "timing.rpt"),
        read_vivado,
        "xc7",
    ),
    "quartus": Vendor(
        quartus_scripts,
        "quartus_sh -t quartus.tcl",
        ("{top}.fit.summary", "{top}.sta.rpt"),
        read_quartus,
        None,
    ),
}


@dataclass(frozen=True)
class VendorOptions:
    """What the manifest says of the scripts."""

    input: InputKind
    flow: str
    part: str
    shell: ShellKind
    module_name: str


def vendor_device(flow: str, device: str | None, part: str | None) -> Device:
    """The device of a vendor's flow: one that is known, or any ``part`` with LUTs of six inputs."""
    default = VENDORS[flow].default_device
    if default is None or (device is not None and find_device(device).family not in ("xc7", "xcup")):
        if default is not None:
            raise OptionError(f"--device {device!r} is none of {flow}'s; it has xc7, xcup, and --part names others")
        if part is None:
            raise OptionError(f"--flow {flow} needs a --part, in the words of the tool")
        return Device(part, flow, part, _LUT_INPUTS, 0, 0)
    known = find_device(device or default)
    return known if part is None else replace(known, name=part, part=part)


def vendor_scripts(project: Project, flow: str, device: Device, target_mhz: float) -> Artifacts:
    """The Verilog, the scripts, and a report whose numbers are all still to come."""
    vendor = VENDORS[flow]
    if not project.lut_levels:
        raise OptionError(f"the core has no registers and {flow} would find nothing to time; give it --pipeline 1")
    report = Report(project, device, 0, target_mhz)
    report.only_scripts(flow, f"{flow} was not run here: {vendor.command}, in this folder")
    files = {**project.files, **vendor.scripts(project, device.part, target_mhz)}
    files |= {NETLIST: project.netlist.to_bytes(), REPORT: report.to_bytes()}
    options = VendorOptions(project.input, flow, device.part, project.shell, project.top)
    manifest = describe(project.netlist, "synthesis", options)
    return Artifacts({**manifest, "latency_cycles": project.latency_cycles}, files)


def with_results(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The report with what the tool left in the folder, or as it is where it has not been run.

    Raises:
        ToolError: A report of the tool is in no form that is known, or is missing beside the other.
    """
    vendor = VENDORS.get(content.get("flow", ""))
    if vendor is None:
        return content
    names = [name.replace("{top}", content["design"]["top"]) for name in vendor.reports]
    if not any((folder / name).exists() for name in names):
        return content
    return vendor.read({name: _text(folder / name) for name in names}).merged(content)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
