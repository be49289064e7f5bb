"""A flow: how one family of devices is synthesised, counted, placed, routed and packed. The flows are data."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitlogic.export.targets.verilog_primitives import Primitives


@dataclass(frozen=True)
class Router:
    """A nextpnr and the packer behind it. In ``arguments`` and ``pack``, ``{top}`` is the base of all file names."""

    tool: str
    arguments: tuple[str, ...]  # beside the part's own, the seed, the frequency and the report
    used: Mapping[str, str]  # what nextpnr counts: what the report calls it
    packer: str
    pack: tuple[str, ...]
    bitstream: str
    pin_file: str = ""  # for a router that places no pin by itself: what the file of the pins is called,
    pin_line: str = ""  # and its line for a pin, with {port} and {site}


@dataclass(frozen=True)
class Flow:
    """A family.

    ``cells`` says by pattern (of ``fnmatch``) what each cell of the synthesised netlist counts as; the first that fits
    holds. A cell that none fits stops the flow: nothing is counted as nothing by mistake.
    """

    family: str
    synthesise: str  # the Yosys command, without -top; it leaves pads out, which would surround every part
    cells: tuple[tuple[str, Mapping[str, int]], ...]
    router: Router | None
    no_router: str = ""  # why not
    pads: tuple[str, ...] = ()  # the Yosys commands that put pads around the whole
    lut_memory_bits: int = 0  # of the shell: memories up to so many bits are made of LUTs
    target_mhz: float = 100.0  # what the router is asked for where nobody says
    primitives: Primitives = Primitives.NONE  # that the family's LUTs are, where they need not be mapped again


RESOURCES = ("luts", "flipflops", "carries", "muxes", "block_rams", "dsps")
LUT, FLIPFLOP, CARRY, MUX = {"luts": 1}, {"flipflops": 1}, {"carries": 1}, {"muxes": 1}
BLOCK_RAM, DSP = {"block_rams": 1}, {"dsps": 1}
FREE: Mapping[str, int] = {}  # pads, clock buffers and constants
NOTES = (("$scopeinfo", FREE),)  # Yosys' notes about the modules it dissolved
