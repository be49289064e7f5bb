"""What a training leaves behind while it runs: lines of metrics, the best weights so far, a line on the terminal."""

from typing import Any

from bitlogic.checkpoint import save
from bitlogic.training.folder import BEST
from bitlogic.training.measure import Measured, measure
from bitlogic.training.metrics import MetricsFile
from bitlogic.training.progress import ProgressLine
from bitlogic.training.run import Best, Run
from bitlogic.training.schedules import learning_rate


class Record:
    """Keeps the record of a run; on processes that do not write it does next to nothing."""

    def __init__(self, run: Run, metrics: MetricsFile, line: ProgressLine) -> None:
        self.run, self.metrics, self.line = run, metrics, line
        self._first_step, self._first_seconds = run.progress.step, run.progress.seconds

    def step(self, loss: float) -> None:
        """After each step: counts the loss, writes a `step` line where one is due."""
        progress, settings = self.run.progress, self.run.recipe.train
        progress.epoch_loss += loss
        progress.epoch_count += 1
        progress.line_loss += loss
        progress.line_count += 1
        if settings.log_steps and progress.step % settings.log_steps == 0:
            self._append("step", lr=self._lr(), train_loss=progress.line_loss / progress.line_count)
            progress.line_loss, progress.line_count = 0.0, 0
        if self.line.due():
            run = self.run
            done = max(1, progress.step - self._first_step)
            left = (run.seconds() - self._first_seconds) / done * (run.num_steps - progress.step)
            self.line.write(
                f"epoch {self._epoch()}/{settings.epochs}, step {progress.step}/{run.num_steps}, loss {loss:.3f}, "
                f"{left:.0f} s left"
            )

    def epoch(self) -> dict[str, Any]:
        """After each epoch: measures, keeps the best weights, gives the `epoch` line."""
        run, progress = self.run, self.run.progress
        loss = progress.epoch_loss / max(1, progress.epoch_count)
        progress.epoch_loss, progress.epoch_count = 0.0, 0
        if not run.world.writes:
            return {}
        measured = measure(run.model, run.samples.measured)
        values: dict[str, Any] = {"lr": self._lr(), "train_loss": loss, **measured.to_json("train")}
        del values["train_discrete_loss"]
        shown, name = measured, "train"
        if run.samples.validation is not None:
            shown, name = measure(run.model, run.samples.validation), "validation"
            values |= shown.to_json("validation")
            self._keep_if_best(shown)
        line = self._append("epoch", **values)
        self.line.keep(
            f"epoch {self._epoch()}/{run.recipe.train.epochs}: loss {loss:.4f}, {name} {percent(shown)}, "
            f"{run.seconds():.0f} s"
        )
        return line

    def end(self, test: Measured, model_epoch: int, num_luts: int) -> None:
        """The `end` line."""
        self._append("end", model_epoch=model_epoch, luts=num_luts, **test.to_json("test"))

    def _keep_if_best(self, measured: Measured) -> None:
        run = self.run
        state = {name: value.detach().cpu().clone() for name, value in run.model.state_dict().items()}
        candidate = Best(self._epoch(), measured.discrete, measured.discrete_loss, state)
        if candidate.beats(run.best):
            run.best = candidate
            if run.folder is not None:
                save(run.model, run.folder / BEST)

    def _append(self, event: str, **values: Any) -> dict[str, Any]:
        run = self.run
        line = {
            "event": event,
            "step": run.progress.step,
            "epoch": self._epoch(),
            "seconds": round(run.seconds(), 3),
            **values,
        }
        self.metrics.append(line)
        return line

    def _epoch(self) -> int:
        """The epoch of the last step, from 1."""
        return (self.run.progress.step - 1) // self.run.steps_per_epoch + 1

    def _lr(self) -> float:
        run = self.run
        return learning_rate(run.recipe.train, run.progress.step - 1, run.num_steps, run.steps_per_epoch)


def percent(measured: Measured) -> str:
    """Both accuracies and what lies between them, in words."""
    return (
        f"relaxed {100 * measured.relaxed:.2f} %, discrete {100 * measured.discrete:.2f} % "
        f"(gap {100 * measured.gap:.2f})"
    )
