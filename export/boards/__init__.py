"""Boards: a network behind the serial line of a real board, with pins, bitstream and the program of the host.

A new board is a line in ``BOARDS``, or with nothing installed a file: see ``board_file``.
"""

from bitlogic.export.boards.known import Known

BOARDS: dict[str, Known] = {
    "icebreaker": Known("icebreaker", "ICEBreakerPlatform", "iceprog {bitstream}"),
    "ulx3s-12f": Known("ulx3s", "ULX3S_12F_Platform", "openFPGALoader -b ulx3s {bitstream}"),
    "ulx3s-25f": Known("ulx3s", "ULX3S_25F_Platform", "openFPGALoader -b ulx3s {bitstream}"),
    "ulx3s-45f": Known("ulx3s", "ULX3S_45F_Platform", "openFPGALoader -b ulx3s {bitstream}"),
    "ulx3s-85f": Known("ulx3s", "ULX3S_85F_Platform", "openFPGALoader -b ulx3s {bitstream}"),
    "ice40-hx8k-evn": Known("ice40_hx8k_b_evn", "ICE40HX8KBEVNPlatform", "iceprog -S {bitstream}"),
    "tang-nano-9k": Known("tang_nano_9k", "TangNano9kPlatform", "openFPGALoader -b tangnano9k {bitstream}"),
}
# A board of several sizes by its bare name is the largest.
ALIASES = {"ulx3s": "ulx3s-85f"}
