"""What Yosys makes of HDL text: for each module its gates, registers and instances, nothing flattened or optimised.

Yosys runs through pyosys in a process of its own, which can be stopped, and whose memory ends with it. Modules of many
gates and nothing else come back as AIGER, a tenth of the size; the others as Yosys' JSON.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bitlogic.errors import MissingToolError, TargetError, ToolError

_CHILD = Path(__file__).with_name("yosys_child.py")
_LAST_LINES = 3  # of Yosys' output, in an error


@dataclass(frozen=True)
class AigerModule:
    """A combinational module without instances, as ASCII AIGER with a table of symbols."""

    aiger: bytes


@dataclass(frozen=True)
class ReadDesign:
    """The modules by name: Yosys' JSON object, or AIGER where a module is large."""

    modules: Mapping[str, "dict[str, Any] | AigerModule"]
    version: str


def read_design(
    files: Mapping[str, bytes], top: str, limit_seconds: float, technology: str | None = None
) -> ReadDesign:
    """The design below the module ``top`` in the Verilog, RTLIL, JSON or BLIF ``files``, by their suffixes.

    ``technology`` (ice40, ecp5, xilinx, …) names the cells of a synthesised netlist, whose models in Yosys'
    ``cells_sim.v`` take the place of the cells.

    Raises:
        MissingToolError: pyosys is not installed.
        TargetError: Yosys refuses the text.
        ToolError: It does not end within the limit.
    """
    if find_spec("pyosys") is None:
        raise MissingToolError("the proof needs Yosys: pip install 'bitlogic[synth]'")
    with tempfile.TemporaryDirectory(prefix="bitlogic-yosys-") as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / Path(file).name).write_bytes(content)
        order = {"files": [Path(file).name for file in files], "top": top, "technology": technology}
        (folder / "order.json").write_text(json.dumps(order))
        command = [sys.executable, "-I", str(_CHILD), str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=limit_seconds, check=False)
        except subprocess.TimeoutExpired:
            raise ToolError(f"Yosys did not read the text within {limit_seconds:.0f} s") from None
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).decode(errors="replace").splitlines() if line.strip()]
            errors = [line for line in said if "ERROR" in line] or said[-_LAST_LINES:]
            raise TargetError(f"Yosys does not read the text: {' '.join(errors)[:500]}")
        return _collect(folder)


def _collect(folder: Path) -> ReadDesign:
    written = json.loads((folder / "written.json").read_text())
    modules: dict[str, dict[str, Any] | AigerModule] = {}
    for place, name in enumerate(written["large"]):
        modules[name] = AigerModule((folder / f"{place}.aag").read_bytes())
    modules |= json.loads((folder / "small.json").read_bytes())["modules"]
    return ReadDesign(modules, written["version"])
