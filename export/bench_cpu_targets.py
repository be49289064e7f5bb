"""What the figures of `bitlogic bench cpu` must reach on two cores with AVX-512, and how they stand to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bitlogic.export.bench import Row, Target, figure, limit
from bitlogic.export.bench_cpu_contenders import (
    BITS,
    EAGER,
    ENGINE,
    ENGINE_2,
    LARGE,
    PACKED,
    PACKED_COMPILED,
    PIXELS,
    PLANES,
)
from bitlogic.export.bench_cpu_files import FROM_FILE, FROM_MODEL
from bitlogic.export.bench_cpu_large import LARGE_NET, LARGE_PEAK, LARGE_TOTAL
from bitlogic.export.bench_cpu_operations import ACROSS, NETLIST, ONE_BY_ONE
from bitlogic.export.bench_cpu_peers import DIFFLOGIC, TORCHLOGIX
from bitlogic.export.table import table

_AVX2 = f"{ENGINE}-256"
_PACKED = (("W1", BITS), ("W1", PLANES), ("W2", PLANES))
TRAINED = "trained"  # stands for every trained network


@dataclass(frozen=True)
class Aim:
    """A target and the row that it is for."""

    workload: str
    contender: str
    metric: str
    target: Target

    def of(self, row: Row, trained: Sequence[str]) -> bool:
        """Whether the row is the one, or one of the trained networks'."""
        names = trained if self.workload == TRAINED else [self.workload]
        return row.workload in names and (row.contender, row.metric) == (self.contender, self.metric)


TARGETS: tuple[Aim, ...] = (
    Aim("W1", ENGINE, BITS, Target(15, 40, TORCHLOGIX)),
    Aim("W1", ENGINE, BITS, Target(5, 12, DIFFLOGIC)),
    Aim("W2", ENGINE, PIXELS, Target(10, 25, TORCHLOGIX)),
    Aim("W3", ENGINE, BITS, Target(0.3, 1)),
    Aim("W3", ENGINE, FROM_FILE, Target(5, 1)),
    Aim("W3", ENGINE, FROM_MODEL, Target(5, 1)),
    Aim("W1", _AVX2, BITS, Target(0.6, 0.85, ENGINE)),
    Aim("W2", _AVX2, PIXELS, Target(0.6, 0.85, ENGINE)),
    Aim("W2", NETLIST, ONE_BY_ONE, Target(2.45)),
    Aim(TRAINED, NETLIST, ONE_BY_ONE, Target(1.75)),
    Aim(TRAINED, NETLIST, ACROSS, Target(1.75, 1.5)),
    # Reading 6272 bool bits a sample from memory takes longer than all that follows: W2 is from planes.
    *(Aim(name, PACKED, metric, Target(30, 60, EAGER)) for name, metric in _PACKED),
    *(Aim(name, PACKED_COMPILED, metric, Target(100, 250, EAGER)) for name, metric in _PACKED),
    *(Aim(name, ENGINE_2, LARGE, Target(1.7, 1.9, ENGINE)) for name in ("W1", "W2")),
    Aim(LARGE_NET, ENGINE, LARGE_TOTAL, Target(60, 15)),
    Aim(LARGE_NET, ENGINE, LARGE_PEAK, Target(4096)),
)
PEERS = (EAGER, TORCHLOGIX, DIFFLOGIC, ENGINE)  # whose ratios are shown


def targets_table(rows: Sequence[Row], trained: Sequence[str]) -> str:
    """Every target whose row is among the rows, with the figure and whether must and aim are met; "" for none."""
    cells = [list(_cells(row, aim.target)) for aim in TARGETS for row in rows if aim.of(row, trained)]
    if not cells:
        return ""
    return table(["workload", "contender", "metric", "figure", "against", "must", "met", "aim", "met"], cells)


def unmet(rows: Sequence[Row], trained: Sequence[str]) -> list[Aim]:
    """The targets whose must is measured and missed."""
    return [aim for aim in TARGETS for row in rows if aim.of(row, trained) and aim.target.met_by(row) is False]


def _cells(row: Row, target: Target) -> Iterator[Any]:
    ratios: Mapping[str, float | None] = row.ratios
    shown = row.value if target.peer is None else ratios.get(target.peer)
    yield from (row.workload, row.contender, row.metric, figure(shown), target.peer or row.unit)
    yield from (limit(target, target.must), _word(target.met_by(row)))
    yield from (limit(target, target.aim), _word(target.reached_by(row)))


def _word(met: bool | None) -> str | None:
    return None if met is None else ("yes" if met else "no")
