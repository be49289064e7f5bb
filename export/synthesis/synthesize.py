"""The whole way of a project on one device, and the folder that is left of it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitlogic.errors import ExportError, OptionError, ToolError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.estimate.project import check_can_fit
from bitlogic.export.folder import NETLIST
from bitlogic.export.hardware.devices import Device, find_device
from bitlogic.export.manifest import describe
from bitlogic.export.samples import InputKind
from bitlogic.export.synthesis import FLOWS, PARTS
from bitlogic.export.synthesis.flow import Flow
from bitlogic.export.synthesis.nextpnr import Routed, Wishes, pack, route
from bitlogic.export.synthesis.part import Mounting, Part
from bitlogic.export.synthesis.project import Project, ShellKind
from bitlogic.export.synthesis.report import REPORT, Report
from bitlogic.export.synthesis.toolbox import find_tool
from bitlogic.export.synthesis.yosys import Counts, synthesise

_MARK = "pid"  # in a folder of work: whose it is


@dataclass(frozen=True)
class Request:
    """What is asked for, beside the project."""

    device: str
    target_mhz: float | None = None  # for the router; None: the flow's own
    seed: int = 1
    time_limit_seconds: float = 900.0  # of each tool
    route: bool = True
    board: Mounting | None = None  # whose part and clock hold instead of the device's and ``target_mhz``


@dataclass(frozen=True)
class Options:
    """What the manifest says of a synthesis."""

    input: InputKind
    device: str
    shell: ShellKind
    module_name: str


def synthesize(project: Project, request: Request, output: Path) -> tuple[Artifacts, dict[str, Any]]:
    """Synthesises, routes and packs; the artifacts that ``output`` is to hold, and the report among them.

    The work is done in ``{output}.work`` beside it, which stays, with all logs, where something fails.

    Raises:
        ExportError: The design does not fit the device.
        MissingToolError: A tool is not installed; nothing was started then.
        ToolError: A tool failed, ran out of time, or printed what is not known here; or a board's clock is too fast.
    """
    device = find_device(request.device)
    part, flow = part_and_flow(device.name)
    part = part if request.board is None else request.board.part
    why_not = why_not_routed(project, flow, part, request)
    for name in ["yosys", *([flow.router.tool, flow.router.packer] if flow.router and not why_not else [])]:
        find_tool(name)
    check_can_fit(project, device)
    work = _work_folder(output)
    for name, content in project.files.items():
        (work / name).write_bytes(content)
    report = Report(project, device, request.seed, _target_mhz(request, flow))
    if request.board is not None:
        report.content["board"] = dict(request.board.about)
    synthesised = synthesise(project, flow, work, request.time_limit_seconds)
    report.ran(synthesised.finished)
    report.counted(synthesised.counts, device)
    check_fits(synthesised.counts, device)
    if flow.router is None or why_not:
        report.not_routed(why_not)
        report.content["bitstream"] = None
        report.lacks(why_not, "bitstream")
    else:
        wishes = Wishes(report.content["target_mhz"], request.seed, request.time_limit_seconds)
        routed = route(project, flow.router, part, work, wishes)
        report.ran(routed.finished)
        report.routed(routed)
        if request.board is not None:
            check_clock(routed, request.board.clock_mhz)
            report.runs_at(request.board.clock_mhz)
        report.content["bitstream"], packed = pack(project.top, flow.router, part, work, request.time_limit_seconds)
        report.ran(packed)
    artifacts = _gather(project, device, work, report)
    shutil.rmtree(work)
    return artifacts, report.content


def part_and_flow(device: str) -> tuple[Part, Flow]:
    """How a device is served; OptionError lists those that are."""
    if device not in PARTS:
        raise OptionError(f"--device {device!r} has no flow here; there are: {', '.join(PARTS)}")
    return PARTS[device], FLOWS[PARTS[device].flow]


def check_fits(counts: dict[str, Counts], device: Device) -> None:
    """ExportError where the device has fewer LUTs or flip-flops than the synthesised design."""
    for resource, available in (("luts", device.num_luts), ("flipflops", device.num_registers)):
        needed = sum(part[resource] for part in counts.values())
        if needed > available:
            parts = ", ".join(f"{name} {part[resource]}" for name, part in counts.items())
            raise ExportError(
                f"{device.name} has {available} {resource}, and the design needs {needed} ({parts}): "
                "choose a larger device or a smaller network"
            )


def _target_mhz(request: Request, flow: Flow) -> float:
    if request.board is not None:
        return request.board.clock_mhz
    return request.target_mhz or flow.target_mhz


def check_clock(routed: Routed, clock_mhz: float) -> None:
    """ToolError where the routed design is slower than the clock of its board."""
    if routed.fmax_mhz is not None and routed.fmax_mhz < clock_mhz:
        raise ToolError(
            f"routed for {routed.fmax_mhz:.2f} MHz, and the board's clock has {clock_mhz:g} MHz: use a register after "
            f"every level (--pipeline 1) or another --seed; log: {routed.finished.log}"
        )


def why_not_routed(project: Project, flow: Flow, part: Part, request: Request) -> str:
    """Why the design is not routed, or nothing."""
    if not request.route:
        return "not asked for (--stage synthesised)"
    if flow.router is None:
        return flow.no_router.replace("{device}", request.device)
    if project.pins > part.pins:
        return (
            f"the design has {project.pins} pins and the package of {request.device} {part.pins}: "
            "use the byte-wide shell (--shell byte)"
        )
    return ""


def _work_folder(output: Path) -> Path:
    """``{output}.work``, empty; one that a run before left behind is removed, one in use or not ours is refused."""
    work = output.with_name(f"{output.name}.work")
    if work.exists():
        mark = work / _MARK
        if not mark.is_file():
            raise ExportError(f"{work} is needed for the work and is not ours; remove it or choose another folder")
        if _is_running(mark.read_text().strip()):
            raise ExportError(f"{work} is in use by process {mark.read_text().strip()}")
        shutil.rmtree(work)
    work.mkdir(parents=True)
    (work / _MARK).write_text(f"{os.getpid()}\n")
    return work


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()


def _gather(project: Project, device: Device, work: Path, report: Report) -> Artifacts:
    files = {path.name: path.read_bytes() for path in sorted(work.iterdir()) if path.name != _MARK}
    files |= {REPORT: report.to_bytes(), NETLIST: project.netlist.to_bytes()}
    options = Options(project.input, device.name, project.shell, project.top)
    manifest = describe(project.netlist, "synthesis", options)
    manifest |= {"latency_cycles": project.latency_cycles, "tool_target": device.part, "plan": dict(project.plan)}
    return Artifacts(manifest, files)
