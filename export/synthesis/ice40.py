"""Lattice iCE40, by Project IceStorm: routed and packed with open tools."""

from dataclasses import replace

from bitlogic.export.synthesis.flow import BLOCK_RAM, CARRY, DSP, FLIPFLOP, FREE, LUT, NOTES, Flow, Router
from bitlogic.export.targets.verilog_primitives import Primitives

_CELLS = (
    ("SB_LUT4", LUT),
    ("SB_DFF*", FLIPFLOP),
    ("SB_CARRY", CARRY),
    ("SB_RAM40_4K*", BLOCK_RAM),
    ("SB_MAC16", DSP),
    ("SB_IO", FREE),
    ("SB_GB*", FREE),
    *NOTES,
)
_ROUTER = Router(
    tool="nextpnr-ice40",
    arguments=("--json", "{top}.json", "--asc", "{top}.asc"),
    used={"ICESTORM_LC": "logic_cells", "ICESTORM_RAM": "block_rams", "SB_IO": "pins"},
    packer="icepack",
    pack=("{top}.asc", "{top}.bin"),
    bitstream="{top}.bin",
)
HX = Flow("ice40", "synth_ice40", _CELLS, _ROUTER, target_mhz=200.0, primitives=Primitives.ICE40)
UP = Flow(
    "ice40",
    "synth_ice40 -device u -dsp",
    _CELLS,
    replace(_ROUTER, used={**_ROUTER.used, "ICESTORM_DSP": "dsps"}),
    target_mhz=60.0,
    primitives=Primitives.ICE40,
)
