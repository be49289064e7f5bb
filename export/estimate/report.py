"""The estimate in the form of a synthesis' ``report.json``, at the stage ``estimate``, and the same as a table."""

from typing import Any

from bitlogic.export.estimate.design import RESOURCES, Estimate
from bitlogic.export.estimate.fits import shortage
from bitlogic.export.hardware.devices import Device
from bitlogic.export.synthesis.flow import RESOURCES as ALL_RESOURCES
from bitlogic.export.synthesis.project import Project
from bitlogic.export.synthesis.report import PARTS, Report
from bitlogic.export.table import table

_NOTHING_RAN = "an estimate: no tool has run"


def report_of(
    project: Project, device: Device, estimate: Estimate, target_mhz: float, not_routed: str
) -> dict[str, Any]:
    """The report. ``resources`` has beside core, encoder and shell the sections of the core.

    ``fits`` is None where the estimate is so near to what the device has that its own error decides. ``not_routed``
    says why the open flow cannot route the design, or nothing; what it cannot route has no clock.
    """
    report = Report(project, device, 0, target_mhz)
    content = report.content
    counts = {part: _all(numbers) for part, numbers in estimate.parts.items()}
    counts["total"] = {name: estimate.total(name) if name in RESOURCES else None for name in ALL_RESOURCES}
    content["stage"] = "estimate"
    content["seed"] = None
    content["resources"] = {part: counts.get(part) for part in (*PARTS, "total")}
    content["core_sections"] = {name: dict(numbers) for name, numbers in estimate.sections.items()}
    content["utilization_percent"] = {
        "luts": round(100 * estimate.total("luts") / device.num_luts, 1),
        "flipflops": round(100 * estimate.total("flipflops") / device.num_registers, 1),
    }
    for part in PARTS:
        if part not in counts:
            report.lacks(f"the design has no {part}", f"resources.{part}")
    missing = [name for name in ALL_RESOURCES if name not in RESOURCES]
    report.lacks("not estimated", *(f"resources.{part}.{name}" for part in counts for name in missing))
    report.lacks(_NOTHING_RAN, "seed")
    _timing(report, estimate, not_routed)
    short = shortage(estimate, device)
    content["fits"] = short is None
    if short is not None and not short.certain:
        content["fits"] = None
        report.lacks(f"{short.text}, which is within the estimate's error", "fits")
    for name in ("critical_path", "placed", "routing_seconds", "bitstream"):
        content[name] = None
    report.lacks(_NOTHING_RAN, "critical_path", "placed", "routing_seconds", "bitstream")
    return content


def _timing(report: Report, estimate: Estimate, not_routed: str) -> None:
    content = report.content
    fmax = None if not_routed else estimate.fmax_mhz
    interval, latency = content["design"]["interval_cycles"], content["design"]["latency_cycles"]
    content["fmax_mhz"] = None if fmax is None else round(fmax, 1)
    content["meets_target"] = None if fmax is None else fmax >= content["target_mhz"]
    content["latency_ns"] = None if fmax is None else round(latency * 1e3 / fmax, 1)
    content["samples_per_second"] = None if fmax is None or not interval else round(fmax * 1e6 / interval)
    content["slowest_path_ends_at"] = None if fmax is None else estimate.slowest_at
    reason = not_routed or estimate.why_no_clock
    for name in ("fmax_mhz", "meets_target", "latency_ns", "samples_per_second", "slowest_path_ends_at"):
        report.lacks(reason, name, only_if=content[name] is None)


def _all(numbers: Any) -> dict[str, int | None]:
    return {name: numbers.get(name) for name in ALL_RESOURCES}


def text_of(content: dict[str, Any]) -> str:
    """The report as tables; what is not there says why."""
    design, device, reasons = content["design"], content["device"], content["reasons"]
    title = f"{design['top']} on {device['name']} ({device['part']}), estimate before any tool has run"
    names = [name for name in RESOURCES if content["resources"]["total"][name]] or ["luts"]
    rows = []
    for part in (*PARTS, "total"):
        numbers = content["resources"][part]
        if numbers is None:
            continue
        rows.append([part, *(numbers[name] for name in names)])
        if part == "core":
            for name, inside in content["core_sections"].items():
                if any(inside.values()):
                    rows.append([f"  {name.replace('_', ' ')}", *(inside[resource] for resource in names)])
    facts: list[tuple[str, object]] = [
        (f"utilization, {name}", f"{percent} %") for name, percent in content["utilization_percent"].items()
    ]
    facts += [
        ("Fmax", _with_unit(content, "fmax_mhz", "MHz")),
        ("slowest at", content["slowest_path_ends_at"] or "none"),
        ("target", f"{content['target_mhz']:g} MHz"),
        ("latency", f"{design['latency_cycles']} cycles"),
        ("interval", f"{design['interval_cycles']} cycles"),
        ("samples a second", _with_unit(content, "samples_per_second", "")),
        ("fits", {True: "yes", False: "no"}.get(content["fits"]) or f"not certain: {reasons['fits']}"),
    ]
    width = max(len(name) for name, _ in facts)
    lines = [f"{name.ljust(width)}  {fact}" for name, fact in facts]
    return "\n".join([title, "", table(["part", *names], rows), "", *lines])


def _with_unit(content: dict[str, Any], name: str, unit: str) -> str:
    value = content[name]
    return f"none: {content['reasons'][name]}" if value is None else f"{value} {unit}".strip()
