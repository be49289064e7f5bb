"""Scripts for Intel Quartus, with virtual pins, and the reader of its reports. Not run here: tested on written ones."""

import re
from collections.abc import Mapping

from bitlogic.errors import ToolError
from bitlogic.export.render import render
from bitlogic.export.synthesis.project import Project
from bitlogic.export.synthesis.vendor_results import VendorResults

_NUMBER = r"\s*:\s*([\d,]+)"


def quartus_scripts(project: Project, part: str, target_mhz: float) -> Mapping[str, bytes]:
    """``quartus.tcl`` and ``clock.sdc``."""
    files = [name for name in project.files if name.endswith(".v")]
    return {
        "quartus.tcl": render("synth_quartus.tcl.j2", files=files, top=project.top, part=part),
        "clock.sdc": render("synth_clock.sdc.j2", period_ns=f"{1000 / target_mhz:.3f}"),
    }


def read_quartus(texts: Mapping[str, str]) -> VendorResults:
    """From ``{top}.fit.summary`` and ``{top}.sta.rpt``; ToolError for another form.

    An adaptive logic module is counted as one LUT. The whole design only: the summary has no parts.
    """
    (summary,) = [text for name, text in texts.items() if name.endswith(".fit.summary")]
    (timing,) = [text for name, text in texts.items() if name.endswith(".sta.rpt")]
    version = re.search(r"Quartus Prime Version\s*:\s*(\S+)", summary)
    if version is None:
        raise ToolError("the fitter's summary names no version of Quartus Prime")
    total = {
        "luts": _number(r"Logic utilization \(in ALMs\)", summary),
        "flipflops": _number(r"Total registers", summary),
        "block_rams": _number(r"Total RAM Blocks", summary),
        "dsps": _number(r"Total DSP Blocks", summary),
    }
    return VendorResults("quartus", version[1], _fmax(timing), {"total": total})


def _number(name: str, text: str) -> int:
    found = re.search(name + _NUMBER, text)
    if found is None:
        raise ToolError(f"the fitter's summary has no line {name.replace(chr(92), '')}")
    return int(found[1].replace(",", ""))


def _fmax(text: str) -> float:
    """The lowest over all models and corners."""
    rows = re.findall(r"^;\s*[\d.]+ MHz\s*;\s*([\d.]+) MHz\s*;\s*clk\s*;", text, re.MULTILINE)
    if not rows:
        raise ToolError("the timing report has no Fmax of clk in a form that is known")
    return min(float(row) for row in rows)
