"""The verilog target: one portable Verilog-2001 file, simulated for real through cocotb.

The top module has the port ``x`` (feature ``i`` at ``[i*b +: b]``) or ``bits`` (bit ``j`` at ``[j]``), ``scores``
(class ``c`` at ``[c*w +: w]``) and ``class_id``; a pipelined one also ``clk``, the synchronous active-high ``rst``,
``valid_in`` and ``valid_out``. It takes an input at every clock edge; ``rst`` clears what is in flight, the data
registers are not reset. Below the top there is a module for each block of a level, at most 8192 LUTs and 65,536 port
bits, a popcount tree for each class, the product with the head's weights if it has any, and an argmax tree. Every
module's name starts with ``module_name``.
"""

from dataclasses import dataclass

from bitlogic.errors import ExportError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.manifest import describe
from bitlogic.export.names import check_module_name
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.simulate import Ports, simulate
from bitlogic.export.targets.verilog_top import build_top, input_width
from bitlogic.export.targets.verilog_wiring import MAX_PORT_BITS


@dataclass(frozen=True)
class VerilogOptions:
    """``pipeline``: a register after every so many LUT levels and two (with weights three) in the head; 0: no clock."""

    module_name: str = "bitlogic_net"
    input: InputKind = InputKind.X
    pipeline: int = 0

    def __post_init__(self) -> None:
        check_module_name(self.module_name)
        if not isinstance(self.pipeline, int) or isinstance(self.pipeline, bool) or self.pipeline < 0:
            raise OptionError(f"--pipeline {self.pipeline!r}: a whole number of LUT levels a stage, 0 for no registers")


def emit(netlist: Netlist, options: VerilogOptions = VerilogOptions()) -> Artifacts:
    """``{module_name}.v``; ExportError for a netlist that this input cannot serve or a port above 65,536 bits."""
    _check_input(netlist, options)
    _check_ports(netlist, options.input)
    top = build_top(netlist, options.module_name, options.input, options.pipeline)
    manifest = describe(netlist, "verilog", options, latency_cycles=top.latency_cycles)
    text = render("verilog_file.j2", digest=manifest["netlist"]["digest"], top=top)
    return Artifacts(manifest, {f"{options.module_name}.v": text})


def run(artifacts: Artifacts, samples: Samples, simulator: str | None = None) -> Result:
    """Scores and classes read from the ports in the simulator ``icarus`` or ``verilator`` (None: any)."""
    if artifacts.manifest["target"] != "verilog":
        raise TargetError(f"artifacts of the target {artifacts.manifest['target']}, not verilog")
    top = artifacts.manifest["options"]["module_name"]
    return simulate(artifacts.files, top, Ports.of(artifacts.manifest), samples, simulator)


def _check_input(netlist: Netlist, options: VerilogOptions) -> None:
    if options.input is InputKind.BITS:
        return
    if netlist.encoder is None:
        raise ExportError("the netlist has no encoder, so there is no x to take: export it with --input bits")
    if netlist.encoder.input_bits == 0:
        raise ExportError(
            "the encoder has no integer grid (input_bits=0) and hardware takes integers: "
            "fit it with input_bits=8, or export with --input bits"
        )


def _check_ports(netlist: Netlist, kind: InputKind) -> None:
    widths = {
        f"port {kind}": input_width(netlist, kind),
        "scores and class_id": netlist.head.num_classes * netlist.score_width + netlist.class_width,  # argmax has both
    }
    if netlist.head.weights is not None:
        widths["sums and scores"] = netlist.head.num_classes * (netlist.sum_width + netlist.score_width)
    for name, width in widths.items():
        if width > MAX_PORT_BITS:
            raise ExportError(f"{name} of the top module would be {width} bits wide; at most {MAX_PORT_BITS}")
