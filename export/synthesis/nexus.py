"""Lattice Nexus, synthesised with Yosys; what it makes of a comparison is nothing that nextpnr-nexus places."""

from bitlogic.export.synthesis.flow import BLOCK_RAM, DSP, FLIPFLOP, FREE, LUT, NOTES, Flow

NEXUS = Flow(
    "nexus",
    "synth_nexus",
    (
        ("LUT4", LUT),
        ("INV", LUT),
        ("CCU2", {"luts": 2, "carries": 1}),
        ("WIDEFN9", {"luts": 2, "muxes": 1}),
        ("DPR16X4", {"luts": 4}),
        ("FD1P3*", FLIPFLOP),
        ("PDP*16K*", BLOCK_RAM),
        ("DP16K*", BLOCK_RAM),
        ("MULT*", DSP),
        ("IB", FREE),
        ("OB", FREE),
        ("VHI", FREE),
        ("VLO", FREE),
        *NOTES,
    ),
    None,
    "no open router here for {device}: nextpnr-nexus 0.11 refuses the constant carry-in that Yosys 0.70 gives a "
    "comparison",
)
