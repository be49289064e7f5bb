"""`bitlogic.train`: a model and data in, a trained model and its record out."""

import inspect
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitlogic.datasets import DATASETS, Dataset, load_dataset
from bitlogic.training.augment import check_augmentable
from bitlogic.training.build import build_model, check_model
from bitlogic.training.distributed import World, join_world
from bitlogic.training.finish import Result, finish
from bitlogic.training.folder import CONFIG, METRICS, clear_folder, is_resumed, read_recipe, refuse_other_recipe
from bitlogic.training.loop import EpochHook, train_to_end
from bitlogic.training.metrics import MetricsFile
from bitlogic.training.optimizers import setup_optimizer
from bitlogic.training.progress import ProgressLine
from bitlogic.training.recipe import GIVEN, Recipe
from bitlogic.training.record import Record
from bitlogic.training.run import Run
from bitlogic.training.samples import prepare_samples
from bitlogic.training.seeding import seed_for
from bitlogic.training.settings import Settings
from bitlogic.training.state import load_state, random_state, replace_file, set_random_state


def train(
    model: nn.Module | str | Mapping[str, Any],
    data: Dataset | str | Mapping[str, Any],
    *,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    show: bool = True,
    on_epoch: EpochHook | None = None,
    **settings: Any,
) -> Result:
    """Trains a model on data and gives the weights that did best on validation samples held out of the training ones.

    The caller's random numbers and number of threads stay as they are; everything comes from `seed`.

    Args:
        model: an `nn.Module` that takes the samples and gives a score a class, trained in place; or the name of a model
            of the zoo; or a [model] table, see `bitlogic.training.build`.
        data: samples and labels; or the name of a data set; or its `name` and its loader's options.
        output: a folder for recipe, metrics, checkpoints and model, see `bitlogic.training.folder`; None: no files.
        resume: continue the training in the folder, with the result of one that was never stopped; in an empty folder
            it begins one.
        force: replace an earlier training in the folder.
        show: print progress to standard error.
        on_epoch: called after each epoch with its line of metrics.jsonl; what it raises ends the training.
        settings: of `bitlogic.training.Settings`: epochs, batch_size, lr, seed, ….

    Raises:
        TypeError: an unknown setting.
        ValueError: a wrong name, setting or number; data that are not finite; another recipe than the folder's.
        FileExistsError: the folder is not empty, and neither `resume` nor `force` is given.
        FormatError: a file of the data or the checkpoint cannot be read.
        DivergenceError: loss, gradient or weights became NaN or infinite; the step is named.
    """
    known = inspect.signature(Settings).parameters
    for name in settings:
        if name not in known:
            raise TypeError(f"train() got an unexpected keyword argument {name!r}; settings: {', '.join(known)}")
    recipe = Recipe.of(
        {
            "data": {"name": GIVEN} if isinstance(data, Dataset) else _table(data),
            "model": {"name": GIVEN} if isinstance(model, nn.Module) else _table(model),
            "train": settings,
        }
    )
    own_data = data if isinstance(data, Dataset) else None
    own_model = model if isinstance(model, nn.Module) else None
    folder = None if output is None else Path(output)
    with open_training(recipe, folder, resume, force, show, own_model, own_data) as training:
        return training.run(on_epoch=on_epoch)


@dataclass(frozen=True)
class Training:
    """A training that is ready to run."""

    _run: Run
    _record: Record

    def run(self, should_stop: Callable[[], bool] = lambda: False, on_epoch: EpochHook | None = None) -> Result:
        """Trains to the end, or to the step at which `should_stop` says yes; errors as of `train_to_end`."""
        complete = train_to_end(self._run, self._record, should_stop, on_epoch)
        return finish(self._run, self._record, complete=complete)


@contextmanager
def open_training(
    recipe: Recipe | None,
    folder: Path | None,
    resume: bool = False,
    force: bool = False,
    show: bool = True,
    model: nn.Module | None = None,
    data: Dataset | None = None,
) -> Iterator[Training]:
    """Everything checked and built; nothing is written before it all holds. Arguments and errors as of `train`.

    Args:
        recipe: None: the one of the folder's training, which is resumed.
        folder: as `output`.
        resume: see `train`, as for the next two.
        force: see there.
        show: see there.
        model: in place of the recipe's.
        data: in place of the recipe's.
    """
    if recipe is None:
        if folder is None or not resume:
            raise ValueError("without a recipe there must be a folder whose training is resumed")
        recipe = read_recipe(folder)
    with join_world(recipe.train.device) as world, _callers_state_kept(world):
        with world.together():
            resumed = folder is not None and is_resumed(folder, resume=resume, force=force)
            run = _prepare(recipe, world, folder, model, data)
            metrics = MetricsFile(None if run.folder is None else run.folder / METRICS)
        with world.together():
            if folder is not None and resumed:
                refuse_other_recipe(run.recipe, read_recipe(folder), folder)
                num_lines = load_state(run, folder)
                if run.folder is not None:
                    metrics.go_back_to(num_lines)
            elif run.folder is not None:
                clear_folder(run.folder)
                replace_file(run.folder / CONFIG, run.recipe.to_toml().encode())
        yield Training(run, Record(run, metrics, ProgressLine(shown=show and world.writes)))


def _prepare(recipe: Recipe, world: World, folder: Path | None, model: nn.Module | None, data: Dataset | None) -> Run:
    settings = recipe.train
    if settings.batch_size % world.size:
        raise ValueError(f"train.batch_size {settings.batch_size} does not split over {world.size} processes")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    samples = prepare_samples(data or _load(recipe.data), settings, world.device)
    check_augmentable(settings, tuple(samples.train.x.shape[1:]))
    seed = seed_for("weights", settings.seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    table = recipe.model
    if model is None:
        model, table = build_model(table, samples.train.x.cpu(), samples.num_classes)
    model.to(world.device)
    check_model(model, samples.train.x, samples.num_classes)
    optimizer = setup_optimizer(
        settings.optimizer, model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    torch.manual_seed(seed_for("noise", settings.seed, world.rank))
    resolved = replace(recipe, data=_with_defaults(recipe.data), model=table)
    return Run(resolved, samples, model, optimizer, world, folder if world.writes else None)


def _load(table: Mapping[str, Any]) -> Dataset:
    return load_dataset(**table)


def _with_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """The [data] table with its loader's defaults."""
    if table["name"] == GIVEN:
        return dict(table)
    parameters = inspect.signature(DATASETS[table["name"]]).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty and p.default is not None}
    return {"name": table["name"], **defaults, **table}


def _table(value: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, Mapping):
        raise TypeError(f"a model is a module, a name or a table, data a Dataset, a name or a table; got {type(value)}")
    return dict(value)


@contextmanager
def _callers_state_kept(world: World) -> Iterator[None]:
    state, threads = random_state(world.device), torch.get_num_threads()
    try:
        yield
    finally:
        set_random_state(state, world.device)
        torch.set_num_threads(threads)
