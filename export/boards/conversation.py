"""What a host and a board say to each other: the bytes of samples and results, and the program of the host."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.hardware.uart_line import Line
from bitlogic.export.netlist import Encoder
from bitlogic.export.render import render
from bitlogic.export.synthesis.project import Project


@dataclass(frozen=True)
class Conversation:
    """The holes of ``host.py``, which README shares."""

    board: str
    baud: int
    gap_seconds: float
    frame_bytes: int
    num_values: int  # of a sample
    value_bits: int
    packed: bool  # eight values a byte
    values: str  # the same in words
    grid: list[list[float]] | None  # the lowest and the highest number of each value, or one of all; None: bits
    num_classes: int
    class_bytes: int
    score_bytes: int
    score_signed: bool

    @property
    def result_bytes(self) -> int:
        return self.class_bytes + self.num_classes * self.score_bytes


def conversation_of(project: Project, board: str, line: Line, baud: int) -> Conversation:
    """The conversation with a project that stands behind a serial line; ``project.frame_bytes`` is there then."""
    netlist, encoder = project.netlist, project.netlist.encoder
    return Conversation(
        board=board,
        baud=baud,
        gap_seconds=round(line.gap_bits / baud, 4),
        frame_bytes=project.frame_bytes or 0,
        num_values=netlist.num_inputs if encoder is None else encoder.num_features,
        value_bits=1 if encoder is None else encoder.input_bits,
        packed=encoder is None,
        values=_in_words(netlist.num_inputs, encoder),
        grid=None if encoder is None else _grid(encoder),
        num_classes=netlist.head.num_classes,
        class_bytes=-(-netlist.class_width // 8),
        score_bytes=-(-netlist.score_width // 8),
        score_signed=netlist.score_signed,
    )


def host_program(conversation: Conversation) -> bytes:
    """``host.py``: it needs Python and pyserial, and nothing of bitlogic."""
    return render("board_host.py.j2", **asdict(conversation))


def _in_words(num_inputs: int, encoder: Encoder | None) -> str:
    if encoder is None:
        return f"{num_inputs} values, 0 or 1, eight in a byte, the lowest bit first"
    width = "a byte each" if encoder.input_bits <= 8 else "two bytes each, the low one first"
    return f"{encoder.num_features} whole numbers of 0 to {encoder.max_input}, {width}"


def _grid(encoder: Encoder) -> list[list[float]] | None:
    if encoder.input_min is None or encoder.input_max is None:
        return None
    return [_brief(encoder.input_min), _brief(encoder.input_max)]


def _brief(values: npt.NDArray[Any]) -> list[float]:
    """One number where all values share it; as float64, which holds every float32."""
    numbers: list[float] = values.astype(np.float64).tolist()
    return numbers[:1] if len(set(numbers)) == 1 else numbers
