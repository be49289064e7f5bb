"""checkpoint.pt: everything a training needs to go on as if it had never stopped.

It is a `torch.save` of plain values and tensors, read with `weights_only=True`: `format`, `version`, `recipe` (its TOML
text), `checksum` of the data, `world_size`, `threads`, `progress` and `best` (see `bitlogic.training.run`), `model`,
`optimizer`, `random` (of every process), and `lines`, how many metrics.jsonl had. Order of the data, augmentation,
learning rate and temperatures are functions of seed and step and need no state.
"""

import dataclasses
import io
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitlogic.errors import FormatError
from bitlogic.training.folder import CHECKPOINT
from bitlogic.training.run import Best, Progress, Run

FORMAT = "bitlogic checkpoint"
VERSION = 1


def save_state(run: Run, num_lines: int) -> None:
    """Replaces the folder's checkpoint by one of now; every process must call it at the same step."""
    run.progress.seconds = run.seconds()
    states = run.world.gather(random_state(run.world.device))
    run.saved_at = time.monotonic()
    if run.folder is None:
        return
    content = {
        "format": FORMAT,
        "version": VERSION,
        "recipe": run.recipe.to_toml(),
        "checksum": run.samples.checksum,
        "world_size": run.world.size,
        "threads": torch.get_num_threads(),
        "progress": dataclasses.asdict(run.progress),
        "best": None if run.best is None else vars(run.best),
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "random": states,
        "lines": num_lines,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    replace_file(run.folder / CHECKPOINT, buffer.getvalue())
    run.saved_step = run.progress.step


def load_state(run: Run, folder: Path) -> int:
    """Takes the run back to the folder's checkpoint, on every process, and gives the number of lines of metrics.jsonl.

    Raises:
        FormatError: the checkpoint cannot be read, or does not fit the model, the data or the number of processes.
    """
    path = folder / CHECKPOINT
    content = _read(path)
    try:
        if content["checksum"] != run.samples.checksum:
            raise FormatError(f"{path}: the data are not those that this training began with")
        if content["world_size"] != run.world.size:
            raise FormatError(f"{path}: {content['world_size']} processes began this training, not {run.world.size}")
        run.model.load_state_dict(content["model"])
        run.optimizer.load_state_dict(content["optimizer"])
        run.progress = Progress(**content["progress"])
        run.best = None if content["best"] is None else Best(**content["best"])
        set_random_state(content["random"][run.world.rank], run.world.device)
        torch.set_num_threads(content["threads"])  # sums over another number of threads round differently
        num_lines = int(content["lines"])
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
        raise FormatError(f"{path}: does not fit this training: {error}") from error
    run.saved_step = run.progress.step
    return num_lines


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file as a whole: at every moment, a crash included, there is the old one or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's readers raise nearly anything on bytes that they did not write
        first = (str(error).splitlines() or [""])[0]
        raise FormatError(f"{path}: cut off, damaged or no checkpoint ({first})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(f"{path}: no checkpoint of a training")
    if content.get("version") != VERSION:
        raise FormatError(f"{path}: checkpoint version {content.get('version')!r}; this bitlogic reads {VERSION}")
    return content


def random_state(device: torch.device) -> dict[str, Any]:
    """The states of all random numbers that a training step may use: Python's, numpy's, torch's, the device's."""
    version, internal, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "device": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Goes back to a `random_state`."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["device"] is not None:
        torch.cuda.set_rng_state(state["device"], device)
