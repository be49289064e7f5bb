"""The folder of one training: which files it holds, and who may write into it."""

from pathlib import Path

from bitlogic.errors import FormatError
from bitlogic.training.recipe import Recipe, read_tables

CONFIG = "config.toml"  # the recipe, everything left out filled in
METRICS = "metrics.jsonl"
CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"  # the weights that did best on the validation samples so far
MODEL = "model.pt"  # what came out, once training is over
CURVE = "curve.png"
OURS = (CONFIG, METRICS, CHECKPOINT, BEST, MODEL, CURVE)


def is_resumed(folder: Path, *, resume: bool, force: bool) -> bool:
    """Whether a training in the folder is to be continued; with `resume` an empty folder is a fresh start.

    Raises:
        FileExistsError: the folder is not empty, and neither `resume` nor `force` is given.
        NotADirectoryError: it is a file.
        ValueError: both `resume` and `force` are given.
        FormatError: `resume` in a folder that holds files but no training.
    """
    if resume and force:
        raise ValueError("resume continues a training and force replaces it; give one of them")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file")
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if held and not (resume or force):
        raise FileExistsError(f"{folder} is not empty (it holds {held[0]}); resume continues, force replaces")
    if resume and (folder / CHECKPOINT).is_file():
        return True
    if resume and held and (CONFIG not in held or {BEST, MODEL} & set(held)):
        raise FormatError(f"{folder} holds no training that could be resumed (no {CHECKPOINT})")
    return False


def clear_folder(folder: Path) -> None:
    """Makes the folder and deletes what an earlier training left in it; other people's files stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in OURS:
        (folder / name).unlink(missing_ok=True)


def read_recipe(folder: Path) -> Recipe:
    """The recipe of the training in a folder; FormatError where there is none."""
    path = folder / CONFIG
    if not path.is_file():
        raise FormatError(f"{folder} holds no training that could be resumed (no {CONFIG})")
    return Recipe.of(read_tables(path))


def refuse_other_recipe(recipe: Recipe, kept: Recipe, folder: Path) -> None:
    """Raises a ValueError that lists the keys in which a recipe differs from the one of the folder's training."""
    differing = recipe.differences(kept)
    if not differing:
        return
    ours, theirs = recipe.to_tables(), kept.to_tables()
    details = [f"{key} (there {_at(theirs, key)}, here {_at(ours, key)})" for key in differing]
    raise ValueError(f"{folder} holds a training by another recipe; different: {', '.join(details)}")


def _at(tables: object, key: str) -> object:
    place = tables
    for word in key.split("."):
        if isinstance(place, dict):
            place = place.get(word, "nothing")
        elif isinstance(place, list) and word.isdecimal() and int(word) < len(place):
            place = place[int(word)]
        else:
            return "nothing"
    return place
