"""nextpnr and the packer behind it: from synthesised cells to a routed design and its bitstream."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitlogic.errors import ExportError, ToolError
from bitlogic.export.synthesis.flow import Router
from bitlogic.export.synthesis.part import Part
from bitlogic.export.synthesis.process import Finished, run_tool
from bitlogic.export.synthesis.project import Project
from bitlogic.export.synthesis.toolbox import find_tool

REPORT = "nextpnr.json"
_DOES_NOT_FIT = (
    r"no Bels remaining",
    r"[Uu]nable to place cell",
    r"[Ff]ailed to place",
    r"[Dd]esign (?:probably )?(?:does not|doesn't) fit",
    r"[Uu]nable to find (?:a )?(?:legal )?placement",
    r"[Tt]oo many",
)
_ROUTER_TIME = re.compile(r"Router\d time ([0-9.]+)s")


@dataclass(frozen=True)
class SlowestPath:
    """The slowest path between two registers."""

    start: str
    end: str
    logic_ns: float
    routing_ns: float


@dataclass(frozen=True)
class Routed:
    """What nextpnr reports of a routed design."""

    finished: Finished
    fmax_mhz: float | None  # None: nothing in the design has a clock
    critical_path: SlowestPath | None
    used: dict[str, tuple[int, int]]  # by our name: used, available
    routing_seconds: float | None  # None: the log does not say


@dataclass(frozen=True)
class Wishes:
    """What the user asks of the router."""

    target_mhz: float
    seed: int
    limit_seconds: float


def route(project: Project, router: Router, part: Part, folder: Path, wishes: Wishes) -> Routed:
    """Places and routes the synthesised project in the folder.

    Raises:
        ExportError: The design does not fit the part.
        ToolError: nextpnr failed, ran out of time, or reports what is not known here.
    """
    top = project.top
    if router.pin_file and part.sites:  # a board comes with its own
        (folder / router.pin_file.replace("{top}", top)).write_text(pin_constraints(project, router, part))
    arguments = [word.replace("{top}", top) for word in (*part.arguments, *router.arguments)]
    arguments += ["--report", REPORT, "--freq", f"{wishes.target_mhz:g}", "--seed", str(wishes.seed)]
    arguments.append("--timing-allow-fail")  # a target that is missed is for the report to say
    tool = find_tool(router.tool)
    finished = run_tool(tool, arguments, folder, wishes.limit_seconds, f"placing and routing {top}")
    if finished.code != 0:
        for pattern in _DOES_NOT_FIT:
            found = re.search(f".*{pattern}.*", finished.text)
            if found:
                raise ExportError(f"the design does not fit the part: {found[0].strip()}; log: {finished.log}")
    finished.check()
    path = folder / REPORT
    if not path.exists():
        raise ToolError(f"{router.tool} wrote no {REPORT}; log: {finished.log}")
    return read_report(path.read_text(), router, finished)


def pin_constraints(project: Project, router: Router, part: Part) -> str:
    """A line for each pin of the project, on the part's sites in their order."""
    bits = [name if width == 1 else f"{name}[{bit}]" for name, width in project.ports for bit in range(width)]
    lines = [
        router.pin_line.replace("{port}", port).replace("{site}", site)
        for port, site in zip(bits, part.sites, strict=False)
    ]
    return "\n".join([*lines, ""])


def read_report(text: str, router: Router, finished: Finished) -> Routed:
    """The text of nextpnr's ``--report``; ToolError for anything it does not know."""
    where = f"{router.tool}'s report ({REPORT})"
    try:
        report: Mapping[str, Any] = json.loads(text)
        fmax = {clock: float(entry["achieved"]) for clock, entry in report["fmax"].items()}
        counted = {name: (int(row["used"]), int(row["available"])) for name, row in report["utilization"].items()}
        paths = [_path(entry) for entry in report["critical_paths"] if _within_the_clock(entry)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"{where} is in no form that is known: {error!r}; log: {finished.log}") from error
    if len(fmax) > 1:
        raise ToolError(f"{where} names {len(fmax)} clocks ({', '.join(fmax)}), and the design has one")
    missing = [name for name in router.used if name not in counted]
    if missing:
        raise ToolError(f"{where} does not count {missing[0]}; it has {', '.join(counted)}")
    times = _ROUTER_TIME.findall(finished.text)
    return Routed(
        finished,
        next(iter(fmax.values()), None),
        max(paths, key=lambda path: path.logic_ns + path.routing_ns, default=None),
        {ours: counted[theirs] for theirs, ours in router.used.items()},
        float(times[-1]) if times else None,
    )


def pack(top: str, router: Router, part: Part, folder: Path, limit_seconds: float) -> tuple[str, Finished]:
    """The bitstream's file name, written to the folder."""
    arguments = [*part.packing, *(word.replace("{top}", top) for word in router.pack)]
    tool = find_tool(router.packer)
    finished = run_tool(tool, arguments, folder, limit_seconds, f"packing the bitstream of {top}")
    finished.check()
    name = router.bitstream.replace("{top}", top)
    if not (folder / name).exists() or (folder / name).stat().st_size == 0:
        raise ToolError(f"{router.packer} wrote no {name}; log: {finished.log}")
    return name, finished


def _within_the_clock(entry: Mapping[str, Any]) -> bool:
    return str(entry["from"]) == str(entry["to"]) and "async" not in str(entry["from"])


def _path(entry: Mapping[str, Any]) -> SlowestPath:
    steps = entry["path"]
    routing = sum(float(part["delay"]) for part in steps if part["type"] == "routing")
    total = sum(float(part["delay"]) for part in steps)
    return SlowestPath(str(steps[0]["from"]["cell"]), str(steps[-1]["to"]["cell"]), total - routing, routing)
