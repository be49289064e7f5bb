"""Gowin, by Project Apicula: routed and packed with open tools."""

from bitlogic.export.synthesis.flow import BLOCK_RAM, DSP, FLIPFLOP, FREE, LUT, MUX, NOTES, Flow, Router

GOWIN = Flow(
    "gowin",
    "synth_gowin -noiopads",
    (
        ("LUT[1-4]", LUT),
        ("INV", LUT),
        ("ALU", {"luts": 1, "carries": 1}),
        ("MUX2_LUT[5-8]", MUX),
        ("DFF*", FLIPFLOP),
        ("RAM16SDP*", {"luts": 8}),
        ("*SDPX9*", BLOCK_RAM),
        ("*SDPB", BLOCK_RAM),
        ("*DPB", BLOCK_RAM),
        ("pROM*", BLOCK_RAM),
        ("SP", BLOCK_RAM),
        ("SPX9", BLOCK_RAM),
        ("MULT*", DSP),
        ("IBUF", FREE),
        ("OBUF", FREE),
        ("VCC", FREE),
        ("GND", FREE),
        ("GSR", FREE),
        *NOTES,
    ),
    Router(
        tool="nextpnr-himbaechel-gowin",
        arguments=("--json", "{top}.json", "--write", "{top}_routed.json", "-o", "cst={top}.cst"),
        used={"LUT4": "luts", "DFF": "flipflops", "BSRAM": "block_rams", "IOB": "pins"},
        packer="gowin_pack",
        pack=("-o", "{top}.fs", "{top}_routed.json"),
        bitstream="{top}.fs",
        pin_file="{top}.cst",
        pin_line='IO_LOC "{port}" {site};',
    ),
    pads=("iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O",),
)
