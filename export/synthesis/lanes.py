"""Samples through the ports of a design, lane by lane, with both sides waiting at random."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.errors import TargetError
from bitlogic.export.synthesis.cell_simulation import CellSimulation

Array = npt.NDArray[Any]
_RESET_EDGES = 4
_QUIET_EDGES = 10_000  # without a beat in or out, after which nothing more is expected


@dataclass(frozen=True)
class Side:
    """The ports of one side: data, and who says that a beat is there and who that it is taken; "" where nobody does."""

    data: tuple[str, ...]
    valid: str
    ready: str = ""
    last: str = ""  # on the way in, 1 with the last beat of every ``frame_beats``


@dataclass(frozen=True)
class Way:
    """Both sides of a design."""

    inward: Side
    outward: Side
    frame_beats: int = 1


def send(simulation: CellSimulation, way: Way, beats: Array, num_results: int, seed: int) -> Array:
    """What comes out: uint8 ``(lanes, num_results, width)``, the bits of the outward data ports one behind the other.

    ``beats`` is uint8 ``(lanes, beats, width)``. An eighth of the edges bring no beat, and at a quarter of them the
    taker waits, where it can; the lanes differ in that.

    Raises:
        TargetError: A lane gives no further result, or one more than expected.
    """
    lanes, num_beats, width = beats.shape
    chance, lane = np.random.default_rng(seed), np.arange(lanes)
    sent, received = np.zeros(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.int64)
    results: Array | None = None
    inputs = {port: np.ones((1, lanes), dtype=np.uint8) for port in ("rst", way.inward.valid) if port}
    inputs |= {port: np.ones((1, lanes), dtype=np.uint8) for port in (way.outward.ready, way.inward.last) if port}
    quiet = 0
    for edge in range(_RESET_EDGES + (num_beats + num_results) * _QUIET_EDGES):
        running = edge >= _RESET_EDGES
        offers = (sent < num_beats) & (chance.random(lanes) < 7 / 8) & running
        takes = chance.random(lanes) < 3 / 4
        place = np.minimum(sent, num_beats - 1)
        shown = np.where(offers[:, None], beats[lane, place], chance.integers(0, 2, (lanes, width), dtype=np.uint8))
        inputs["rst"][:] = not running
        inputs[way.inward.valid][0] = offers
        inputs[way.inward.data[0]] = shown.T
        if way.outward.ready:
            inputs[way.outward.ready][0] = takes
        if way.inward.last:
            inputs[way.inward.last][0] = place % way.frame_beats == way.frame_beats - 1
        outputs = simulation.outputs(inputs)
        if running:
            accepted = offers & (outputs[way.inward.ready][0] == 1) if way.inward.ready else offers
            given = (outputs[way.outward.valid][0] == 1) & (takes if way.outward.ready else True)
            data = np.concatenate([outputs[port] for port in way.outward.data])
            if results is None:
                results = np.zeros((lanes, num_results, len(data)), dtype=np.uint8)
            if (given & (received >= num_results)).any():
                raise TargetError(f"more than {num_results} results come of {num_beats} beats")
            results[lane[given], received[given]] = data.T[given]
            sent += accepted
            received += given
            quiet = 0 if (accepted | given).any() else quiet + 1
            if (received == num_results).all() and quiet > _RESET_EDGES:
                return results
            if quiet > _QUIET_EDGES:
                break
        simulation.edge()
    short = int(np.argmin(received))
    raise TargetError(
        f"{int(received[short])} of {num_results} results came of {int(sent[short])} of {num_beats} beats"
    )
