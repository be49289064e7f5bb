"""Scripts for AMD Vivado, out of context, and the reader of its reports. Not run here: tested on written ones."""

import re
from collections.abc import Mapping

from bitlogic.errors import ToolError
from bitlogic.export.render import render
from bitlogic.export.synthesis.project import Project
from bitlogic.export.synthesis.vendor_results import VendorResults

_COLUMNS = {"Total LUTs": "luts", "FFs": "flipflops", "DSP Blocks": "dsps"}
_INSTANCES = {"u_core": "core", "u_encoder": "encoder"}


def vivado_scripts(project: Project, part: str, target_mhz: float) -> Mapping[str, bytes]:
    """``vivado.tcl`` and ``clock.xdc``."""
    files = [name for name in project.files if name.endswith(".v")]
    return {
        "vivado.tcl": render("synth_vivado.tcl.j2", files=files, top=project.top, part=part),
        "clock.xdc": render("synth_clock.sdc.j2", period_ns=f"{1000 / target_mhz:.3f}"),
    }


def read_vivado(texts: Mapping[str, str]) -> VendorResults:
    """From ``utilization.rpt`` (hierarchical) and ``timing.rpt`` (the summary); ToolError for another form."""
    utilization, timing = texts["utilization.rpt"], texts["timing.rpt"]
    version = re.search(r"Tool Version\s*:\s*Vivado v\.(\S+)", utilization)
    if version is None:
        raise ToolError("utilization.rpt names no version of Vivado")
    return VendorResults("vivado", version[1], _fmax(timing), _resources(utilization))


def _resources(text: str) -> dict[str, dict[str, int]]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]
    header = next((row for row in rows if "Instance" in row), None)
    if header is None or not {*_COLUMNS, "RAMB36", "RAMB18"} <= set(header):
        raise ToolError("utilization.rpt has no table with Instance, Total LUTs, FFs, RAMB36, RAMB18 and DSP Blocks")
    parts: dict[str, dict[str, int]] = {}
    for row in rows[rows.index(header) + 1 :]:
        if len(row) != len(header):
            continue
        cells = dict(zip(header, row, strict=True))
        name = _INSTANCES.get(cells["Instance"]) or ("total" if not parts else None)
        if name is None:
            continue
        try:
            parts[name] = {ours: int(cells[theirs]) for theirs, ours in _COLUMNS.items()}
            parts[name]["block_rams"] = 2 * int(cells["RAMB36"]) + int(cells["RAMB18"])
        except ValueError as error:
            raise ToolError(f"utilization.rpt, {cells['Instance']}: {error}") from error
    if "total" not in parts:
        raise ToolError("utilization.rpt has a table without rows")
    if "core" in parts:
        inside = [parts[name] for name in ("core", "encoder") if name in parts]
        parts["shell"] = {name: number - sum(part[name] for part in inside) for name, number in parts["total"].items()}
    else:
        parts["core"] = dict(parts["total"])
    return parts


def _fmax(text: str) -> float:
    slack = re.search(r"WNS\(ns\).*\n\s*-[- ]*\n\s*(-?\d+\.\d+)\s", text)
    period = re.search(r"^clk\s+\{[^}]*\}\s+(\d+\.\d+)\s", text, re.MULTILINE)
    if slack is None or period is None:
        raise ToolError(
            f"timing.rpt has no {'worst slack' if slack is None else 'period of clk'} in a form that is known"
        )
    shortest = float(period[1]) - float(slack[1])
    if shortest <= 0:
        raise ToolError(f"timing.rpt: a slack of {slack[1]} ns in a period of {period[1]} ns")
    return 1000 / shortest
