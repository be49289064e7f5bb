"""What a bench was told, the vectors that it gives and the results that it reads; part of ``cocotb_bench``.

The folder named by BENCH_FOLDER holds ``bench.json``, ``inputs.mem`` and, where results are to be compared,
``expected.mem``: a line in hex for each sample, all beats of its frame side by side, the first in the lowest bits.
"""

import json
import os
from pathlib import Path

FOLDER = Path(os.environ["BENCH_FOLDER"])
OUTPUT = FOLDER / "build"
PLAN = json.loads((FOLDER / "bench.json").read_text())
IN, OUT = PLAN["input"], PLAN["output"]


class DesignError(Exception):
    """The design does not behave; the message is for the user."""


class Results:
    """The results as read, by sample, and as expected where that is known."""

    def __init__(self) -> None:
        width = OUT["beats"] * sum(width for _, width in OUT["data"])
        self._got: list[int | None] = [None] * PLAN["num_samples"]
        self._expected = read_words("expected.mem", width) if PLAN["compare"] else None

    def read(self, sample: int, word: int) -> None:
        before = self._got[sample]
        if before is not None and before != word:
            raise DesignError(f"sample {sample}: {_difference(before, word)}, given a second time")
        if self._expected is not None and word != self._expected[sample]:
            raise DesignError(f"sample {sample}: {_difference(self._expected[sample], word)}")
        self._got[sample] = word

    def save(self) -> None:
        if None in self._got:
            raise DesignError(f"sample {self._got.index(None)} was never read")
        (OUTPUT / "got.mem").write_text("".join(f"{word:x}\n" for word in self._got))


def _difference(expected: int, got: int) -> str:
    for name, low, width, signed in OUT["fields"]:
        values = [word >> low & (1 << width) - 1 for word in (expected, got)]
        if values[0] != values[1]:
            first, second = (value - (value >> width - 1 << width if signed else 0) for value in values)
            return f"{name} reads {second} where {first} is expected"
    return f"the padding of the result reads {got:x} where {expected:x} is expected"


def read_words(name: str, width: int) -> list[int]:
    """The words of a vector file; DesignError where the file is not there or is not what ``bench.json`` speaks of."""
    try:
        words = [int(line, 16) for line in (FOLDER / name).read_text().split()]
    except (OSError, ValueError) as error:
        raise DesignError(f"{name}: {error}") from error
    if len(words) != PLAN["num_samples"] or any(word >> width for word in words):
        raise DesignError(f"{name} holds {len(words)} words; {PLAN['num_samples']} of at most {width} bits are due")
    return words
