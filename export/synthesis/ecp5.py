"""Lattice ECP5, by Project Trellis: routed and packed with open tools."""

from bitlogic.export.synthesis.flow import BLOCK_RAM, DSP, FLIPFLOP, LUT, MUX, NOTES, Flow, Router
from bitlogic.export.targets.verilog_primitives import Primitives

ECP5 = Flow(
    "ecp5",
    "synth_ecp5",
    (
        ("LUT4", LUT),
        ("TRELLIS_FF", FLIPFLOP),
        ("CCU2C", {"luts": 2, "carries": 1}),
        ("TRELLIS_DPR16X4", {"luts": 4}),
        ("PFUMX", MUX),
        ("L6MUX21", MUX),
        ("DP16KD", BLOCK_RAM),
        ("MULT18X18D", DSP),
        ("ALU54B", DSP),
        *NOTES,
    ),
    Router(
        tool="nextpnr-ecp5",
        arguments=("--json", "{top}.json", "--textcfg", "{top}.config", "--lpf-allow-unconstrained"),
        used={
            "TRELLIS_COMB": "luts",
            "TRELLIS_FF": "flipflops",
            "DP16KD": "block_rams",
            "MULT18X18D": "dsps",
            "TRELLIS_IO": "pins",
        },
        packer="ecppack",
        pack=("--compress", "--input", "{top}.config", "--bit", "{top}.bit"),
        bitstream="{top}.bit",
    ),
    lut_memory_bits=16_384,  # a block memory gives its word 5.6 ns after the clock
    target_mhz=220.0,
    primitives=Primitives.ECP5,
)
