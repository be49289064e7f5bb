"""The proof of a folder of ``bitlogic synth``: the cells that were placed and routed against the netlist."""

import re
from collections.abc import Mapping
from typing import Any

from bitlogic.errors import FormatError, TargetError, ToolError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.formal.artifacts import READING_SECONDS, expectation_of, unread
from bitlogic.export.formal.core import Expectation
from bitlogic.export.formal.log import ProofLog
from bitlogic.export.formal.prove import LIMIT_SECONDS, claimed_blocks, prove_corresponding
from bitlogic.export.formal.yosys import read_design
from bitlogic.export.formal.yosys_child import LUTS
from bitlogic.export.hardware.architecture import Architecture
from bitlogic.export.hardware.core import Pipeline
from bitlogic.export.hardware.shell import ShellPlan, build_shell
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind

_NETLIST = "netlist.npz"


def prove_synthesis(artifacts: Artifacts, technology: str, *, limit_seconds: float = LIMIT_SECONDS) -> ProofLog:
    """The log of the proof that the cells in the folder compute its ``netlist.npz``.

    They are compared, register by register, with the Verilog that was synthesised, whose core is proven part by part.
    A shell around the core is compared like all else; what it does with bytes is not proven and the log says so.

    Raises:
        FormatError: The folder does not say how its Verilog was made.
        MissingToolError: pyosys is not installed.
    """
    top = str(artifacts.manifest["options"]["module_name"])
    plan = artifacts.manifest.get("plan")
    if not plan:
        raise FormatError("the manifest does not say how the design was made; synthesise it again")
    subject = f"the synthesised {top}.json"
    sources = {
        name: content
        for name, content in artifacts.files.items()
        if name.endswith(".v") and not name.endswith("_synthesised.v")
    }
    try:
        given = read_design({f"{top}.json": artifacts.files[f"{top}.json"]}, top, READING_SECONDS, technology)
        names = "|".join(LUTS.get(technology, {})) or "no_cells"
        printed = (
            technology if any(re.search(rf"\b({names})\b".encode(), text) for text in sources.values()) else None
        )  # LUTs as cells of the family
        reference = read_design(sources, top, READING_SECONDS, printed)
        return prove_corresponding(given, reference, _expectation(artifacts, plan), top, subject, limit_seconds)
    except (TargetError, ToolError) as error:
        return unread(subject, str(error))


def _expectation(artifacts: Artifacts, plan: Mapping[str, Any]) -> Expectation:
    netlist = Netlist.from_bytes(artifacts.files[_NETLIST], _NETLIST)
    if "architecture" in plan:
        return expectation_of(netlist, Architecture(**plan["architecture"]))
    fields = dict(plan["shell"])
    shell = build_shell(netlist, ShellPlan(**{**fields, "pipeline": Pipeline(**fields["pipeline"])}))
    return Expectation(
        shell.stored, InputKind.BITS, shell.core_latency_cycles, claimed_blocks(shell.core), int(fields["fold"])
    )
