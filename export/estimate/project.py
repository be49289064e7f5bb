"""The estimate of a project, and the refusal of what cannot fit."""

from bitlogic.errors import ExportError, OptionError
from bitlogic.export.estimate.design import Estimate, estimate_design
from bitlogic.export.estimate.family import FAMILIES, Family
from bitlogic.export.estimate.fits import shortage
from bitlogic.export.estimate.timing import TIMINGS
from bitlogic.export.hardware.devices import Device
from bitlogic.export.synthesis import PARTS
from bitlogic.export.synthesis.project import Project


def estimate_project(project: Project, device: Device) -> Estimate:
    """The estimate; OptionError for a device of whose family nothing was measured."""
    family = family_of(device)
    if family is None:
        known = ", ".join(name for name, part in PARTS.items() if part.flow in FAMILIES)
        raise OptionError(f"--device {device.name}: there is no estimate for its family; there is for {known}")
    return estimate_design(project.module, (*project.parts, project.rest), family, TIMINGS.get(device.name))


def check_can_fit(project: Project, device: Device) -> None:
    """ExportError where the estimate is beyond what the device has by more than its own error."""
    if family_of(device) is None:
        return
    short = shortage(estimate_project(project, device), device)
    if short is not None and short.certain:
        raise ExportError(f"{short.text}, as estimated before synthesis: choose a larger device or a smaller network")


def family_of(device: Device) -> Family | None:
    """What is known of the device's family; None: nothing was measured there."""
    return FAMILIES.get(PARTS[device.name].flow)
