"""`bitlogic train`: a recipe and changes to it in, a folder with the trained model out."""

import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from bitlogic.errors import BitlogicError, DivergenceError, OptionError


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--data", help="Data set: digits, breast_cancer, mnist, fashion-mnist, cifar10, csv, npz.")
@click.option("--root", help="Where the data set's original files are.")
@click.option("--path", help="The file of csv and npz.")
@click.option("--model", help="A model of the zoo, in place of the recipe's.")
@click.option("--epochs", type=int)
@click.option("--batch-size", type=int)
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--seed", type=int)
@click.option("--device", help="auto, cpu, cuda, …")
@click.option("--threads", type=int, help="Of torch on the CPU.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Any key: --set model.layer_width=500.")
@click.option("--resume", is_flag=True, help="Continue the training in the folder; without RECIPE, by its own.")
@click.option("--force", is_flag=True, help="Replace an earlier training in the folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the last line of metrics.jsonl instead of a sentence.")
def train(
    recipe: Path | None,
    output: Path,
    data: str | None,
    root: str | None,
    path: str | None,
    model: str | None,
    changes: tuple[str, ...],
    *,
    resume: bool,
    force: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a model by RECIPE, a TOML file, and measure it relaxed and discrete.

    RECIPE holds [data], [model] and [train]; what it leaves out has a default, and OUTPUT/config.toml shows all of it.
    OUTPUT also gets metrics.jsonl, checkpoint.pt, best.pt, curve.png and, at the end, model.pt. After Ctrl-C or a kill,
    --resume goes on and gives the same weights. On several processes:

    torchrun --nproc-per-node 2 -m bitlogic train RECIPE -o OUTPUT
    """
    # Training starts many short parallel loops; threads that spin between them stall on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from bitlogic.kernels import keep_freed_memory
    from bitlogic.training import Recipe, is_writer, open_training

    keep_freed_memory()  # a step asks for what the last one freed
    chosen: dict[str, dict[str, Any]] = {
        "data": {"name": data, "root": root, "path": path},
        "model": {"name": model},
        "train": settings,
    }
    with _one_voice(speaks=is_writer()), ExitStack() as stack:
        try:
            tables = _tables(recipe, output if resume else None, chosen, changes)
            wanted = None if tables is None else Recipe.of(tables)
            training = stack.enter_context(open_training(wanted, output, resume=resume, force=force))
        except (ValueError, TypeError) as error:
            raise OptionError(str(error)) from error
        stopped: list[int] = []
        stack.enter_context(_signals_kept(stopped))
        try:
            result = training.run(should_stop=lambda: bool(stopped))
        except DivergenceError as error:
            if is_writer():
                click.echo(f"bitlogic: {error}", err=True)
            return 1
    if is_writer():
        if not result.complete:
            click.echo(f"bitlogic: {result.text()}; continue with --resume", err=True)
        else:
            click.echo(json.dumps(result.history[-1]) if as_json else f"{output / 'model.pt'}: {result.text()}")
    return 0 if result.complete else 128 + (stopped or [signal.SIGINT])[0]


def _tables(
    recipe: Path | None, resumed: Path | None, chosen: dict[str, dict[str, Any]], changes: tuple[str, ...]
) -> dict[str, Any] | None:
    """The tables of a recipe, else of the folder to resume, with the options put in; None: the folder's, unchanged."""
    from bitlogic.training import read_tables, with_changes

    given = {name: {key: value for key, value in table.items() if value is not None} for name, table in chosen.items()}
    if recipe is None and resumed is not None:
        recipe = resumed / "config.toml"
        if not (any(given.values()) or changes) or not recipe.is_file():
            return None
    tables = {} if recipe is None else read_tables(recipe)
    for name, table in given.items():
        # Another data set or model has other options: those of the recipe's own would not fit.
        kept = {} if "name" in table else tables.get(name, {})
        if kept or table:
            tables[name] = {**kept, **table} if isinstance(kept, dict) else kept
    return with_changes(tables, changes)


@contextmanager
def _signals_kept(stopped: list[int]) -> Iterator[None]:
    """Notes the first Ctrl-C or SIGTERM, so that the step in hand ends and a checkpoint is written; a second ends."""

    def note(number: int, _: Any) -> None:
        if stopped:
            sys.exit(128 + number)
        stopped.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _one_voice(*, speaks: bool) -> Iterator[None]:
    """Warnings as one line each; of several processes only one prints its mistakes and warnings."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if speaks:
            click.echo(f"bitlogic: warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        except (BitlogicError, OSError):
            if speaks:
                raise
            sys.exit(2)
