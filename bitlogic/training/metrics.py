"""metrics.jsonl: what was measured, one JSON object a line.

Every line has `event`, `step` (optimizer steps done), `epoch` (of the last step, from 1) and `seconds` (of training,
those before a resume included):

- `step` lines add `lr` and `train_loss`, the mean since the last one;
- `epoch` lines add `lr`, `train_loss`, the mean over the epoch, and `train_*` and `validation_*` of `Measured`:
  `relaxed`, `discrete`, `gap` and, for the validation, `discrete_loss`;
- the one `end` line adds `model_epoch`, the epoch whose weights model.pt holds, `luts`, the number of trained tables,
  and `test_*`.

Accuracies are shares from 0 to 1.
"""

import json
import os
from pathlib import Path
from typing import Any

from bitlogic.errors import FormatError


class MetricsFile:
    """Appends lines to a file, and goes back to where a checkpoint was taken; without a path it only keeps them."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []

    def append(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

    def settle(self) -> None:
        """Waits until the lines are on the disk, before a checkpoint counts on them."""
        if self.path is not None and self.path.is_file():
            with self.path.open("rb") as stream:
                os.fsync(stream.fileno())

    def go_back_to(self, num_lines: int) -> None:
        """Keeps the first so many lines of the file; FormatError where it has less."""
        if self.path is None:
            raise RuntimeError("metrics without a file cannot be resumed")
        kept = self.path.read_text(encoding="utf-8").splitlines()[:num_lines] if self.path.is_file() else []
        if len(kept) < num_lines:
            raise FormatError(f"{self.path}: has {len(kept)} lines, but the checkpoint was taken after {num_lines}")
        try:
            self.lines = [json.loads(line) for line in kept]
        except json.JSONDecodeError as error:
            raise FormatError(f"{self.path}: no JSON lines: {error}") from error
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        os.replace(beside, self.path)

    def of_event(self, event: str) -> list[dict[str, Any]]:
        """The lines of one kind."""
        return [line for line in self.lines if line["event"] == event]
