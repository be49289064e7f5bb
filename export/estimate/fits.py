"""Whether a design can fit a device, before any tool has run."""

from dataclasses import dataclass

from bitlogic.export.estimate.design import Estimate
from bitlogic.export.hardware.devices import Device

MARGIN = 1.2  # an estimate is within 20 % of what is synthesised


@dataclass(frozen=True)
class Shortage:
    """What a device has too little of, in words; ``certain`` where the estimate's error cannot make up for it."""

    text: str
    certain: bool


def shortage(estimate: Estimate, device: Device) -> Shortage | None:
    """What the device has too little of, the worst of it; None: the design fits."""
    has = {"luts": device.num_luts, "flipflops": device.num_registers}
    if device.num_block_rams is not None:
        has["block_rams"] = device.num_block_rams
    worst = max(has, key=lambda resource: estimate.total(resource) / max(1, has[resource]))
    needed, available = estimate.total(worst), has[worst]
    if needed <= available:
        return None
    parts = ", ".join(f"{name} {part[worst]}" for name, part in estimate.parts.items())
    text = f"{device.name} has {available} {worst}, and the design needs about {needed} ({parts})"
    return Shortage(text, needed > MARGIN * available)
