"""report.json: what a synthesis came to, for machines, and the same as a table."""

import json
from pathlib import Path
from typing import Any

import bitlogic
from bitlogic.errors import FormatError
from bitlogic.export.hardware.devices import Device
from bitlogic.export.synthesis.flow import RESOURCES
from bitlogic.export.synthesis.nextpnr import Routed
from bitlogic.export.synthesis.process import Finished
from bitlogic.export.synthesis.project import Project
from bitlogic.export.synthesis.yosys import Counts
from bitlogic.export.table import table

REPORT = "report.json"
FORMAT, VERSION = "bitlogic-synthesis", 1
PARTS = ("core", "encoder", "shell")


class Report:
    """The report as it grows. A number that is not there is None, and ``reasons`` says why by its key."""

    def __init__(self, project: Project, device: Device, seed: int, target_mhz: float) -> None:
        netlist = project.netlist
        self.reasons: dict[str, str] = {}
        self.content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "bitlogic": bitlogic.__version__,
            "stage": "synthesised",
            "device": {"name": device.name, "family": device.family, "part": device.part},
            "netlist": {
                "digest": netlist.digest(),
                "num_luts": netlist.num_luts,
                "rank": netlist.rank,
                "depth": netlist.depth,
            },
            "design": {
                "top": project.top,
                "shell": project.shell.value,
                "input": project.input.value,
                "lut_levels": project.lut_levels,
                "latency_cycles": project.latency_cycles,
                "interval_cycles": project.interval_cycles,
                "frame_bytes": project.frame_bytes,
                "result_bytes": project.result_bytes,
                "pins": project.pins,
            },
            "seed": seed,
            "target_mhz": target_mhz,
            "tools": [],
            "reasons": self.reasons,
        }
        self.lacks("the design has no shell", "frame_bytes", "result_bytes", only_if=project.frame_bytes is None)

    def counted(self, counts: dict[str, Counts], device: Device) -> None:
        """The synthesised cells, part by part."""
        total = {name: sum(part[name] for part in counts.values()) for name in RESOURCES}
        self.content["resources"] = {name: counts.get(name) for name in PARTS} | {"total": total}
        for name in PARTS:
            if name not in counts:
                reason = "the design has no shell" if name == "shell" else "the design has no encoder inside"
                self.reasons[f"resources.{name}"] = reason
        self.content["utilization_percent"] = {
            "luts": _percent(total["luts"], device.num_luts),
            "flipflops": _percent(total["flipflops"], device.num_registers),
        }

    def routed(self, routed: Routed) -> None:
        """What nextpnr reports."""
        fmax, path = routed.fmax_mhz, routed.critical_path
        interval = self.content["design"]["interval_cycles"]
        self.content |= {
            "stage": "routed",
            "fmax_mhz": None if fmax is None else round(fmax, 2),
            "meets_target": None if fmax is None else fmax >= self.content["target_mhz"],
            "latency_ns": None if fmax is None else round(self.content["design"]["latency_cycles"] * 1e3 / fmax, 1),
            "samples_per_second": None if fmax is None or not interval else round(fmax * 1e6 / interval),
            "critical_path": None
            if path is None
            else {
                "from": path.start,
                "to": path.end,
                "logic_ns": round(path.logic_ns, 3),
                "routing_ns": round(path.routing_ns, 3),
            },
            "placed": {
                name: {"used": used, "available": available, "percent": _percent(used, available)}
                for name, (used, available) in routed.used.items()
            },
            "routing_seconds": routed.routing_seconds,
        }
        self.lacks("nothing in the design has a clock", *_TIMING, only_if=fmax is None)
        self.lacks("nextpnr's log does not say", "routing_seconds", only_if=routed.routing_seconds is None)

    def runs_at(self, clock_mhz: float) -> None:
        """The clock is a board's: times and rates are with that, and not with the fastest one there could be."""
        design = self.content["design"]
        self.content["latency_ns"] = round(design["latency_cycles"] * 1e3 / clock_mhz, 1)
        self.content["samples_per_second"] = round(clock_mhz * 1e6 / design["interval_cycles"])

    def not_routed(self, reason: str) -> None:
        """There is no routing, and so none of what comes of it."""
        names = (*_TIMING, "placed", "routing_seconds")
        self.content |= dict.fromkeys(names)
        self.lacks(reason, *names)

    def only_scripts(self, flow: str, reason: str) -> None:
        """Nothing has been run."""
        names = ("resources", "utilization_percent", *_TIMING, "placed", "routing_seconds", "bitstream")
        self.content |= {"stage": "scripts", "flow": flow, **dict.fromkeys(names)}
        self.lacks(reason, *names)

    def ran(self, finished: Finished) -> None:
        tool = finished.tool
        self.content["tools"].append(
            {
                "name": tool.name,
                "version": tool.version,
                "kind": tool.kind,
                "seconds": round(finished.seconds, 2),
                "log": finished.log.name,
            }
        )

    def lacks(self, reason: str, *names: str, only_if: bool = True) -> None:
        """What the keys have None for."""
        if only_if:
            self.reasons.update(dict.fromkeys(names, reason))

    def to_bytes(self) -> bytes:
        return (json.dumps(self.content, indent=2, allow_nan=False) + "\n").encode()


_TIMING = ("fmax_mhz", "meets_target", "latency_ns", "samples_per_second", "critical_path")


def read(folder: Path) -> dict[str, Any]:
    """The report in a folder that ``synth`` made; FormatError for anything else."""
    path = folder / REPORT if folder.is_dir() else folder
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}; bitlogic synth writes one") from error
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(f"{path} is no report of bitlogic synth")
    if content.get("version") != VERSION:
        raise FormatError(f"{path}: report version {content.get('version')!r}; this bitlogic reads {VERSION}")
    return content


def text_of(content: dict[str, Any]) -> str:
    """The report as tables; what is not there says why."""
    design, device, reasons = content["design"], content["device"], content["reasons"]
    title = f"{design['top']} on {device['name']} ({device['part']}), {content['stage']}"
    facts: list[tuple[str, object]] = [
        (f"utilization, {name}", f"{percent} %") for name, percent in (content["utilization_percent"] or {}).items()
    ]
    facts += [
        (f"placed {name}", f"{row['used']} of {row['available']} ({row['percent']} %)")
        for name, row in (content["placed"] or {}).items()
    ]
    if "board" in content:
        board = content["board"]
        facts.append(("board", f"{board['name']}, {board['clock_mhz']:g} MHz, {board['baud']} baud"))
    facts += [
        ("Fmax", _with_unit(content, "fmax_mhz", "MHz")),
        ("target", f"{content['target_mhz']:g} MHz"),
        ("latency", f"{design['latency_cycles']} cycles"),
        ("interval", f"{design['interval_cycles']} cycles"),
        ("samples a second", _with_unit(content, "samples_per_second", "")),
        ("routing", _with_unit(content, "routing_seconds", "s")),
        ("bitstream", content["bitstream"] or f"none: {reasons['bitstream']}"),
    ]
    for tool in content["tools"]:
        seconds = "" if tool["seconds"] is None else f", {tool['seconds']} s"
        facts.append((tool["name"], f"{tool['version']} ({tool['kind']}){seconds}"))
    width = max(len(name) for name, _ in facts)
    return "\n".join([title, "", _resources(content), "", *(f"{name.ljust(width)}  {fact}" for name, fact in facts)])


def _resources(content: dict[str, Any]) -> str:
    resources = content["resources"]
    if resources is None:
        return f"resources: none: {content['reasons']['resources']}"
    names = [name for name in RESOURCES if resources["total"][name]] or ["luts"]
    return table(
        ["part", *names],
        [[part, *(resources[part][name] for name in names)] for part in (*PARTS, "total") if resources[part]],
    )


def _with_unit(content: dict[str, Any], name: str, unit: str) -> str:
    value = content[name]
    return f"none: {content['reasons'][name]}" if value is None else f"{value} {unit}".strip()


def _percent(used: int, available: int) -> float:
    return round(100 * used / available, 1)
