"""`bitlogic synth` and `bitlogic report`: from a model or an export to a routed design, and what it came to."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bitlogic.errors import OptionError, ToolError
from bitlogic.export.progress import step

if TYPE_CHECKING:
    from bitlogic.export.synthesis.project import Project
    from bitlogic.export.synthesis.source import Wanted

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("source", type=_PATH)
@click.option("--device", help="ice40-hx8k, ice40-up5k, ecp5-25k, ecp5-85k, gowin-gw1n9, gatemate, nexus, xc7, xcup.")
@click.option("-o", "--output", required=True, type=_PATH, help="The folder to make.")
@click.option("--shell", type=click.Choice(["auto", "byte", "none"]), default="auto", show_default=True)
@click.option("--pipeline", type=click.IntRange(min=0), help="LUT levels between registers; 0: none in the core.")
@click.option("--fold", type=click.IntRange(min=1), help="Cycles that a sample takes in the popcounts.")
@click.option("--target-mhz", type=click.FloatRange(min=1), help="What the router aims at; default: the device's.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of placement.")
@click.option("--time-limit", type=click.FloatRange(min=1), default=900.0, show_default=True, help="Seconds a tool.")
@click.option("--stage", type=click.Choice(["synthesised", "routed"]), default="routed", show_default=True)
@click.option("--flow", type=click.Choice(["open", "vivado", "quartus"]), default="open", show_default=True)
@click.option("--part", help="With --flow vivado or quartus: the part in that tool's words.")
@click.option("--force", is_flag=True, help="Write into a folder that also holds other people's files.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def synth(
    source: Path,
    device: str | None,
    output: Path,
    shell: str,
    pipeline: int | None,
    fold: int | None,
    target_mhz: float | None,
    seed: int,
    time_limit: float,
    stage: str,
    flow: str,
    part: str | None,
    *,
    force: bool,
    as_json: bool,
) -> int:
    """Synthesise, place, route and pack SOURCE with open tools.

    SOURCE is a model.pt, a netlist .npz or an export to verilog. Its pins are those of a byte-wide shell where its own
    are more than the device has (--shell auto), and LUTs, flip-flops and so on are counted apart for core, encoder and
    shell. The folder gets report.json, the logs, the netlist that was synthesised and the bitstream.

    With --flow vivado or quartus only scripts are written, for those tools to be run elsewhere.
    """
    from bitlogic.export.artifacts import check_writable
    from bitlogic.export.hardware.devices import find_device
    from bitlogic.export.synthesis.project import ShellKind
    from bitlogic.export.synthesis.report import text_of
    from bitlogic.export.synthesis.source import Wanted
    from bitlogic.export.synthesis.synthesize import Request, part_and_flow, synthesize
    from bitlogic.export.synthesis.vendor import DEFAULT_MHZ, VENDORS, vendor_device, vendor_scripts

    output = output.resolve()
    check_writable(output, force=force)
    kind = None if shell == "auto" else ShellKind(shell)
    if flow != "open":
        chosen = vendor_device(flow, device, part)
        project = _project(source, Wanted(kind, pipeline, fold, None, chosen.lut_inputs))
        vendor_scripts(project, flow, chosen, target_mhz or DEFAULT_MHZ).write(output, force=force)
        click.echo(f"{output}: scripts for {flow}, not run here; run: {VENDORS[flow].command}")
        return 0
    if device is None or part is not None:
        raise OptionError("--part goes with --flow vivado or quartus" if part else "--flow open needs a --device")
    package, used = part_and_flow(device)
    inputs = find_device(device).lut_inputs
    project = _project(source, Wanted(kind, pipeline, fold, package.pins, inputs, used.lut_memory_bits))
    try:
        artifacts, content = synthesize(
            project, Request(device, target_mhz, seed, time_limit, stage == "routed"), output
        )
    except ToolError as error:
        click.echo(f"bitlogic: {' '.join(str(error).split())}", err=True)
        return 1
    artifacts.write(output, force=force)
    click.echo(json.dumps(content, indent=2) if as_json else text_of(content))
    return 0


@click.command()
@click.argument("folder", type=_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def report(folder: Path, *, as_json: bool) -> int:
    """Show what a synthesis came to.

    FOLDER is one that `bitlogic synth` made.
    """
    from bitlogic.export.synthesis.report import read, text_of
    from bitlogic.export.synthesis.vendor import with_results

    try:
        content = with_results(read(folder), folder)
    except ToolError as error:
        click.echo(f"bitlogic: {error}", err=True)
        return 1
    click.echo(json.dumps(content, indent=2) if as_json else text_of(content))
    return 0


def _project(source: Path, wanted: "Wanted") -> "Project":
    from bitlogic.export.artifacts import Artifacts
    from bitlogic.export.folder import optimize_for
    from bitlogic.export.netlist import Netlist
    from bitlogic.export.samples import InputKind
    from bitlogic.export.synthesis.source import project_of_export, project_of_netlist

    if source.is_dir():
        return project_of_export(Artifacts.read(source), wanted)
    with step(f"loading {source}"):
        if source.suffix == ".npz":
            netlist = Netlist.load(source)
        else:
            from bitlogic.checkpoint import load
            from bitlogic.export.extract import extract

            netlist = extract(load(source).eval())
        kind = InputKind.BITS if netlist.encoder is None else InputKind.X
        return project_of_netlist(optimize_for(netlist, kind), wanted)
