"""curve.png: relaxed and discrete accuracy over the epochs."""

import importlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bitlogic.errors import MissingToolError


def plot_curve(epochs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the `epoch` lines of metrics.jsonl into a PNG that appears whole or not at all.

    Raises:
        MissingToolError: matplotlib is not installed.
    """
    try:
        figure_type = importlib.import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise MissingToolError(f"{path.name} needs matplotlib: pip install 'bitlogic[report]'") from error
    figure = figure_type(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    numbers = [line["epoch"] for line in epochs]
    for part, colour in (("train", "tab:grey"), ("validation", "tab:blue")):
        for kind, style in (("relaxed", "--"), ("discrete", "-")):
            key = f"{part}_{kind}"
            if epochs and key in epochs[0]:
                values = [100 * line[key] for line in epochs]
                axes.plot(numbers, values, style, color=colour, marker=".", label=f"{part}, {kind}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy [%]")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(buffer.getvalue())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
