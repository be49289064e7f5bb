"""The end of a training: the chosen weights, measured on the test samples once, and the files they go into."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from bitlogic.checkpoint import save
from bitlogic.errors import MissingToolError
from bitlogic.parametrizations.base import Parametrization
from bitlogic.training.folder import CURVE, MODEL
from bitlogic.training.measure import Measured, measure
from bitlogic.training.plot import plot_curve
from bitlogic.training.record import Record, percent
from bitlogic.training.run import Run
from bitlogic.training.schedules import anneal


@dataclass(frozen=True)
class Result:
    """What came out of a training."""

    model: nn.Module  # in eval mode; the best weights on the validation samples, or the last where there are none
    complete: bool  # False where it was stopped before its last step; then `model` has the weights of the last step
    epoch: int  # whose weights these are, from 1
    validation: float | None  # discrete accuracy of that epoch on the validation samples
    test: Measured | None  # of `model`; None where training is not complete, or on processes that do not measure
    history: tuple[dict[str, Any], ...]  # the lines of metrics.jsonl
    num_luts: int  # tables that were trained; those of a convolution count once
    seconds: float

    def text(self) -> str:
        """All of it in one line."""
        luts = f"{self.num_luts} LUTs, {self.seconds:.0f} s"
        if self.test is None:
            return f"stopped in epoch {self.epoch}, {luts}"
        return f"test accuracy {percent(self.test)}, weights of epoch {self.epoch}, {luts}"


def finish(run: Run, record: Record, *, complete: bool) -> Result:
    """The result of a run; of a complete one the files model.pt and curve.png too, and the `end` line."""
    num_luts = sum(module.out_dim for module in run.model.modules() if isinstance(module, Parametrization))
    seconds = run.seconds()
    epoch = run.progress.step // run.steps_per_epoch if complete else run.progress.step // run.steps_per_epoch + 1
    if not complete:
        run.model.eval()
        return Result(run.model, False, epoch, None, None, tuple(record.metrics.lines), num_luts, seconds)
    best = run.world.gather(run.best)[0]
    if best is not None:
        run.model.load_state_dict(best.state)
        epoch = best.epoch
        anneal(run.model, run.recipe.train, epoch - 1)
    test = measure(run.model, run.samples.test) if run.world.writes else None
    run.model.eval()
    if test is not None:
        record.end(test, epoch, num_luts)
    if run.folder is not None:
        save(run.model, run.folder / MODEL)
        try:
            plot_curve(record.metrics.of_event("epoch"), run.folder / CURVE)
        except MissingToolError as error:
            record.line.keep(str(error))
    validation = None if best is None else best.discrete
    return Result(run.model, True, epoch, validation, test, tuple(record.metrics.lines), num_luts, seconds)
