"""The throughputs of `bitlogic bench cpu` as a picture: a panel for each workload, a dot for each contender."""

import importlib
import io
from collections.abc import Sequence
from pathlib import Path

from bitlogic.errors import MissingToolError
from bitlogic.export.bench import Row
from bitlogic.export.bench_cpu_contenders import BITS, PIXELS, PLANES

_MARKS = {BITS: ("o", "tab:blue"), PIXELS: ("s", "tab:orange"), PLANES: ("^", "tab:green")}


def plot_rows(rows: Sequence[Row], path: Path) -> None:
    """Draws the throughputs among the rows into a file, PNG or what its ending says, whole or not at all.

    The axis is logarithmic; the line through a dot is the distance between the quartiles.

    Raises:
        MissingToolError: matplotlib is not installed.
    """
    try:
        figure_type = importlib.import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise MissingToolError(f"{path.name} needs matplotlib: pip install 'bitlogic[report]'") from error
    shown = [row for row in rows if row.metric in _MARKS and row.value is not None]
    workloads = list(dict.fromkeys(row.workload for row in shown)) or ["-"]
    names = list(dict.fromkeys(row.contender for row in shown))
    figure = figure_type(figsize=(4.2 * len(workloads), 1.4 + 0.32 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(workloads), sharey=True, squeeze=False)[0]
    for axes, workload in zip(panels, workloads, strict=True):
        for metric, (mark, colour) in _MARKS.items():
            here = [row for row in shown if row.workload == workload and row.metric == metric]
            places = [len(names) - 1 - names.index(row.contender) for row in here]
            spreads = [(row.spread or 0.0) / 2 for row in here]
            axes.errorbar(
                [row.value for row in here], places, xerr=spreads, fmt=mark, color=colour, markersize=5, label=metric
            )
        axes.set_xscale("log")
        axes.set_title(workload)
        axes.set_xlabel("M samples/s")
        axes.grid(alpha=0.3)
    panels[0].set_yticks(range(len(names)), names[::-1])
    panels[-1].legend(loc="lower right", fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.removeprefix(".") or "png", dpi=120)
    beside = path.with_name(f".{path.name}.partial")
    try:
        beside.write_bytes(buffer.getvalue())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
