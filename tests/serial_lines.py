"""Serial lines bit by bit: the waveforms that a host sends, and the bytes in a waveform that came back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.rtl import Module
from bitlogic.export.hardware.simulate import Simulation

Array = npt.NDArray[Any]


def sent(data: Sequence[int], divisor: float, *, stop_bits: int = 1) -> list[int]:
    """The line, edge by edge, while the bytes are sent without a pause; a bit takes ``divisor`` edges on average."""
    bits = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), *[1] * stop_bits)]
    edges = [round(place * divisor) for place in range(len(bits) + 1)]
    return [bit for place, bit in enumerate(bits) for _ in range(edges[place], edges[place + 1])]


def received(wave: Array, divisor: int) -> list[int]:
    """The bytes in a line sampled at every edge; a start or stop bit that is none is an AssertionError."""
    data, edge = [], 0
    while edge < len(wave):
        if wave[edge]:
            edge += 1
            continue
        bits = [int(wave[edge + place * divisor + divisor // 2]) for place in range(10)]
        assert bits[0] == 0 and bits[9] == 1, f"no byte begins at edge {edge}"
        data.append(sum(bit << place for place, bit in enumerate(bits[1:9])))
        edge += 9 * divisor + divisor // 2
    return data


def run_lines(
    module: Module, lines: Sequence[Sequence[int]], outputs: Sequence[str], *, edges: int
) -> dict[str, Array]:
    """Every line on ``rx`` of a copy of the module of its own, 1 behind its end.

    uint8 ``(edges, width, lines)`` for each output; index ``k`` is what it is before the edge that samples ``line[k]``.
    """
    waves = np.ones((edges, 1, len(lines)), np.uint8)
    for lane, line in enumerate(lines):
        assert len(line) <= edges
        waves[: len(line), 0, lane] = line
    return run_waves(module, {"rx": waves}, outputs)


def run_waves(module: Module, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
    """The outputs for inputs uint8 ``(edges, width, lanes)``, behind two edges with a reset."""
    first = next(iter(inputs.values()))
    simulation = Simulation(module, first.shape[2])
    for _ in range(2):
        simulation.edge({name: wave[0] for name, wave in inputs.items()}, reset=True)
    seen: dict[str, list[Array]] = {name: [] for name in outputs}
    for edge in range(len(first)):
        now = {name: wave[edge] for name, wave in inputs.items()}
        shown = simulation.outputs(now)
        for name in outputs:
            seen[name].append(shown[name])
        simulation.edge(now)
    return {name: np.stack(waves) for name, waves in seen.items()}
