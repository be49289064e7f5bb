"""What a measurement is, and how measurements are shown and written: one row for each figure.

A row is `{workload, contender, metric, unit, value, spread, ratios: {peer: x}}`, and where there is no figure its value
is null and `reason` says why. A ratio says how many times better the row is than that peer.
"""

import json
import math
import os
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bitlogic.export.table import table

# Metrics of which more is better; of all others less is.
_MORE_IS_BETTER = frozenset(
    {"throughput", "fmax", "bool to counts", "uint8 to class", "planes to counts", "large batch"}
)


@dataclass(frozen=True)
class Row:
    """One figure."""

    workload: str
    contender: str
    metric: str
    unit: str
    value: float | None  # None: not measured, for the reason given
    spread: float | None = None  # the distance between the quartiles, in the same unit; None: measured once
    ratios: Mapping[str, float | None] = field(default_factory=dict)  # peer: how many times better than it
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) != (self.reason is not None):
            raise ValueError(f"a row has a value or a reason, got {self.value} and {self.reason!r}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.workload}, {self.contender}: {self.metric} is {self.value}")

    def to_json(self) -> dict[str, Any]:
        """The row as JSON holds it; `reason` only where there is one."""
        shown = {
            "workload": self.workload,
            "contender": self.contender,
            "metric": self.metric,
            "unit": self.unit,
            "value": self.value,
            "spread": self.spread,
            "ratios": dict(self.ratios),
        }
        return shown if self.reason is None else {**shown, "reason": self.reason}


@dataclass(frozen=True)
class Target:
    """What a figure must reach and what it aims at: a ratio to a peer, or a limit of its own unit."""

    must: float
    aim: float | None = None
    peer: str | None = None  # None: the value itself is at most `must`, of a metric of which more is better at least

    def met_by(self, row: Row) -> bool | None:
        """Whether the row reaches `must`; None where it has no such figure."""
        return self._met(row, self.must)

    def reached_by(self, row: Row) -> bool | None:
        """Whether the row reaches `aim`; None where it has no such figure or there is no aim."""
        return None if self.aim is None else self._met(row, self.aim)

    def _met(self, row: Row, wanted: float) -> bool | None:
        reached = row.value if self.peer is None else row.ratios.get(self.peer)
        if reached is None:
            return None
        return reached >= wanted if self.peer is not None or row.metric in _MORE_IS_BETTER else reached <= wanted


Targets = Mapping[tuple[str, str, str], Target]  # (workload, contender, metric)


def with_ratios(rows: Iterable[Row], peers: Sequence[str]) -> list[Row]:
    """The rows, each with its ratio to every peer that was asked for; None where either figure is missing."""
    given = list(rows)
    values = {(row.workload, row.contender, row.metric): row.value for row in given}

    def ratio(row: Row, peer: str) -> float | None:
        other = values.get((row.workload, peer, row.metric))
        if row.value is None or other is None:
            return None
        better, worse = (row.value, other) if row.metric in _MORE_IS_BETTER else (other, row.value)
        return better / worse if worse > 0 else None

    return [replace(row, ratios={peer: ratio(row, peer) for peer in peers if peer != row.contender}) for row in given]


def rows_table(rows: Sequence[Row], peers: Sequence[str], targets: Targets) -> str:
    """The rows for the screen; where there are targets, with those of the rows that have one and whether it is met."""
    header = ["workload", "contender", "metric", "value", "spread", "unit"]
    header += [f"x {peer}" for peer in peers] + (["must", "aim", "met"] if targets else [])
    cells: list[list[object]] = []
    for row in rows:
        target = targets.get((row.workload, row.contender, row.metric))
        met = None if target is None else target.met_by(row)
        cells.append(
            [
                *(row.workload, row.contender, row.metric),
                *(figure(row.value), figure(row.spread), row.unit),
                *(figure(row.ratios.get(peer)) for peer in peers),
            ]
        )
        if targets:
            musts = (None, None) if target is None else (limit(target, target.must), limit(target, target.aim))
            cells[-1] += [*musts, None if met is None else ("yes" if met else "no")]
    reasons = dict.fromkeys(
        f"{row.workload}, {row.contender}, {row.metric}: {row.reason}" for row in rows if row.reason
    )
    return "\n".join([table(header, cells), *reasons])


def spread_of(values: Sequence[float]) -> float | None:
    """The distance between the quartiles; None for a single value."""
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def cpu_seconds() -> float:
    """CPU time of this process and of those that it started and that have ended."""
    used = os.times()
    return time.process_time() + used.children_user + used.children_system


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """The rows as a JSON array, in a file that appears whole or not at all."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        beside.write_text(json.dumps([row.to_json() for row in rows], indent=2) + "\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def figure(value: float | None) -> float | int | None:
    """Three digits, as a number so that the column stands right."""
    if value is None:
        return None
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded >= 100 or rounded == int(rounded) else rounded


def limit(target: Target, value: float | None) -> str | None:
    """A target's must or aim for the screen, a ratio with an x."""
    if value is None:
        return None
    return f"{value:g}x" if target.peer is not None else f"{value:g}"
