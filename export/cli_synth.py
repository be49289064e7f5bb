"""`bitlogic synth` and `bitlogic report`: from a model or an export to a routed design, and what it came to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bitlogic.errors import OptionError, ToolError
from bitlogic.export.progress import step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bitlogic.export.synthesis.part import Mounting
    from bitlogic.export.synthesis.project import Project
    from bitlogic.export.synthesis.source import Wanted

_PATH = click.Path(path_type=Path)
MAPPINGS = ["none", "lut4", "lut6", "abc4", "abc6"]


@click.command()
@click.argument("source", type=_PATH)
@click.option(
    "--device", help="ice40-hx8k, ice40-up5k, ecp5-25k, ecp5-45k, ecp5-85k, gowin-gw1n9, gatemate, nexus, xc7, xcup."
)
@click.option(
    "--board",
    help="Instead of --device: icebreaker, ulx3s-12f, -25f, -45f, -85f, ice40-hx8k-evn, tang-nano-9k, or a .toml file.",
)
@click.option("--baud", type=click.IntRange(min=1), help="Of the board's serial line; default: 115200.")
@click.option("-o", "--output", required=True, type=_PATH, help="The folder to make.")
@click.option("--shell", type=click.Choice(["auto", "byte", "none"]), default="auto", show_default=True)
@click.option("--pipeline", type=click.IntRange(min=0), help="LUT levels between registers; 0: none in the core.")
@click.option("--fold", type=click.IntRange(min=1), help="Cycles that a sample takes in the popcounts.")
@click.option("--map", "map_to", type=click.Choice(MAPPINGS), help="LUTs of the device that the netlist is mapped to.")
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
    board: str | None,
    baud: int | None,
    output: Path,
    shell: str,
    pipeline: int | None,
    fold: int | None,
    map_to: str | None,
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

    SOURCE is a model.pt, a netlist .npz, a .blif or an export to verilog. Its pins are those of a byte-wide shell where
    its own are more than the device has (--shell auto), and LUTs, flip-flops and so on are counted apart for core,
    encoder and shell. The folder gets report.json, the logs, the netlist that was synthesised and the bitstream.

    With --board the shell stands behind the board's serial line, on the board's pins and clock, and the folder also
    gets host.py, which sends samples and prints classes and scores. A clock that the design cannot follow is an error.

    With --flow vivado or quartus only scripts are written, for those tools to be run elsewhere.
    """
    from bitlogic.export.artifacts import check_writable
    from bitlogic.export.mapping import LutMapping
    from bitlogic.export.synthesis.project import ShellKind
    from bitlogic.export.synthesis.report import text_of
    from bitlogic.export.synthesis.source import Wanted, wanted_on
    from bitlogic.export.synthesis.synthesize import Request, synthesize
    from bitlogic.export.synthesis.vendor import DEFAULT_MHZ, VENDORS, vendor_device, vendor_scripts

    output = output.resolve()
    check_writable(output, force=force)
    kind = None if shell == "auto" else ShellKind(shell)
    mapping = None if map_to is None else LutMapping(map_to)
    if baud is not None and board is None:
        raise OptionError("--baud goes with --board")
    if flow != "open":
        if board is not None:
            raise OptionError(f"--board goes with --flow open, not {flow}")
        chosen = vendor_device(flow, device, part)
        project = project_from(source, Wanted(kind, pipeline, fold, None, chosen.lut_inputs, map=mapping))
        vendor_scripts(project, flow, chosen, target_mhz or DEFAULT_MHZ).write(output, force=force)
        click.echo(f"{output}: scripts for {flow}, not run here; run: {VENDORS[flow].command}")
        return 0
    mounting = None
    if board is not None:
        own = {"--device": device, "--part": part, "--target-mhz": target_mhz, "--shell": kind}
        own["--stage synthesised"] = None if stage == "routed" else stage
        project, device, mounting = _on_board(
            source, board, baud, lambda chip: wanted_on(chip, ShellKind.UART, pipeline, fold, mapping), own
        )
    elif device is None or part is not None:
        raise OptionError(
            "--part goes with --flow vivado or quartus" if part else "--flow open needs a --device or a --board"
        )
    else:
        project = project_from(source, wanted_on(device, kind, pipeline, fold, mapping))
    request = Request(device, target_mhz, seed, time_limit, stage == "routed", mounting)
    try:
        artifacts, content = synthesize(project, request, output)
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


def _on_board(
    source: Path, name: str, baud: int | None, ask: "Callable[[str], Wanted]", own: "Mapping[str, object]"
) -> "tuple[Project, str, Mounting]":
    """The project on that board, the board's device, and what synthesis has to know.

    ``ask`` gives what a device wants; ``own`` are the options that boards decide themselves.
    """
    from bitlogic.export.boards.lookup import find_board
    from bitlogic.export.boards.mount import mount
    from bitlogic.export.hardware.uart_line import DEFAULT_BAUD, line_for

    for option, value in own.items():
        if value is not None:
            raise OptionError(f"{option} does not go with --board, which decides that")
    board = find_board(name)
    rate = DEFAULT_BAUD if baud is None else baud
    line = line_for(board.clock_hz, rate)
    wanted = replace(ask(board.device), pins=None, line=line)
    project, mounting = mount(project_from(source, wanted), board, line, rate)
    return project, board.device, mounting


def project_from(source: Path, wanted: "Wanted") -> "Project":
    """The project of a model.pt, a netlist .npz, a .blif beside its side-car, or an export to verilog."""
    from bitlogic.export.artifacts import Artifacts
    from bitlogic.export.folder import optimize_for
    from bitlogic.export.mapping import LutMapping
    from bitlogic.export.samples import InputKind
    from bitlogic.export.sources import load_source
    from bitlogic.export.synthesis.source import project_of_export, project_of_netlist

    if source.is_dir():
        return project_of_export(Artifacts.read(source), wanted)
    with step(f"loading {source}"):
        netlist = load_source(source)[1]
        kind = InputKind.BITS if netlist.encoder is None else InputKind.X
        mapping = wanted.map or LutMapping.NONE
        return project_of_netlist(optimize_for(netlist, kind, mapping), wanted)
