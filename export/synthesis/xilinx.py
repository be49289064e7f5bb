"""AMD 7-series and UltraScale+: synthesised with Yosys; no package brings an open router for them."""

from bitlogic.export.synthesis.flow import BLOCK_RAM, CARRY, DSP, FLIPFLOP, FREE, LUT, MUX, NOTES, Flow
from bitlogic.export.targets.verilog_primitives import Primitives

_CELLS = (
    ("LUT[1-6]", LUT),
    ("INV", LUT),
    ("SRL16E", LUT),
    ("SRLC32E", LUT),
    ("FD[RSCP]E*", FLIPFLOP),
    ("CARRY[48]", CARRY),
    ("MUXF[789]", MUX),
    ("RAMB18E*", BLOCK_RAM),
    ("RAMB36E*", {"block_rams": 2}),
    ("DSP48E*", DSP),
    ("IBUF", FREE),
    ("OBUF", FREE),
    ("BUFG", FREE),
    *NOTES,
)
_NO_ROUTER = "no open router here for {device}: write scripts for Vivado with --flow vivado"
XC7 = Flow(
    "xc7",
    "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
    _CELLS,
    None,
    _NO_ROUTER,
    primitives=Primitives.XILINX,
)
XCUP = Flow(
    "xcup",
    "synth_xilinx -family xcup -flatten -noiopad -noclkbuf",
    _CELLS,
    None,
    _NO_ROUTER,
    primitives=Primitives.XILINX,
)
