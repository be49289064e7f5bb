"""The targets by name. A new one is a file with ``emit``, ``run`` and an options dataclass, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import Result, Samples
from bitlogic.export.targets import aiger, amaranth, blif, c, engine, packed, verilog, vhdl


@dataclass(frozen=True)
class Target:
    """``emit`` makes the artifacts of a netlist; ``run`` compiles or simulates them and reads the result back."""

    emit: Callable[[Netlist, Any], Artifacts]
    run: Callable[[Artifacts, Samples], Result]
    options: type[Any]  # a frozen dataclass with defaults; each field is an option of the command line


TARGETS: dict[str, Target] = {
    "verilog": Target(verilog.emit, verilog.run, verilog.VerilogOptions),
    "vhdl": Target(vhdl.emit, vhdl.run, vhdl.VhdlOptions),
    "amaranth": Target(amaranth.emit, amaranth.run, amaranth.AmaranthOptions),
    "c": Target(c.emit, c.run, c.COptions),
    "engine": Target(engine.emit, engine.run, engine.EngineOptions),
    "packed": Target(packed.emit, packed.run, packed.PackedOptions),
    "blif": Target(blif.emit, blif.run, blif.BlifOptions),
    "aiger": Target(aiger.emit, aiger.run, aiger.AigerOptions),
}
