"""Cologne Chip GateMate, by Project Peppercorn: routed and packed with open tools."""

from bitlogic.export.synthesis.flow import BLOCK_RAM, DSP, FLIPFLOP, FREE, LUT, MUX, NOTES, Flow, Router

GATEMATE = Flow(
    "gatemate",
    "synth_gatemate -luttree -nomx8 -noiopad -noclkbuf",
    (
        ("CC_LUT[1-4]", LUT),
        ("CC_L2T[45]", LUT),
        ("CC_ADDF", {"luts": 1, "carries": 1}),
        ("CC_DFF", FLIPFLOP),
        ("CC_MX[248]", MUX),
        ("CC_BRAM_*", BLOCK_RAM),
        ("CC_MULT", DSP),
        ("CC_IBUF", FREE),
        ("CC_OBUF", FREE),
        ("CC_BUFG", FREE),
        *NOTES,
    ),
    Router(
        tool="nextpnr-himbaechel-gatemate",
        arguments=("--json", "{top}.json", "-o", "out={top}.txt", "-o", "allow-unconstrained"),
        used={"CPE_LT": "luts", "CPE_FF": "flipflops", "RAM_HALF": "block_ram_halves", "IOSEL": "pins"},
        packer="gmpack",
        pack=("{top}.txt", "{top}.bit"),
        bitstream="{top}.bit",
    ),
    pads=("iopadmap -bits -inpad CC_IBUF Y:I -outpad CC_OBUF A:O", "clkbufmap -buf CC_BUFG O:I"),
)
