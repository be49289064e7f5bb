"""`bitlogic estimate`: what a network will take on a device and how fast it will be, before any tool runs."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--device", required=True, help="One of those of bitlogic synth.")
@click.option("--shell", type=click.Choice(["auto", "byte", "none"]), default="auto", show_default=True)
@click.option("--pipeline", type=click.IntRange(min=0), help="LUT levels between registers; 0: none in the core.")
@click.option("--fold", type=click.IntRange(min=1), help="Cycles that a sample takes in the popcounts.")
@click.option("--target-mhz", type=click.FloatRange(min=1), help="The clock to be met; default: the device's.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def estimate(
    source: Path,
    device: str,
    shell: str,
    pipeline: int | None,
    fold: int | None,
    target_mhz: float | None,
    *,
    as_json: bool,
) -> int:
    """Estimate LUTs, flip-flops, memories and clock of SOURCE on a device, without any tool.

    SOURCE and the options are those of bitlogic synth, and the report has the same form. On iCE40, and on
    ECP5 with --pipeline 1, it is made to be within 20 % of the synthesised LUTs and 30 % of the routed clock. The exit
    code is 1 where the design cannot fit the device.
    """
    from bitlogic.export.cli_synth import project_from
    from bitlogic.export.estimate.fits import shortage
    from bitlogic.export.estimate.project import estimate_project
    from bitlogic.export.estimate.report import report_of, text_of
    from bitlogic.export.hardware.devices import find_device
    from bitlogic.export.synthesis.project import ShellKind
    from bitlogic.export.synthesis.source import wanted_on
    from bitlogic.export.synthesis.synthesize import Request, part_and_flow, why_not_routed

    part, flow = part_and_flow(device)
    chosen = find_device(device)
    kind = None if shell == "auto" else ShellKind(shell)
    project = project_from(source, wanted_on(device, kind, pipeline, fold))
    made = estimate_project(project, chosen)
    not_routed = why_not_routed(project, flow, part, Request(device))
    content = report_of(project, chosen, made, target_mhz or flow.target_mhz, not_routed)
    click.echo(json.dumps(content, indent=2) if as_json else text_of(content))
    short = shortage(made, chosen)
    if short is None or not short.certain:
        return 0
    click.echo(f"bitlogic: {short.text}: choose a larger device or a smaller network", err=True)
    return 1
