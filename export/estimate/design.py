"""The estimate of a whole design: what its parts take, how much of a device that is, and its fastest clock."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bitlogic.export.estimate.family import Family
from bitlogic.export.estimate.tally import Tally
from bitlogic.export.estimate.timing import TIMELESS, Timing
from bitlogic.export.estimate.value import Value
from bitlogic.export.estimate.walk import Walker
from bitlogic.export.hardware.rtl import Module

RESOURCES = ("luts", "flipflops", "block_rams", "dsps")
SECTIONS = ("lut_levels", "popcount", "product", "argmax", "control")  # of the core
# By the beginnings of names (hardware.shell, hardware.core): what an instance or a register in a section belongs to.
_INSIDE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "shell": (("u_core", "control"), ("u_encoder", "encoder")),
    "control": (
        ("u_level", "lut_levels"),
        ("stage", "lut_levels"),
        ("outputs", "lut_levels"),
        ("u_encoded", "encoder"),
        ("u_count", "popcount"),
        ("sum", "popcount"),
        ("u_product", "product"),
        ("weighted", "product"),
        ("u_argmax", "argmax"),
        ("scores", "argmax"),
    ),
}


@dataclass(frozen=True)
class Estimate:
    """Numbers by part (core, encoder, shell) and resource; ``sections`` divides the core."""

    parts: Mapping[str, Mapping[str, int]]
    sections: Mapping[str, Mapping[str, int]]
    fmax_mhz: float | None  # None: nothing has a clock, or the device's delays are not known
    why_no_clock: str
    slowest_at: str  # the register at the end of the slowest path

    def total(self, resource: str) -> int:
        """Of all parts."""
        return sum(part[resource] for part in self.parts.values())


def estimate_design(top: Module, part_names: tuple[str, ...], family: Family, timing: Timing | None) -> Estimate:
    """The estimate of ``top`` with all below it; ``part_names`` are those that the design has.

    Where ``shell`` is not among them, the top is the core, which may have the encoder's comparators inside.
    """
    around = "shell" if "shell" in part_names else "control"
    inputs = {port.name: Value(port.width) for port in top.input_ports}
    used = frozenset(port.name for port in top.output_ports)

    def walk(delays: Timing, far_ns: float) -> Tally:
        return Walker(family, delays, far_ns, _INSIDE).walk_top(top, inputs, around, used)

    tally = walk(timing or TIMELESS, 0.0)
    if timing is not None:  # wires are longer in a larger design, and now its size is known
        tally = walk(timing, timing.far_ns(max(tally.total("luts"), tally.total("flipflops"))))
    sections = {
        section: {resource: math.ceil(tally.counts[section, resource]) for resource in RESOURCES}
        for section in (*SECTIONS, "encoder", "shell")
    }
    core = {resource: sum(sections[section][resource] for section in SECTIONS) for resource in RESOURCES}
    parts = {"core": core, **{name: sections[name] for name in part_names if name != "core"}}
    why_no_clock = "" if tally.slowest_at else "nothing in the design has a clock"
    if timing is None:
        why_no_clock = "no delays were measured for this device"
    return Estimate(
        parts,
        {section: sections[section] for section in SECTIONS},
        None if why_no_clock else 1000 / tally.slowest_ns,
        why_no_clock,
        tally.slowest_at,
    )
