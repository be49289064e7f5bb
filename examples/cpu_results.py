"""README's tables of CPU inference: every way to run a network beside the peers, and the targets.

    python examples/cpu_results.py --root FOLDER --folder build/cpu --difflogic FOLDER --readme README.md

trains the network of `TRAINED` and runs ``bitlogic bench cpu`` on it and on each random network, as a user would. What
the folder holds already is not measured again; ``--force`` does it anew. Without --difflogic, a folder of its sources,
its column says that it is missing. Exit code 1: a result is wrong, or a must is missed.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from results import bitlogic, put_between_marks, table, trained

from bitlogic.export.bench import Row, Target, figure, limit
from bitlogic.export.bench_cpu import UNIT
from bitlogic.export.bench_cpu_contenders import BITS, PIXELS, PLANES
from bitlogic.export.bench_cpu_targets import TARGETS, unmet

TRAINED = "mnist_fixed"
WORKLOADS = {
    "W1": "784 bits, 2 x 8000 LUT-2",
    "W2": "784 x 8 bits, 2 x 2000 LUT-4",
    "M": "784 x 8 bits, 2 x 16,000 LUT-4",
    "W3": "784 x 8 bits, 2 x 64,000 LUT-4",
    TRAINED: "MNIST, trained, 2 x 2000 LUT-4",
    "1M": "4 x 250,000 LUT-4",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="README's tables of CPU inference")
    parser.add_argument("--root", help="folder with the original MNIST files, default $BITLOGIC_MNIST")
    parser.add_argument("--folder", type=Path, required=True, help="where the model and the rows go")
    parser.add_argument("--workloads", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--difflogic", type=Path, help="a folder of difflogic's sources")
    parser.add_argument("--bench", nargs="*", default=[], help="more words for bitlogic bench cpu, without the dashes")
    parser.add_argument("--set", dest="changes", nargs="*", default=[], help="changes to the recipe, KEY=VALUE")
    parser.add_argument("--force", action="store_true", help="measure anew what the folder holds already")
    parser.add_argument("--readme", type=Path, help="put the tables between the marks of this file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [row for name in options.workloads for row in rows_of(name, options)]
    speeds = "\n".join(table(_speed_header(rows, metric), _speed_rows(rows, metric)) for metric in _metrics(rows))
    targets = table(
        "| network | contender | from, to | against | figure | must | aim |\n" + "| --- " * 7 + "|", _target_rows(rows)
    )
    if options.readme is not None:
        put_between_marks(options.readme, {"cpu": speeds, "cpu-targets": targets})
    missed = unmet(rows, [TRAINED])
    for aim in missed:
        against = f", against {aim.target.peer}" if aim.target.peer else ""
        print(f"cpu_results: missed: {aim.workload}, {aim.contender}, {aim.metric}{against}", file=sys.stderr)
    return 1 if missed else 0


def rows_of(name: str, options: argparse.Namespace) -> list[Row]:
    """The rows of one workload, measured now unless they are there."""
    path = options.folder / f"{name}.json"
    if not path.is_file() or options.force:
        given = (
            [f"--model={name}={trained(name, 0, options) / 'model.pt'}"] if name == TRAINED else ["--workload", name]
        )
        peer = ["--difflogic", options.difflogic] if options.difflogic else []
        words = [f"--{word}" for word in options.bench]
        bitlogic("bench", "cpu", *given, *peer, *words, "--json", path, "--plot", path.with_suffix(".png"))
    return [Row(**row) for row in json.loads(path.read_text())]


def _metrics(rows: list[Row]) -> list[str]:
    return [metric for metric in (BITS, PLANES, PIXELS) if _columns(rows, metric)]


def _columns(rows: list[Row], metric: str) -> list[str]:
    """The workloads that have figures of that metric."""
    return list(dict.fromkeys(row.workload for row in rows if row.metric == metric))


def _speed_header(rows: list[Row], metric: str) -> str:
    columns = [WORKLOADS[name] for name in _columns(rows, metric)]
    return f"| {metric}, {UNIT} | " + " | ".join(columns) + " |\n" + "| --- " * (len(columns) + 1) + "|"


def _speed_rows(rows: list[Row], metric: str) -> Iterator[str]:
    found = {(row.contender, row.workload): row for row in rows if row.metric == metric}
    for contender in dict.fromkeys(contender for contender, _ in found):
        cells = [found.get((contender, name)) for name in _columns(rows, metric)]
        yield f"| {contender} | " + " | ".join(map(_cell, cells)) + " |"


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    return str(row.reason) if row.value is None else f"{row.value:.3g}"


def _target_rows(rows: list[Row]) -> Iterator[str]:
    for aim in TARGETS:
        for row in rows:
            if aim.of(row, [TRAINED]):
                peer = aim.target.peer
                shown = figure(row.value if peer is None else row.ratios.get(peer))
                words = (WORKLOADS[row.workload], row.contender, row.metric, peer or row.unit or "-")
                yield f"| {' | '.join(words)} | {'-' if shown is None else shown} | {_limits(row, aim.target)} |"


def _limits(row: Row, target: Target) -> str:
    """Must and aim, each with whether it is met."""
    words = {True: "met", False: "missed", None: "not measured"}
    must = f"{limit(target, target.must)}, {words[target.met_by(row)]}"
    return f"{must} | {'-' if target.aim is None else f'{limit(target, target.aim)}, {words[target.reached_by(row)]}'}"


if __name__ == "__main__":
    sys.exit(main())
