"""Yosys: from Verilog to the cells of a family, and what it counted."""

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitlogic.errors import ToolError
from bitlogic.export.render import render
from bitlogic.export.synthesis.flow import RESOURCES, Flow
from bitlogic.export.synthesis.process import Finished, run_tool
from bitlogic.export.synthesis.project import Project
from bitlogic.export.synthesis.toolbox import find_tool

SCRIPT, STATISTICS = "yosys.ys", "yosys.json"
Counts = dict[str, int]  # by the names of RESOURCES


@dataclass(frozen=True)
class Synthesised:
    """What came of it; ``{top}.json`` and ``{top}_synthesised.v`` are in the folder."""

    finished: Finished
    counts: dict[str, Counts]  # by part: core, encoder, shell; only those that the project has


def synthesise(project: Project, flow: Flow, folder: Path, limit_seconds: float) -> Synthesised:
    """Runs Yosys on the project's files, which are in ``folder``.

    The parts keep their own hierarchy while they are mapped, so that each is counted by itself, and are dissolved then:
    nothing is optimised across their borders.
    """
    tool = find_tool("yosys")
    (folder / SCRIPT).write_bytes(script(project, flow))
    finished = run_tool(tool, [SCRIPT], folder, limit_seconds, f"synthesising {project.top} for {flow.family}")
    finished.check()
    return Synthesised(finished, count_parts((folder / STATISTICS).read_text(), project, flow))


def script(project: Project, flow: Flow) -> bytes:
    """The Yosys script."""
    return render(
        "synth_yosys.ys.j2",
        files=[name for name in project.files if name.endswith(".v")],
        top=project.top,
        kept=[module for modules in project.parts.values() for module in modules],
        synthesise=flow.synthesise,
        statistics=STATISTICS,
        pads=flow.pads,
    )


def count_parts(text: str, project: Project, flow: Flow) -> dict[str, Counts]:
    """The resources of each part from the text of ``stat -json``; ToolError for anything it does not know."""
    try:
        modules: Mapping[str, Any] = json.loads(text)["modules"]
        cells = {name.lstrip("\\"): dict(module["num_cells_by_type"]) for name, module in modules.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"the statistics of Yosys ({STATISTICS}) are in no form that is known: {error!r}") from error
    part_of = {module: part for part, modules in project.parts.items() for module in modules}
    rest = project.rest
    counts = {part: dict.fromkeys(RESOURCES, 0) for part in [*project.parts, rest]}
    for module, by_type in cells.items():
        if module not in part_of and module != project.top:
            raise ToolError(f"Yosys counted a module {module} that is no part of {project.top}")
        into = counts[part_of.get(module, rest)]
        for cell, number in by_type.items():
            if cell in cells:
                continue  # a part, which is counted by itself
            for resource, each in _meaning(cell, flow).items():
                into[resource] += each * number
    missing = [module for module in [project.top, *part_of] if module not in cells]
    if missing:
        raise ToolError(f"Yosys counted no module {missing[0]}")
    return counts


def _meaning(cell: str, flow: Flow) -> Mapping[str, int]:
    for pattern, counts in flow.cells:
        if fnmatch.fnmatchcase(cell, pattern):
            return counts
    raise ToolError(f"Yosys made a cell {cell}, and what it counts as on {flow.family} is not known here")
