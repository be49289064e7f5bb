"""The command line: load, one call, print. Exit codes: 0 done, 1 the thing checked is wrong, 2 misuse."""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import click

import bitlogic
from bitlogic.errors import BitlogicError, ExportError, OptionError
from bitlogic.export.cli_bench import bench
from bitlogic.export.cli_estimate import estimate
from bitlogic.export.cli_synth import report, synth
from bitlogic.export.cli_train import train
from bitlogic.export.progress import step
from bitlogic.export.table import table

MODEL = click.argument("model", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
ANY_OPTION = {"ignore_unknown_options": True, "allow_extra_args": True}


def main(arguments: list[str] | None = None) -> None:
    """The entry point: every mistake of a user is one line on stderr and exit code 2, without a traceback."""
    # As after Ctrl-C: simulators and compilers are ended and temporary folders removed on the way out.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        code = cli.main(args=arguments, prog_name="bitlogic", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message())
    except (BitlogicError, OSError) as error:
        _fail(" ".join(str(error).split()))
    except (click.Abort, KeyboardInterrupt):
        click.echo("bitlogic: interrupted", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    click.echo(f"bitlogic: {message}", err=True)
    sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(bitlogic.__version__, prog_name="bitlogic")
def cli() -> None:
    """Networks of look-up tables, from PyTorch to C and silicon."""


class ExportCommand(click.Command):
    """Its help lists the options of every target, as the targets' dataclasses define them."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from bitlogic.export.folder import option_defaults
        from bitlogic.export.targets import TARGETS

        with formatter.section("Targets and their own options, with the defaults"):
            formatter.write_dl(
                [
                    (name, "  ".join(f"{option} {default}" for option, default in option_defaults(name).items()))
                    for name in TARGETS
                ]
            )


@cli.command("export", cls=ExportCommand, context_settings=ANY_OPTION)
@MODEL
@click.option("--target", required=True, help="One of those below.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--force", is_flag=True, help="Write into a folder that also holds other people's files.")
@click.option("--seed", default=0, show_default=True, help="Of the test vectors.")
@click.pass_context
def export_command(context: click.Context, model: Path, target: str, output: Path, *, force: bool, seed: int) -> None:
    """Export MODEL to a folder that can be verified without it.

    MODEL is a model.pt, a netlist .npz or a .blif beside its side-car. Every option that is not listed here is the
    target's own.
    """
    from bitlogic.export.artifacts import check_writable
    from bitlogic.export.folder import export, options_from
    from bitlogic.export.sources import load_source

    options = options_from(target, _target_options(context.args))
    check_writable(output.resolve(), force=force)
    trained, extracted = load_source(model)
    reference = None
    if trained is not None:
        from bitlogic.export.reference import packed_reference

        reference = packed_reference(trained)
    with step(f"exporting {extracted.num_luts} LUTs to {target}"):
        artifacts = export(extracted, target, options, seed=seed, reference=reference)
        artifacts.write(output, force=force)
    emitted = artifacts.manifest["netlist"]
    latency = artifacts.manifest.get("latency_cycles")
    cycles = "" if not latency else f", latency {latency} cycles"
    click.echo(
        f"{output}: {target}, {emitted['num_luts']} LUTs of rank {emitted['rank']} "
        f"({extracted.num_luts} before the passes), depth {emitted['depth']}{cycles}"
    )
    if target == "c":
        from bitlogic.export.targets.c_sizes import ram_bytes

        sizes = ", ".join(f"{size} bytes for {name}" for name, size in ram_bytes(artifacts).items())
        click.echo(f"RAM of a call: {sizes}; flash: bitlogic inspect {output}")
    click.echo(f"check it: bitlogic verify {output}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="Check the whole chain from this model.pt.")
@click.option("--data", help="Also run a test set: digits, breast_cancer, mnist, …, or a .npy file of samples.")
@click.option("--root", type=click.Path(path_type=Path), help="Where the data set's original files are.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N samples of the data.")
@click.option("--layers", is_flag=True, help="On a difference, walk to the first LUT, pass or line that differs.")
@click.option(
    "--formal",
    is_flag=True,
    help="Prove by SAT that the passes changed nothing, and that hardware text is the netlist.",
)
@click.option("--synthesised", type=click.Path(path_type=Path), help="Also prove this netlist, which a tool made.")
@click.option("--technology", help="Whose cells it is made of: ice40, ecp5 or xilinx.")
@JSON
def verify(
    folder: Path,
    model: Path | None,
    data: str | None,
    root: Path | None,
    limit: int | None,
    *,
    layers: bool,
    formal: bool,
    synthesised: Path | None,
    technology: str | None,
    as_json: bool,
) -> int:
    """Run an export and compare every score and class.

    The target runs for real: simulated, compiled, or in torch. The report is also written to FOLDER/verify.json.
    """
    from bitlogic.export.artifacts import Artifacts
    from bitlogic.export.sources import load_source
    from bitlogic.export.verification import Request, run_verification

    artifacts = Artifacts.read(folder)
    trained = load_source(model)[0] if model else None
    request = Request(trained, data, root, limit, layers, formal, synthesised, technology)
    if model is not None and request.model is None:
        raise OptionError(f"--model {model} is a netlist; the whole chain is checked from a model.pt")
    with step(f"verifying {folder}"):
        outcome = run_verification(artifacts, request)
    outcome.write(folder)
    click.echo(json.dumps(outcome.to_json(), indent=2, sort_keys=True) if as_json else outcome.text())
    return 0 if outcome.holds else 1


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@JSON
def inspect(path: Path, *, as_json: bool) -> None:
    """Show what a model, a netlist or an export holds.

    PATH is a model.pt, a netlist .npz, a .blif beside its side-car, or an export folder.
    """
    from bitlogic.export.artifacts import Artifacts
    from bitlogic.export.inspect import describe_export, describe_netlist, text_of
    from bitlogic.export.sources import load_source

    described = describe_export(Artifacts.read(path)) if path.is_dir() else describe_netlist(load_source(path)[1])
    click.echo(json.dumps(described, indent=2, sort_keys=True) if as_json else text_of(described))


@cli.command()
@JSON
def doctor(*, as_json: bool) -> int:
    """Say which tools are missing, and what brings them."""
    from bitlogic.export.doctor import TOOLS, missing_for_main_job

    rows = [(tool.name, tool.find(), tool.unlocks, tool.brings) for tool in TOOLS]
    missing = missing_for_main_job()
    if as_json:
        keys = ("name", "found", "unlocks", "install")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
    else:
        lacking = [(name, unlocks, brings) for name, found, unlocks, brings in rows if found is None]
        if lacking:
            click.echo(table(("missing", "unlocks", "install with"), lacking) + "\n")
        click.echo(table(("found", "unlocks", "where"), [(n, u, f) for n, f, u, _ in rows if f is not None]))
        click.echo("\nthe main job can run" if not missing else f"\nthe main job lacks {missing[0].name}")
    return 1 if missing else 0


@cli.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Keep model.pt and the exports in this folder.")
@click.option("--seed", default=0, show_default=True)
def demo(output: Path | None, seed: int) -> int:
    """Do the main job on digits, to every target.

    Trains two layers of look-up tables, exports them to every target, runs all held-out images through each and
    compares every score and class with the model.
    """
    from bitlogic.export.doctor import missing_for_main_job

    # Training starts many short parallel loops; threads that spin between them stall on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for tool in missing_for_main_job():
        raise ExportError(f"the demo needs {tool.name} ({tool.unlocks}): {tool.brings}")
    from bitlogic.export.demo import run_demo
    from bitlogic.export.targets import TARGETS

    with tempfile.TemporaryDirectory(prefix="bitlogic-demo-") as temporary:
        folder = output or Path(temporary)
        others = [path.name for path in folder.glob("*") if path.name not in ("model.pt", *TARGETS)]
        if others:
            raise ExportError(f"{folder} holds {others[0]}, which no demo made; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        outcome = run_demo(folder, seed, lambda line: click.echo(line, err=True))
    header = ("target", "vectors", "mismatches", "accuracy", "LUTs before", "LUTs after", "seconds")
    cells = [
        (
            row.check.name,
            row.check.vectors,
            row.check.mismatches,
            f"{100 * row.accuracy:.1f} %",
            row.luts_before,
            row.luts_after,
            round(row.seconds, 1),
        )
        for row in outcome.rows
    ]
    click.echo(table(header, cells))
    for row in outcome.rows:
        if row.check.first is not None:
            first = row.check.first
            click.echo(
                f"{row.check.name}: first difference: sample {first.sample}, {first.output}: "
                f"PackedLogicNet says {first.expected}, the target {first.got}"
            )
    not_proven = "not proven, aigverse is missing: pip install 'bitlogic[formal]'"
    click.echo(f"netlist before and after the passes: {outcome.proof or not_proven}")
    if output is not None:
        click.echo(f"model.pt and the exports are in {output}")
    return 0 if outcome.holds else 1


cli.add_command(bench)
cli.add_command(estimate)
cli.add_command(report)
cli.add_command(synth)
cli.add_command(train)


def _target_options(words: list[str]) -> dict[str, str]:
    """``--name value`` and ``--name=value`` pairs as a dict of field names."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise OptionError(f"unexpected {word!r}; options of a target are --name value")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise OptionError(f"--{name} needs a value")
            value = rest.pop(0)
        options[name.replace("-", "_")] = value
    return options


if __name__ == "__main__":
    main()
