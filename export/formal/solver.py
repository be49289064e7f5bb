"""Whether words of a graph are equal for every assignment: by simulation, by trying all, or by SAT through ABC."""

import random
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bitlogic.errors import MissingToolError
from bitlogic.export.formal.graph import Graph

EXHAUSTIVE_VARIABLES = 16  # up to so many all assignments are tried, 8 kB of lanes for each node
_LANES = 512
_CONFLICTS = 1_000_000  # of a single question to the solver; ABC's own 10,000 gives up long before the time is over
_MARGIN = 10.0  # seconds that ABC may take beyond its own limit, to read and to end


@dataclass(frozen=True)
class Verdict:
    """What was found out of two lists of literals."""

    holds: bool | None  # None: undecided within the limit
    method: str  # "structure", "exhaustive", "simulation" (a refutation) or "SAT"
    seconds: float
    outputs: tuple[int, ...] = ()  # places seen to differ; with "SAT" not all that do
    pattern: dict[int, int] | None = None  # variable (node): value, of an assignment where the first of them differs


def abc_path() -> Path | None:
    """The ABC that pyosys carries."""
    from importlib.util import find_spec

    spec = find_spec("pyosys")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name("yosys-abc")
    return path if path.exists() else None


def check_equal(graph: Graph, left: Sequence[int], right: Sequence[int], limit_seconds: float) -> Verdict:
    """Whether ``left[k]`` equals ``right[k]`` for all ``k`` and every assignment of the variables."""
    start = time.monotonic()
    places = [place for place, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    if not places:
        return Verdict(True, "structure", time.monotonic() - start)
    left, right = [left[place] for place in places], [right[place] for place in places]
    variables = graph.variables([*left, *right])
    exhaustive = len(variables) <= EXHAUSTIVE_VARIABLES
    lanes = 1 << len(variables) if exhaustive else _LANES
    values = _all_assignments(variables) if exhaustive else _random_assignments(variables)
    found = graph.evaluate([*left, *right], values, lanes)
    differing = [found[place] ^ found[len(left) + place] for place in range(len(left))]
    outputs = tuple(places[place] for place, difference in enumerate(differing) if difference)
    if outputs:
        first = next(difference for difference in differing if difference)
        lane = (first & -first).bit_length() - 1
        pattern = {node: values[node] >> lane & 1 for node in variables}
        method = "exhaustive" if exhaustive else "simulation"
        return Verdict(False, method, time.monotonic() - start, outputs, pattern)
    if exhaustive:
        return Verdict(True, "exhaustive", time.monotonic() - start)
    holds, seen, assignment = _solve(graph, left, right, variables, limit_seconds)
    return Verdict(holds, "SAT", time.monotonic() - start, tuple(places[place] for place in seen), assignment)


def _all_assignments(variables: Sequence[int]) -> dict[int, int]:
    """Lane ``l`` holds the assignment whose variable ``i`` is bit ``i`` of ``l``."""
    lanes = 1 << len(variables)
    ones = (1 << lanes) - 1
    return {node: ones // ((1 << (1 << place)) + 1) << (1 << place) for place, node in enumerate(variables)}


def _random_assignments(variables: Sequence[int]) -> dict[int, int]:
    """Random lanes, with all 0 and all 1 in the first two."""
    chance = random.Random(len(variables))
    return {node: chance.getrandbits(_LANES) & ~3 | 2 for node in variables}


def _solve(
    graph: Graph, left: Sequence[int], right: Sequence[int], variables: Sequence[int], limit_seconds: float
) -> tuple[bool | None, list[int], dict[int, int] | None]:
    abc = abc_path()
    if abc is None:
        raise MissingToolError("the proof needs yosys-abc, which pyosys brings: pip install 'bitlogic[synth]'")
    with tempfile.TemporaryDirectory(prefix="bitlogic-proof-") as folder:
        for name, literals in (("left", left), ("right", right)):
            (Path(folder) / f"{name}.aig").write_bytes(graph.to_aiger(literals, variables))
        # -n: inputs and outputs are matched by their order, the files carry no names.
        limits = f"-T {max(1, round(limit_seconds))} -C {_CONFLICTS}"
        command = [str(abc), "-q", f"cec -n {limits} left.aig right.aig"]
        try:
            shown = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=limit_seconds + _MARGIN, check=False
            ).stdout
        except subprocess.TimeoutExpired:
            return None, [], None
    if "Networks are equivalent" in shown:
        return True, [], None
    if "NOT EQUIVALENT" not in shown:
        return None, [], None
    pattern = _pattern(shown, variables)
    if pattern is None:
        return False, [], None
    found = graph.evaluate([*left, *right], pattern, 1)
    return False, [place for place in range(len(left)) if found[place] != found[len(left) + place]], pattern


def _pattern(shown: str, variables: Sequence[int]) -> dict[int, int] | None:
    """The assignment that ABC prints, None where it prints none."""
    inputs = re.search(r"INPUT: (.*?)OUTPUT:", shown, flags=re.DOTALL)
    if inputs is None:
        return None
    bits = {int(place): int(bit) for place, bit in re.findall(r"pi(\d+) = 1'h([01])", inputs[1])}
    return {node: bits.get(place, 0) for place, node in enumerate(variables)}
